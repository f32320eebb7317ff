// What the kernel's IPVS alone is told of a service and its servers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { packService, unpackServices } from "../../src/control/packed-services.js";
import { check, good, PAIR } from "./load.js";

const SERVICES = `services:
  dns:
    address: 192.168.1.1:53
    protocol: udp
    forwarding: direct-routing
    scheduler: wrr
    one-packet: true
    servers: [192.168.1.4]
  sip:
    address: 192.168.1.1:5060
    protocol: udp
    forwarding: nat
    scheduler: mh
    scheduler-flags: [fallback, port]
    persistence: 5m
    engine: sip
    upper-threshold: 100
    servers: [192.168.1.4, { address: 192.168.1.5, upper-threshold: 50, lower-threshold: 10 }]
  far:
    address: 192.168.1.1:80
    forwarding: tunnel
    tunnel: { type: gue, port: 6080, checksum: remote }
    servers:
      - 192.168.1.4
      - { address: 192.168.1.5, tunnel: { type: gre, checksum: full } }
      - { address: 192.168.1.6, tunnel: {} }
      - { address: 192.168.1.7, forwarding: tunnel }
`;

test("flags, engine, thresholds and tunnels are as written, for one server or for all", () => {
  const { services } = good(PAIR + SERVICES);
  const [dns, sip, far] = services;
  assert.equal(dns?.service.flags, 0x4);
  assert.equal(sip?.service.flags, 0x18);
  assert.equal(sip.service.engine, "sip");
  assert.deepEqual(
    sip.servers.map(({ server: { upper, lower } }) => [upper, lower]),
    [
      [100, undefined],
      [50, 10],
    ],
  );
  const gue = { kind: "gue", port: 6080, checksum: "remote" };
  assert.deepEqual(
    far?.servers.map(({ server }) => server.tunnel),
    [gue, { kind: "gre", port: 0, checksum: "full" }, undefined, gue],
  );
  assert.deepEqual(unpackServices(`[${services.map(packService).join(",")}]`), services);
});

test("the kernel's settings are its own names and texts, and modules are those that are named", () => {
  const { ipvs } = good(`${PAIR}${SERVICES}ipvs:
  timeouts: { tcp: 10m, tcp-fin: 30s }
  sysctl:
    expire-nodest-conn: true
    conntrack: false
    sync-ports: 4
    sync-refresh-period: 10s
    sync-threshold: { first: 3, every: 50 }
  modules: [ip_vs_ftp]
`);
  assert.deepEqual(ipvs.settings, {
    conntrack: "0",
    expire_nodest_conn: "1",
    sync_ports: "4",
    sync_refresh_period: "10",
    sync_threshold: "3 50",
    "timeout.tcp": "600",
    "timeout.tcp-fin": "30",
  });
  // The kernel loads schedulers and engines by itself, also for whoever may not.
  assert.deepEqual(ipvs.modules, ["ip_vs_ftp"]);
});

test("settings of the network have their whole names, and redirects those of the interfaces, each director's own", () => {
  const file = (sysctl: string): string => `${PAIR}vrrp:
  web: { interface: { lb1: eth0.5, lb2: eth1 }, router-id: 85, addresses: [192.168.1.1/24] }
ipvs: { sysctl: { ${sysctl} } }
`;
  const text = file("send-redirects: false, ip-forward: true, ip6-forward: true, sloppy-tcp: true");
  const common = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    sloppy_tcp: "1",
  };
  for (const [node, name] of [
    ["lb1", "net/ipv4/conf/eth0.5/send_redirects"],
    ["lb2", "net.ipv4.conf.eth1.send_redirects"],
  ] as const)
    assert.deepEqual(good(text, node).ipvs.settings, { ...common, [name]: "0" });
  const two = file("send-redirects: false").replace(
    "/24]",
    "/24, { address: 10.0.0.1/24, interface: eth2 }]",
  );
  assert.equal(good(two).ipvs.settings?.["net.ipv4.conf.eth2.send_redirects"], "0");
  // Put back is how redirects were before forwarding began.
  const settings = Object.keys(good(text).ipvs.settings ?? {});
  assert.ok(settings.indexOf("net.ipv4.conf.all.accept_redirects") < settings.indexOf("net.ipv4.ip_forward"));
  assert.deepEqual(good(file("ip-forward: false")).ipvs.settings, { "net.ipv4.ip_forward": "0" });
});

