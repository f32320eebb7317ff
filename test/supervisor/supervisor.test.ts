// The supervisor with children played by the test: starts, deaths, reloads and stops.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { milliseconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { restartDelay } from "../../src/director/supervisor/back-off.js";
import type { VipdEvent } from "../../src/control/event.js";
import { StateLine } from "../../src/director/supervisor/state-line.js";
import { LoopWatch } from "../../src/director/supervisor/loop-watch.js";
import { loopWatchEvery, vrrpPatience } from "../../src/director/supervisor/patience.js";
import { vip } from "../vrrp/ip-packet.js";
import { accepted, instanceNamed, loaded, now, until, World, type FakeChild } from "./fakes.js";

const becameMaster = (instance = "web"): VipdEvent => ({
  kind: "vrrp-transition",
  instance,
  from: "backup",
  to: "master",
  priority: 150,
  done: [],
  reason: { kind: "no-master-heard", waited_ms: 3000 },
});

const serverDown = (service: string, server: string): VipdEvent => ({
  kind: "server-changed",
  service,
  key: "tcp 192.168.1.1:80",
  server,
  up: false,
  weight: 1,
  cause: "connection refused",
  alive: 0,
  total: 1,
});

async function started(world = new World()): Promise<World> {
  assert.deepEqual(await world.supervisor.start(), { ok: true });
  return world;
}

test("the first restart is immediate, later ones wait longer: a minute at most, VRRP two seconds", () => {
  assert.deepEqual(
    Array.from({ length: 9 }, (_, i) => restartDelay("checks", i)),
    [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000],
  );
  assert.deepEqual(
    Array.from({ length: 5 }, (_, i) => restartDelay("vrrp", i)),
    [0, 1000, 2000, 2000, 2000],
  );
});

test("both children get their part of the configuration, and ready is said when both have it", async () => {
  const world = await started();
  assert.equal(world.child("vrrp").got[0]?.kind, "configure");
  assert.equal(world.child("checks").got[0]?.kind, "configure");
  assert.deepEqual(
    world.events.map(({ kind }) => kind),
    ["process-started", "config-loaded", "process-started", "ready"],
  );
  await world.supervisor.stop("end");
});

test("VRRP is told nothing before the table of services is in the kernel", async () => {
  const world = new World();
  world.outcome = accepted(loaded([instanceNamed("web")], 1));
  world.behaviour.checks = {};
  const start = world.supervisor.start();
  const checks = world.child("checks");
  checks.say({ kind: "hello", pid: checks.pid });
  await until(() => checks.got.length === 1, "configuration of checks");
  assert.deepEqual(world.all("vrrp"), []);
  checks.say({ kind: "configured", error: null });
  assert.deepEqual(await start, { ok: true });
  assert.equal(world.child("vrrp").got.length, 1);
  const stop = world.supervisor.stop("end");
  await until(() => checks.got.some(({ kind }) => kind === "stop"), "stop of checks");
  checks.die("exit code 0");
  await stop;
});

test("VRRP's process starts when the table is there, and waits for none when there is none", async () => {
  const world = new World();
  world.outcome = accepted(loaded([instanceNamed("web")], 1));
  world.behaviour.checks = {};
  void world.supervisor.start();
  await until(() => world.events.some(({ kind }) => kind === "config-loaded"), "the configuration");
  assert.deepEqual(world.all("vrrp"), []);
  world.child("checks").die("exit code 1");
  world.child("checks").say({ kind: "hello", pid: world.child("checks").pid });
  assert.deepEqual(world.all("vrrp"), []);
  world.child("checks").say({ kind: "configured", error: null });
  await until(() => world.all("vrrp").length === 1, "the VRRP process");
  const stop = world.supervisor.stop("end");
  await until(() => world.child("checks").got.some(({ kind }) => kind === "stop"), "stop of checks");
  world.child("checks").die("exit code 0");
  await stop;

  const plain = new World();
  plain.behaviour.checks = {};
  plain.outcome = accepted(loaded([instanceNamed("web")], 0));
  void plain.supervisor.start();
  await until(() => plain.all("vrrp").length === 1, "the VRRP process");
  const ended = plain.supervisor.stop("end");
  plain.child("checks").die("killed by SIGKILL");
  await ended;
});

