// TLS and logins of the smtp check, against a server that does what it is told, and wrong things above all.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createServer as createTlsServer, TLSSocket } from "node:tls";

import type { CheckResult } from "../../src/checkers/checker.js";
import { Trace } from "../../src/checkers/trace.js";
import { EXPIRED, GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, readOptions, serving, talking } from "./harness.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-smtp-"));
after(() => rmSync(folder, { recursive: true }));
const password = join(folder, "password");
writeFileSync(password, "open sesame\n", { mode: 0o600 });
const auth = { user: "ali", "password-file": password };
const PLAIN = Buffer.from("\0ali\0open sesame").toString("base64");
const USER = Buffer.from("ali").toString("base64");
const PASSWORD = Buffer.from("open sesame").toString("base64");

type Answer = string | ((socket: Socket) => void);
type Answers = Readonly<Record<string, Answer>>;

/** Answers whole lines, or their first words. */
function converse(socket: Socket, answers: Answers, heard: string[], greeting?: string): void {
  socket.on("error", () => undefined);
  if (greeting !== undefined) socket.write(greeting);
  let pending = "";
  const onData = (chunk: Buffer): void => {
    pending += chunk.toString();
    for (let end = pending.indexOf("\r\n"); end >= 0; end = pending.indexOf("\r\n")) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 2);
      heard.push(line);
      const answer = answers[line] ?? answers[line.split(" ")[0] ?? ""];
      if (typeof answer === "string") socket.write(answer);
      else if (answer !== undefined) {
        socket.off("data", onData);
        answer(socket);
      }
    }
  };
  socket.on("data", onData);
  socket.on("end", () => socket.end());
}

const visit = (
  answers: Answers,
  options: object,
  { heard = [], timeout, trace }: { heard?: string[]; timeout?: number; trace?: Trace } = {},
): Promise<CheckResult> =>
  serving(
    talking((socket) => converse(socket, answers, heard, "220 mx ready\r\n")),
    (port) => check("smtp", { helo: "lb1.example.org", ...options }, port, timeout, trace),
  );

const hello = (...words: readonly string[]): string =>
  `250-mx hello\r\n${words.map((word) => `250-${word}\r\n`).join("")}250 HELP\r\n`;
const FINE = { EHLO: hello("AUTH PLAIN LOGIN", "STARTTLS"), QUIT: "221 bye\r\n" };

/** Agrees to TLS, and goes on with it. */
const agree =
  (answers: Answers, heard: string[] = [], cert = GOOD): Answer =>
  (socket) => {
    socket.write("220 go ahead\r\n");
    const secured = new TLSSocket(socket, { isServer: true, key: KEY, cert });
    converse(secured, answers, heard);
  };

test("smtp begins TLS when it is told to, and greets once more", async () => {
  const [before, inside]: [string[], string[]] = [[], []];
  const server = { ...FINE, STARTTLS: agree({ EHLO: hello("SIZE 1"), QUIT: "221 bye\r\n" }, inside) };
  const result = await visit(server, { "start-tls": true }, { heard: before });
  assertUp(result, /^220 mx ready$/);
  assert.deepEqual(Object.keys(result.phases), ["connect", "answer", "tls"]);
  assert.deepEqual(before, ["EHLO lb1.example.org", "STARTTLS"]);
  assert.equal(inside[0], "EHLO lb1.example.org");
});

test("smtp fails when TLS is refused, not offered, or not spoken", async () => {
  const tls = { "start-tls": true };
  assertFails(await visit({ EHLO: hello("SIZE 1") }, tls), "wrong-reply", /EHLO: .* not offer STARTTLS/);
  assertFails(
    await visit({ EHLO: "502 what?\r\n", HELO: "250 mx\r\n" }, tls),
    "wrong-reply",
    /HELO: .* not offer STARTTLS/,
  );
  assertFails(
    await visit({ ...FINE, STARTTLS: "454 not now\r\n" }, tls),
    "bad-reply",
    /^STARTTLS: 454 not now$/,
  );
  const babble: Answer = (socket) =>
    void socket.write("220 go ahead\r\n", () => socket.once("data", () => socket.write("250 hello?\r\n")));
  assertFails(await visit({ ...FINE, STARTTLS: babble }, tls), "tls-failed", /./);
  const silent: Answer = (socket) => void socket.write("220 go ahead\r\n");
  assertFails(
    await visit({ ...FINE, STARTTLS: silent }, tls, { timeout: 300 }),
    "read-timeout",
    /no answer to the TLS handshake/,
  );
  const gone: Answer = (socket) =>
    void socket.write("220 go ahead\r\n", () => socket.once("data", () => socket.destroy()));
  assertFails(await visit({ ...FINE, STARTTLS: gone }, tls), "tls-failed", /ended during the TLS handshake/);
});

