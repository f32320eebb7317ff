// The table of a configuration that was read before, sent first of all to a real kernel: it is put down as ours, becomes
// the checks process's as if that had sent it, is taken away again where nobody gets it, and is not sent where anything
// speaks against it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { prepareTable } from "../../src/director/prepare-table.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import {
  findSavedConfig,
  saveConfig,
  savedConfigPath,
  savedForNode,
} from "../../src/director/saved-config.js";
import {
  firstTable,
  holdFirstTable,
  type FirstTable,
} from "../../src/director/supervisor/first-table-place.js";
import { sendFirstTable } from "../../src/director/supervisor/first-table.js";
import { claimRuntimeDirectory, controlSocketPath } from "../../src/director/supervisor/runtime-directory.js";
import { diff } from "../../src/ipvs/diff.js";
import { serverId, serviceId, type ServiceEntry, type ServiceId } from "../../src/ipvs/model.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { inNamespace, ipvsadmRestore, planeOf } from "../lab/plane.js";
import { loaded } from "../supervisor/fakes.js";

const labs: Lab[] = [];
after(() => {
  for (const lab of labs) lab.close();
});

const TEXT = "services: {}\n";
const PROGRAM = "vipd 0 test";
const SERVICES: readonly ServiceConfig[] = Array.from({ length: 300 }, (_, n) => ({
  name: `s${n}`,
  service: {
    key: { kind: "address", protocol: "tcp", address: ip(`10.100.${n >> 8}.${n & 255}`), port: 80 },
    scheduler: "rr",
  },
  servers: [1, 2].map((m) => ({
    server: { address: ip(`10.200.${n & 255}.${m}`), port: 80, forwarding: "nat", weight: 1 },
    checks: [],
  })),
}));
const tableOf = (services: readonly ServiceConfig[]): Map<ServiceId, ServiceEntry> =>
  new Map(
    services.map(({ service, servers }) => [
      serviceId(service.key),
      { service, servers: new Map(servers.map(({ server }) => [serverId(server), server])) },
    ]),
  );
const WANTED = tableOf(SERVICES);
/** As the prepared table is in the kernel, and as nothing is. */
const [WHOLE, NOTHING] = [SERVICES.length, 0];

class World {
  readonly lab = new Lab();
  readonly host: Host = this.lab.host("a");
  readonly directory = join(this.lab.directory, "run");
  readonly config = this.lab.file("vipd.yaml", TEXT);
  readonly plane = planeOf(this.host);

  constructor() {
    labs.push(this.lab);
    mkdirSync(this.directory);
    this.keep();
  }

  /** As the reader keeps a configuration. */
  keep(ipvs = {}, more = {}, services = SERVICES): void {
    const { head } = loaded();
    saveConfig(
      savedConfigPath(this.directory),
      savedForNode(PROGRAM, this.config, "lb1"),
      {
        id: "one",
        head: { ...head, ...more, ipvs: { ...head.ipvs, ...ipvs } },
        services: SERVICES.length,
        servers: 600,
        warnings: [],
        probes: false,
        text: TEXT,
        servicesText: "[]",
      },
      prepareTable(services, undefined),
    );
  }

  /** Gives whether there is one. What is known is sent before the promise is there. */
  async send(node = "lb1"): Promise<boolean> {
    holdFirstTable(undefined);
    const words = { config: this.config, runtimeDirectory: this.directory, node };
    await inNamespace(this.host, () => sendFirstTable({ words, program: PROGRAM, isNew: false }));
    return firstTable() !== undefined;
  }

  get count(): number {
    return this.plane.services().length;
  }
}

/** A file that makes `SERVICES`, but for their checks. */
const alikeText = (): string =>
  `nodes: { lb1: {} }\nservices:\n${SERVICES.map(
    ({ name, service: { key }, servers }) =>
      `  ${name}: { address: ${key.kind === "address" ? key.address : ""}:80, scheduler: rr, forwarding: nat, check: tcp, servers: [${servers.map(({ server }) => server.address).join(", ")}] }\n`,
  ).join("")}`;

