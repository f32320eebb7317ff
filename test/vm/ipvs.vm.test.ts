// Our IPVS table on a real kernel: it is what ipvsadm makes of the same orders, it is repaired, taken over and
// removed without touching what is foreign, and the sync daemons run. Each test has namespaces of its own.

import assert from "node:assert/strict";
import { noSettings } from "../ipvs/no-settings.js";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seconds, toSeconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { diff } from "../../src/ipvs/diff.js";
import {
  SCHEDULERS,
  serverId,
  serviceId,
  type Forwarding,
  type RealServer,
  type ServiceEntry,
  type ServiceKey,
  type SyncConfig,
  type Table,
  type VirtualService,
} from "../../src/ipvs/model.js";
import { tableText } from "../ipvs/listed.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { ipvsadmRestore, planeOf } from "../lab/plane.js";

const FORWARDINGS: readonly Forwarding[] = ["direct-routing", "nat", "tunnel"];
const FORWARDING_OPTION: Record<Forwarding, string> = { "direct-routing": "-g", nat: "-m", tunnel: "-i" };
const PROTOCOL_OPTION = { tcp: "-t", udp: "-u", sctp: "--sctp-service" } as const;

/** The orders for `ipvsadm -R` that a person would write for the table. */
function orders(table: Table): string {
  const lines: string[] = [];
  for (const { service, servers } of table.values()) {
    const name = nameOption(service.key);
    const { persistence } = service;
    const mask = persistence === undefined ? "" : maskOption(service.key, persistence.prefixLength);
    lines.push(
      `-A ${name} -s ${service.scheduler}` +
        (persistence === undefined ? "" : ` -p ${String(toSeconds(persistence.timeout))}${mask}`),
    );
    for (const server of servers.values())
      lines.push(
        `-a ${name} -r ${serverId(server)} ${FORWARDING_OPTION[server.forwarding]} -w ${String(server.weight)}`,
      );
  }
  return `${lines.join("\n")}\n`;
}

function nameOption(key: ServiceKey): string {
  if (key.kind === "fwmark") return `-f ${String(key.mark)}${key.family === "ipv6" ? " -6" : ""}`;
  const [, endpoint = ""] = serviceId(key).split(" ");
  return `${PROTOCOL_OPTION[key.protocol]} ${endpoint}`;
}

function maskOption(key: ServiceKey, length: number): string {
  const v6 = key.kind === "fwmark" ? key.family === "ipv6" : key.address.includes(":");
  if (v6) return length === 128 ? "" : ` -M ${String(length)}`;
  return length === 32 ? "" : ` -M ${{ 24: "255.255.255.0", 16: "255.255.0.0" }[length] ?? assert.fail()}`;
}

const entry = (service: VirtualService, ...servers: RealServer[]): ServiceEntry => ({
  service,
  servers: new Map(servers.map((server) => [serverId(server), server])),
});
const tableOf = (entries: readonly ServiceEntry[]): Table =>
  new Map(entries.map((one) => [serviceId(one.service.key), one]));

/** Some kernels are built without the younger ones. */
const hasScheduler = (scheduler: string): boolean =>
  spawnSync("modprobe", ["-q", `ip_vs_${scheduler}`]).status === 0;
const here = SCHEDULERS.filter(hasScheduler);

/** Everything that a configuration can say: schedulers, forwarding, persistence, families, protocols. */
function everything(): Table {
  const entries: ServiceEntry[] = [];
  let port = 1000;
  const persistences = [undefined, 32, 24].map((prefixLength) =>
    prefixLength === undefined ? {} : { persistence: { timeout: seconds(300), prefixLength } },
  );
  for (const scheduler of here)
    for (const forwarding of FORWARDINGS)
      for (const persistence of persistences) {
        port++;
        const key: ServiceKey = { kind: "address", protocol: "tcp", address: ip("10.0.0.1"), port };
        const servers = [1, 2].map((n) => ({
          address: ip(`10.1.0.${String(n)}`),
          port,
          forwarding,
          weight: n,
        }));
        entries.push(entry({ key, scheduler, ...persistence }, ...servers));
      }
  const v6: RealServer = { address: ip("2001:db8:1::2"), port: 53, forwarding: "nat", weight: 0 };
  const v4: RealServer = { address: ip("10.1.0.3"), port: 53, forwarding: "nat", weight: 2_147_483_647 };
  for (const protocol of ["udp", "sctp"] as const) {
    entries.push(
      entry({ key: { kind: "address", protocol, address: ip("10.0.0.2"), port: 53 }, scheduler: "wrr" }, v4),
    );
    entries.push(
      entry(
        {
          key: { kind: "address", protocol, address: ip("2001:db8::1"), port: 53 },
          scheduler: "wlc",
          persistence: { timeout: seconds(86_400), prefixLength: 64 },
        },
        v6,
      ),
    );
  }
  entries.push(
    entry({ key: { kind: "fwmark", mark: 7, family: "ipv4" }, scheduler: "rr" }, { ...v4, port: 0 }),
    entry({ key: { kind: "fwmark", mark: 7, family: "ipv6" }, scheduler: "mh" }, { ...v6, port: 0 }),
  );
  return tableOf(entries);
}

