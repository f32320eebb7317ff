// What servers, scripts and files say goes into logs, events and onto terminals. Each kind of check is told something
// there that would steer a terminal, turn text round or begin a line of its own.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { checkers } from "../../src/checkers/registry.js";
import { answerMessage } from "./dns-writer.js";
import { check, serving, talking } from "./harness.js";
import { createServer as createHttp2Server } from "node:http2";
import { answering } from "./udp-server.js";

/** Colours, a bell, NUL, the one-character form of ESC [, text from right to left, a line of Unicode's, half a letter. */
const NASTY = Buffer.concat([
  Buffer.from("\u001b[31m\u0007\u009b1m\u202e\u2028\u2066\u0000\u007f"),
  Buffer.of(0xc3),
]);
const SEEN = /^[\x20-\x7e\u00a1-\u024f\ufffd]*$/;
/** In the output of a script lines may end. */
const LINES = /^[\x20-\x7e\u00a1-\u024f\ufffd\n]*$/;

const folder = mkdtempSync(join(tmpdir(), "vipd-hostile-"));
after(() => rmSync(folder, { recursive: true }));
const script = join(folder, "script");
writeFileSync(script, `#!/bin/sh\ncat ${folder}/file >&2\nexit 1\n`);
chmodSync(script, 0o755);
writeFileSync(join(folder, "file"), NASTY);

const bytes = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const HTTP = (head: string | Uint8Array, body: string | Uint8Array): Buffer =>
  bytes("HTTP/1.1 ", head, "\r\n\r\n", body);

/** What a server of TCP says at once, by the check that asks it, and with what options. */
const TCP: readonly (readonly [name: string, said: Buffer, options?: object])[] = [
  ["tcp", NASTY],
  ["http", HTTP(bytes("200 ", NASTY), "")],
  ["http", HTTP(bytes("503 ", NASTY), "")],
  ["http", HTTP(bytes("200 ", NASTY), NASTY), { body: "x" }],
  ["http", HTTP("200 OK", NASTY), { body: "x" }],
  ["http", HTTP("200 OK", NASTY), { body: { regex: "x" } }],
  ["http", HTTP(bytes("200 OK\r\n", NASTY), "")],
  ["http", HTTP(bytes("200 OK\r\nContent-Length: ", NASTY), "")],
  ["http", HTTP(bytes("2", NASTY), "")],
  ["http", bytes(NASTY, "\r\n\r\n")],
  ["http", NASTY, { version: 2 }],
  ["https", NASTY],
  ["smtp", bytes("220 ", NASTY, "\r\n250 ok\r\n")],
  ["smtp", bytes("554 ", NASTY, "\r\n")],
  ["smtp", bytes(NASTY, "\r\n")],
  ["smtp", bytes("220 ok\r\n550 ", NASTY, "\r\n")],
  ["smtp", bytes("220 ok\r\n250 STARTTLS\r\n220 ok\r\n", NASTY, "\r\n"), { "start-tls": true }],
  ["expect", bytes(NASTY, "\n"), { steps: [{ "expect-line": "x" }] }],
  ["expect", bytes(NASTY, "x\n"), { steps: [{ "expect-line": "x" }] }],
  ["expect", NASTY, { steps: [{ expect: "x" }] }],
  ["agent", bytes(NASTY, "\n")],
  ["agent", bytes("up ", NASTY, "\n")],
  ["dns", bytes(Buffer.of(0, NASTY.length), NASTY), { protocol: "tcp" }],
];
const UDP: readonly (readonly [options: object])[] = [[{ reply: "any" }], [{ reply: "x" }], [{}]];

const assertSeen = (what: string, { detail, output = "" }: Awaited<ReturnType<typeof check>>): void => {
  assert.match(detail, SEEN, what);
  assert.match(output, LINES, what);
};

for (const [i, [name, said, options = {}]] of TCP.entries())
  test(`${name} makes harmless what the server says (${i})`, async () => {
    const server = talking((socket) => {
      socket.write(said);
      setTimeout(() => socket.end(), 20);
    });
    const result = await serving(server, (port) =>
      check(name, name === "agent" ? { port, ...options } : options, port, 2000),
    );
    assertSeen(name, result);
  });

test("udp and dns make harmless what a datagram says", async () => {
  for (const [options] of UDP)
    assertSeen(
      "udp",
      await answering(
        (_, say) => say(NASTY),
        (port) => check("udp", options, port, 300),
      ),
    );
  const text = [NASTY.length, ...NASTY];
  const result = await answering(
    (query, say) =>
      say(
        answerMessage({
          id: query.readUInt16BE(0),
          question: { name: "a.test", type: 16, class: 1 },
          answers: [{ name: "a.test", type: 16, data: text }],
        }),
      ),
    (port) => check("dns", { name: "a.test", type: "TXT" }, port),
  );
  assert.ok(result.ok, result.detail);
  assertSeen("dns", result);
});

test("http by version 2 makes harmless what the body says", async () => {
  const server = createHttp2Server((_, response) => response.end(NASTY));
  const result = await serving(server, (port) => check("http", { version: 2, body: "x" }, port));
  assert.equal(result.ok ? "up" : result.reason, "body-mismatch");
  assertSeen("http/2", result);
});

test("a script's words and a file's are made harmless", async () => {
  const ran = await check("script", { command: script }, 0);
  assert.notEqual(ran.output, undefined);
  assertSeen("script", ran);
  assertSeen("file", await check("file", { path: join(folder, "file") }, 0));
});

test("every kind of check that hears anything was told something", () => {
  const told = new Set([...TCP.map(([name]) => name), "udp", "script", "file"]);
  // The words for an ICMP message are our own.
  assert.deepEqual(
    checkers.map(({ name }) => name).filter((name) => !told.has(name)),
    ["ping"],
  );
});