test("smtp takes no word that came before TLS for one that was said under it", async () => {
  const injected = "220 go ahead\r\n250-mx hello\r\n250 AUTH PLAIN\r\n";
  const heard: string[] = [];
  assertFails(
    await visit({ ...FINE, STARTTLS: injected }, { "start-tls": true, auth }, { heard }),
    "bad-reply",
    /goes on talking where TLS begins: "250-mx hello/,
  );
  assert.equal(heard.at(-1), "STARTTLS");
});

test("smtp counts nothing that the server offered before TLS", async () => {
  const server = { ...FINE, STARTTLS: agree({ EHLO: hello("SIZE 1") }) };
  assertFails(
    await visit(server, { "start-tls": true, auth }),
    "wrong-reply",
    /does not offer AUTH PLAIN or AUTH LOGIN, but no login/,
  );
});

test("smtp looks at certificates as https does", async () => {
  const server = (cert: string): Answers => ({
    ...FINE,
    STARTTLS: agree({ EHLO: hello("SIZE 1") }, [], cert),
  });
  const tls = { "start-tls": true };
  assertFails(
    await visit(server(GOOD), { ...tls, verify: true, "server-name": "www.vipd.test" }),
    "certificate-untrusted",
    /./,
  );
  assertFails(await visit(server(EXPIRED), { ...tls, "check-dates": true }), "certificate-expired", /./);
  const warned = await visit(server(EXPIRED), { ...tls, "warn-before-expiry": 14 });
  assert.match(warned.ok ? (warned.warning ?? "") : "", /certificate/);
});

test("smtp speaks TLS from the start", async () => {
  const server = createTlsServer({ key: KEY, cert: GOOD });
  server.on("secureConnection", (socket) => converse(socket, FINE, [], "220 mx ready\r\n"));
  const result = await serving(server, (port) => check("smtp", { tls: true }, port));
  assertUp(result, /^220 mx ready$/);
  assert.deepEqual(Object.keys(result.phases), ["connect", "tls", "answer"]);
  assertFails(await visit(FINE, { tls: true }), "tls-failed", /./);
});

test("smtp logs in by PLAIN, and by LOGIN where that is all there is, or what is wanted", async () => {
  const heard: string[] = [];
  const plain = { ...FINE, AUTH: "235 welcome\r\n" };
  assertUp(await visit(plain, { auth }, { heard }), /^220 mx ready; logged in as ali$/);
  assert.deepEqual(heard.slice(0, 2), ["EHLO lb1.example.org", `AUTH PLAIN ${PLAIN}`]);
  const login = {
    ...FINE,
    EHLO: hello("AUTH=LOGIN CRAM-MD5"),
    AUTH: "334 VXNlcm5hbWU6\r\n",
    [USER]: "334 UGFzc3dvcmQ6\r\n",
    [PASSWORD]: "235 welcome\r\n",
  };
  heard.length = 0;
  assertUp(await visit(login, { auth }, { heard }), /logged in as ali/);
  assert.deepEqual(heard.slice(1, 4), ["AUTH LOGIN", USER, PASSWORD]);
  heard.length = 0;
  const both = { ...login, EHLO: FINE.EHLO };
  assertUp(await visit(both, { auth: { ...auth, method: "login" } }, { heard }), /logged in/);
  assert.equal(heard[1], "AUTH LOGIN");
});