async function inLab(run: (lab: Lab) => void | Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    await run(lab);
  } finally {
    lab.close();
  }
}

test("for every scheduler, forwarding method, persistence, family and protocol our table equals ipvsadm's", () =>
  inLab((lab) => {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    const table = everything();
    ipvsadmRestore(theirs, orders(table));
    const plane = planeOf(ours);
    const failures = plane.apply(diff(plane.read(), table, new Set())).filter((result) => !result.ok);
    assert.deepEqual(failures, []);
    assert.equal(ipvsadmTable(ours), ipvsadmTable(theirs));
    assert.deepEqual(diff(plane.read(), table, new Set()), []);
    // Whoever asks for one server is given that one, as it stands among all.
    for (const { service, servers } of plane.read().values())
      for (const [id, server] of servers)
        assert.deepEqual([...plane.servers(service, [server])], [[id, server]]);
    // What ipvsadm made is read by us as the same table.
    const other = planeOf(theirs);
    assert.deepEqual(diff(other.read(), table, new Set()), []);
    const [, ...listed] = theirs.run("ipvsadm", "-Ln", "--nosort").trimEnd().split("\n");
    assert.deepEqual(
      tableText(other.read()),
      listed.map((line) => line.trimEnd()),
    );
    plane.close();
    other.close();
  }));

for (const scheduler of SCHEDULERS)
  if (!here.includes(scheduler))
    test(`with the scheduler ${scheduler} our table equals ipvsadm's`, {
      skip: `this kernel has no module ip_vs_${scheduler}`,
    });

test("changes reach the kernel as ipvsadm's -E, -e and -d do", () =>
  inLab((lab) => {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    const key: ServiceKey = { kind: "address", protocol: "tcp", address: ip("10.0.0.1"), port: 80 };
    const real = (n: number, weight: number, forwarding: Forwarding): RealServer => ({
      address: ip(`10.1.0.${String(n)}`),
      port: 80,
      forwarding,
      weight,
    });
    const before = tableOf([
      entry({ key, scheduler: "wlc" }, real(1, 1, "nat"), real(2, 2, "nat"), real(3, 3, "direct-routing")),
    ]);
    const after = tableOf([
      entry(
        { key, scheduler: "mh", persistence: { timeout: seconds(60), prefixLength: 16 } },
        real(1, 0, "nat"),
        real(2, 2, "tunnel"),
        real(4, 1, "direct-routing"),
      ),
    ]);
    const plane = planeOf(ours);
    plane.apply(diff(plane.read(), before, new Set()));
    const results = plane.apply(diff(plane.read(), after, new Set()));
    assert.ok(results.every((result) => result.ok && !result.unchanged));
    ipvsadmRestore(theirs, orders(before));
    const service = "-t 10.0.0.1:80";
    for (const order of [
      `-E ${service} -s mh -p 60 -M 255.255.0.0`,
      `-e ${service} -r 10.1.0.1:80 -m -w 0`,
      `-e ${service} -r 10.1.0.2:80 -i -w 2`,
      `-a ${service} -r 10.1.0.4:80 -g -w 1`,
      `-d ${service} -r 10.1.0.3:80`,
    ])
      theirs.run("ipvsadm", ...order.split(" "));
    assert.equal(ipvsadmTable(ours), ipvsadmTable(theirs));
    assert.ok(plane.apply(diff(plane.read(), new Map(), new Set(after.keys()))).every((result) => result.ok));
    assert.equal(ipvsadmTable(ours), "");
    plane.close();
  }));

test("refusals say what was refused, why, and how to fix it; others are carried out", () =>
  inLab((lab) => {
    const plane = planeOf(lab.host("ours"));
    const key = (port: number): ServiceKey => ({
      kind: "address",
      protocol: "tcp",
      address: ip("10.0.0.1"),
      port,
    });
    const unknown = { key: key(80), scheduler: "nosuch" as "wlc" };
    const [bad, good, twice, gone] = plane.apply([
      { kind: "add-service", service: unknown },
      { kind: "add-service", service: { key: key(81), scheduler: "rr" } },
      { kind: "add-service", service: { key: key(81), scheduler: "rr" } },
      { kind: "remove-service", key: key(99), servers: 0 },
    ]);
    assert.ok(bad !== undefined && !bad.ok && !bad.outOfStep);
    assert.match(bad.error, /^add service tcp 10\.0\.0\.1:80 .*ENOENT.*modprobe ip_vs_nosuch$/);
    assert.deepEqual(good, { ok: true, unchanged: false });
    assert.ok(twice !== undefined && !twice.ok && twice.outOfStep);
    assert.match(twice.error, /EEXIST/);
    assert.deepEqual(gone, { ok: true, unchanged: true });
    plane.close();
  }));