const sentAhead = (): FirstTable => firstTable() ?? assert.fail("there is no first table");

test("it is there, on record as ours, and the checks process that gets it finds its commands done", async () => {
  const world = new World();
  const { plane, directory } = world;
  assert.ok(await world.send());
  assert.deepEqual(diff(plane.read(), WANTED, new Set()), []);
  assert.deepEqual(ownershipFile(directory).load().owned.services, new Set(WANTED.keys()));
  const ahead = sentAhead().handOver("one") ?? assert.fail("it is not handed over");
  assert.deepEqual(ahead, { refusals: [], lost: "missing" });
  // Once: it is somebody else's now.
  assert.equal(sentAhead().handOver("one"), undefined);
  sentAhead().takeBack();
  assert.equal(world.count, WHOLE);
  plane.takeAhead(prepareTable(SERVICES, undefined).batches, ahead.refusals);
  const results = plane.apply(diff(new Map(), WANTED, new Set()));
  assert.equal(results.length, 3 * WHOLE);
  assert.ok(results.every(({ ok }) => ok));
  assert.deepEqual(diff(plane.read(), WANTED, new Set()), []);
});

test("a new file of services that are alike is read by the way, and is known from then on", () => {
  const world = new World();
  rmSync(savedConfigPath(world.directory));
  writeFileSync(world.config, alikeText());
  const module = JSON.stringify(
    new URL("../../src/director/supervisor/first-table.js", import.meta.url).href,
  );
  const words = { config: world.config, runtimeDirectory: world.directory, node: "lb1" };
  const program = `const { sendFirstTable } = await import(${module});
    console.log(await sendFirstTable(${JSON.stringify({ words, program: PROGRAM, isNew: true })}));
    process.removeAllListeners("exit");`;
  const { stdout, stderr } = world.host.try(process.execPath, "--input-type=module", "-e", program);
  assert.equal(stdout.trim(), "true", stderr);
  assert.deepEqual(diff(world.plane.read(), WANTED, new Set()), []);
  assert.deepEqual(ownershipFile(world.directory).load().owned.services, new Set(WANTED.keys()));
  const savedFor = savedForNode(PROGRAM, world.config, "lb1");
  assert.equal(findSavedConfig(savedConfigPath(world.directory), savedFor, alikeText())?.isPrepared, true);
});

test("what the kernel refuses of it is told with it", async () => {
  const world = new World();
  const services = SERVICES.map((one, n) =>
    n === 7 ? { ...one, service: { ...one.service, scheduler: "nosuch" as "rr" } } : one,
  );
  world.keep({}, {}, services);
  assert.ok(await world.send());
  const { refusals } = sentAhead().handOver("one") ?? assert.fail("it is not handed over");
  assert.deepEqual(
    refusals.map(([number]) => number),
    [21, 22, 23],
  );
  const { plane } = world;
  plane.takeAhead(prepareTable(services, undefined).batches, refusals);
  const results = plane.apply(diff(new Map(), tableOf(services), new Set()));
  assert.deepEqual(
    results.flatMap(({ ok }, i) => (ok ? [] : [i])),
    [21, 22, 23],
  );
  assert.match(results.map((result) => (result.ok ? "" : result.error)).join(""), /nosuch.*ENOENT/);
});

test("where nobody gets it nothing is left, in the kernel or on record", async () => {
  const world = new World();
  const listeners = process.listenerCount("SIGTERM");
  for (const leave of [
    () => sentAhead().takeBack(),
    () => assert.equal(sentAhead().handOver("another"), undefined),
    () => assert.equal(sentAhead().handOver(undefined), undefined),
  ]) {
    assert.ok(await world.send());
    assert.equal(world.count, WHOLE);
    leave();
    assert.equal(world.count, NOTHING);
    assert.equal(ownershipFile(world.directory).load().owned.services.size, 0);
    const claim = sentAhead().claim(world.directory) ?? assert.fail("there is no claim");
    if (claim.ok) claim.value();
  }
  assert.equal(process.listenerCount("SIGTERM"), listeners);
});

