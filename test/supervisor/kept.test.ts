// `vipd stop --keep-vip` in the supervisor: what the VRRP process is told, what is kept for the next start, and what that
// one makes of it.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, test } from "node:test";
import { ip } from "../../src/core/address.js";
import { instant, type Instant } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { ResumeOrder } from "../../src/control/ipc.js";
import { keptFile, type KeptState } from "../../src/director/supervisor/kept-state.js";
import { hmac, vip } from "../vrrp/ip-packet.js";
import { accepted, instanceNamed, loaded, now, until, World } from "./fakes.js";

const directory = mkdtempSync(join(tmpdir(), "vipd-kept-"));
afterAll(() => rmSync(directory, { recursive: true }));

const became = (instance: string, to: "master" | "backup"): VipdEvent => ({
  kind: "vrrp-transition",
  instance,
  from: "initialize",
  to,
  priority: 150,
  done: [],
  reason: { kind: "startup" },
});

async function twoInstances(): Promise<World> {
  const world = new World();
  world.outcome = accepted(loaded([instanceNamed("web"), instanceNamed("db")]));
  assert.deepEqual(await world.supervisor.start(), { ok: true });
  world.child("vrrp").event(became("web", "master"));
  world.child("vrrp").event(became("db", "backup"));
  return world;
}

test("it keeps what the next start must know of masters, and takes nothing away", async () => {
  const world = await twoInstances();
  const before = now();
  world.recorded.length = 0;
  await world.supervisor.stop("vipd stop --keep-vip", { addresses: "keep", table: "keep" });
  assert.deepEqual(world.child("vrrp").got.at(-1), { kind: "stop", keepAddresses: true });
  assert.deepEqual(
    world.kept?.masters.map(({ name }) => name),
    ["web"],
  );
  assert.ok(world.kept.at >= before && world.kept.at <= now());
  assert.deepEqual([world.removed, world.recorded], [[], []], "the record stays, too");
});

test("the checks go by the addresses: to them an instance whose addresses stay is master to the end", async () => {
  const world = await twoInstances();
  const said = (): readonly unknown[] => world.child("checks").got.filter(({ kind }) => kind === "master");
  const ended = { ...became("web", "backup"), from: "master", to: "initialize" };
  const before = said().length;
  world.child("vrrp").event({ ...ended, reason: { kind: "shutdown", keeps: true } } as VipdEvent);
  assert.equal(said().length, before);
  await world.supervisor.stop("SIGTERM");
  const other = await twoInstances();
  other.child("vrrp").event({ ...ended, reason: { kind: "shutdown" } } as VipdEvent);
  assert.deepEqual(other.child("checks").got.at(-1), { kind: "master", instance: "web", addresses: [] });
  await other.supervisor.stop("SIGTERM");
});

test("what cannot be kept, or was not left in order, is taken away as at any stop", async () => {
  const full = await twoInstances();
  full.unwritable = true;
  await full.supervisor.stop("vipd stop --keep-vip", { addresses: "keep" });
  assert.deepEqual(
    full.removed.map(({ interface: on }) => on),
    ["eth0", "eth0"],
  );
  assert.ok(full.events.some((event) => event.kind === "warning" && /do not stay/.test(event.text)));
  const dead = await twoInstances();
  dead.behaviour.vrrp = {};
  dead.child("vrrp").die("killed by SIGKILL");
  await dead.supervisor.stop("vipd stop --keep-vip", { addresses: "keep" });
  assert.equal(dead.kept, undefined);
  assert.ok(dead.removed.length > 0);
});

const stateOf = (changes: Partial<KeptState> = {}): KeptState => ({
  at: now(),
  masters: [instanceNamed("web")],
  statics: { config: { addresses: [], routes: [], rules: [] }, ours: [] },
  tracks: { good: { up: true } },
  sequences: [{ instance: "web", heard: [[ip("192.168.1.3"), "7"]] }],
  takeovers: [{ instance: "web", at: 5, until: null, vacancy: { kind: "unheard", listened_ms: 1000 } }],
  ...changes,
});

async function startedAfter(kept: KeptState): Promise<{ world: World; resume: readonly ResumeOrder[] }> {
  const world = new World();
  world.supervisor.recall(kept);
  assert.deepEqual(await world.supervisor.start(), { ok: true });
  const order = world.child("vrrp").got[0];
  assert.ok(order?.kind === "configure" && "resume" in order);
  assert.deepEqual(order.sequences, kept.sequences);
  return { world, resume: order.resume };
}

