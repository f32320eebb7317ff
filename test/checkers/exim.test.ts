// The smtp check against Debian's exim4, with a configuration and folders of its own on the loopback.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { seconds } from "../../src/core/units.js";
import { findUser } from "../../src/linux/users.js";
import { until } from "../lab/wait.js";
import { GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, closedPort } from "./harness.js";

const EXIM = "/usr/sbin/exim4";
const skip = !existsSync(EXIM)
  ? "exim4 is not installed (tools/setup.sh installs it)"
  : process.getuid?.() === 0
    ? false
    : "exim4 takes a configuration of its own from root alone";

let folder = "";
let exim: ChildProcess | undefined;
let port = 0;

const configuration = (): string => `
primary_hostname = mx.vipd.test
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%slog
pid_file_path = ${folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
auth_advertise_hosts = \${if def:tls_in_cipher {*}{}}
begin acl
begin routers
begin transports
begin retry
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and {{eq{$auth2}{ali}}{eq{$auth3}{open sesame}}}{yes}{no}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = \${if and {{eq{$auth1}{ali}}{eq{$auth2}{open sesame}}}{yes}{no}}
`;

const secret = (name: string): string => join(folder, name);

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), "vipd-exim-"));
  chmodSync(folder, 0o755);
  const user = findUser("Debian-exim");
  assert.ok(user.ok);
  for (const name of ["spool", "log"]) {
    mkdirSync(join(folder, name));
    chownSync(join(folder, name), user.value.uid, user.value.gid);
  }
  writeFileSync(secret("cert.pem"), GOOD);
  writeFileSync(secret("key.pem"), KEY, { mode: 0o640 });
  chownSync(secret("key.pem"), 0, user.value.gid);
  writeFileSync(secret("password"), "open sesame\n", { mode: 0o600 });
  writeFileSync(secret("wrong"), "shut\n", { mode: 0o600 });
  port = await closedPort();
  writeFileSync(join(folder, "exim.conf"), configuration(), { mode: 0o644 });
  exim = spawn(EXIM, ["-C", join(folder, "exim.conf"), "-bdf"], { stdio: "ignore" });
  await until("exim listens", seconds(30), async () => (await check("tcp", {}, port)).ok);
});
after(async () => {
  if (exim !== undefined && exim.exitCode === null) {
    exim.kill();
    await once(exim, "exit");
  }
  if (folder !== "") rmSync(folder, { recursive: true });
});

const TLS = { "start-tls": true };
const auth = (file: string, method?: string): object => ({
  user: "ali",
  "password-file": secret(file),
  ...(method === undefined ? {} : { method }),
});

test("exim is up for a greeting, and for one under TLS", { skip }, async () => {
  assertUp(await check("smtp", {}, port), /^220 mx\.vipd\.test ESMTP Exim/);
  assertUp(await check("smtp", TLS, port), /^220 mx\.vipd\.test ESMTP Exim/);
});

test("exim's certificate is verified when that is wanted", { skip }, async () => {
  const verified = { ...TLS, verify: true, ca: secret("cert.pem") };
  assertUp(await check("smtp", { ...verified, "server-name": "www.vipd.test" }, port), /Exim/);
  assertFails(
    await check("smtp", { ...verified, "server-name": "mx.vipd.test" }, port),
    "certificate-wrong-name",
    /./,
  );
});

test("exim takes a login under TLS alone, by either method, and refuses a wrong one", { skip }, async () => {
  assertUp(await check("smtp", { ...TLS, auth: auth("password") }, port), /logged in as ali/);
  assertUp(await check("smtp", { ...TLS, auth: auth("password", "login") }, port), /logged in as ali/);
  for (const method of ["plain", "login"])
    assertFails(
      await check("smtp", { ...TLS, auth: auth("wrong", method) }, port),
      "login-failed",
      /: 535 Incorrect authentication data/,
    );
  assertFails(await check("smtp", { auth: auth("password") }, port), "wrong-reply", /not offer AUTH/);
});
