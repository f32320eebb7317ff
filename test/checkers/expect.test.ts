import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { createServer, TLSSocket } from "node:tls";

import type { CheckResult } from "../../src/checkers/checker.js";
import { GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, closedPort, readOptions, serving, talking } from "./harness.js";

const certificate = { key: KEY, cert: GOOD };

type Talk = (socket: Socket) => void;
const held = (
  talk: Talk,
  steps: readonly object[],
  options: object = {},
  timeout?: number,
): Promise<CheckResult> =>
  serving(talking(talk), (port) => check("expect", { steps, ...options }, port, timeout));

/** Answers every line by a table. */
const answers =
  (table: Readonly<Record<string, string>>, greeting = ""): Talk =>
  (socket) => {
    if (greeting !== "") socket.write(greeting);
    let pending = "";
    socket.on("data", (chunk: Buffer) => {
      pending += chunk.toString();
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
        const answer = table[pending.slice(0, end).trim()];
        pending = pending.slice(end + 1);
        if (answer !== undefined) socket.write(answer);
      }
    });
    socket.on("end", () => socket.end());
  };

test("expect talks as it is told to", async () => {
  const talk = answers({ HELLO: "one\r\ntwo\r\nready> ", "\u0001bye": "ok" }, "service ready\r\n");
  const steps = [
    { "expect-line": "ready" },
    { "send-line": "HELLO" },
    { expect: { regex: "^two$" } },
    { expect: { hex: "3e 20" } },
    { send: { hex: "01 62 79 65 0a" } },
    { expect: "ok" },
  ];
  assertUp(await held(talk, steps), /^6 steps, the last reply: 2 bytes: "ok"$/);
  assertUp(await held(talk, [{ "send-line": "HELLO" }]), /^1 step$/);
});

test("expect finds nothing twice", async () => {
  const steps = [{ expect: "ready" }, { expect: "ready" }];
  assertFails(
    await held(answers({}, "ready\r\n"), steps, {}, 100),
    "read-timeout",
    /^step 2: "ready" did not come/,
  );
});

test("expect-line fails at once on a line that is not the wanted one", async () => {
  const talk = answers({}, "-ERR go away\r\n+OK\r\n");
  assertFails(
    await held(talk, [{ "expect-line": "+OK" }]),
    "wrong-reply",
    /step 1: "\+OK" is not in the line: 12 bytes/,
  );
  assertUp(await held(talk, [{ expect: "+OK" }]), /the last reply/);
});

test("expect says how a server is silent, slow, half done or gone", async () => {
  const wanted = [{ "expect-line": "ready" }];
  assertFails(await check("expect", { steps: wanted }, await closedPort()), "connect-refused", /refused/);
  assertFails(await held(() => undefined, wanted, {}, 100), "read-timeout", /^step 1: no line came in time$/);
  const slow: Talk = (socket) => void setTimeout(() => socket.write("ready\n"), 40);
  assertUp(await held(slow, wanted), /ready/);
  const half: Talk = (socket) => socket.write("rea");
  assertFails(await held(half, wanted, {}, 100), "read-timeout", /in time; there were 3 bytes: "rea"/);
  assertFails(
    await held((socket) => socket.end("rea"), wanted),
    "closed-early",
    /before the connection ended; .*"rea"/,
  );
  const reset: Talk = (socket) => socket.once("data", () => socket.resetAndDestroy());
  assertFails(
    await held(reset, [{ send: "hello" }, ...wanted]),
    "closed-early",
    /step 2: no line came before/,
  );
  assertUp(await held((socket) => socket.end("ready\r\n"), wanted), /ready/);
});

