// What options alone do not show, on a real kernel: servers of the other family, servers that are the director itself,
// modules that the kernel loads when they are needed, and that mh chooses the same on both directors.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import { sysctlSchema } from "../../src/config/schema-kernel-settings.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { readConnection } from "../../src/ipvs/connections.js";
import { diff } from "../../src/ipvs/diff.js";
import {
  serverId,
  serviceId,
  type RealServer,
  type ServiceEntry,
  type ServiceKey,
  type Table,
} from "../../src/ipvs/model.js";
import { AF, SOCK } from "../../src/linux/constants.js";
import { SettingsKeeper } from "../../src/director/settings-keeper.js";
import { ipvsSettings } from "../../src/linux/ipvs-settings.js";
import { native } from "../../src/linux/native.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import type { DataPlane } from "../../src/ports/data-plane.js";
import { good, PAIR } from "../config/load.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import { noSettings } from "../ipvs/no-settings.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { inNamespace, ipvsadmRestore, planeOf } from "../lab/plane.js";

const key = (address: string, port = 80): ServiceKey => ({
  ...{ kind: "address", protocol: "tcp", address: ip(address), port },
});
const tableOf = (...entries: readonly (readonly [ServiceKey, ...RealServer[]])[]): Table =>
  new Map(
    entries.map(([one, ...servers]): [ReturnType<typeof serviceId>, ServiceEntry] => [
      serviceId(one),
      { service: { key: one, scheduler: "rr" }, servers: new Map(servers.map((s) => [serverId(s), s])) },
    ]),
  );

/** Makes the table, and compares it with what ipvsadm makes of the lines on a host with the same addresses. */
function compare(table: Table, lines: readonly string[], addresses: readonly string[] = []): void {
  const lab = new Lab();
  const planes: DataPlane[] = [];
  try {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    if (addresses.length > 0)
      for (const host of [ours, theirs])
        host.ip(
          ...addresses.map(
            (address) => `address add ${address} dev lo${address.includes(":") ? " nodad" : ""}`,
          ),
        );
    ipvsadmRestore(theirs, `${lines.join("\n")}\n`);
    planes.push(planeOf(ours), planeOf(theirs));
    const [plane, other] = planes as [DataPlane, DataPlane];
    assert.deepEqual(
      plane.apply(diff(plane.read(), table, new Set())).filter(({ ok }) => !ok),
      [],
    );
    const views = (host: Host): string[] => [ipvsadmTable(host), host.run("ipvsadm", "-Ln", "--tun-info")];
    assert.deepEqual(views(ours), views(theirs));
    for (const one of [plane, other]) assert.deepEqual(diff(one.read(), table, new Set()), []);
  } finally {
    for (const plane of planes) plane.close();
    lab.close();
  }
}

test("tunnels to servers of the other family are as ipvsadm makes them, in both directions and of each kind", () => {
  const tunnel = { port: 80, forwarding: "tunnel", weight: 1 } as const;
  const gue = { kind: "gue", port: 6080, checksum: "full" } as const;
  const gre = { kind: "gre", port: 0, checksum: "none" } as const;
  const [six, four] = ["2001:db8:1::", "10.1.0."];
  const servers = (net: string): RealServer[] => [
    { ...tunnel, address: ip(`${net}4`) },
    { ...tunnel, address: ip(`${net}5`), tunnel: gue },
    { ...tunnel, address: ip(`${net}6`), tunnel: gre },
  ];
  const lines = (virtual: string, at: (last: number) => string): string[] => [
    `-A -t ${virtual} -s rr`,
    `-a -t ${virtual} -r ${at(4)} -i -w 1`,
    `-a -t ${virtual} -r ${at(5)} -i --tun-type gue --tun-port 6080 --tun-csum -w 1`,
    `-a -t ${virtual} -r ${at(6)} -i --tun-type gre -w 1`,
  ];
  compare(tableOf([key("10.0.0.1"), ...servers(six)], [key("2001:db8::1"), ...servers(four)]), [
    ...lines("10.0.0.1:80", (last) => `[${six}${String(last)}]:80`),
    ...lines("[2001:db8::1]:80", (last) => `${four}${String(last)}:80`),
  ]);
});