const SYNC: SyncConfig = {
  interface: "sync0",
  id: 51,
  roles: ["master", "backup"],
  maxLength: 1400,
  group: ip("224.0.0.99"),
  port: 9000,
  ttl: 3,
};

/** A director of `host` on a clock of its own. */
function directorOf(lab: Lab, host: Host) {
  const timers = new ManualTimers();
  const events: VipdEvent[] = [];
  const director = new IpvsDirector({
    openPlane: () => ({ ok: true, value: planeOf(host) }),
    openSettings: noSettings,
    openOwnership: ownershipFile,
    timers,
    report: (event) => events.push(event),
  });
  const configure = (services: readonly ServiceConfig[], sync: SyncConfig | null = null): void => {
    const error = director.configure({
      runtimeDirectory: lab.directory,
      ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
      sync,
      masters: {},
      services,
    });
    assert.equal(error, null);
  };
  return { director, timers, configure, told: () => events.splice(0) };
}

const WEB: ServiceConfig = {
  name: "web",
  service: { key: { kind: "address", protocol: "tcp", address: ip("10.0.0.1"), port: 80 }, scheduler: "wlc" },
  servers: [1, 2].map((n) => ({
    server: { address: ip(`10.1.0.${String(n)}`), port: 80, forwarding: "direct-routing", weight: 5 },
    checks: [],
  })),
};
const WEB_LINES = [
  "-A -t 10.0.0.1:80 -s wlc",
  "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 5",
  "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 5",
].join("\n");

test("the sync daemons are those ipvsadm starts, with every parameter and with none, and a reload leaves them alone", () =>
  inLab((lab) => {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    lab.cable(ours, "sync0", theirs, "sync0");
    ours.ip("addr add 10.9.0.1/24 dev sync0");
    theirs.ip("addr add 10.9.0.2/24 dev sync0");
    const daemons = (host: Host): string => host.run("ipvsadm", "-L", "--daemon");
    const running = (host: Host): string[] =>
      host
        .run("ps", "-eo", "pid,comm")
        .split("\n")
        .filter((line) => line.includes("ipvs-"));
    const { configure, director, told } = directorOf(lab, ours);
    for (const sync of [SYNC, { interface: "sync0", id: 7, roles: SYNC.roles }]) {
      configure([WEB], sync);
      const options =
        sync === SYNC
          ? "--sync-maxlen 1400 --mcast-group 224.0.0.99 --mcast-port 9000 --mcast-ttl 3 --syncid 51"
          : "--syncid 7";
      for (const role of SYNC.roles)
        theirs.run("ipvsadm", "--start-daemon", role, "--mcast-interface", "sync0", ...options.split(" "));
      assert.equal(daemons(ours), daemons(theirs));
      for (const role of SYNC.roles) theirs.run("ipvsadm", "--stop-daemon", role);
      const before = running(ours);
      told();
      configure([WEB], { ...sync });
      assert.deepEqual(running(ours), before);
      assert.deepEqual(
        told().filter((event) => event.kind === "sync-daemon"),
        [],
      );
    }
    director.stop("remove");
    assert.equal(daemons(ours).trim(), "");
  }));

test("at the edges of their values sync daemons are those ipvsadm starts, and a successor leaves them alone", () =>
  inLab((lab) => {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    lab.cable(ours, "sync0", theirs, "sync0");
    for (const [host, last] of [
      [ours, 1],
      [theirs, 2],
    ] as const)
      host.ip(`addr add 10.9.0.${last}/24 dev sync0`, `addr add 2001:db8::${last}/64 dev sync0 nodad`);
    const daemons = (host: Host): string => host.run("ipvsadm", "-L", "--daemon");
    // The kernel makes other lengths of the first of these for the backup, and of the last for both.
    for (const [maxLength, group, id, port, ttl] of [
      [100, "224.0.0.1", 0, 1, 1],
      [65_507, "239.255.255.255", 255, 65_535, 255],
      [65_507, "ff0e::1", 255, 65_535, 255],
    ] as const) {
      const sync: SyncConfig = {
        ...{ interface: "sync0", id, roles: SYNC.roles, maxLength, group: ip(group), port, ttl },
      };
      const { configure, director } = directorOf(lab, ours);
      configure([WEB], sync);
      const options = `--syncid ${id} --sync-maxlen ${maxLength} --mcast-group ${group} --mcast-port ${port}`;
      for (const role of SYNC.roles)
        theirs.run(
          ...["ipvsadm", "--start-daemon", role, "--mcast-interface", "sync0", "--mcast-ttl", String(ttl)],
          ...options.split(" "),
        );
      assert.equal(daemons(ours), daemons(theirs));
      const successor = directorOf(lab, ours);
      successor.configure([WEB], sync);
      assert.deepEqual(
        successor.told().filter((event) => event.kind === "sync-daemon"),
        [],
        group,
      );
      for (const role of SYNC.roles) theirs.run("ipvsadm", "--stop-daemon", role);
      director.stop("keep");
      successor.director.stop("remove");
      assert.equal(daemons(ours).trim(), "");
    }
  }));