test("the claim that was begun is completed by who goes on, and nobody else can have it meanwhile", async () => {
  const world = new World();
  assert.ok(await world.send());
  const other = await claimRuntimeDirectory(world.directory);
  assert.match(other.ok ? "" : other.error, /in use by pid/);
  assert.equal(sentAhead().claim("/elsewhere"), undefined);
  const claim = await claimRuntimeDirectory(world.directory, sentAhead().claim(world.directory));
  assert.ok(claim.ok);
  claim.value.release();
  assert.deepEqual(readdirSync(world.directory).sort(), ["ipvs-owned.json", "saved-config"]);
  sentAhead().takeBack();
});

test("a signal that nobody listens to yet ends the program, and the table with it", () => {
  const world = new World();
  const modules = ["first-table.js", "runtime-directory.js"].map((name) =>
    JSON.stringify(new URL(`../../src/director/supervisor/${name}`, import.meta.url).href),
  );
  const words = { config: world.config, runtimeDirectory: world.directory, node: "lb1" };
  const program = `const { sendFirstTable } = await import(${modules[0] as string});
    console.log(await sendFirstTable(${JSON.stringify({ words, program: PROGRAM, isNew: false })}));
    setTimeout(() => process.kill(process.pid, "SIGTERM"));
    setTimeout(() => console.log("lives"), 60_000);`;
  const { status, signal, stdout } = spawnSync(
    "ip",
    ["netns", "exec", world.host.namespace, process.execPath, "--input-type=module", "-e", program],
    { encoding: "utf8", timeout: 60_000 },
  );
  assert.deepEqual([status, signal, stdout.trim()], [null, "SIGTERM", "true"]);
  assert.equal(world.count, NOTHING);
  assert.deepEqual(readdirSync(world.directory).sort(), ["ipvs-owned.json", "saved-config"]);
});

test("it is not sent where anything speaks against it", async () => {
  const world = new World();
  const { directory } = world;
  const notSent = async (why: string): Promise<void> => {
    assert.equal(await world.send(), false, why);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.endsWith(".lock")),
      [],
      why,
    );
  };
  assert.equal(await world.send("lb2"), false);
  writeFileSync(controlSocketPath(directory), "");
  await notSent("somebody may be there");
  rmSync(controlSocketPath(directory));
  const orders = join(directory, "orders.json");
  for (const text of ["damaged", readOrders()]) {
    writeFileSync(orders, text);
    await notSent("orders");
  }
  rmSync(orders);
  for (const ipvs of [{ modules: ["ip_vs_rr"] }, { settings: { conn_reuse_mode: "1" } }]) {
    world.keep(ipvs);
    await notSent("what comes before the services");
  }
  world.keep({}, { maintenance: [{ name: "night" }] as never });
  await notSent("a window");
  world.keep();
  writeFileSync(world.config, `${TEXT}# another\n`);
  await notSent("another file");
  writeFileSync(world.config, TEXT);
  process.env["VIPD_PREDECESSOR"] = "1";
  await notSent("a predecessor");
  delete process.env["VIPD_PREDECESSOR"];
  ipvsadmRestore(world.host, "-A -t 192.0.2.1:80 -s rr\n");
  await notSent("a service of somebody else's");
  assert.equal(world.count, 1);
  assert.equal(ownershipFile(directory).load().lost, "missing");
  ipvsadmRestore(world.host, "-D -t 192.0.2.1:80\n");
  assert.ok(await world.send());
  sentAhead().takeBack();
});

const readOrders = (): string =>
  JSON.stringify({
    format: "vipd orders 1",
    orders: [
      {
        action: "drain",
        service: "s0",
        server: "10.200.0.1:80",
        by: "x",
        since: 0,
        until: null,
        deadline: null,
      },
    ],
  });