test("a kernel without ip_vs refuses a configuration with services, and accepts one without", async () => {
  const world = new World();
  world.behaviour.checks = { obedient: true, configureError: "the kernel has no ip_vs: run modprobe ip_vs" };
  world.outcome = accepted(loaded([instanceNamed("web")], 1));
  assert.deepEqual(await world.supervisor.start(), {
    ok: false,
    report: "the kernel has no ip_vs: run modprobe ip_vs",
  });
  assert.ok(world.children.every(({ alive }) => !alive));
  assert.deepEqual(world.all("vrrp"), []);

  const plain = new World();
  plain.behaviour.checks = world.behaviour.checks;
  await started(plain);
  await plain.supervisor.stop("end");
});

test("a stop while the configuration is read is a stop, not a failure", async () => {
  const world = new World();
  const start = world.supervisor.start();
  await world.supervisor.stop("SIGTERM");
  assert.deepEqual(await start, { ok: false, report: null });
  assert.ok(world.children.every(({ alive }) => !alive));
});

test("an invalid configuration at the start ends both children and gives the report", async () => {
  const world = new World();
  world.outcome = { ok: false, problems: ["x"], report: "f:1:1: error: x" };
  assert.deepEqual(await world.supervisor.start(), { ok: false, report: "f:1:1: error: x" });
  assert.ok(world.children.every(({ alive }) => !alive));
});

test("the next VRRP process is told the numbers of signed adverts that its predecessor told last", async () => {
  const world = await started();
  const sequences = [{ instance: "web", sent: "7", heard: [[ip("192.168.1.3"), "9"]] }] as const;
  world.child("vrrp").say({ kind: "pong", id: 0, sequences });
  // One that has none to tell yet takes nothing away.
  world.child("vrrp").say({ kind: "pong", id: 0 });
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.child("vrrp").got.length === 1, "configuration of the next");
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual(order.sequences, sequences);
  await world.supervisor.stop("end");
});

test("a killed VRRP process is started again at once and told what it was master of", async () => {
  const world = await started();
  world.child("vrrp").event(becameMaster());
  world.child("vrrp").die("killed by SIGKILL");
  assert.equal(world.all("vrrp").length, 2);
  assert.deepEqual(world.hurried, ["vrrp"]);
  await until(() => world.child("vrrp").got.length === 1, "configuration of the next");
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual(
    order.resume.map(({ instance }) => instance),
    ["web"],
  );
  await until(
    () => world.events.some((event) => event.kind === "process-exited" && event.restart_ms === 0),
    "the event",
  );
  assert.equal(world.removed.length, 0);
  // Once told, the next process says itself what it is: a later death does not repeat the order.
  world.behaviour.vrrp = {};
  world.child("vrrp").die("killed by SIGKILL");
  assert.equal(world.removed.length, 0);
  await world.supervisor.stop("end");
});

test("the addresses are removed when the VRRP process is not back before the peer may take over", async () => {
  const world = await started();
  world.child("vrrp").event(becameMaster());
  world.behaviour.vrrp = {};
  world.child("vrrp").die("killed by SIGKILL");
  assert.equal(world.removed.length, 0);
  await until(() => world.removed.length === 1, "removal");
  assert.deepEqual(
    world.removed.map((address) => address.interface),
    ["eth0"],
  );
  assert.ok(
    world.events.some(
      (event) =>
        event.kind === "warning" &&
        event.subject === "vrrp web" &&
        event.text.includes("not back after 200 ms"),
    ),
  );
  await world.supervisor.stop("end");
});

