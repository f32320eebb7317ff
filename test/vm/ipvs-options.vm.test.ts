// Every option of services and servers on a real kernel: what vipd makes of it is what ipvsadm makes of it, nothing is
// left to order a second time, and each can be changed back.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { diff } from "../../src/ipvs/diff.js";
import {
  SCHEDULERS,
  SERVICE_FLAG,
  serverId,
  serviceId,
  type RealServer,
  type ServiceEntry,
  type ServiceId,
  type ServiceKey,
  type Table,
  type Tunnel,
} from "../../src/ipvs/model.js";
import { ipvsSettings } from "../../src/linux/ipvs-settings.js";
import type { DataPlane } from "../../src/ports/data-plane.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import { Lab } from "../lab/lab.js";
import { inNamespace, ipvsadmRestore, planeOf } from "../lab/plane.js";

type Case = readonly [
  line: string,
  service: Omit<ServiceEntry["service"], "key">,
  servers: readonly Server[],
];
type Server = readonly [line: string, server: Partial<RealServer>];

const VIP = ip("10.0.0.1");
const sh = { scheduler: "sh" } as const;
const gue = (checksum: Tunnel["checksum"]): Partial<RealServer> => ({
  forwarding: "tunnel",
  tunnel: { kind: "gue", port: 6080, checksum },
});
const gre = (checksum: Tunnel["checksum"]): Partial<RealServer> => ({
  forwarding: "tunnel",
  tunnel: { kind: "gre", port: 0, checksum },
});
const persistence = { timeout: seconds(300), prefixLength: 32 };

/** The end of an `ipvsadm` line, and what vipd's model says for it. */
const CASES: readonly Case[] = [
  ["-s rr -o", { scheduler: "rr", flags: SERVICE_FLAG.onePacket }, [["-m", {}]]],
  ["-s sh -b sh-fallback", { ...sh, flags: SERVICE_FLAG.fallback }, [["-m", {}]]],
  ["-s mh -b mh-port", { scheduler: "mh", flags: SERVICE_FLAG.port }, [["-m", {}]]],
  ["-s mh -b mh-fallback", { scheduler: "mh", flags: SERVICE_FLAG.fallback }, [["-m", {}]]],
  ["-s sh -b sh-fallback,sh-port", { ...sh, flags: SERVICE_FLAG.fallback | SERVICE_FLAG.port }, [["-m", {}]]],
  ["-s wlc -p 300 --pe sip", { scheduler: "wlc", persistence, engine: "sip" }, [["-m", {}]]],
  [
    "-s wlc",
    { scheduler: "wlc" },
    [
      ["-m -x 100", { upper: 100 }],
      ["-m -x 100 -y 50", { upper: 100, lower: 50 }],
      ["-g -x 2000000000", { forwarding: "direct-routing", upper: 2_000_000_000 }],
      ["-i", { forwarding: "tunnel" }],
      ["-i --tun-type gue --tun-port 6080", gue("none")],
      ["-i --tun-type gue --tun-port 6080 --tun-csum", gue("full")],
      ["-i --tun-type gue --tun-port 6080 --tun-remcsum", gue("remote")],
      ["-i --tun-type gre", gre("none")],
      ["-i --tun-type gre --tun-csum", gre("full")],
    ],
  ],
];

const keyOf = (i: number): ServiceKey => ({ kind: "address", protocol: "udp", address: VIP, port: 5000 + i });

function tableOf(plain: boolean): Table {
  const entries = CASES.map(([, service, servers], i): ServiceEntry => {
    const key = keyOf(i);
    const all = servers.map(([, more], n): RealServer => {
      const server = { address: ip(`10.1.0.${String(n + 1)}`), port: 5000 + i, weight: 3 } as const;
      return plain
        ? { ...server, forwarding: more.forwarding ?? "nat" }
        : { forwarding: "nat", ...server, ...more };
    });
    const { scheduler } = service;
    return {
      service: plain ? { key, scheduler } : { key, ...service },
      servers: new Map(all.map((server) => [serverId(server), server])),
    };
  });
  return new Map(entries.map((entry) => [serviceId(entry.service.key), entry]));
}

const LINES = CASES.flatMap(([service, , servers], i) => {
  const name = `-u ${VIP}:${String(5000 + i)}`;
  return [
    `-A ${name} ${service}`,
    ...servers.map(([line], n) => `-a ${name} -r 10.1.0.${String(n + 1)}:${String(5000 + i)} ${line} -w 3`),
  ];
});

function bring(plane: DataPlane, table: Table): void {
  const results = plane.apply(diff(plane.read(), table, new Set()));
  assert.deepEqual(
    results.filter(({ ok }) => !ok),
    [],
  );
  assert.deepEqual(diff(plane.read(), table, new Set()), []);
}

