// What of the kernel's IPVS family has which test on a real kernel, attribute by attribute: this is the list. Each test
// compares with what ipvsadm makes of the same. An attribute or option without a row, or a test that is gone, fails here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SCHEDULERS } from "../../src/ipvs/model.js";
import { root } from "../config/load.js";

/** Files by their name in test/vm/, and the beginning of a test's title there. */
const SHOWN = {
  everything: [
    "ipvs",
    "for every scheduler, forwarding method, persistence, family and protocol our table equals",
  ],
  changes: ["ipvs", "changes reach the kernel as ipvsadm's -E, -e and -d do"],
  refusals: ["ipvs", "refusals say what was refused, why, and how to fix it"],
  daemons: ["ipvs", "the sync daemons are those ipvsadm starts, with every parameter and with none"],
  daemonEdges: [
    "ipvs",
    "at the edges of their values sync daemons are those ipvsadm starts, and a successor leaves them alone",
  ],
  daemons6: ["ipvs", "a sync group of IPv6, and a backup with values of its own, are those ipvsadm starts"],
  options: ["ipvs-options", "every option of services and servers is as ipvsadm sets it, and goes again"],
  settings: [
    "ipvs-options",
    "settings and timeouts are set before the sync daemons start, and put back at the stop",
  ],
  missing: [
    "ipvs-options",
    "a service whose scheduler the kernel does not have is refused with the module's name",
  ],
  missingEngine: [
    "ipvs-options",
    "a service whose persistence engine the kernel does not have is refused with that module's name",
  ],
  families: ["ipvs-attributes", "tunnels to servers of the other family are as ipvsadm makes them"],
  local: ["ipvs-attributes", "servers that are addresses of the director itself are as ipvsadm makes them"],
  modules: ["ipvs-attributes", "the kernel loads a scheduler's module and that of the SIP engine"],
  sysctls: [
    "ipvs-attributes",
    "every setting of net.ipv4.vs and of the network that can be written is set, and put back at the stop",
  ],
  redirects: [
    "ipvs-attributes",
    "the kernel accepts redirects after the stop, and an interface alone forwards",
  ],
  order: ["ipvs-attributes", "mh chooses the same server for a client on both directors"],
  groups: ["groups", "a range and two ports equal what ipvsadm makes of a line for each"],
  forwarding: ["forwarding", "a request and its answer by every forwarding method"],
  onePacket: ["forwarding", "UDP: a client's port keeps its server, unless each packet is for itself"],
  balancing: [
    "balancing",
    "connections go to the servers that marks, persistence, thresholds and hashes say",
  ],
  ftp: ["ftp", "active and passive FTP through NAT, by the module that the configuration names"],
  figures: ["listing", "with connections through it the table has the figures of ipvsadm, large ones too"],
  restored: ["listing", "what is restored is what ipvsadm restores, what is saved is what ipvsadm saves"],
} as const satisfies Record<string, readonly [file: string, title: string]>;
type Shown = keyof typeof SHOWN;

/** By the names of src/ipvs/schema.ts. */
const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, readonly Shown[]>>>> = {
  service: {
    family: ["everything", "families"],
    // TCP, UDP and SCTP.
    protocol: ["everything"],
    address: ["everything", "groups"],
    port: ["everything", "groups"],
    mark: ["everything", "groups", "balancing"],
    scheduler: ["everything", "changes"],
    // Persistence, single packets, and fallback and port of sh and mh.
    flags: ["options", "onePacket", "balancing"],
    timeout: ["everything", "changes", "balancing"],
    // The granularity of persistence.
    netmask: ["everything", "changes", "balancing", "restored"],
    engine: ["options", "balancing"],
  },
  server: {
    address: ["everything"],
    port: ["everything", "groups"],
    forwarding: ["everything", "changes", "forwarding", "local", "balancing"],
    // 0 to 2^31-1.
    weight: ["everything", "changes", "restored"],
    // 0 to 2^31-1.
    upper: ["options", "balancing", "restored"],
    lower: ["options", "balancing"],
    active: ["figures"],
    inactive: ["figures"],
    persistent: ["figures"],
    // Of the other one than the service's: tunnels.
    family: ["families", "forwarding"],
    // IPIP, GUE, GRE.
    tunnelType: ["options", "families", "forwarding"],
    tunnelPort: ["options", "families", "forwarding"],
    tunnelFlags: ["options", "families", "forwarding"],
  },
  daemon: {
    state: ["daemons"],
    interface: ["daemons"],
    id: ["daemons", "daemons6", "daemonEdges"],
    maxLength: ["daemons", "daemonEdges"],
    group: ["daemons", "daemonEdges"],
    group6: ["daemons6", "daemonEdges"],
    port: ["daemons", "daemons6", "daemonEdges"],
    ttl: ["daemons", "daemonEdges"],
  },
  timeout: { tcp: ["settings"], tcpFin: ["settings"], udp: ["settings"] },
  /** Commands; GETs are those by which each test reads what it has made. */
  command: {
    newService: ["everything"],
    setService: ["changes"],
    deleteService: ["changes"],
    getService: ["everything"],
    newServer: ["everything"],
    setServer: ["changes"],
    deleteServer: ["changes"],
    getServer: ["everything"],
    newDaemon: ["daemons"],
    deleteDaemon: ["daemons"],
    getDaemon: ["daemons"],
    setConfig: ["settings"],
    getConfig: ["settings"],
    getInfo: ["restored"],
  },
  /** What goes with the family. */
  kernel: {
    sysctls: ["sysctls", "settings", "redirects"],
    "modules of schedulers": ["modules", "missing", "refusals"],
    ip_vs_ftp: ["settings", "ftp"],
    ip_vs_pe_sip: ["modules", "options", "missingEngine"],
    "canonical order": ["order"],
    "address groups and ranges": ["groups"],
  },
};

const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("every attribute and command of the family, and nothing else, has a test on a real kernel", () => {
  const schema = read("src/ipvs/schema.ts");
  const named = (text: string, start: string): string[] => {
    const [, body = ""] = text.split(start);
    return [...(body.split("\n}")[0] ?? "").matchAll(/^ {2}(\w+): /gm)].map(([, name = ""]) => name);
  };
  for (const kind of ["service", "server", "daemon"])
    assert.deepEqual(
      Object.keys(ATTRIBUTES[kind] ?? {}),
      named(schema, `export const ${kind}Attributes = `),
      kind,
    );
  assert.deepEqual(Object.keys(ATTRIBUTES["command"] ?? {}), named(schema, "export const COMMAND = "));
});

test("each of these tests is there", () => {
  for (const [file, title] of Object.values(SHOWN)) {
    const text = read(`test/vm/${file}.vm.test.ts`);
    assert.ok(text.includes(`test("${title}`), `${file}: ${title}`);
  }
  const used = new Set(Object.values(ATTRIBUTES).flatMap((rows) => Object.values(rows).flat()));
  assert.deepEqual([...used].toSorted(), Object.keys(SHOWN).toSorted());
});

test("the schedulers are those that are compared one by one", () => {
  assert.equal(SCHEDULERS.length, 14);
  assert.match(read("test/vm/ipvs.vm.test.ts"), /const here = SCHEDULERS\.filter\(hasScheduler\)/);
});
