import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { assertFails, assertUp, check, serving, talking } from "./harness.js";

type Dialogue = {
  readonly greeting?: string;
  readonly answers?: Readonly<Record<string, string>>;
  readonly timeout?: number;
};

/** A mail server that says what it is told to; `heard` collects what it was told by the check. */
async function mail(
  { greeting = "220 mx ready", answers = {}, timeout }: Dialogue,
  heard: string[] = [],
): Promise<CheckResult> {
  let closed: Promise<unknown> = Promise.resolve();
  const server = talking((socket: Socket) => {
    closed = new Promise((resolve) => socket.once("end", resolve));
    if (greeting !== "") socket.write(`${greeting}\r\n`);
    let pending = "";
    socket.on("data", (chunk: Buffer) => {
      pending += chunk.toString();
      for (let end = pending.indexOf("\r\n"); end >= 0; end = pending.indexOf("\r\n")) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        heard.push(line);
        const answer = answers[line.split(" ")[0] ?? ""];
        if (answer === "hang up") socket.end();
        else if (answer !== undefined) socket.write(answer);
      }
    });
    socket.on("end", () => socket.end());
  });
  return serving(server, async (port) => {
    const result = await check("smtp", { helo: "lb1.example.org" }, port, timeout);
    if (timeout === undefined) await closed;
    return result;
  });
}

const FINE = { EHLO: "250-mx hello\r\n250-SIZE 1000\r\n250 HELP\r\n", QUIT: "221 bye\r\n" };

test("smtp greets, and takes its leave", async () => {
  const heard: string[] = [];
  assertUp(await mail({ answers: FINE }, heard), /^220 mx ready$/);
  assert.deepEqual(heard, ["EHLO lb1.example.org", "QUIT"]);
});

test("smtp understands a greeting of several lines", async () => {
  assertUp(await mail({ greeting: "220-mx\r\n220-no spam\r\n220 ready", answers: FINE }), /^220-mx$/);
});

test("smtp says HELO to a server that does not know EHLO", async () => {
  const heard: string[] = [];
  const answers = { EHLO: "502 what?\r\n", HELO: "250 mx\r\n" };
  assertUp(await mail({ answers }, heard), /220/);
  assert.deepEqual(heard, ["EHLO lb1.example.org", "HELO lb1.example.org", "QUIT"]);
});

test("smtp fails on a server that takes no mail now", async () => {
  assertFails(await mail({ greeting: "421 too busy" }), "bad-greeting", /421 too busy/);
  assertFails(await mail({ greeting: "554 go away" }), "bad-greeting", /554/);
  assertFails(await mail({ answers: { EHLO: "421 closing\r\n" } }), "bad-reply", /EHLO: 421 closing/);
  assertFails(
    await mail({ answers: { EHLO: "500 ?\r\n", HELO: "550 no\r\n" } }),
    "bad-reply",
    /HELO: 550 no/,
  );
});

test("smtp fails on something that is not SMTP", async () => {
  assertFails(await mail({ greeting: "SSH-2.0-OpenSSH_9.2" }), "bad-reply", /not SMTP: "SSH-2.0/);
  assertFails(await mail({ greeting: "220-mx\r\n250 mx" }), "bad-reply", /begins with 220 goes on with 250/);
});

test("smtp shows no control characters of the server's", async () => {
  assertFails(await mail({ greeting: "554 \u001b[31mred\u0007" }), "bad-greeting", /554 \?\[31mred\?$/);
});

test("smtp fails when the server hangs up, or never answers", async () => {
  assertFails(
    await mail({ answers: { EHLO: "hang up" } }),
    "closed-early",
    /ended before the answer to EHLO/,
  );
  assertFails(
    await mail({ greeting: "", timeout: 100 }),
    "read-timeout",
    /the greeting did not come in time/,
  );
  assertFails(await mail({ timeout: 100 }), "read-timeout", /the answer to EHLO did not come in time/);
  assertFails(
    await mail({ answers: { EHLO: "250-mx\r\n" }, timeout: 100 }),
    "read-timeout",
    /answer to EHLO/,
  );
});

test("smtp bounds what a server may send", async () => {
  assertFails(
    await mail({ greeting: `220 ${"x".repeat(5000)}`, answers: FINE }),
    "too-large",
    /longer than 2048/,
  );
  assertFails(
    await mail({ greeting: "220-more\r\n".repeat(200), answers: FINE }),
    "too-large",
    /more than 100 lines/,
  );
});