test("a sync group of IPv6, and a backup with values of its own, are those ipvsadm starts", () =>
  inLab((lab) => {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    for (const device of ["sync0", "sync1"]) {
      lab.cable(ours, device, theirs, device);
      ours.ip(`addr add 2001:db8:${device.slice(-1)}::1/64 dev ${device} nodad`);
      theirs.ip(`addr add 2001:db8:${device.slice(-1)}::2/64 dev ${device} nodad`);
    }
    const daemons = (host: Host): string => host.run("ipvsadm", "-L", "--daemon");
    const { configure, director, told } = directorOf(lab, ours);
    const sync: SyncConfig = {
      ...{ interface: "sync0", id: 51, roles: SYNC.roles, group: ip("ff05::81"), port: 9000 },
      backup: { interface: "sync1", id: 0, group: ip("ff05::82"), port: 9001 },
    };
    configure([WEB], sync);
    const start = (role: string, device: string, ...options: string[]): string =>
      theirs.run("ipvsadm", "--start-daemon", role, "--mcast-interface", device, ...options);
    start("master", "sync0", "--syncid", "51", "--mcast-group", "ff05::81", "--mcast-port", "9000");
    start("backup", "sync1", "--syncid", "0", "--mcast-group", "ff05::82", "--mcast-port", "9001");
    assert.match(daemons(ours), /ff05::82/);
    assert.equal(daemons(ours), daemons(theirs));
    told();
    configure([WEB], { ...sync, backup: { ...sync.backup } });
    configure([WEB], { ...sync, backup: { ...sync.backup, id: 9 } });
    assert.deepEqual(
      told().flatMap((event) => (event.kind === "sync-daemon" ? [[event.role, event.running]] : [])),
      [["backup", true]],
    );
    director.stop("remove");
    assert.equal(daemons(ours).trim(), "");
  }));

test("a table flushed by ipvsadm -C is repaired, and what others put there stays", () =>
  inLab((lab) => {
    const host = lab.host("ours");
    host.run("ipvsadm", "-A", "-t", "10.0.0.9:80", "-s", "rr");
    const { director, timers, configure, told } = directorOf(lab, host);
    configure([WEB]);
    assert.equal(ipvsadmTable(host), `-A -t 10.0.0.9:80 -s rr\n${WEB_LINES}`.split("\n").sort().join("\n"));
    host.run("ipvsadm", "-C");
    host.run("ipvsadm", "-A", "-t", "10.0.0.8:80", "-s", "rr");
    told();
    timers.pass(10_000);
    const whole = `-A -t 10.0.0.8:80 -s rr\n${WEB_LINES}`.split("\n").sort().join("\n");
    assert.equal(ipvsadmTable(host), whole);
    const [event] = told();
    assert.ok(event?.kind === "table-applied" && event.why === "repair" && event.changes === 3);
    host.run("ipvsadm", "-e", "-t", "10.0.0.1:80", "-r", "10.1.0.2:80", "-m", "-w", "1");
    host.run("ipvsadm", "-d", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80");
    timers.pass(10_000);
    assert.equal(ipvsadmTable(host), whole);
    director.stop("remove");
    assert.equal(ipvsadmTable(host), "-A -t 10.0.0.8:80 -s rr");
  }));

test("a predecessor's table is taken over without a flush, and its leftovers go", () =>
  inLab((lab) => {
    const host = lab.host("ours");
    const first = directorOf(lab, host);
    const old: ServiceConfig = {
      ...WEB,
      name: "old",
      service: { ...WEB.service, key: { kind: "fwmark", mark: 3, family: "ipv4" } },
    };
    first.configure([WEB, old], null);
    const second = directorOf(lab, host);
    second.configure([WEB]);
    const [event] = second.told();
    assert.ok(event?.kind === "table-applied");
    assert.deepEqual(event.details, ["remove service fwmark 3 ipv4 (2 servers)"]);
    assert.equal(ipvsadmTable(host), WEB_LINES);
    second.director.stop("keep");
    assert.equal(ipvsadmTable(host), WEB_LINES);
    const third = directorOf(lab, host);
    third.configure([]);
    assert.equal(ipvsadmTable(host), "");
  }));