test("expect bounds what a server sends, and for how long it is looked at", async () => {
  const endless: Talk = (socket) => void socket.write("x".repeat(5000));
  const small = { "max-reply": 1000 };
  assertFails(
    await held(endless, [{ expect: "y" }], small),
    "too-large",
    /"y" did not come in \d+ bytes; .*"xxx/,
  );
  const slow: Talk = (socket) => void socket.write("a".repeat(40));
  assertFails(await held(slow, [{ expect: { regex: "^(a+)+b" } }]), "wrong-reply", /took longer than 50 ms/);
  // Each piece costs some milliseconds, none of them too many: all together are.
  const drip: Talk = (socket) => {
    const timer = setInterval(() => socket.write(`${"a".repeat(21)}!\n`), 1);
    socket.on("close", () => clearInterval(timer));
  };
  const before = process.cpuUsage();
  assertFails(await held(drip, [{ expect: { regex: "^(a+)+b" } }]), "wrong-reply", /took longer than 50 ms/);
  const { user } = process.cpuUsage(before);
  assert.ok(user / 1000 < 5000, `${user / 1000} ms`);
});

test("expect speaks TLS from the start", async () => {
  const server = createServer(certificate);
  server.on("secureConnection", (socket) => answers({ PING: "PONG\r\n" })(socket));
  const steps = [{ "send-line": "PING" }, { "expect-line": "PONG" }];
  await serving(server, async (port) => {
    assertUp(await check("expect", { steps, tls: true }, port), /PONG/);
    assertFails(
      await check("expect", { steps, tls: true, verify: true }, port),
      "certificate-untrusted",
      /certificate/,
    );
  });
  assertFails(await held(answers({}, "220 no TLS\r\n"), steps, { tls: true }), "tls-failed", /is not TLS/);
  // By TLS 1.3 it looks at what we show it only when our side is done, and begins to talk.
  const demanding = createServer({ ...certificate, requestCert: true, rejectUnauthorized: true });
  const refused = await serving(demanding, (port) => check("expect", { steps, tls: true }, port));
  assertFails(refused, "tls-failed", /^step 2: the server refuses TLS: certificate required$/);
  assert.deepEqual(Object.keys(refused.phases), ["connect", "tls", "answer"]);
});

test("expect goes on with TLS in the middle, and hears nothing that was said before", async () => {
  const talk =
    (more: string): Talk =>
    (socket) => {
      socket.write("+OK ready\r\n");
      socket.once("data", () => {
        socket.write(`+OK begin\r\n${more}`);
        if (more !== "") return;
        const secured = new TLSSocket(socket, { isServer: true, ...certificate });
        secured.on("error", () => undefined);
        answers({ CAPA: "+OK secret\r\n" })(secured);
      });
    };
  const steps = [
    { "expect-line": "+OK" },
    { "send-line": "STLS" },
    { "expect-line": "+OK" },
    { "start-tls": true },
    { "send-line": "CAPA" },
    { "expect-line": "secret" },
  ];
  assertUp(await held(talk(""), steps), /6 steps, .*secret/);
  assertFails(await held(talk("+OK secret\r\n"), steps), "bad-reply", /step 4: the server goes on talking/);
});

test("expect refuses steps that cannot work", () => {
  const wrong = (options: object, message: RegExp): void => {
    assert.throws(() => readOptions("expect", options), message);
  };
  wrong({}, /expected array/);
  wrong({ steps: [] }, /at least 1/);
  wrong({ steps: [{}] }, /exactly one thing/);
  wrong({ steps: [{ send: "a", expect: "b" }] }, /exactly one thing/);
  wrong({ steps: [{ send: { hex: "0" } }] }, /pairs of hexadecimal digits/);
  wrong({ steps: [{ expect: { regex: "(" } }] }, /bad regular expression/);
  wrong({ steps: [{ expect: { glob: "x" } }] }, /has the unknown key/);
  wrong({ tls: true, steps: [{ "start-tls": true }] }, /starts TLS twice/);
  wrong({ steps: [{ send: "a" }], verify: true }, /has options of TLS, and speaks none/);
  wrong({ steps: [{ send: "a" }], "warn-before-expiry": 3 }, /has options of TLS, and speaks none/);
  readOptions("expect", { steps: [{ "start-tls": true }], verify: true });
});