test("the next start tells the VRRP process what was kept, and removes nothing that is configured still", async () => {
  const kept = stateOf();
  const { world, resume } = await startedAfter(kept);
  assert.deepEqual(resume, [{ instance: "web", dead_at: kept.at, kept: true }]);
  assert.deepEqual(world.removed, []);
  assert.deepEqual(world.supervisor.takeovers, kept.takeovers);
  await world.supervisor.stop("vipd stop --keep-vip", { addresses: "keep" });
  assert.deepEqual(world.kept?.takeovers, kept.takeovers);
});

test("a start that goes on as master has its VRRP process ready before the table is there", async () => {
  const world = new World();
  world.outcome = accepted(loaded([instanceNamed("web")], 1));
  world.behaviour.checks = {};
  world.supervisor.recall(stateOf());
  const start = world.supervisor.start();
  const checks = world.child("checks");
  checks.say({ kind: "hello", pid: checks.pid });
  await until(() => checks.got.length === 1, "configuration of checks");
  assert.deepEqual(world.child("vrrp").got, []);
  checks.say({ kind: "configured", error: null });
  await start;
  assert.equal(world.child("vrrp").got.length, 1);
  const stop = world.supervisor.stop("end");
  await until(() => checks.got.some(({ kind }) => kind === "stop"), "stop of checks");
  checks.die("exit code 0");
  await stop;
});

const owner = {
  ...instanceNamed("web"),
  priority: 255,
  addresses: [vip("192.168.1.1/24"), vip("192.168.1.2/24")],
};
const mine = ["192.168.1.2/24 eth0"];

test("what an owner has added is kept as such", async () => {
  const before = new World();
  before.outcome = accepted(loaded([owner]));
  await before.supervisor.start();
  before.child("vrrp").event(became("web", "master"));
  before.child("vrrp").say({ kind: "owner-added", instance: "web", added: mine });
  await before.supervisor.stop("vipd stop --keep-vip", { addresses: "keep", table: "keep" });
  assert.deepEqual(before.kept?.added, { web: mine });
});

test("what is in the configuration no more, or is another router now, is removed", async () => {
  const gone = { ...instanceNamed("old"), addresses: [vip("192.168.1.9/24")] };
  const other = { ...instanceNamed("web"), virtualRouterId: 77 };
  const { world, resume } = await startedAfter(stateOf({ masters: [gone, other] }));
  assert.deepEqual(
    resume.filter(({ instance }) => instance === "web"),
    [],
  );
  await until(() => world.removed.length === 1, "removal");
  assert.deepEqual(
    world.removed.map(({ prefix }) => prefix.address),
    ["192.168.1.9"],
  );
  await world.supervisor.stop("end");
});

test("a VRRP process that is not there within seconds finds nothing left: the peer may have it", async () => {
  const world = new World();
  world.behaviour.vrrp = {};
  const at = instant(now() - 60_000);
  world.supervisor.recall(stateOf({ at, masters: [owner], added: { web: mine } }));
  void world.supervisor.start();
  await until(() => world.removed.length > 0, "removal");
  // The other one is the owner's own.
  assert.deepEqual(
    world.removed.map(({ prefix }) => prefix.address),
    ["192.168.1.2"],
  );
  await world.supervisor.stop("end");
});

test("the file is used once, within five minutes, for root's eyes, and has no secrets", () => {
  const file = keptFile(directory);
  const moment = (ms: number): Instant => instant(1_000_000 + ms);
  const masters = [{ ...instanceNamed("web"), auth: hmac() }];
  const state = stateOf({ at: moment(0), masters });
  assert.equal(file.take(moment(0)), undefined);
  file.write(state);
  const path = join(directory, "kept.json");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(path, "utf8"), /hex|0101/);
  assert.ok(file.isThere(moment(300_000)) && !file.isThere(moment(300_001)));
  assert.deepEqual(file.take(moment(1)), { ...state, masters: [instanceNamed("web")] });
  assert.equal(file.take(moment(1)), undefined);
  assert.deepEqual(readdirSync(directory), []);
  for (const text of ["{", "null", JSON.stringify({ ...state, boot: "another", format: 1 })]) {
    writeFileSync(path, text);
    assert.equal(file.take(moment(1)), undefined, text);
  }
});
