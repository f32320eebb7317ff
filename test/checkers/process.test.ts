import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import type { FromChecks, ToChecks } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";

const PROGRAM = fileURLToPath(new URL("../../src/director/checks-process.js", import.meta.url));

async function withProcess(
  use: (
    child: ChildProcess,
    next: (kind: FromChecks["kind"]) => Promise<FromChecks>,
    runtimeDirectory: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vipd-checks-"));
  const child = fork(PROGRAM, [], { serialization: "json", stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const heard: FromChecks[] = [];
  child.on("message", (message) => heard.push(message as FromChecks));
  const next = async (kind: FromChecks["kind"]): Promise<FromChecks> => {
    for (;;) {
      const place = heard.findIndex((message) => message.kind === kind);
      if (place >= 0) return heard.splice(place, 1)[0]!;
      await once(child, "message");
    }
  };
  try {
    await use(child, next, folder);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

const nothingToDo = (runtimeDirectory: string): ToChecks => ({
  kind: "configure",
  runtimeDirectory,
  scripts: { security: true },
  tracks: [],
  knownTracks: {},
  masters: {},
  ipvs: { reconcileEvery: seconds(60), onStop: "remove" },
  sync: null,
  services: [],
});

test("the checks process takes a configuration without services on any kernel, answers, and stops when told", async () => {
  await withProcess(async (child, next, folder) => {
    assert.deepEqual(await next("hello"), { kind: "hello", pid: child.pid });
    child.send(nothingToDo(folder));
    assert.deepEqual(await next("configured"), { kind: "configured", error: null });
    child.send({ kind: "ping", id: 3 } satisfies ToChecks);
    assert.deepEqual(await next("pong"), { kind: "pong", id: 3 });
    child.send({ kind: "status", id: 4 } satisfies ToChecks);
    const answer = await next("status");
    assert.ok(answer.kind === "status" && answer.id === 4 && answer.status.services.length === 0);
    child.kill("SIGTERM");
    child.send({ kind: "stop", table: "keep" } satisfies ToChecks);
    await next("stopped");
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 0);
  });
});

test("the checks process ends when its supervisor is gone", async () => {
  await withProcess(async (child, next, folder) => {
    await next("hello");
    child.send(nothingToDo(folder));
    await next("configured");
    const exit = once(child, "exit");
    child.disconnect();
    assert.deepEqual(await exit, [0, null]);
  });
});
