// What the client commands say of a daemon that is there and does not answer as it should, and where their output
// goes when it cannot be written.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { ask, type Patience } from "../../src/cli/client.js";
import { runCommandLine } from "../../src/cli/command-line.js";
import type { Request } from "../../src/control/protocol.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { controlSocketPath } from "../../src/director/supervisor/runtime-directory.js";

/** A daemon that does with its clients what it is told to; gives its runtime directory. */
async function daemon(t: TestContext, accept: (socket: Socket) => void): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "vipd-client-"));
  writeFileSync(join(directory, "vipd.pid"), "4711\n");
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    accept(socket);
  });
  await new Promise<void>((done) => server.listen(controlSocketPath(directory), done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return directory;
}

async function asked(
  directory: string,
  request: Request,
  patience: Patience,
): Promise<{ readonly result: number | "ok"; readonly err: string }> {
  let err = "";
  const output = { out: () => undefined, err: (text: string) => (err += text) };
  const result = await ask(directory, request, output, () => undefined, patience);
  return { result, err };
}

test("a daemon that does not answer is named, with an exit code of its own", async (t) => {
  const directory = await daemon(t, () => undefined);
  const short = { quiet: milliseconds(50), answer: milliseconds(50) };
  for (const request of [
    { request: "status" },
    { request: "reload" },
    { request: "stop" },
    { request: "events", follow: true, last: 0 },
  ] as const)
    assert.deepEqual(await asked(directory, request, short), {
      result: 5,
      err: "vipd: the daemon, pid 4711, does not answer for 100 ms; is it stopped, or the machine overloaded?\n",
    });
});

test("a reload that takes long is waited for as long as the daemon lives", async (t) => {
  let looks = 0;
  const directory = await daemon(t, (socket) => {
    socket.on("data", (data) => {
      if (data.toString().includes("reload")) return;
      looks++;
      socket.write('{"reply":"end"}\n');
      // The third look at whether it lives is when the reload ends.
      if (looks === 3) for (const waiting of waitingFor) waiting.write('{"reply":"end"}\n');
    });
    waitingFor.add(socket);
  });
  const patience = { quiet: milliseconds(20), answer: seconds(60) };
  assert.deepEqual(await asked(directory, { request: "reload" }, patience), { result: "ok", err: "" });
  assert.equal(looks, 3);
});
const waitingFor = new Set<Socket>();

test("a daemon that hangs up is not taken for one that does not run", async (t) => {
  const directory = await daemon(t, (socket) => socket.destroy());
  for (const word of ["status", "events", "reload", "stop"]) {
    let err = "";
    const output = { out: () => undefined, err: (text: string) => (err += text) };
    assert.equal(await runCommandLine([word, "--runtime-dir", directory], output), 5);
    assert.equal(
      err,
      "vipd: the daemon, pid 4711, hung up without an answer: it has too many clients, or is about to end. Try again.\n",
    );
  }
});

test("output that cannot be written is an error in words", () => {
  const main = fileURLToPath(new URL("../../src/main.js", import.meta.url));
  const run = spawnSync("sh", ["-c", 'exec "$0" "$1" --help >/dev/full', process.execPath, main], {
    encoding: "utf8",
  });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^vipd: the output cannot be written: ENOSPC[^\n]*\n$/);
  const mute = spawnSync("sh", ["-c", 'exec "$0" "$1" nonsense 2>/dev/full', process.execPath, main]);
  assert.equal(mute.status, 2);
});
