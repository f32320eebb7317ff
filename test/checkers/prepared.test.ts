// Checks that are made ready for many runs say what single runs say: the same tests once more, in the daemon's way; and one
// run after the other keeps nothing of the one before.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { findChecker } from "../../src/checkers/registry.js";
import type { CheckPlace, CheckResult } from "../../src/checkers/checker.js";
import { ip } from "../../src/core/address.js";
import { monotonicNow } from "../../src/linux/clock.js";
import { tcpDialer } from "../../src/linux/dial.js";
import { closedPort, mode, readOptions, runPrepared, serving, target } from "./harness.js";

mode.prepared = true;
await import("./tcp.test.js");
await import("./http.test.js");

const prepare = (name: string, options: object, to: ReturnType<typeof target>) =>
  findChecker(name)?.prepare?.({
    target: to,
    options: readOptions(name, options),
    now: monotonicNow,
    dialer: tcpDialer,
  } as CheckPlace<never>);
const text = (result: CheckResult): string => `${result.ok ? "ok" : result.reason}: ${result.detail}`;
const phases = (result: CheckResult): string => Object.keys(result.phases).join(" ");

test("runs of one prepared check follow the server, and each has its own times", async () => {
  const answers: readonly (readonly [status: number, body: string])[] = [
    [200, "a"],
    [200, "bb"],
    [503, "c"],
    [200, "a"],
    [204, ""],
  ];
  let asked = 0;
  const server = createServer((_, response) => {
    const [status, body] = answers[asked++] ?? [500, ""];
    response.writeHead(status).end(body);
  });
  await serving(server, async (port) => {
    const prepared = prepare("http", {}, target(port));
    assert.ok(prepared);
    const seen: string[] = [];
    while (asked < answers.length) {
      const result = await runPrepared(prepared);
      assert.equal(phases(result), "connect first-byte body");
      for (const time of Object.values(result.phases)) assert.ok(time >= 0 && time < 60_000, String(time));
      seen.push(text(result));
    }
    assert.deepEqual(seen, [
      "ok: GET /: 200 OK",
      "ok: GET /: 200 OK",
      "bad-status: GET /: 503 Service Unavailable, wanted 200-299",
      "ok: GET /: 200 OK",
      "ok: GET /: 204 No Content",
    ]);
  });
});

test("what cannot be connected to at all is told after the start, again and again", async () => {
  for (const name of ["tcp", "http"]) {
    const prepared = prepare(name, {}, { ...target(9), address: ip("224.0.0.1") });
    assert.ok(prepared);
    for (let i = 0; i < 2; i++) {
      const result = await runPrepared(prepared);
      assert.match(text(result), /^connect-(unreachable|failed): connect: /);
      assert.equal(phases(result), "connect");
    }
  }
});

test("a prepared check that is cancelled before anything is told settles once, and runs again", async () => {
  for (const name of ["tcp", "http"])
    for (const to of [target(await closedPort()), { ...target(9), address: ip("224.0.0.1") }]) {
      const prepared = prepare(name, {}, to);
      assert.ok(prepared);
      let settled = 0;
      const first = new Promise<CheckResult>((resolve) => {
        prepared.start((result) => {
          settled++;
          resolve(result);
        }, monotonicNow());
      });
      prepared.cancel();
      assert.match(text(await first), /^connect-timeout: no answer to the connect in /);
      await runPrepared(prepared);
      assert.equal(settled, 1);
    }
});

test("what leaves otherwise, needs a secret or is more than a page is not prepared", () => {
  const to = target(80);
  for (const options of [{ source: "127.0.0.1" }, { interface: "lo" }, { mark: 1 }])
    for (const name of ["tcp", "http"]) assert.equal(prepare(name, options, to), undefined);
  for (const options of [
    { version: 2 },
    { pages: [{ path: "/a" }] },
    { auth: { user: "u", "password-file": "/p" } },
  ])
    assert.equal(prepare("http", options, to), undefined);
  for (const name of ["tcp", "http"]) assert.equal(prepare(name, {}, target(0)), undefined);
});