test("the edges of timeouts and of the sync threshold are the kernel's", () => {
  const settings = (ipvs: string): unknown => good(`${PAIR}${SERVICES}ipvs: { ${ipvs} }\n`).ipvs.settings;
  assert.deepEqual(settings("timeouts: { tcp: 596h, tcp-fin: 1s }"), {
    "timeout.tcp": "2145600",
    "timeout.tcp-fin": "1",
  });
  assert.deepEqual(settings("sysctl: { sync-threshold: { first: 7, every: 0 } }"), { sync_threshold: "7 0" });
  const found = check(
    `${PAIR}${SERVICES}ipvs: { timeouts: { tcp: 596h1s }, sysctl: { sync-threshold: { first: 7, every: 7 } } }\n`,
  ).diagnostics.map(({ severity, code }) => `${severity} ${code}`);
  assert.deepEqual(found, ["error value", "error sync-threshold"]);
});

const found = (text: string): string[] =>
  check(PAIR + text).diagnostics.map(
    ({ line, column, severity, message }) => `${line}:${column} ${severity}: ${message}`,
  );
const services = (words: string): string =>
  `services: { web: { address: "192.168.1.1:80", check: none, ${words}, servers: [192.168.1.4] } }\n`;

test("lengths and ports of the sync daemons are those that the kernel can give them", () => {
  const sync = (words: string, ports = 1): string[] =>
    found(
      `${services("forwarding: nat")}ipvs: { sysctl: { sync-ports: ${ports} } }\nsync: { interface: eth1, id: 1, ${words} }\n`,
    );
  for (const fine of [
    "max-length: 65507, group: 224.0.0.99",
    'max-length: 65487, group: "ff05::81"',
    "max-length: 100, backup: { max-length: 1024 }",
    "port: 65535",
  ])
    assert.deepEqual(sync(fine), []);
  assert.deepEqual(sync("port: 65472", 64), []);
  assert.deepEqual(sync("port: 65473", 64), [
    "6:39 error: sync.port: with `sync-ports` the daemons have the ports 65473 to 65536, and there is none above 65535",
  ]);
  assert.deepEqual(sync('max-length: 65488, group: "ff05::81"'), [
    "6:45 error: sync.max-length: 65488 bytes do not fit into a datagram of IPv6: 65487 are the most",
  ]);
  assert.deepEqual(sync('group: "ff05::81", backup: { max-length: 65488 }'), [
    "6:74 error: sync.backup.max-length: 65488 bytes do not fit into a datagram of IPv6: 65487 are the most",
  ]);
  assert.deepEqual(sync("backup: { max-length: 1023 }"), [
    "6:55 error: sync.backup.max-length: 1023 is out of range",
  ]);
  assert.deepEqual(sync("max-length: 9000, backup: { max-length: 1400 }"), [
    "6:73 warning: sync.backup.max-length: the backup daemon takes 1400 bytes, and the master of the same file sends up to 9000: longer datagrams are lost",
  ]);
});

test("backup-only is for directors that can be master, and whose backup daemon runs", () => {
  const sync = (words = ""): string => `sync: { interface: eth1, id: 1${words} }\n`;
  const vrrp = "vrrp: { web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24] } }\n";
  const only = (rest: string): string[] =>
    found(`ipvs: { sysctl: { backup-only: true } }\n${services("forwarding: nat")}${rest}`);
  const noEffect =
    "4:32 warning: ipvs.sysctl.backup-only: has no effect: the kernel looks at it while a backup sync daemon runs";
  assert.deepEqual(only(sync() + vrrp), []);
  assert.deepEqual(only(vrrp), [noEffect]);
  assert.deepEqual(only(sync(", roles: [master]") + vrrp), [noEffect]);
  assert.deepEqual(only(sync()), [
    "4:32 error: ipvs.sysctl.backup-only: there is nothing under `vrrp`: this director would never be master, and balance nothing",
  ]);
  // What is the master's of one sends to the other, and is sent back.
  const two = (priority: string): string =>
    `vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24] }\n` +
    `  mail: { interface: eth0, router-id: 86, addresses: [192.168.1.102/24], priority: ${priority} }\n`;
  assert.deepEqual(only(sync() + two("{ lb1: 100, lb2: 150 }")), [
    "4:32 warning: ipvs.sysctl.backup-only: lb1 and lb2 are each to be master of something, and it is in force on a director that is master of nothing: what they send each other goes in a circle",
  ]);
  assert.deepEqual(only(sync() + two("{ lb1: 150, lb2: 100 }")), []);
  const equal = "9:84 warning: vrrp.mail.priority: lb1 and lb2 have the same priority, 100";
  assert.deepEqual(only(sync() + two("{ lb1: 100, lb2: 100 }")), [equal]);
});

