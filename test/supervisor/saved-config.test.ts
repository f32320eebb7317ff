// The configuration that is kept for the next start: found for the very same file, and in no other case.

import { strict as assert } from "node:assert";
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { prepareTable } from "../../src/director/prepare-table.js";
import {
  findSavedConfig,
  readSavedTable,
  savedConfigPath,
  savePreparedTable,
} from "../../src/director/saved-config.js";
import { configLoader, type LoaderOptions } from "../../src/director/supervisor/config-process.js";
import type { LoadedConfig, LoadRequest } from "../../src/director/supervisor/config-source.js";
import { servicesOf } from "../../src/director/supervisor/config-source.js";
import { ReaderProcess } from "../../src/director/supervisor/reader-process.js";
import { accepted, until, World } from "./fakes.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-saved-"));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, "vipd.yaml");
const saved = { path: savedConfigPath(folder), program: "vipd 1 aa" };
beforeEach(() => {
  rmSync(saved.path, { force: true });
  writeFileSync(path, text());
});

const text = (weight = 1, check = "none"): string => `nodes: { lb1: {}, lb2: { priority: 90 } }
services:
  a: { address: 192.168.2.1:80, forwarding: nat, check: none, servers: [{ address: 192.168.1.4, weight: ${weight} }] }
  b: { address: 192.168.2.2:80, forwarding: nat, check: ${check}, servers: [{ address: 192.168.1.4 }] }
`;

async function load(options: LoaderOptions, request: Partial<LoadRequest> = {}): Promise<LoadedConfig> {
  const outcome = await configLoader(options)({ path, node: "lb1", ...request });
  if (!outcome.ok) throw new Error(outcome.report);
  return outcome.config;
}
/** Whether a start with this would need no reader. */
const isKnown = (program = saved.program, node = "lb1", at = path): boolean =>
  findSavedConfig(saved.path, { program, path: at, node: `node ${node}` }, readFileSync(path, "utf8")) !==
  undefined;

test("a file that was read is known at the next start, with the same result", async () => {
  const first = await load({ saved });
  assert.ok(isKnown());
  const second = await load({ saved });
  assert.deepEqual(second, first);
  const place = second.saved ?? assert.fail("nothing was saved");
  const table = readSavedTable(place) ?? assert.fail("nothing is there");
  assert.deepEqual(table.services(), servicesOf(second));
  assert.equal(table.prepared, undefined);
  assert.deepEqual(second, { ...(await load({})), saved: place });
});

test("the table that is prepared for the next start is kept with it, and with no other configuration", async () => {
  const config = await load({ saved });
  const { id } = config.saved ?? assert.fail("nothing was saved");
  const services = servicesOf(config);
  const prepared = prepareTable(services, undefined);
  savePreparedTable({ ...saved, id: `${id} another` }, () => assert.fail("it is not there"));
  savePreparedTable({ ...saved, id }, (given, head) => {
    assert.deepEqual([given, head], [services, config.head]);
    return prepared;
  });
  const table = readSavedTable({ ...saved, id }) ?? assert.fail("nothing is there");
  assert.deepEqual(table.services(), services);
  const { ids, batches } = table.prepared ?? assert.fail("nothing is prepared");
  assert.deepEqual({ ids, batches: batches.map((batch) => Uint8Array.from(batch)) }, prepared);
  assert.deepEqual(await load({ saved }), config);
});

test("the reader prepares the table of what it has kept", async () => {
  const config = await load({ saved });
  const place = config.saved ?? assert.fail("nothing was saved");
  assert.deepEqual(await new ReaderProcess().ask({ kind: "prepare", saved: place }), {
    answer: { warnings: [] },
  });
  assert.deepEqual(readSavedTable(place)?.prepared?.ids, prepareTable(servicesOf(config), undefined).ids);
});

test("another text, node, path or program is not known", async () => {
  await load({ saved });
  assert.ok(!isKnown("vipd 1 bb"));
  assert.ok(!isKnown(saved.program, "lb2"));
  assert.ok(!isKnown(saved.program, "lb1", join(folder, "other.yaml")));
  assert.ok(isKnown());
  writeFileSync(path, text().replace("weight: 1", "weight: 2"));
  assert.ok(!isKnown());
  const changed = await load({ saved });
  assert.equal(servicesOf(changed)[0]?.servers[0]?.server.weight, 2);
});