test("servers that are addresses of the director itself are as ipvsadm makes them, and stay as they were ordered", () => {
  const local = (address: string, forwarding: RealServer["forwarding"]): RealServer => ({
    ...{ address: ip(address), port: 80, weight: 1, forwarding },
  });
  compare(
    tableOf(
      [
        key("10.0.0.1"),
        local("10.1.0.1", "direct-routing"),
        local("127.0.0.1", "direct-routing"),
        local("10.1.0.2", "nat"),
      ],
      [key("2001:db8::1"), local("2001:db8:1::1", "direct-routing")],
    ),
    [
      "-A -t 10.0.0.1:80 -s rr",
      "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 1",
      "-a -t 10.0.0.1:80 -r 127.0.0.1:80 -g -w 1",
      "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1",
      "-A -t [2001:db8::1]:80 -s rr",
      "-a -t [2001:db8::1]:80 -r [2001:db8:1::1]:80 -g -w 1",
    ],
    ["10.0.0.1/32", "10.1.0.1/32", "2001:db8::1/128", "2001:db8:1::1/128"],
  );
});

test("the kernel loads a scheduler's module and that of the SIP engine when a service needs it", (t) => {
  const unused = ["ip_vs_ovf", "ip_vs_fo", "ip_vs_pe_sip"].filter(
    (name) => spawnSync("modprobe", ["-rq", name]).status === 0 && !existsSync(`/sys/module/${name}`),
  );
  if (!unused.includes("ip_vs_fo")) return t.skip("ip_vs_fo is in use, or a part of this kernel");
  const lab = new Lab();
  try {
    const plane = planeOf(lab.host("ours"));
    const persistence = { timeout: seconds(300), prefixLength: 32 };
    const sip = { ...key("10.0.0.1", 5060), protocol: "udp" } as ServiceKey;
    const results = plane.apply([
      { kind: "add-service", service: { key: key("10.0.0.1"), scheduler: "fo" } },
      { kind: "add-service", service: { key: key("10.0.0.2"), scheduler: "ovf" } },
      { kind: "add-service", service: { key: sip, scheduler: "rr", persistence, engine: "sip" } },
    ]);
    assert.ok(
      results.every(({ ok }) => ok),
      JSON.stringify(results),
    );
    for (const name of unused) assert.ok(existsSync(`/sys/module/${name}`), name);
    plane.close();
  } finally {
    lab.close();
  }
});

/** An interface whose name has a dot. */
const FORWARDING = `vrrp:
  web: { interface: eth0.5, router-id: 85, addresses: [10.0.0.1/24] }
`;
/** Each is another than the kernel's own. */
const SYSCTLS = `
    backup-only: true
    conn-reuse-mode: 0
    conntrack: true
    expire-nodest-conn: true
    expire-quiescent-template: true
    ip-forward: true
    ip6-forward: true
    nat-icmp-send: true
    pmtu-disc: false
    schedule-icmp: true
    send-redirects: false
    sloppy-sctp: true
    sloppy-tcp: true
    sync-persist-mode: true
    sync-ports: 2
    sync-qlen-max: 1000
    sync-refresh-period: 10s
    sync-retries: 2
    sync-sock-size: 100000
    sync-threshold: { first: 1, every: 20 }
`;

test("every setting of net.ipv4.vs and of the network that can be written is set, and put back at the stop", () => {
  const lab = new Lab();
  try {
    const on = lab.host("ours");
    const { settings = {} } = good(`${PAIR}${FORWARDING}\nipvs:\n  sysctl:${SYSCTLS}`).ipvs;
    const names = Object.keys(settings);
    for (const key of Object.keys(sysctlSchema.shape)) assert.match(SYSCTLS, new RegExp(`^ +${key}: `, "m"));
    on.ip("link add eth0.5 type dummy");
    planeOf(on).close();
    const read = (): Record<string, string | undefined> =>
      inNamespace(on, () => {
        const kernel = ipvsSettings();
        return Object.fromEntries(names.map((name) => [name, kernel.read(name)]));
      });
    const before = read();
    for (const name of names) assert.notEqual(before[name], settings[name], name);
    assert.equal(before["net.ipv4.conf.all.accept_redirects"], "1");
    const director = new IpvsDirector({
      openPlane: () => ({ ok: true, value: planeOf(on) }),
      openSettings: ipvsSettings,
      openOwnership: ownershipFile,
      timers: new ManualTimers(),
      report: (event) => assert.notEqual(event.kind, "warning", JSON.stringify(event)),
    });
    const web = { name: "web", service: { key: key("10.0.0.1"), scheduler: "rr" }, servers: [] } as const;
    inNamespace(on, () => {
      const ipvs = { reconcileEvery: seconds(10), onStop: "remove", settings } as const;
      const order = { runtimeDirectory: lab.directory, ipvs, sync: null, masters: {}, services: [web] };
      assert.equal(director.configure(order), null);
    });
    assert.deepEqual(read(), settings);
    inNamespace(on, () => director.stop("remove"));
    assert.deepEqual(read(), before);
  } finally {
    lab.close();
  }
});

