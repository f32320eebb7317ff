// What becomes of a table that was sent before there was a supervisor: the checks process gets it with the configuration
// that it was made of, once, and in every other case it is taken back.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { SentAhead, ToChecks } from "../../src/control/ipc.js";
import { accepted, instanceNamed, loaded, until, World } from "./fakes.js";

const saved = (id: string) => ({
  ...loaded([instanceNamed("web")], 1),
  saved: { path: "/run/vipd/saved-config", id },
});

function world(id = "a"): World {
  const made = new World();
  made.firstTable = "a";
  made.outcome = accepted(saved(id));
  return made;
}

/** What the newest checks process was told of it, with its first configuration. */
function aheadOf(made: World): SentAhead | undefined {
  const [first] = made.child("checks").got as readonly ToChecks[];
  return first?.kind === "configure" ? first.ahead : assert.fail("it was told something else");
}

test("the checks process that takes the same configuration gets it, and the next one does not", async () => {
  const made = world();
  assert.deepEqual(await made.supervisor.start(), { ok: true });
  assert.deepEqual(aheadOf(made), { refusals: [] });
  made.child("checks").die("killed by SIGKILL");
  await until(() => made.all("checks").length === 2 && made.child("checks").got.length > 0, "another one");
  assert.equal(aheadOf(made), undefined);
  await made.supervisor.stop("end");
  assert.equal(made.order.filter((line) => line.startsWith("first table")).join(), "first table handed over");
});

test("it waits for the process: one that dies before its hello takes nothing with it", async () => {
  const made = world();
  made.behaviour.checks = {};
  const start = made.supervisor.start();
  await until(() => made.children.length === 1, "a checks process");
  made.behaviour.checks = { obedient: true };
  made.child("checks").die("killed by SIGKILL");
  assert.deepEqual(await start, { ok: true });
  assert.deepEqual(aheadOf(made), { refusals: [] });
  await made.supervisor.stop("end");
});

test("the VRRP process starts when it was handed over, and is told of its instances when the checks process has it", async () => {
  const made = world();
  made.behaviour.checks = {};
  const start = made.supervisor.start();
  await until(() => made.children.length === 1, "a checks process");
  made.child("checks").say({ kind: "hello", pid: 1 });
  await until(() => made.all("vrrp").length === 1, "a VRRP process");
  await until(() => made.child("checks").got.some(({ kind }) => kind === "configure"), "an order");
  const told = (): boolean => made.child("vrrp").got.some(({ kind }) => kind === "configure");
  assert.ok(!told());
  made.child("checks").say({ kind: "configured", error: null });
  assert.deepEqual(await start, { ok: true });
  assert.ok(told());
  const stop = made.supervisor.stop("end");
  await until(() => made.child("checks").got.some(({ kind }) => kind === "stop"), "an end");
  made.child("checks").die("exit code 0");
  await stop;
});

test("of another configuration it is taken back before that goes anywhere", async () => {
  const made = world("b");
  assert.deepEqual(await made.supervisor.start(), { ok: true });
  assert.equal(aheadOf(made), undefined);
  assert.deepEqual(made.order, ["first table taken back"]);
  await made.supervisor.stop("end");
});

test("a start that is refused or stopped takes it back", async () => {
  const invalid = world();
  invalid.outcome = { ok: false, problems: ["x"], report: "x" };
  assert.equal((await invalid.supervisor.start()).ok, false);
  assert.equal(invalid.order[0], "first table taken back");
  const stopped = world();
  stopped.behaviour.checks = {};
  const start = stopped.supervisor.start();
  const stop = stopped.supervisor.stop("end");
  assert.equal(stopped.order[0], "first table taken back");
  stopped.child("checks").die("exit code 0");
  await stop;
  assert.deepEqual(await start, { ok: false, report: null });
});
