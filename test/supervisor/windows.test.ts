// Maintenance windows at the supervisor: what the check process is told at the start, when they open and close, and at a
// reload, and that nothing wakes up for none. The clock is the test's.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { WindowConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { minutes } from "../../src/core/units.js";
import { MaintenanceWindows } from "../../src/director/supervisor/windows.js";
import type { OpenWindow } from "../../src/services/order.js";
import { accepted, instanceNamed, loaded, World } from "./fakes.js";

const at = (text: string): number => Date.parse(`2026-11-29T${text}Z`);
const window = (change: Partial<WindowConfig> = {}): WindowConfig => ({
  ...{
    name: "night",
    targets: ["web"],
    at: "0 2 * * 0",
    lasts: minutes(60),
    action: "drain",
    timezone: "UTC",
  },
  ...change,
});

/** Windows with a clock that stands at `now`. */
function rig(now: string) {
  let clock = at(now);
  let timer: { readonly due: number; readonly work: () => void } | undefined;
  let timers = 0;
  const said: string[] = [];
  let open: readonly OpenWindow[] = [];
  let changes = 0;
  const windows = new MaintenanceWindows({
    wall: () => clock,
    wait: (ms, work) => {
      timers++;
      timer = { due: clock + ms, work };
      return () => (timer = undefined);
    },
    report: (event: VipdEvent) => {
      if (event.kind === "window-changed")
        said.push(`${event.window} ${event.open ? `open ${event.left_ms / 1000}` : "closed"}`);
      else said.push(event.kind);
    },
    changed: (list) => {
      open = list;
      changes++;
    },
  });
  const wait = (ms: number): void => {
    const end = clock + ms;
    while (timer !== undefined && timer.due <= end) {
      const { due, work } = timer;
      timer = undefined;
      clock = due;
      work();
    }
    clock = end;
  };
  return {
    windows,
    said,
    wait,
    open: () => open,
    changes: () => changes,
    timers: () => timers,
    isWaiting: () => timer !== undefined,
  };
}

test("a window opens and closes by itself, again and again", async () => {
  const { windows, said, wait, open, changes } = rig("01:58:30");
  await windows.configure([window()]);
  wait(89_000);
  assert.deepEqual([said, changes()], [[], 0]);
  wait(1000);
  assert.deepEqual(said, ["night open 3600"]);
  const [one] = open();
  assert.deepEqual(one, {
    ...{ window: "night", action: "drain", targets: ["web"], deadline: null },
    ...{ since: at("02:00:00"), until: at("03:00:00") },
  });
  wait(3_599_000);
  assert.equal(open().length, 1);
  wait(1000);
  assert.deepEqual(said, ["night open 3600", "night closed"]);
  assert.deepEqual([open(), changes()], [[], 2]);
});

test("one that is under way at the start counts, with what is left of it", async () => {
  const { windows, said, wait, open } = rig("02:40:30");
  await windows.configure([window()]);
  assert.deepEqual(said, ["night open 1170"]);
  assert.equal(open()[0]?.since, at("02:00:00"));
  wait(1_170_000);
  assert.deepEqual(open(), []);
});

test("one of an odd length closes to the second", async () => {
  const { windows, wait, open } = rig("02:00:10");
  await windows.configure([window({ lasts: minutes(1.25) })]);
  wait(64_000);
  assert.equal(open().length, 1);
  wait(1000);
  assert.deepEqual(open(), []);
});

test("a reload keeps what is open, closes what is gone or orders something else, and opens what is under way", async () => {
  const { windows, said, open } = rig("02:30:00");
  const other = window({ name: "other", targets: ["mail"] });
  await windows.configure([window()]);
  await windows.configure([window(), other]);
  assert.deepEqual(said.splice(0), ["night open 1800", "other open 1800"]);
  await windows.configure([window({ lasts: minutes(45) }), other]);
  assert.deepEqual([said, open()[0]?.until], [[], at("02:45:00")]);
  await windows.configure([window({ action: "disable" })]);
  assert.deepEqual(said.splice(0), ["night closed", "other closed", "night open 1800"]);
  await windows.configure(undefined);
  assert.deepEqual([said, open()], [["night closed"], []]);
});

test("without windows there is no timer, and a stop ends it", async () => {
  const { windows, timers, isWaiting } = rig("02:30:00");
  await windows.configure([]);
  await windows.configure(undefined);
  assert.equal(timers(), 0);
  await windows.configure([window()]);
  assert.ok(isWaiting());
  await windows.configure([]);
  assert.ok(!isWaiting(), "a reload without them");
  await windows.configure([window()]);
  windows.stop();
  await windows.configure([window()]);
  assert.ok(!isWaiting());
  assert.equal(timers(), 2);
});

test("a schedule that cannot be read leaves the others", async () => {
  const { windows, said } = rig("02:30:00");
  await windows.configure([window({ name: "bad", at: "61 * * * *" }), window()]);
  assert.deepEqual(said, ["warning", "night open 1800"]);
});

test("the check process has an open window in its first configuration, and hears when a reload takes it away", async () => {
  const world = new World();
  const { path, head, ...rest } = loaded([instanceNamed("web")], 1);
  const maintenance = [window({ at: "* * * * *" })];
  world.outcome = accepted({ path, head: { ...head, maintenance }, ...rest });
  assert.deepEqual(await world.supervisor.start(), { ok: true });
  const child = world.child("checks");
  const [first] = child.got;
  assert.ok(first?.kind === "configure" && "orders" in first);
  assert.deepEqual(
    first.orders.windows.map(({ window: name, targets }) => [name, targets]),
    [["night", ["web"]]],
  );
  assert.ok(world.events.some((event) => event.kind === "window-changed" && event.open));
  world.outcome = accepted({ path, head, ...rest });
  assert.ok((await world.supervisor.reload()).ok);
  const last = child.got.filter((order) => order.kind === "orders").at(-1);
  assert.deepEqual(last?.kind === "orders" && last.orders.windows, []);
  await world.supervisor.stop("end");
});
