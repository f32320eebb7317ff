// The agent checker and scripts that say weights, on real connections and programs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFails, assertUp, check, closedPort, serving, talking } from "./harness.js";

test("an agent is asked on its own port, and its word is the load", async () => {
  await serving(
    talking((socket) => socket.end("up 40%\r\n")),
    async (port) => {
      const result = await check("agent", { port }, 1);
      assertUp(result, /the agent said "up 40%"/);
      assert.deepEqual(result.ok && result.load, { kind: "percent", percent: 40 });
    },
  );
});

test("an agent that waits for a line gets it", async () => {
  await serving(
    talking((socket) =>
      socket.on("data", (data) => socket.end(data.toString() === "weight?\n" ? "75%\n" : "down\n")),
    ),
    async (port) => assertUp(await check("agent", { port, send: "weight?" }, 1), /75%/),
  );
});

test("an agent that takes its time is waited for until its deadline", async () => {
  const slow = () => talking((socket) => setTimeout(() => socket.end("up 50%\n"), 300));
  const ask = (timeout: number) => serving(slow(), (port) => check("agent", { port }, 1, timeout));
  assertUp(await ask(20_000), /up 50%/);
  assertFails(await ask(100), "read-timeout", /none came/);
});

test("an agent that says nothing, hangs up, or is not there is a failure", async () => {
  await serving(
    talking(() => undefined),
    async (port) => assertFails(await check("agent", { port }, 1, 100), "read-timeout", /one line/),
  );
  await serving(
    // Half of "up 50%", or of a word.
    talking((socket) => socket.end("up 5")),
    async (port) =>
      assertFails(await check("agent", { port }, 1), "closed-early", /one line, .* before its end/),
  );
  await serving(
    talking((socket) => socket.end(`${"up ".repeat(100_000)}\n`)),
    async (port) =>
      assertFails(await check("agent", { port }, 1), "too-large", /1024 characters came without/),
  );
  assertFails(await check("agent", { port: await closedPort() }, 1), "connect-refused", /./);
});

test("a dynamic script's exit code is its weight plus 2; without the word it is a failure", async () => {
  const exits = (code: number, dynamic?: boolean) =>
    check(
      "script",
      { command: `exit ${code}`, shell: true, ...(dynamic === undefined ? {} : { dynamic }) },
      1,
    );
  for (const [code, weight] of [
    [2, 0],
    [3, 1],
    [255, 253],
  ] as const) {
    const result = await exits(code, true);
    assertUp(result, new RegExp(`exit code ${code}: weight ${weight}$`));
    assert.deepEqual(result.ok && result.load, { kind: "absolute", weight });
  }
  const whole = await exits(0, true);
  assert.ok(whole.ok && whole.load === undefined);
  assertFails(await exits(1, true), "script-failed", /exit code 1/);
  assertFails(await exits(3), "script-failed", /exit code 3/);
});
