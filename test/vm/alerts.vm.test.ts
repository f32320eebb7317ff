// Mails and web requests of the whole daemon on a kernel with IPVS: a real server goes and comes, and the quorum with it.
// The mail server refuses at first; nothing of what happened is lost by that.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd } from "../lab/directors.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(200);
const CONFIG = `nodes: { d: { address: 10.95.0.1, priority: 100 } }
alerts:
  ops:
    mail: { host: 127.0.0.1, port: 2525, tls: never, from: vipd@d.example.net, to: [ops@example.net, on-call@example.net] }
    collect: 2s
  pager:
    webhook: { url: "http://127.0.0.1:8080/vipd" }
    kinds: [quorum]
    collect: 0s
  reminded:
    webhook: { url: "http://127.0.0.1:8080/again" }
    kinds: [server]
    status: [down]
    collect: 0s
    repeat: 1m
vrrp:
  web: { interface: eth0, router-id: 95, addresses: [10.95.0.100/24] }
services:
  http:
    address: 10.95.0.100:80
    forwarding: nat
    quorum: 2
    mass-failure: go-on
    check: { tcp: {}, every: 1s, timeout: 900ms, rise: 1, fall: 1 }
    servers: [10.95.0.4, 10.95.0.5]
`;

/** "open" and "shut" open and shut the port of the second of two real servers. */
const REAL = `
const net = require("node:net");
let left = 2;
const listen = (address) => net.createServer((socket) => socket.on("error", () => undefined).end())
  .listen(80, address, () => console.log("listens", address));
listen("10.95.0.4");
let second = listen("10.95.0.5");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "shut") second.close(() => console.log("shut"));
  if (line === "open") second = listen("10.95.0.5");
});
`;

/** As little of a mail server as will do, which refuses the first mail for now, and a web server: says what it gets. */
const SINKS = `
const lines = require("node:readline");
let isRefused = true;
const mail = require("node:net").createServer((socket) => {
  const say = (text) => socket.write(text + "\\r\\n");
  const receivers = [];
  let text;
  socket.on("error", () => undefined);
  say("220 sink");
  lines.createInterface({ input: socket }).on("line", (line) => {
    if (text !== undefined && line !== ".") text.push(line);
    else if (text !== undefined) {
      console.log("mail " + JSON.stringify({ receivers, text: text.join("\\n") }));
      text = undefined;
      say("250 taken");
    } else if (/^MAIL/i.test(line) && isRefused) {
      isRefused = false;
      say("451 later");
    } else if (/^RCPT/i.test(line)) {
      receivers.push(line.replace(/^.*<|>.*$/g, ""));
      say("250 ok");
    } else if (/^DATA/i.test(line)) {
      text = [];
      say("354 go on");
    } else if (/^QUIT/i.test(line)) socket.end("221 bye\\r\\n");
    else say("250 ok");
  });
});
const web = require("node:http").createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    console.log("request " + JSON.stringify({ at: request.method + " " + request.url, body: JSON.parse(body) }));
    response.writeHead(204).end();
  });
});
mail.listen(2525, "127.0.0.1", () => web.listen(8080, "127.0.0.1", () => console.log("ready")));
`;

type Mail = { readonly receivers: readonly string[]; readonly text: string };
type Request = {
  readonly at: string;
  readonly body: {
    readonly node: string;
    readonly reminder: boolean;
    readonly alerts: readonly Readonly<Record<string, unknown>>[];
  };
};

/** Without what long lines are folded by (quoted-printable, or RFC 3676). */
const plain = ({ text }: Mail): string =>
  text
    .replace(/=\n| (?=\n)\n/g, (fold) => (fold.startsWith("=") ? "" : " "))
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

test("a mail and a web request tell of servers, quorum and mastership, and a refused mail comes again", async () => {
  const lab = new Lab();
  try {
    const [host, other] = lab.hosts("d", "other");
    lab.cable(host, "eth0", other, "eth0");
    host.ip(
      ...["10.95.0.1/24 dev eth0", "10.95.0.4/32 dev lo", "10.95.0.5/32 dev lo"].map(
        (a) => `address add ${a}`,
      ),
    );
    const sinks = host.spawn([process.execPath, "-e", SINKS]);
    const servers = host.spawn([process.execPath, "-e", REAL]);
    await sinks.waitFor(/ready/, PATIENCE);
    await servers.waitFor(/listens 10\.95\.0\.5/, PATIENCE);
    const came = (kind: "mail" | "request"): readonly unknown[] =>
      sinks.lines.flatMap(({ text }) =>
        text.startsWith(`${kind} `) ? [JSON.parse(text.slice(kind.length + 1)) as unknown] : [],
      );
    const mails = (): readonly Mail[] => came("mail") as readonly Mail[];
    const requests = (at = "POST /vipd"): readonly Request[] =>
      (came("request") as readonly Request[]).filter((one) => one.at === at);
    /** Of who wants servers that go, and to be reminded of them: whether each is a reminder, and of what it tells. */
    const reminded = (): unknown[] =>
      requests("POST /again").map(({ body }) => [
        body.reminder,
        body.alerts.map(({ subject, status }) => `${String(subject)} ${String(status)}`),
      ]);
    const wentDown = ["service http 10.95.0.5:80 down"];
    const mailed = (): string => mails().map(plain).join("\n");
    const quorum = (): unknown[] =>
      requests().flatMap(({ body }) => body.alerts.map(({ status, bad }) => [status, bad]));

    const daemon = startVipd(lab, host, lab.file("vipd.yaml", CONFIG));
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    await daemon.waitFor(/alerts ops: .*451 later/, PATIENCE);
    await until("the mail at the second try", PATIENCE, () => /instance web: MASTER/.test(mailed()));

    servers.write("shut\n");
    await until("the request about the quorum", PATIENCE, () => quorum().length === 1);
    await until("the mail about the server", PATIENCE, () =>
      /service http 10\.95\.0\.5:80: 10\.95\.0\.5:80 DOWN: .*connect-refused/.test(mailed()),
    );
    await until("a reminder", PATIENCE, () => reminded().length > 1);
    servers.write("open\n");
    await until("both requests", PATIENCE, () => quorum().length === 2);
    await until("the mail about its return", PATIENCE, () => /service http: quorum UP/.test(mailed()));

    assert.deepEqual(quorum(), [
      ["down", true],
      ["up", false],
    ]);
    // Of the return it wants to know nothing, and there is nothing to be reminded of any more.
    const [went, ...reminders] = reminded();
    assert.deepEqual(went, [false, wentDown]);
    for (const one of reminders) assert.deepEqual(one, [true, wentDown]);
    const [first] = requests();
    assert.equal(first?.at, "POST /vipd");
    assert.equal(first.body.node, "d");
    const [{ time, text, ...alert } = {}] = first.body.alerts;
    assert.deepEqual(alert, { kind: "quorum", subject: "service http", status: "down", bad: true });
    assert.match(String(text), /quorum LOST: weight 1 of 2, quorum 2/);
    assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < PATIENCE * 5);
    for (const { receivers, text: whole } of mails()) {
      assert.deepEqual(receivers, ["ops@example.net", "on-call@example.net"]);
      assert.match(whole, /^Subject: vipd d: /m);
    }
    // Each of them once, however often the mail was tried.
    assert.equal(mailed().match(/instance web: MASTER/g)?.length, 1);
    assert.equal(mailed().match(/10\.95\.0\.5:80 DOWN/g)?.length, 1);
    daemon.kill("SIGTERM");
    assert.equal(await daemon.exited(PATIENCE), 0);
  } finally {
    lab.close();
  }
});
