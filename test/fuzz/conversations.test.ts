// Every kind of check that hears a server, against one that says what it should with bytes changed, left out and put in,
// in two pieces, and then goes on, ends or resets: whatever it is, there is a verdict in time, its reason is not a bug of
// ours, its words are harmless, and the process lives.

import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { hpackBytes } from "../../src/checkers/hpack.js";
import { FLAG, frame, OURS, TYPE } from "../../src/checkers/http2-frames.js";
import { answerMessage } from "../checkers/dns-writer.js";
import { check, serving } from "../checkers/harness.js";
import { answering } from "../checkers/udp-server.js";

const SETTINGS = frame(TYPE.settings, 0, 0, Buffer.alloc(0));
const HTTP2 = Buffer.concat([
  SETTINGS,
  frame(TYPE.settings, FLAG.ack, 0, Buffer.alloc(0)),
  frame(TYPE.headers, FLAG.endHeaders, OURS, hpackBytes([[":status", "200"]])),
  frame(TYPE.data, FLAG.endStream, OURS, Buffer.from("hello")),
]);
const DNS = answerMessage({ id: 0, answers: [{ name: "a.test", type: 1, data: [192, 0, 2, 1] }] });
/** Its number is that of the question, which is learned first. */
const dnsFor = (query: Uint8Array, bytes: Uint8Array): Uint8Array =>
  Uint8Array.from([...query.subarray(0, 2), ...bytes.subarray(2)]);

const SMTP = "220 hi\r\n250-a\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n220 go\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const CASES: readonly (readonly [name: string, options: object, says: string | Uint8Array])[] = [
  ["http", { body: "hello" }, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"],
  ["http", { body: { regex: "h.llo" }, version: "1.0" }, CHUNKED],
  ["http", { version: 2, body: "hello" }, HTTP2],
  ["https", {}, "\x16\x03\x03\x00\x05hello"],
  ["smtp", {}, SMTP],
  ["smtp", { "start-tls": true }, SMTP],
  [
    "expect",
    { steps: [{ "expect-line": "+OK" }, { expect: { regex: "again" } }] },
    "+OK hi\r\n+OK again\r\n",
  ],
  ["expect", { steps: [{ "expect-line": "+OK" }, { "start-tls": true }] }, "+OK hi\r\n"],
  ["agent", {}, "up 75%, ready # x\n"],
  ["dns", { name: "a.test", type: "A", protocol: "tcp" }, Buffer.concat([Buffer.of(0, DNS.length), DNS])],
  ["dns", { name: "a.test", type: "A" }, DNS],
  ["udp", { reply: { regex: "^hello" } }, "hello"],
];
const TIMEOUT = 100;
/** The process may be held up for long on a busy machine; one that hangs is so for ever. */
const PATIENCE = 60_000;

const change = fc.record({ at: fc.nat(200), out: fc.nat(4), into: fc.uint8Array({ maxLength: 20 }) });
const ENDS = ["goes on", "ends", "resets", "is gone"] as const;
const conversations = fc.record({
  which: fc.constantFrom(...CASES),
  changes: fc.array(change, { maxLength: 4 }),
  cut: fc.nat(200),
  end: fc.constantFrom(...ENDS),
});

function changed(
  bytes: Uint8Array,
  changes: readonly { at: number; out: number; into: Uint8Array }[],
): Buffer {
  let whole = Buffer.from(bytes);
  for (const { at, out, into } of changes) {
    const place = at % (whole.length + 1);
    whole = Buffer.concat([whole.subarray(0, place), into, whole.subarray(place + out)]);
  }
  return whole;
}

const finish = (socket: Socket, end: (typeof ENDS)[number]): void => {
  if (end === "ends") socket.end();
  if (end === "resets") socket.resetAndDestroy();
  if (end === "is gone") socket.destroy();
};

test("no conversation ends the process, outlasts its time, or is a bug of ours", async () => {
  // As many as there are packets for the decoders, in a smaller measure: each takes a connection.
  const count = Number(process.env["VIPD_PACKETS"] ?? 60_000) / 100;
  const all = fc.sample(conversations, count);
  const one = async ({ which, changes, cut, end }: (typeof all)[number]): Promise<void> => {
    const [name, options, says] = which;
    const bytes = changed(Buffer.from(says as string), changes);
    const ask = (port: number) =>
      check(name, name === "agent" ? { port, ...options } : options, port, TIMEOUT);
    const isDatagram = name === "udp" || (name === "dns" && !("protocol" in options));
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const place = cut % (bytes.length + 1);
      socket.write(bytes.subarray(0, place));
      setTimeout(() => {
        if (!socket.destroyed) socket.write(bytes.subarray(place), () => finish(socket, end));
      }, 1);
    });
    const began = performance.now();
    const result = await (isDatagram
      ? answering((query, say) => say(name === "dns" ? dnsFor(query, bytes) : bytes), ask)
      : serving(server, ask));
    const what = `${name} ${JSON.stringify(options)} heard ${bytes.toString("hex")}, cut at ${cut}, ${end}`;
    assert.ok(result.ok || result.reason !== "internal", `${what}: ${result.detail}`);
    assert.match(result.detail, /^[^\p{C}\p{Zl}\p{Zp}]*$/u, what);
    assert.ok(performance.now() - began < PATIENCE, what);
  };
  const queue = all.values();
  const worker = async (): Promise<void> => {
    for (const conversation of queue) await one(conversation);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
});