test("what a dead VRRP process held and a reload has dropped meanwhile is removed when its successor is there", async () => {
  const world = await started();
  world.child("vrrp").event(becameMaster());
  world.behaviour.vrrp = {};
  world.child("vrrp").die("killed by SIGKILL");
  const successor = world.child("vrrp");
  const moved: InstanceConfig = {
    ...instanceNamed("web", 5000),
    virtualRouterId: 52,
    addresses: [{ prefix: { address: ip("192.168.1.9"), length: 24 }, interface: "eth0" }],
  };
  world.outcome = accepted(loaded([moved]));
  const reload = world.supervisor.reload();
  await until(() => world.supervisor.isConfigured && world.requests.length === 2, "the reload");
  await until(() => world.events.filter(({ kind }) => kind === "config-loaded").length === 2, "its end");
  successor.say({ kind: "hello", pid: successor.pid });
  await until(() => successor.got.length > 0, "the configuration");
  const order = successor.got[0];
  // Another virtual router is not the one that was master.
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual(order.resume, []);
  assert.deepEqual(world.recorded.at(-1), ["192.168.1.9", "192.168.1.1"]);
  world.removed.length = 0;
  successor.say({ kind: "configured", error: null });
  assert.ok((await reload).ok);
  assert.deepEqual(
    world.removed.map(({ prefix }) => prefix.address),
    ["192.168.1.1"],
  );
  assert.deepEqual(world.recorded.at(-1), ["192.168.1.9"]);
  successor.behaviour = { obedient: true };
  await world.supervisor.stop("end");
});

test("a frozen child is killed, and counted as dead since its last answer", async () => {
  const world = new World({ pingEvery: milliseconds(20), misses: 3, start: milliseconds(2000) });
  await started(world);
  const frozen = world.child("vrrp");
  frozen.event(becameMaster());
  (frozen as { say: unknown }).say = () => undefined;
  await until(() => world.all("vrrp").length === 2, "a restart");
  assert.deepEqual(frozen.signals, ["SIGKILL"]);
  assert.ok(
    world.events.some(
      (event) => event.kind === "process-exited" && event.how.startsWith("did not answer for"),
    ),
  );
  await world.supervisor.stop("end");
});

test("a VRRP process that cannot take its configuration is replaced, and its predecessor's addresses are removed", async () => {
  const world = await started();
  world.child("vrrp").event(becameMaster());
  world.behaviour.vrrp = { obedient: true, configureError: "open raw VRRP socket: ENFILE" };
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.removed.length === 1, "removal of the addresses");
  world.behaviour.vrrp = { obedient: true };
  await until(() => world.all("vrrp").length === 3, "another try");
  const ends = world.events.flatMap((event) => (event.kind === "process-exited" ? [event.how] : []));
  assert.deepEqual(ends, ["killed by SIGKILL", "could not take its configuration, killed by SIGKILL"]);
  assert.ok(world.events.some((event) => event.kind === "warning" && event.text.includes("ENFILE")));
  await world.supervisor.stop("end");
});

test("a child that says by itself that it lives is not asked, and one that falls silent is asked before it is killed", async () => {
  const world = new World({ pingEvery: milliseconds(40), misses: 5, quiet: 2, start: milliseconds(4000) });
  await started(world);
  const child = world.child("vrrp");
  let pings = 0;
  child.onPing = () => pings++;
  for (const end = now() + 400; now() < end; child.say({ kind: "pong", id: 0 }))
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(pings, 0);
  await until(() => pings === 2, "questions");
  assert.deepEqual(child.signals, [], "it answers them");
  child.behaviour = {};
  pings = 0;
  await until(() => child.signals.length > 0, "its end");
  assert.ok(pings >= 3 && pings <= 4, `${pings} questions`);
  await world.supervisor.stop("end");
});

test("what is done regularly is done in the turns of the watch, and keeps its pace when these come otherwise", async () => {
  const watch = new LoopWatch(now);
  watch.start(milliseconds(10));
  let turns = 0;
  const end = watch.regularly(milliseconds(10), () => turns++);
  let thirds = 0;
  const endThirds = watch.regularly(milliseconds(30), () => {
    thirds++;
    assert.equal(turns, 3 * thirds);
  });
  await until(() => thirds === 3, "nine turns");
  end();
  endThirds();
  let rare = 0;
  const endRare = watch.regularly(milliseconds(60), () => rare++);
  watch.start(milliseconds(20));
  let fast = 0;
  watch.regularly(milliseconds(20), () => fast++);
  await until(() => rare === 2, "six turns");
  endRare();
  watch.stop();
  assert.deepEqual([fast, thirds], [6, 3]);
});

