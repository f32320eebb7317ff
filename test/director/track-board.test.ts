// What tracks tell, when: with virtual time, and with programs, processes and files played by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrackSource } from "../../src/config/model.js";
import { describe } from "../../src/control/describe.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { TrackReport } from "../../src/control/remembered.js";
import { err, ok, type Result } from "../../src/core/result.js";
import { milliseconds } from "../../src/core/units.js";
import { TrackBoard } from "../../src/director/track-board.js";
import type { Command, RunEnd } from "../../src/ports/runner.js";
import { World } from "../checkers/world.js";

function source(type: string, options: unknown, fall = 1, rise = 1): TrackSource {
  const timing = { every: milliseconds(1000), timeout: milliseconds(500), rise, fall };
  return { id: `${type}:t`, name: "t", look: { type, options, timing } };
}
const script = (fall?: number, rise?: number): TrackSource =>
  source("script", { command: ["/bin/look"], shell: false }, fall, rise);
const nginx = source("process", { name: "nginx", quorum: 2 });
const load = source("file", { path: "/run/load" });

class Played {
  readonly world = new World();
  readonly told: TrackReport[] = [];
  readonly events: VipdEvent[] = [];
  readonly commands: Command[] = [];
  end: RunEnd | undefined = { kind: "exited", code: 0, stderr: "" };
  processes = 2;
  file: Result<number, string> = ok(0);
  changed: (() => void) | undefined;
  readonly board = new TrackBoard({
    timers: this.world,
    runner: {
      run: (command, cancel) => {
        this.commands.push(command);
        const { end } = this;
        return {
          end: new Promise((resolve) => {
            if (end !== undefined) resolve(end);
            cancel.onCancel(() => resolve({ kind: "cancelled", stderr: "" }));
          }),
          gone: Promise.resolve(),
        };
      },
      probe: () => ok(null),
    },
    processes: { count: (_, enough) => Math.min(enough, this.processes) },
    files: {
      read: () => this.file,
      watch: (_, changed) => {
        this.changed = changed;
        return () => (this.changed = undefined);
      },
    },
    wallTime: () => 0,
    report: (event) => this.events.push(event),
    tell: (values) => this.told.push(values),
  });
  get said(): string[] {
    return this.events.splice(0).map((event) => {
      const { subject, text } = describe(event);
      return `${subject}: ${text}`;
    });
  }
}

test("a script's first result is told at once, and later ones after rise and fall", async () => {
  const played = new Played();
  played.board.configure([script(3, 2)], {});
  await played.world.until(10);
  assert.deepEqual(played.told.splice(0), [{ "script:t": { up: true } }]);
  const { PATH, ...told } = played.commands[0]?.environment ?? {};
  assert.ok(PATH);
  assert.deepEqual(told, { LANG: "C.UTF-8", VIPD_TRACK: "t", VIPD_TIMEOUT_MS: "500" });
  played.end = { kind: "exited", code: 1, stderr: "" };
  await played.world.until(2500);
  assert.deepEqual(played.told, []);
  await played.world.until(3500);
  assert.deepEqual(played.told.splice(0), [{ "script:t": { up: false } }]);
  played.end = { kind: "exited", code: 0, stderr: "" };
  await played.world.until(4500);
  assert.deepEqual(played.told, []);
  await played.world.until(5500);
  assert.deepEqual(played.told.splice(0), [{ "script:t": { up: true } }]);
  assert.deepEqual(played.said.slice(1, 3), [
    "track t: script failed: script-failed: exit code 1 (took 0 ms, 1 of 3 in a row)",
    "track t: script fails: script-failed: exit code 1 (took 0 ms, 3 times in a row)",
  ]);
});

test("a script that hangs or cannot be run is down", async () => {
  for (const end of [undefined, { kind: "not-runnable", why: "/bin/look does not exist" }] as const) {
    const played = new Played();
    played.end = end;
    played.board.configure([script()], {});
    await played.world.until(600);
    assert.deepEqual(played.told, [{ "script:t": { up: false } }]);
  }
});

test("what a predecessor knew is not told again, and is not changed by one failure of three", async () => {
  const played = new Played();
  played.end = { kind: "exited", code: 1, stderr: "" };
  played.board.configure([script(3)], { "script:t": { up: true } });
  await played.world.until(1500);
  assert.deepEqual(played.told, []);
  await played.world.until(2500);
  assert.deepEqual(played.told, [{ "script:t": { up: false } }]);
});

test("processes are up while enough of them live", async () => {
  const played = new Played();
  played.board.configure([nginx], {});
  await played.world.until(10);
  played.processes = 1;
  await played.world.until(1010);
  played.processes = 0;
  await played.world.until(2010);
  assert.deepEqual(played.told, [{ "process:t": { up: true } }, { "process:t": { up: false } }]);
  assert.match(played.said[1] ?? "", /track t: process fails: process-missing: 1 of 2 processes nginx/);
});

test("a file's number is told whenever it changes, at once when there is word of it", async () => {
  const played = new Played();
  played.board.configure([load], {});
  await played.world.until(10);
  played.file = ok(20);
  played.changed?.();
  played.file = ok(30);
  await played.world.until(1010);
  played.file = err("/run/load cannot be read: EACCES");
  await played.world.until(2010);
  played.file = ok(0);
  await played.world.until(3010);
  assert.deepEqual(
    played.told.map((values) => values["file:t"]),
    [
      { up: true, value: 0 },
      { up: false, value: 20 },
      { up: false, value: 30 },
      { up: false },
      { up: true, value: 0 },
    ],
  );
  assert.deepEqual(
    played.board.status().map(({ track, value, up }) => [track, value, up]),
    [["t", 0, true]],
  );
  played.board.stop();
  assert.equal(played.changed, undefined);
});

test("a reload that changes how a track is looked at begins anew; one that changes when does not", async () => {
  const played = new Played();
  played.board.configure([script(3)], {});
  await played.world.until(10);
  played.end = { kind: "exited", code: 1, stderr: "" };
  played.board.configure([script(2)], {});
  await played.world.until(1010);
  assert.equal(played.told.length, 1);
  const other = source("script", { command: ["/bin/other"], shell: false }, 2);
  played.board.configure([other], {});
  await played.world.until(1020);
  assert.deepEqual(played.told[1], { "script:t": { up: false } });
  assert.equal(played.commands.at(-1)?.argv[0], "/bin/other");
});