test("smtp logs in under TLS", async () => {
  const inside: string[] = [];
  const server = {
    EHLO: hello("STARTTLS"),
    STARTTLS: agree({ EHLO: hello("AUTH PLAIN"), AUTH: "235 welcome\r\n" }, inside),
  };
  assertUp(await visit(server, { "start-tls": true, auth }), /logged in as ali/);
  assert.equal(inside[1], `AUTH PLAIN ${PLAIN}`);
});

test("smtp tells a refused login from one that nobody could look at", async () => {
  const refused = { ...FINE, AUTH: "535 5.7.8 bad password\r\n" };
  assertFails(await visit(refused, { auth }), "login-failed", /^AUTH PLAIN: 535 5.7.8 bad password$/);
  assertFails(
    await visit({ ...FINE, AUTH: "454 no database\r\n" }, { auth }),
    "bad-reply",
    /AUTH PLAIN: 454/,
  );
  const half = { ...FINE, EHLO: hello("AUTH LOGIN"), AUTH: "334 a\r\n", [USER]: "535 who?\r\n" };
  assertFails(await visit(half, { auth }), "login-failed", /^the user's name: 535 who\?$/);
  assertFails(
    await visit({ ...half, [USER]: "334 b\r\n", [PASSWORD]: "535 no\r\n" }, { auth }),
    "login-failed",
    /^the password: 535 no$/,
  );
  assertFails(
    await visit({ EHLO: hello("AUTH CRAM-MD5") }, { auth }),
    "wrong-reply",
    /does not offer AUTH PLAIN or AUTH LOGIN, but CRAM-MD5$/,
  );
});

test("smtp fails when the server hangs, goes or says half a word during a login", async () => {
  const reset: Answer = (socket) => void socket.resetAndDestroy();
  assertFails(
    await visit({ ...FINE, AUTH: reset }, { auth }),
    "closed-early",
    /before the answer to AUTH PLAIN/,
  );
  assertFails(await visit(FINE, { auth }, { timeout: 300 }), "read-timeout", /the answer to AUTH PLAIN/);
  assertFails(
    await visit({ ...FINE, AUTH: "235-wel" }, { auth }, { timeout: 300 }),
    "read-timeout",
    /the answer to AUTH PLAIN did not come in time/,
  );
});

test("smtp shows nobody the password, and sends none that others may read", async () => {
  const trace = new Trace();
  const failed = { ...FINE, EHLO: hello("AUTH LOGIN"), AUTH: "334 a\r\n", [USER]: "334 b\r\n" };
  await visit({ ...failed, [PASSWORD]: "535 no\r\n" }, { auth }, { trace });
  await visit({ ...FINE, AUTH: "235 welcome\r\n" }, { auth }, { trace });
  const shown = trace.lines().map(({ kind, text }) => `${kind} ${text}`);
  assert.ok(shown.includes("sent AUTH LOGIN") && shown.includes("sent AUTH PLAIN ***"), shown.join("\n"));
  assert.ok(shown.includes("received 535 no"));
  for (const secret of [PLAIN, PASSWORD, "open sesame"]) assert.ok(!shown.join("\n").includes(secret));
  const open = join(folder, "open");
  writeFileSync(open, "open sesame\n");
  chmodSync(open, 0o644);
  const heard: string[] = [];
  assertFails(
    await visit(FINE, { auth: { user: "ali", "password-file": open } }, { heard }),
    "secret-unreadable",
    /may be used by others/,
  );
  assert.deepEqual(heard, []);
});

test("smtp refuses options that cannot be", () => {
  assert.throws(() => readOptions("smtp", { tls: true, "start-tls": true }), /starts TLS twice/);
  assert.throws(() => readOptions("smtp", { "start-tls": true, key: "/k" }), /other half/);
  assert.throws(() => readOptions("smtp", { auth: { user: "ali" } }), /password-file/);
  assert.throws(() => readOptions("smtp", { auth: { ...auth, method: "cram-md5" } }), /plain/);
  // Without TLS nothing would be verified, and nobody would know.
  for (const options of [{ verify: true }, { "check-dates": true }, { "server-name": "a" }])
    assert.throws(() => readOptions("smtp", options), /has options of TLS, and speaks none/);
  readOptions("smtp", { verify: true, tls: true });
  assert.throws(() => readOptions("smtp", { tls: true, ca: "/ca.pem" }), /`verify: true` alone/);
});