test("a child is given time until it has taken its first configuration, and no more than usual from then on", async () => {
  const world = new World({ pingEvery: milliseconds(10), misses: 2, start: milliseconds(10_000) });
  world.behaviour.checks = {};
  const start = world.supervisor.start();
  const checks = world.child("checks");
  let pings = 0;
  const ticks = async (count: number): Promise<void> => {
    const from = pings;
    await until(() => pings >= from + count, "pings");
  };
  checks.onPing = () => pings++;
  await ticks(6);
  checks.say({ kind: "hello", pid: checks.pid });
  await ticks(6);
  assert.deepEqual(checks.signals, []);
  checks.say({ kind: "configured", error: null });
  await start;
  await until(() => checks.signals.length > 0, "the end of its patience");
  await world.supervisor.stop("end");
});

test("a check process that is silent is killed late while it works, and as usual when it does not", async () => {
  const pingEvery = milliseconds(10);
  const silentAfter = async (worked: (pings: number) => number): Promise<number> => {
    const world = new World({ pingEvery, misses: 4, busy: milliseconds(300), start: milliseconds(10_000) });
    await started(world);
    const checks = world.child("checks");
    let pings = 0;
    checks.onPing = () => pings++;
    checks.behaviour = {};
    checks.worked = () => worked(pings);
    await until(() => checks.signals.length > 0, "the end of its patience");
    await world.supervisor.stop("end");
    return pings;
  };
  const idle = await silentAfter(() => 7);
  assert.ok(idle >= 4 && idle <= 7, `idle: ${idle}`);
  const stuck = await silentAfter((pings) => Math.min(pings, 10));
  assert.ok(stuck >= 13 && stuck <= 16, `stuck: ${stuck}`);
  const busy = await silentAfter((pings) => pings);
  assert.ok(busy >= 29 && busy <= 31, `busy: ${busy}`);
});

test("an end that is noticed late is dated to when it may have come", async () => {
  const world = await started();
  const first = world.child("vrrp");
  first.event(becameMaster());
  const before = now();
  while (now() < before + 300);
  first.die("killed by SIGKILL");
  // The addresses are taken away by the same reckoning: the peer of 100 ms adverts may be master already.
  assert.equal(world.removed.length, 1);
  await until(() => world.child("vrrp").got.length === 1, "configuration of the next");
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.ok((order.resume[0]?.dead_at ?? Infinity) <= before);
  await world.supervisor.stop("end");
});

test("the time of a death does not count a turn of the event loop that has not heard its news yet", async () => {
  const watch = new LoopWatch(now);
  watch.start(milliseconds(1));
  try {
    const begun = watch.lastTurn;
    await until(() => watch.lastTurn > begun, "a turn");
    await new Promise((resolve) => setImmediate(resolve));
    // A timer of the turn after the block: the watch's own has run, news of what happened meanwhile has not.
    const looked = new Promise<number>((resolve) => setTimeout(() => resolve(watch.lastTurn), 1));
    const blocked = now();
    while (now() < blocked + 50);
    const seen = await looked;
    assert.ok(seen <= blocked);
  } finally {
    watch.stop();
  }
});

test("deaths are dated more exactly where adverts are shorter, within reason", () => {
  const every = [10, 300, 1000, 40_000].map((interval) => loopWatchEvery([instanceNamed("web", interval)]));
  assert.deepEqual([...every, loopWatchEvery([])], [50, 125, 500, 1000, 1000]);
});

test("what is heard of a child after its end changes nothing", async () => {
  const world = await started();
  const first = world.child("vrrp");
  first.die("killed by SIGKILL");
  const record = { time: 0, process: "vrrp" as const, sequence: 1, event: becameMaster() };
  first.sayLate({ kind: "events", records: [record] });
  await until(() => world.child("vrrp").got.length === 1, "configuration of the next");
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.all("vrrp").length === 3, "the third");
  await until(() => world.child("vrrp").got.length === 1, "configuration of the third");
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual(order.resume, []);
  await world.supervisor.stop("end");
});

