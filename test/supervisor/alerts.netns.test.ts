// Alerts of a whole daemon to servers that others have made: a mail over STARTTLS to Debian's exim4, which puts it into a
// mailbox, and requests to a web server that is told of some turns alone.

import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { findUser } from "../../src/linux/users.js";
import { GOOD, KEY } from "../checkers/certificates.js";
import { startVipd } from "../lab/directors.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(40);
const EXIM = "/usr/sbin/exim4";

const exim = (folder: string): string => `
primary_hostname = mx.vipd.test
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/%slog
pid_file_path = ${folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = 2525
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
acl_smtp_rcpt = takes
domainlist ours = vipd.test
begin acl
takes:
  deny message = we do not know that one
    local_parts = nobody
  accept domains = +ours
begin routers
all:
  driver = accept
  domains = +ours
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  file = ${folder}/spool/mailbox
  create_file = anywhere
  user = Debian-exim
begin retry
begin rewrite
begin authenticators
`;

/** Says what it was asked. */
const WEB = `require("node:http").createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const { "content-type": type } = request.headers;
    console.log("request " + JSON.stringify({ type, body: JSON.parse(body) }));
    response.writeHead(200).end();
  });
}).listen(8080, "127.0.0.1", () => console.log("ready"));`;

const config = (status: string): string => `nodes: { d: { address: 10.97.0.2, priority: 100 } }
alerts:
  ops:
    mail: { host: 127.0.0.1, port: 2525, from: vipd@d.vipd.test, to: [ops@vipd.test, nobody@vipd.test] }
    collect: 0s
  pager: { webhook: { url: "http://127.0.0.1:8080/" }, status: [${status}], collect: 0s }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 300ms, addresses: [10.97.0.100/24] }
`;

type Request = {
  readonly type: string;
  readonly body: { readonly node: string; readonly alerts: readonly Readonly<Record<string, unknown>>[] };
};

const skip = existsSync(EXIM) ? false : "exim4 is not installed (tools/setup.sh installs it)";
test("a mail server and a web server get what happens, each what it is to get", { skip }, async () => {
  const lab = new Lab();
  try {
    const [host, other] = lab.hosts("d", "other");
    lab.cable(host, "eth0", other, "eth0");
    host.ip("address add 10.97.0.2/24 dev eth0");
    const user = findUser("Debian-exim");
    assert.ok(user.ok);
    const { uid, gid } = user.value;
    chmodSync(lab.directory, 0o755);
    const at = (name: string): string => join(lab.directory, name);
    mkdirSync(at("spool"));
    chownSync(at("spool"), uid, gid);
    writeFileSync(at("cert.pem"), GOOD);
    writeFileSync(at("key.pem"), KEY, { mode: 0o640 });
    chownSync(at("key.pem"), 0, gid);
    host.spawn([EXIM, "-C", lab.file("exim.conf", exim(lab.directory)), "-bdf"]);
    const web = host.spawn([process.execPath, "-e", WEB]);
    await web.waitFor(/ready/, PATIENCE);
    await until("exim listens", PATIENCE, () => / 0100007F:09DD 0+:0000 0A/.test(host.procNet("tcp")));

    const requests = (): readonly Request[] =>
      web.lines.flatMap(({ text }) =>
        text.startsWith("request ") ? [JSON.parse(text.slice("request ".length)) as Request] : [],
      );
    const turns = (): unknown =>
      requests().flatMap(({ body }) => body.alerts.map((alert) => alert["status"]));
    const mailbox = (): string =>
      existsSync(at("spool/mailbox")) ? readFileSync(at("spool/mailbox"), "utf8") : "";
    const daemon = startVipd(lab, host, lab.file("vipd.yaml", config("master, fault")));
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    await until("the mail", PATIENCE, () => /instance web: MASTER/.test(mailbox()));
    await until("the request", PATIENCE, () => requests().length > 0);
    host.ip("link set eth0 down");
    await until("the next mail", PATIENCE, () => /instance web: FAULT/.test(mailbox()));
    await until("the next request", PATIENCE, () => requests().length > 1);
    host.ip("link set eth0 up");
    await until("the last mail", PATIENCE, () => mailbox().split("instance web: MASTER").length > 2);
    await until("the last request", PATIENCE, () => requests().length > 2);

    assert.deepEqual(turns(), ["master", "fault", "master"]);
    const [first] = requests();
    assert.deepEqual([first?.type, first?.body.node], ["application/json", "d"]);
    assert.match(mailbox(), /^Received: from .*\n.* with esmtps /m, "over STARTTLS");
    for (const line of [
      /^From: vipd@d\.vipd\.test$/m,
      /^To: ops@vipd\.test, nobody@vipd\.test$/m,
      /^Subject: vipd d: /m,
    ])
      assert.match(mailbox(), line);
    // One of two receivers was refused: the other one has his mail, once, and it is said.
    await daemon.waitFor(/alerts ops: sent 1 alert .*nobody@vipd\.test/, PATIENCE);
    await daemon.stop();
  } finally {
    lab.close();
  }
});