test("what is kept is for its owner alone, and what others could have written is not believed", async () => {
  await load({ saved });
  assert.equal(statSync(saved.path).mode & 0o777, 0o600);
  chmodSync(saved.path, 0o620);
  assert.ok(!isKnown());
  chmodSync(saved.path, 0o600);
  assert.ok(isKnown());
  renameSync(saved.path, join(folder, "elsewhere"));
  symlinkSync(join(folder, "elsewhere"), saved.path);
  assert.ok(!isKnown());
});

test("a damaged or half-written file counts as none, and is replaced", async () => {
  await load({ saved });
  const good = readFileSync(saved.path);
  for (const bytes of [
    good.subarray(0, good.length - 1),
    good.subarray(0, 20),
    Buffer.from("{}\n"),
    Buffer.from(""),
  ]) {
    writeFileSync(saved.path, bytes);
    assert.ok(!isKnown());
    assert.equal((await load({ saved })).services, 2);
    assert.ok(isKnown());
  }
});

test("where nothing can be kept the configuration is read all the same", async () => {
  const config = await load({ saved: { ...saved, path: "/proc/none/saved-config" } });
  assert.equal(config.saved, undefined);
  assert.equal(servicesOf(config).length, 2);
});

test("services that another configuration has taken the place of are not there", async () => {
  const { saved: place } = await load({ saved });
  writeFileSync(path, text(5));
  await load({ saved });
  assert.equal(readSavedTable(place ?? assert.fail()), undefined);
});

test("a reload is read by the reader that has just read, also when everything has changed", async () => {
  const loader = configLoader({ saved });
  let previous: LoadedConfig | undefined;
  for (const weight of [1, 2, 3]) {
    writeFileSync(path, text(weight));
    const outcome = await loader({ path, node: "lb1", ...(previous === undefined ? {} : { previous }) });
    assert.ok(outcome.ok);
    assert.equal(servicesOf(outcome.config)[0]?.servers[0]?.server.weight, weight);
    if (weight > 1) assert.equal(outcome.changes.length, 1);
    if (weight > 1) assert.deepEqual(outcome.config.source?.text, text(weight));
    previous = outcome.config;
  }
  // Changed through and through, by the same reader.
  writeFileSync(path, "nodes: { lb1: {} }\n");
  const outcome = await loader({ path, node: "lb1", ...(previous === undefined ? {} : { previous }) });
  assert.ok(outcome.ok);
  assert.deepEqual(outcome.changes, ["service a removed", "service b removed"]);
});

test("a reader that was killed while it waited is replaced", async () => {
  const loader = configLoader();
  const first = await loader({ path, node: "lb1" });
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
  for (const pid of children) process.kill(Number(pid), "SIGKILL");
  writeFileSync(path, text(9));
  const second = await loader({ path, node: "lb1", ...(first.ok ? { previous: first.config } : {}) });
  assert.deepEqual(second.ok && second.changes, ["service a: server 192.168.1.4:80: weight 1 -> 9"]);
});

test("checks that do not find the services where they lie are told them, and nobody is told of a failure", async () => {
  const config = await load({ saved });
  const world = new World();
  world.outcome = accepted(config);
  world.behaviour.checks = {};
  const starting = world.supervisor.start();
  const checks = world.child("checks");
  const configured = () => checks.got.filter((order) => order.kind === "configure");
  checks.say({ kind: "hello", pid: checks.pid });
  await until(() => configured().length === 1, "the services' place");
  assert.deepEqual(configured()[0], { ...configured()[0], services: [], saved: config.saved });
  checks.say({ kind: "unreadable" });
  await until(() => configured().length === 2, "the services");
  const second = configured()[1] ?? assert.fail();
  assert.ok(!("saved" in second));
  assert.deepEqual("services" in second && second.services, servicesOf(config));
  checks.say({ kind: "configured", error: null });
  assert.deepEqual(await starting, { ok: true });
  checks.behaviour = { obedient: true };
  await world.supervisor.stop("end");
});