test("the FTP module without a service that it works for is warned of", () => {
  const ftp = (words: string): string[] => found(`${services(words)}ipvs: { modules: [ip_vs_ftp] }\n`);
  const warning = [
    "5:18 warning: ipvs.modules: ip_vs_ftp has no effect: it rewrites TCP that `nat` translates, and no service is of that kind",
  ];
  assert.deepEqual(ftp("forwarding: nat"), []);
  assert.deepEqual(ftp("forwarding: nat, protocol: sctp"), warning);
  assert.deepEqual(ftp("forwarding: direct-routing"), warning);
  const marked = "services: { ftp: { fwmark: 1, forwarding: nat, check: none, servers: [192.168.1.4] } }\n";
  assert.deepEqual(found(`${marked}ipvs: { modules: [ip_vs_ftp] }\n`), []);
});

test("what single packets cannot have is warned of, each with its reason", () => {
  const found = (service: string): string[] =>
    check(
      `${PAIR}services:\n  dns: { address: "192.168.1.1:53", protocol: udp, one-packet: true, check: none, ${service} }\n`,
    ).diagnostics.map(({ severity, code }) => `${severity} ${code}`);
  const none = "forwarding: direct-routing, scheduler: wrr, servers: [192.168.1.4, 192.168.1.5]";
  assert.deepEqual(found(none), []);
  assert.deepEqual(found(none.replace("direct-routing", "tunnel")), []);
  assert.deepEqual(found(none.replace("direct-routing", "nat")), ["warning one-packet-nat"]);
  assert.deepEqual(found(none.replace("192.168.1.5", "{ address: 192.168.1.5, forwarding: nat }")), [
    "warning one-packet-nat",
  ]);
  assert.deepEqual(found(`${none}, sorry-server: { address: 192.168.1.9, forwarding: nat }`), [
    "warning one-packet-nat",
    "warning sorry-unused",
  ]);
  assert.deepEqual(found(`${none.replace("direct-routing", "nat")}, persistence: 5m, engine: sip`), []);
  assert.deepEqual(found(none.replace("wrr", "mh")), []);
  // The default.
  assert.deepEqual(found(none.replace("scheduler: wrr, ", "")), ["warning one-packet-scheduler"]);
  assert.deepEqual(found(none.replace("wrr", "sed")), ["warning one-packet-scheduler"]);
  assert.deepEqual(found(`${none}, upper-threshold: 100`), ["warning one-packet-thresholds"]);
});

test("weights of servers that the scheduler does not look at are warned of, and the kin that does is named", () => {
  const said = (scheduler: string, ...weights: number[]): readonly string[] =>
    check(`nodes: { lb1: { priority: 150 } }
services:
  web:
    address: 192.0.2.1:80
    scheduler: ${scheduler}
    forwarding: nat
    check: none
    servers: [${weights.map((weight, i) => `{ address: 192.0.2.${10 + i}, weight: ${weight} }`).join(", ")}]
`).diagnostics.flatMap(({ code, message, hint }) => (code === "weights-unused" ? [message, hint ?? ""] : []));
  for (const [scheduler, kin] of [
    ["dh", "sh"],
    ["rr", "wrr"],
    ["lc", "wlc"],
  ] as const)
    assert.deepEqual(said(scheduler, 1, 2), [
      `services.web.scheduler: ${scheduler} does not look at weights, and the servers have different ones`,
      `Use ${kin}, or remove the weights.`,
    ]);
  assert.deepEqual(said("dh", 5, 5), []);
  assert.deepEqual(said("dh", 0, 5), [], "0 is looked at by all of them");
  for (const scheduler of ["sh", "mh", "wlc", "wrr", "sed"]) assert.deepEqual(said(scheduler, 1, 2), []);
});
