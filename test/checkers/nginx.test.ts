// The HTTP checks against the nginx of Debian, with a folder of its own on the loopback.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { seconds } from "../../src/core/units.js";
import { until } from "../lab/wait.js";
import { EXPIRED, GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, LOOPBACK } from "./harness.js";

const NGINX = "/usr/sbin/nginx";
const skip = existsSync(NGINX) ? false : "nginx is not installed (tools/setup.sh installs it)";

let folder: string | undefined;
let nginx: ChildProcess | undefined;
let ports: number[];

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, LOOPBACK));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const found = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return found;
}

const site = (ports: readonly number[]): string => `
daemon off; master_process off; pid ${folder ?? ""}/pid; error_log ${folder ?? ""}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder ?? ""}/t1; proxy_temp_path ${folder ?? ""}/t2; fastcgi_temp_path ${folder ?? ""}/t3;
  uwsgi_temp_path ${folder ?? ""}/t4; scgi_temp_path ${folder ?? ""}/t5;
  root ${folder ?? ""}/www;
  server {
    listen 127.0.0.1:${ports[0]};
    location /secret { auth_basic "staff"; auth_basic_user_file ${folder ?? ""}/users; }
    location /moved { return 301 /; }
    location /version { return 200 "$server_protocol $http_x_probe $host"; }
  }
  server { listen 127.0.0.1:${ports[1]} http2; location /version { return 200 "$server_protocol"; } }
  server {
    listen 127.0.0.1:${ports[2]} ssl http2;
    ssl_certificate ${folder ?? ""}/good.pem; ssl_certificate_key ${folder ?? ""}/key;
    location /version { return 200 "$server_protocol $ssl_server_name"; }
  }
  server {
    listen 127.0.0.1:${ports[3]} ssl;
    ssl_certificate ${folder ?? ""}/expired.pem; ssl_certificate_key ${folder ?? ""}/key;
    ssl_client_certificate ${folder ?? ""}/good.pem; ssl_verify_client optional_no_ca;
    location /who { return 200 "$ssl_client_s_dn"; }
  }
}`;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), "vipd-nginx-"));
  // Without a master nginx serves as whoever started it, or as nobody.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "www/secret"), { recursive: true });
  writeFileSync(join(folder, "www/index.html"), "test page\n");
  writeFileSync(join(folder, "www/secret/index.html"), "inside\n");
  writeFileSync(join(folder, "users"), "ali:{PLAIN}open sesame\n");
  writeFileSync(join(folder, "password"), "open sesame\n", { mode: 0o600 });
  writeFileSync(join(folder, "wrong"), "shut\n", { mode: 0o600 });
  writeFileSync(join(folder, "good.pem"), GOOD);
  writeFileSync(join(folder, "expired.pem"), EXPIRED);
  writeFileSync(join(folder, "key"), KEY, { mode: 0o600 });
  ports = await freePorts(4);
  writeFileSync(join(folder, "nginx.conf"), site(ports));
  nginx = spawn(NGINX, ["-p", folder, "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")], {
    stdio: "ignore",
  });
  await until("nginx listens", seconds(20), async () => (await check("tcp", {}, ports[3]!)).ok);
});

after(async () => {
  if (nginx !== undefined) {
    const ended = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await ended;
  }
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

test("nginx answers by HTTP/1.0, 1.1 and 2", { skip }, async () => {
  const asks = (version: string, port: number, protocol: string) =>
    check("http", { version, path: "/version", body: { regex: `^${protocol}` } }, port);
  assertUp(await asks("1.0", ports[0]!, "HTTP/1\\.0"), /200/);
  assertUp(await asks("1.1", ports[0]!, "HTTP/1\\.1"), /200/);
  assertUp(await asks("2", ports[1]!, "HTTP/2\\.0"), /200/);
  // This port speaks only HTTP/1, and the other only HTTP/2.
  assert.equal((await asks("2", ports[0]!, "HTTP/2")).ok, false);
  assert.equal((await asks("1.1", ports[1]!, "HTTP/1")).ok, false);
});

test("nginx serves pages, headers and a user", { skip }, async () => {
  const auth = (file: string) => ({ auth: { user: "ali", "password-file": join(folder!, file) } });
  const pages = [
    { path: "/", body: "test page" },
    { path: "/moved", status: 301 },
    { path: "/none", status: "404" },
    { path: "/version", body: "HTTP/1.1 lb1 www.vipd.test" },
    { path: "/secret/", body: "inside" },
  ];
  const options = { pages, headers: { "X-Probe": "lb1" }, host: "www.vipd.test" };
  assertUp(await check("http", { ...options, ...auth("password") }, ports[0]!), /^5 pages are good/);
  assertFails(
    await check("http", { ...options, ...auth("wrong") }, ports[0]!),
    "bad-status",
    /secret\/: 401/,
  );
  assertFails(await check("http", options, ports[0]!), "bad-status", /secret\/: 401/);
});

test("nginx with TLS is asked by both versions, verified and not", { skip }, async () => {
  const strict = { verify: true, ca: join(folder!, "good.pem"), "server-name": "www.vipd.test" };
  const asks = (options: object, protocol: string) =>
    check("https", { path: "/version", body: { regex: `^${protocol}` }, ...options }, ports[2]!);
  assertUp(await asks({ version: "2", ...strict }, "HTTP/2\\.0 www\\.vipd\\.test$"), /200/);
  assertUp(await asks({ version: "1.1", ...strict }, "HTTP/1\\.1 www\\.vipd\\.test$"), /200/);
  assertFails(await asks({ verify: true }, ""), "certificate-untrusted", /./);
  assertFails(
    await asks({ ...strict, "server-name": "other.vipd.test" }, ""),
    "certificate-wrong-name",
    /other/,
  );
});

test("nginx with an old certificate, which does not choose HTTP/2, and sees ours", { skip }, async () => {
  assertUp(await check("https", {}, ports[3]!), /200/);
  assertFails(await check("https", { "check-dates": true }, ports[3]!), "certificate-expired", /2020/);
  const result = await check("https", { "warn-before-expiry": 30 }, ports[3]!);
  assert.match((result.ok && result.warning) || "", /ended/);
  assertFails(await check("https", { version: "2" }, ports[3]!), "tls-failed", /no application protocol/);
  const ours = { certificate: join(folder!, "good.pem"), key: join(folder!, "key") };
  assertUp(await check("https", { ...ours, path: "/who", body: "CN=www.vipd.test" }, ports[3]!), /200/);
});
