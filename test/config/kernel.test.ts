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

test("the kernel's settings are its own names and texts, and the SIP engine brings its module", () => {
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
  assert.deepEqual(ipvs.modules, ["ip_vs_ftp", "ip_vs_pe_sip"]);
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