test("an answer to an earlier configuration is no answer to a later one", async () => {
  const world = await started();
  const checks = world.child("checks");
  world.behaviour.checks = {};
  // Taken at a start by itself, whose answer nobody waits for, and by a reload before that answer has come.
  checks.die("exit code 1");
  const next = world.child("checks");
  next.say({ kind: "hello", pid: next.pid });
  const reload = world.supervisor.reload();
  await until(() => next.got.length === 2, "both configurations");
  next.say({ kind: "configured", error: null });
  next.say({ kind: "configured", error: "the second is refused" });
  await until(() => next.got.length === 3, "the way back");
  next.say({ kind: "configured", error: null });
  assert.deepEqual((await reload).problems, ["the second is refused"]);
  const stop = world.supervisor.stop("end");
  await until(() => next.got.some(({ kind }) => kind === "stop"), "stop");
  next.die("exit code 0");
  await stop;
});

test("a frozen master of one-second adverts is noticed before its peer takes over, one of short adverts after a second", () => {
  const limits = [1000, 100, 10, 40_000].map((interval) => {
    const { pingEvery, misses } = vrrpPatience([instanceNamed("web", interval), instanceNamed("slow", 5000)]);
    return pingEvery * (misses + 1);
  });
  // After its last advert; that of two routers of one second takes over after three intervals and a skew.
  assert.deepEqual(limits, [3000, 1500, 1500, 6000]);
});

test("a child that dies again and again is started with growing pauses", async () => {
  const world = await started();
  world.behaviour.checks = {};
  world.child("checks").die("exit code 1");
  world.child("checks").die("exit code 1");
  assert.equal(world.all("checks").length, 2);
  assert.deepEqual(
    world.events.flatMap((event) => (event.kind === "process-exited" ? [event.restart_ms] : [])),
    [0, 1000],
  );
  await world.supervisor.stop("end");
  assert.equal(world.all("checks").length, 2);
});

test("a stop ends the running of checks, lets VRRP resign, then ends the checks, and does not restart what ends", async () => {
  const world = await started();
  await world.supervisor.stop("SIGTERM");
  assert.deepEqual(world.order, [
    "checks told to rest",
    "vrrp told to stop",
    "vrrp ended",
    "notifications finished",
    "checks told to stop",
    "checks ended",
  ]);
  assert.equal(world.children.length, 2);
  assert.deepEqual(world.child("checks").got.at(-1), { kind: "stop", table: "remove" });
  assert.deepEqual(
    world.events.slice(-4).map(({ kind }) => kind),
    ["stopping", "process-exited", "process-exited", "stopped"],
  );
  assert.equal(world.removed.length, 0);
});

test("the command may say what a stop leaves in the kernel", async () => {
  const world = await started();
  await world.supervisor.stop("vipd stop", { table: "keep" });
  assert.deepEqual(world.child("checks").got.at(-1), { kind: "stop", table: "keep" });
});

test("the table that a check process did not remove is removed by the supervisor, and is no clean stop if it stays", async () => {
  const stop = async (
    services: number,
    end: (checks: FakeChild) => void,
    stuck = false,
  ): Promise<unknown> => {
    const world = new World();
    world.outcome = accepted(loaded([instanceNamed("web")], services));
    world.isTableStuck = stuck;
    await world.supervisor.start();
    // Nothing but an end in order means that the table is gone.
    world.child("checks").behaviour = {};
    const stopping = world.supervisor.stop("SIGTERM");
    await until(() => world.child("checks").got.at(-1)?.kind === "stop", "the stop");
    end(world.child("checks"));
    const isDone = await stopping;
    const said = world.events.some(
      (event) => event.kind === "warning" && /may still be in the kernel's table/.test(event.text),
    );
    assert.equal(said, !isDone);
    return [isDone, world.order.at(-1)];
  };
  const byForce = (checks: FakeChild): void => checks.die("killed by SIGKILL");
  const removed = "table removed by the supervisor";
  assert.deepEqual(await stop(3, byForce), [true, removed]);
  assert.deepEqual(await stop(3, byForce, true), [false, removed]);
  assert.deepEqual(await stop(3, (checks) => checks.die("exit code 1")), [true, removed]);
  assert.deepEqual(await stop(3, (checks) => checks.die("exit code 0")), [true, "checks ended"]);
  // Where there are no services there is no table.
  assert.deepEqual(await stop(0, byForce), [true, "checks ended"]);
});