test("every option of services and servers is as ipvsadm sets it, and goes again", () => {
  const lab = new Lab();
  try {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    ipvsadmRestore(theirs, `${LINES.join("\n")}\n`);
    const plane = planeOf(ours);
    const views = (host: Host): string[] =>
      ["--thresholds", "--tun-info"].map((view) => host.run("ipvsadm", "-Ln", view));
    for (const change of ["made", "made plain", "made so from plain ones"]) {
      const plain = change === "made plain";
      bring(plane, tableOf(plain));
      if (plain) assert.doesNotMatch(ipvsadmTable(ours), / -[xyob] |--pe|tun-type g/);
      else {
        assert.equal(ipvsadmTable(ours), ipvsadmTable(theirs), change);
        assert.deepEqual(views(ours), views(theirs));
      }
    }
    const other = planeOf(theirs);
    assert.deepEqual(
      diff(other.read(), tableOf(false), new Set()),
      [],
      "what ipvsadm made is read as it was meant",
    );
    plane.close();
    other.close();
  } finally {
    lab.close();
  }
});

test("settings and timeouts are set before the sync daemons start, and put back at the stop", () => {
  const lab = new Lab();
  try {
    const host = lab.host("ours");
    host.ip("link add sync0 type dummy");
    host.ip("link set sync0 up multicast on");
    host.ip("address add 10.9.0.1/24 dev sync0");
    const events: VipdEvent[] = [];
    const director = new IpvsDirector({
      openPlane: () => ({ ok: true, value: planeOf(host) }),
      openOwnership: ownershipFile,
      openSettings: ipvsSettings,
      timers: new ManualTimers(),
      report: (event) => events.push(event),
    });
    const views = (): string[] => [
      host.run("ipvsadm", "-L", "--timeout"),
      ...["conntrack", "expire_nodest_conn", "sync_threshold", "sync_ports", "sync_refresh_period"].map(
        (name) => inNamespace(host, () => readFileSync(`/proc/sys/net/ipv4/vs/${name}`, "utf8").trim()),
      ),
    ];
    const before = views();
    const settings = {
      conntrack: "1",
      expire_nodest_conn: "1",
      sync_ports: "2",
      sync_refresh_period: "10",
      sync_threshold: "0 7",
      "timeout.tcp": "600",
      "timeout.tcp-fin": "60",
      "timeout.udp": "30",
    };
    inNamespace(host, () => {
      const error = director.configure({
        runtimeDirectory: lab.directory,
        ipvs: { reconcileEvery: seconds(10), onStop: "remove", settings, modules: ["ip_vs_ftp"] },
        sync: { interface: "sync0", id: 7, roles: ["master"] },
        services: [],
        masters: {},
      });
      assert.equal(error, null);
    });
    assert.deepEqual(views(), ["Timeout (tcp tcpfin udp): 600 60 30\n", ...["1", "1", "0\t7", "2", "10"]]);
    assert.ok(existsSync("/sys/module/ip_vs_ftp"));
    // One thread a port, named by the namespace and the port; other tests' daemons may still be on their way out.
    assert.match(host.run("ps", "-eo", "comm"), /^ipvs-m:\d+:1$/m, "the daemon found sync_ports set");
    assert.deepEqual(
      events.flatMap((event) => (event.kind === "warning" ? [event.text] : [])),
      [],
    );
    inNamespace(host, () => assert.ok(director.stop("remove")));
    assert.deepEqual(views(), before);
  } finally {
    lab.close();
  }
});

test("a service whose scheduler the kernel does not have is refused with the module's name, and the others serve", (t) => {
  const missing = SCHEDULERS.find((name) => spawnSync("modprobe", ["-nq", `ip_vs_${name}`]).status !== 0);
  if (missing === undefined) return t.skip("this kernel has every scheduler");
  const lab = new Lab();
  try {
    const host = lab.host("ours");
    const plane = planeOf(host);
    const [first, second] = [80, 81].map((port): ServiceKey => ({
      kind: "address",
      protocol: "tcp",
      address: VIP,
      port,
    }));
    const table = new Map(
      [
        { key: first as ServiceKey, scheduler: missing },
        { key: second as ServiceKey, scheduler: "sed" as const },
      ].map((service): [ServiceId, ServiceEntry] => [
        serviceId(service.key),
        { service, servers: new Map() },
      ]),
    );
    const [refused, taken] = plane.apply(diff(plane.read(), table, new Set()));
    assert.ok(refused !== undefined && !refused.ok && taken?.ok === true);
    assert.match(refused.error, new RegExp(`add service tcp 10.0.0.1:80 .*modprobe ip_vs_${missing}`));
    plane.close();
  } finally {
    lab.close();
  }
});

test("a service whose persistence engine the kernel does not have is refused with that module's name", () => {
  const lab = new Lab();
  try {
    const plane = planeOf(lab.host("ours"));
    const wanted = { scheduler: "wlc", persistence, engine: "nope" as "sip" } as const;
    const was = { key: keyOf(1), scheduler: "wlc" } as const;
    const [refused, made, edited] = plane.apply([
      { kind: "add-service", service: { key: keyOf(0), ...wanted } },
      { kind: "add-service", service: was },
      { kind: "edit-service", was, service: { ...was, ...wanted } },
    ]);
    assert.equal(made?.ok, true);
    for (const result of [refused, edited]) {
      assert.ok(result !== undefined && !result.ok);
      assert.match(
        result.error,
        /ENOENT.*the kernel has no persistence engine nope: modprobe ip_vs_pe_nope$/,
      );
    }
    plane.close();
  } finally {
    lab.close();
  }
});
