import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { test } from "node:test";

import { assertFails, assertUp, check } from "./harness.js";
import { answering, closedUdpPort, type Say } from "./udp-server.js";

const say =
  (...answers: (string | Uint8Array)[]) =>
  (_: Buffer, answer: Say): void => {
    for (const one of answers) answer(Buffer.from(one as string));
  };
const silent = (): void => undefined;
const asked = (heard: Parameters<typeof answering>[0], options: object, timeout?: number) =>
  answering(heard, (port) => check("udp", options, port, timeout));

test("udp sends what it is told to, text or bytes, and nothing when it is told nothing", async () => {
  const heard: string[] = [];
  const listen = (datagram: Buffer, answer: Say): void => {
    heard.push(datagram.toString("hex"));
    answer(Buffer.from("yes"));
  };
  await asked(listen, { payload: "ping\r\n", reply: "any" });
  await asked(listen, { payload: { hex: "00 ff:10" }, reply: "any" });
  await asked(listen, { reply: "any" });
  assert.deepEqual(heard, ["70696e670d0a", "00ff10", ""]);
});

test("udp looks for text, a regular expression or bytes in the reply", async () => {
  const pong = say("version 3\nPONG\n");
  assertUp(await asked(pong, { reply: "PONG" }), /reply of 15 bytes: "version 3/);
  assertUp(await asked(pong, { reply: { regex: "^PONG$" } }), /reply/);
  assertUp(await asked(pong, { reply: { hex: "50 4f 4e 47" } }), /reply/);
  assertUp(await asked(pong, { reply: { text: "PONG" } }), /reply/);
  assertFails(await asked(pong, { reply: "any!" }), "wrong-reply", /"any!" is not in the reply: 15 bytes/);
  assertFails(await asked(pong, { reply: { regex: "^ONG" } }), "wrong-reply", /\/\^ONG\/ is not in/);
  assertFails(
    await asked(say(Buffer.of(0, 1)), { reply: { hex: "02" } }),
    "wrong-reply",
    /hex 02 .* hex 0001/,
  );
  assertFails(await asked(say(""), { reply: "x" }), "wrong-reply", /in the reply: nothing/);
});

test("udp bounds a regular expression that takes for ever", async () => {
  const result = await asked(say("a".repeat(40)), { reply: { regex: "^(a+)+b" } });
  assertFails(result, "wrong-reply", /took longer than 50 ms/);
});

test("udp takes silence for success only when no reply is needed", async () => {
  assertUp(await asked(silent, {}, 100), /no reply from 127\.0\.0\.1:\d+ in \d+ ms, and none is needed/);
  assertFails(
    await asked(silent, { reply: "any" }, 100),
    "no-reply",
    /no reply from 127\.0\.0\.1:\d+ in \d+ ms/,
  );
});

test("udp takes a late reply, and one among others", async () => {
  const slow = (_: Buffer, answer: Say): void => void setTimeout(() => answer(Buffer.from("late")), 50);
  assertUp(await asked(slow, { reply: "late" }), /late/);
  assertUp(await asked(say("first", "second"), { reply: "first" }), /first/);
});

test("udp fails when the port is closed, whether a reply is needed or not", async () => {
  const port = await closedUdpPort();
  assertFails(await check("udp", {}, port), "connect-refused", /ECONNREFUSED/);
  assertFails(await check("udp", { reply: "any" }, port), "connect-refused", /ECONNREFUSED/);
});

test("udp says what on this machine keeps it from asking", async () => {
  assertFails(
    await check("udp", { source: "192.0.2.77" }, 9),
    "connect-failed",
    /bind to source 192\.0\.2\.77/,
  );
  assertFails(await check("udp", { interface: "no-such" }, 9), "connect-failed", /bind to interface no-such/);
  assertFails(await check("udp", {}, 0), "no-port", /give the check a `port`/);
});

test("udp comes from the address it is told to, and hears no other server", async () => {
  let from = "";
  const result = await answering(
    (_, answer, sender) => {
      from = sender.address;
      // Somebody else answers first.
      const other = createSocket("udp4");
      other.send("forged", sender.port, sender.address, () => other.close(() => answer(Buffer.from("true"))));
    },
    (port) => check("udp", { source: "127.0.0.9", port, reply: "any" }, 1),
  );
  assertUp(result, /reply of 4 bytes: "true"/);
  assert.equal(from, "127.0.0.9");
});

test("udp shows no control characters of the server's", async () => {
  assertUp(await asked(say("\u001b[31m"), { reply: "any" }), /^reply of 5 bytes: hex 1b5b33316d$/);
});

test("udp leaves no socket open, whatever the outcome", async () => {
  const closed = await closedUdpPort();
  const open = (): number => readdirSync("/proc/self/fd").length;
  await check("udp", {}, closed);
  await answering(silent, async (port) => {
    const before = open();
    const runs = [
      ...Array.from({ length: 20 }, () => check("udp", {}, port, 30)),
      ...Array.from({ length: 20 }, () => check("udp", {}, closed)),
    ];
    await Promise.all(runs);
    assert.equal(open(), before);
  });
});