test("a table that is to stay is nobody's to remove, also when the check process is gone", async () => {
  const world = new World();
  world.outcome = accepted(loaded([instanceNamed("web")], 3));
  await world.supervisor.start();
  world.behaviour.checks = {};
  world.child("checks").die("killed by SIGKILL");
  assert.equal(await world.supervisor.stop("vipd stop", { table: "keep" }), true);
  assert.ok(!world.order.includes("table removed by the supervisor"));
});

test("the addresses of a VRRP process that is gone at the stop are removed by the supervisor", async () => {
  const world = await started();
  world.behaviour.vrrp = {};
  world.child("vrrp").die("killed by SIGKILL");
  await world.supervisor.stop("SIGTERM");
  assert.equal(world.removed.length, 1);
});

test("the addresses we may hold are on record before VRRP knows of them, and until it has let them go", async () => {
  const world = await started();
  const at = (address: string, priority = 150): InstanceConfig => ({
    ...instanceNamed(`at ${address}`),
    priority,
    addresses: [{ prefix: { address: ip(address), length: 24 }, interface: "eth0" }],
  });
  world.child("vrrp").behaviour = {};
  world.outcome = accepted(loaded([at("192.168.1.9"), at("192.168.1.8", 255)]));
  const reload = world.supervisor.reload();
  await until(() => world.child("vrrp").got.length === 2, "the configuration");
  // The owner's own address is not ours to remove, and is never on record.
  assert.deepEqual(world.recorded, [["192.168.1.1"], ["192.168.1.1"], ["192.168.1.9", "192.168.1.1"]]);
  world.child("vrrp").say({ kind: "configured", error: null });
  assert.ok((await reload).ok);
  assert.deepEqual(world.recorded.at(-1), ["192.168.1.9"]);
  world.child("vrrp").die("killed by SIGKILL");
  await world.supervisor.stop("end");
  assert.deepEqual(
    world.removed.map(({ prefix }) => prefix.address),
    ["192.168.1.9"],
  );
  assert.deepEqual(world.recorded.at(-1), []);
});

test("what an owner has added is ours, outlives its process, and is told to the next one; its own is neither", async () => {
  const world = new World();
  const owner: InstanceConfig = {
    ...instanceNamed("web", 5000),
    priority: 255,
    addresses: ["192.168.1.1", "192.168.1.2"].map((address) => vip(`${address}/24`)),
  };
  world.outcome = accepted(loaded([owner]));
  await started(world);
  const mine = ["192.168.1.2/24 eth0"];
  world.child("vrrp").event(becameMaster());
  world.child("vrrp").say({ kind: "owner-added", instance: "web", added: mine });
  assert.deepEqual(world.recorded.at(-1), ["192.168.1.2"]);
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.child("vrrp").got.length === 1, "the configuration of the next");
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual([order.resume.length, order.added], [1, mine]);
  await until(() => world.recorded.at(-1)?.join() === "192.168.1.2", "the record");
  world.child("vrrp").say({ kind: "owner-added", instance: "web", added: [] });
  assert.deepEqual(world.recorded.at(-1), []);
  world.child("vrrp").say({ kind: "owner-added", instance: "web", added: mine });
  // It does not come back: the peer may be master soon.
  world.child("vrrp").event(becameMaster());
  world.outcome = accepted(loaded([{ ...owner, advertInterval: milliseconds(100) }]));
  assert.ok((await world.supervisor.reload()).ok);
  world.behaviour.vrrp = {};
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.removed.length > 0, "removal");
  assert.deepEqual(
    world.removed.map(({ prefix }) => prefix.address),
    ["192.168.1.2"],
  );
  await world.supervisor.stop("end");
});

test("addresses that cannot be put on record are a warning", async () => {
  const world = new World();
  world.unwritable = true;
  await started(world);
  assert.ok(
    world.events.some((event) => event.kind === "warning" && /could not be put on record/.test(event.text)),
  );
  await world.supervisor.stop("end");
});