test("the kernel accepts redirects after the stop, and an interface alone forwards, as it did before", () => {
  const lab = new Lab();
  try {
    const on = lab.host("ours");
    const { settings = {} } = good(`${PAIR}ipvs: { sysctl: { ip-forward: true, ip6-forward: true } }\n`).ipvs;
    const alone = ["net.ipv4.conf.lo.forwarding", "net.ipv6.conf.lo.forwarding"];
    const names = ["net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects", ...alone];
    on.sysctl(Object.fromEntries(alone.map((name) => [name, "1"])));
    inNamespace(on, () => {
      const kernel = ipvsSettings();
      const values = (): unknown[] => names.map((name) => kernel.sysctl(name));
      for (const redirects of ["1", "0"]) {
        on.sysctl({ "net.ipv4.conf.all.accept_redirects": redirects });
        const keeper = new SettingsKeeper(
          () => kernel,
          () => undefined,
        );
        const order = { runtimeDirectory: lab.directory, sync: null, services: [], masters: {} };
        keeper.configure({ ...order, ipvs: { settings } });
        assert.deepEqual(values(), ["1", "0", "1", "1"]);
        keeper.restore(lab.directory);
        assert.deepEqual(values(), ["0", redirects, "1", "1"]);
      }
    });
  } finally {
    lab.close();
  }
});

const CLIENTS = 200;
const NAMES = [4, 5, 6, 7, 8].map((last) => `10.1.0.${String(last)}`);

/** Sends a datagram from so many ports, and says which server the kernel has chosen for each. */
function chosen(on: Host): ReadonlyMap<number, string> {
  inNamespace(on, () => {
    for (let i = 0; i < CLIENTS; i++) {
      const fd = native.socket(AF.INET, SOCK.DGRAM, 0);
      assert.ok(fd >= 0);
      assert.equal(native.bind(fd, sockaddrIp(ip("10.0.0.1"), 20_000 + i)), 0);
      native.send(fd, new Uint8Array(4), 0, sockaddrIp(ip("10.0.0.1"), 53), null);
      native.close(fd);
    }
  });
  const found = new Map<number, string>();
  for (const line of on.procNet("ip_vs_conn").split("\n")) {
    const connection = readConnection(line);
    if (connection !== undefined) found.set(connection.source.port, connection.destination.address);
  }
  return found;
}

test("mh chooses the same server for a client on both directors, however each has come to its table", () => {
  const lab = new Lab();
  try {
    const hosts = lab.hosts("one", "two", "three");
    const choices = hosts.map((on, i) => {
      on.ip(
        "address add 10.0.0.1/32 dev lo",
        "link add rs type dummy",
        "link set rs up",
        "address add 10.1.0.1/24 dev rs",
      );
      const timers = new ManualTimers();
      const director = new IpvsDirector({
        openPlane: () => ({ ok: true, value: planeOf(on) }),
        openSettings: noSettings,
        openOwnership: ownershipFile,
        timers,
        report: () => undefined,
      });
      const service: ServiceConfig = {
        name: "dns",
        service: {
          key: { kind: "address", protocol: "udp", address: ip("10.0.0.1"), port: 53 },
          ...{ scheduler: "mh", flags: 0x10 },
        },
        // The file lists them in another order, or the director learns of them one after the other.
        servers: (i === 1 ? NAMES.toReversed() : NAMES).map((address) => ({
          server: {
            address: ip(address),
            port: 53,
            forwarding: "nat",
            weight: 1 + (NAMES.indexOf(address) % 2),
          },
          checks: [],
        })),
      };
      const error = director.configure({
        ...{ runtimeDirectory: lab.directory, ipvs: { reconcileEvery: seconds(10), onStop: "remove" } },
        ...{ sync: null, masters: {}, services: [service] },
      });
      assert.equal(error, null);
      if (i === 2) {
        const id = serverId({ address: ip("10.1.0.5"), port: 53 });
        for (const up of [false, true]) {
          director.setServer("dns", id, up);
          timers.pass(1);
        }
      }
      const map = chosen(on);
      director.stop("remove");
      return map;
    });
    const [one, two, flapped] = choices;
    assert.ok(one !== undefined && two !== undefined && flapped !== undefined);
    assert.equal(one.size, CLIENTS);
    assert.equal(new Set(one.values()).size, NAMES.length);
    assert.deepEqual(two, one);
    // A server that was away is the last one of the kernel's list; for all but a few clients that makes no difference.
    const others = [...one].filter(([port, address]) => flapped.get(port) !== address);
    assert.ok(others.length <= CLIENTS / 20, `${String(others.length)} of ${String(CLIENTS)} differ`);
  } finally {
    lab.close();
  }
});