test("a reload of a bad file changes nothing and says why", async () => {
  const world = await started();
  const before = world.children.map(({ got }) => got.length);
  world.outcome = { ok: false, problems: ["f:1:1: error: x"], report: "f:1:1: error: x\n  1 | x" };
  assert.deepEqual(await world.supervisor.reload(), {
    ok: false,
    changes: [],
    problems: ["f:1:1: error: x", "  1 | x"],
  });
  assert.deepEqual(
    world.children.map(({ got }) => got.length),
    before,
  );
  assert.ok(
    world.events.some((event) => event.kind === "config-rejected" && event.problems[0] === "f:1:1: error: x"),
  );
  await world.supervisor.stop("end");
});

test("a reload of a file with many mistakes tells each of them, of very many the first hundred", async () => {
  const world = await started();
  for (const count of [3, 150]) {
    world.events.length = 0;
    const problems = Array.from({ length: count }, (_, i) => `f:${i + 1}:1: error: x`);
    world.outcome = { ok: false, problems, report: problems.join("\n") };
    await world.supervisor.reload();
    const told = world.events.flatMap((event) => (event.kind === "warning" ? [event.text] : []));
    assert.deepEqual(told.slice(0, 100), problems.slice(0, 100));
    assert.equal(told.length, Math.min(count, 101));
  }
  await world.supervisor.stop("end");
});

test("a reload gives both children the new configuration and says what changed", async () => {
  const world = await started();
  world.outcome = accepted(loaded([instanceNamed("db")]), ["vrrp db: added"]);
  const outcomes = await Promise.all([world.supervisor.reload(), world.supervisor.reload()]);
  assert.deepEqual(outcomes[0], { ok: true, changes: ["vrrp db: added"], problems: [] });
  const order = world.child("vrrp").got.at(-1);
  assert.ok(order?.kind === "configure" && "instances" in order && order.instances[0]?.name === "db");
  assert.equal(world.requests.at(-1)?.previous?.head.vrrp[0]?.name, "db");
  await world.supervisor.stop("end");
});

test("a reader of the configuration that breaks is a failed reload, and nothing else", async () => {
  const world = await started();
  world.broken = new Error("spawn EMFILE");
  const outcome = await world.supervisor.reload();
  assert.ok(!outcome.ok);
  assert.match(outcome.problems.join(), /vipd\.yaml: the configuration could not be read: .*EMFILE/);
  assert.ok(world.children.every(({ alive }) => alive));
  await world.supervisor.stop("end");
});

test("a reload that the checks refuse changes nothing: VRRP does not hear of it, and the checks go back", async () => {
  const world = await started();
  const { got } = world.child("vrrp");
  world.outcome = accepted(loaded([instanceNamed("db")], 1), ["vrrp db: added"]);
  const checks = world.child("checks");
  checks.behaviour = { obedient: true, configureError: "the kernel has no ip_vs" };
  assert.deepEqual(await world.supervisor.reload(), {
    ok: false,
    changes: [],
    problems: ["the kernel has no ip_vs"],
  });
  assert.equal(got.length, 1);
  assert.equal(world.events.filter(({ kind }) => kind === "config-loaded").length, 1);
  assert.ok(world.events.some(({ kind }) => kind === "config-rejected"));
  assert.deepEqual(
    checks.got.map(({ kind }) => kind),
    ["configure", "configure", "configure"],
  );
  // What a later start of the child is told, and what the next reload is compared with, is the one in force.
  checks.behaviour = { obedient: true };
  world.outcome = accepted();
  assert.ok((await world.supervisor.reload()).ok);
  assert.equal(world.requests.at(-1)?.previous?.services, 0);
  await world.supervisor.stop("end");
});

test("reloads that are asked for while one runs are one", async () => {
  const world = await started();
  const before = world.requests.length;
  await Promise.all(Array.from({ length: 20 }, () => world.supervisor.reload()));
  assert.equal(world.requests.length, before + 2);
  assert.ok((await world.supervisor.reload()).ok);
  assert.equal(world.requests.length, before + 3);
  await world.supervisor.stop("end");
});

test("the line for systemd forgets servers that a reload has removed", () => {
  const line = new StateLine();
  for (const server of ["10.0.0.1:80", "10.0.0.2:80"]) line.observe(serverDown("web", server));
  line.observe(serverDown("mail", "10.0.0.3:25"));
  assert.equal(line.text(), "3 real servers down");
  const weighing = { effective: 1, configured: 1, terms: [] };
  const server = {
    server: "10.0.0.2:80",
    up: false,
    since: 0,
    why: "connection refused",
    availability: { total: 0, day: 0 },
    weight: 1,
    weighing,
    place: "out" as const,
    wanted: false,
    in_kernel: false,
    checks: [],
  };
  const service = { name: "web", service: "tcp 10.0.0.100:80", scheduler: "wlc", alive: 0 };
  const quorum = { up: false, weight: 0, quorum: 1, hysteresis: 0 };
  line.keep([
    { ...service, quorum, sorry: [], checked: true, mass_failure: false, held: 0, servers: [server] },
  ]);
  assert.equal(line.text(), "1 real server down");
});

test("status does without a child that does not answer", async () => {
  const world = await started();
  world.child("checks").die("exit code 1");
  const status = await world.supervisor.status();
  assert.equal(status.node, "lb1");
  assert.equal(status.checks, null);
  assert.equal(status.processes[1]?.restarts, 1);
  await world.supervisor.stop("end");
});

test("what the checks find of tracks is told to VRRP, and outlives both processes", async () => {
  const world = new World();
  const look = {
    type: "script",
    options: {},
    timing: { every: milliseconds(1000), timeout: milliseconds(1000), rise: 1, fall: 1 },
  };
  const config = loaded();
  const tracks = [
    { id: "script:a", name: "a", look },
    { id: "script:b", name: "b", look, initial: true },
  ];
  world.outcome = accepted({ ...config, head: { ...config.head, tracks } });
  await started(world);
  const known = (): unknown => {
    const order = world.child("vrrp").got.findLast(({ kind }) => kind === "configure");
    return order?.kind === "configure" && "tracks" in order ? order.tracks : undefined;
  };
  assert.deepEqual(known(), { "script:b": { up: true } });
  world.child("checks").say({ kind: "tracks", values: { "script:a": { up: false } } });
  assert.deepEqual(world.child("vrrp").got.at(-1), { kind: "tracks", values: { "script:a": { up: false } } });
  for (const name of ["vrrp", "checks"] as const) {
    world.child(name).die("killed by SIGKILL");
    await until(() => world.all(name).length === 2 && world.child(name).got.length > 0, `the next ${name}`);
  }
  const both = { "script:a": { up: false }, "script:b": { up: true } };
  assert.deepEqual(known(), both);
  const [order] = world.child("checks").got;
  assert.deepEqual(order?.kind === "configure" && "knownTracks" in order && order.knownTracks, both);
  await world.supervisor.stop("end");
});

test("the checks know which addresses this director holds, after a restart of either process, too", async () => {
  const world = await started();
  const [instance] = loaded().head.vrrp;
  assert.ok(instance !== undefined);
  const addresses = instance.addresses.map(({ prefix }) => prefix.address);
  assert.ok(addresses.length > 0);
  const told = (): unknown => world.child("checks").got.at(-1);
  world.child("vrrp").event(becameMaster(instance.name));
  assert.deepEqual(told(), { kind: "master", instance: instance.name, addresses });
  world.child("checks").die("killed by SIGKILL");
  await until(
    () => world.all("checks").length === 2 && world.child("checks").got.length > 0,
    "the next checks",
  );
  const [order] = world.child("checks").got;
  assert.deepEqual(order?.kind === "configure" && "masters" in order && order.masters, {
    [instance.name]: addresses,
  });
  // The addresses outlive the VRRP process, and the next one says what it is.
  world.child("vrrp").die("killed by SIGKILL");
  await until(() => world.all("vrrp").length === 2 && world.child("vrrp").got.length > 0, "the next vrrp");
  world.child("vrrp").event(becameMaster(instance.name));
  const last = told();
  if (typeof last === "object" && last !== null && "addresses" in last)
    assert.deepEqual(last.addresses, addresses);
  world.child("vrrp").event({ ...becameMaster(instance.name), to: "backup" } as VipdEvent);
  assert.deepEqual(told(), { kind: "master", instance: instance.name, addresses: [] });
  await world.supervisor.stop("end");
});
