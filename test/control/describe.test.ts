// Every kind of event has its line for people. The golden file shows them as an operator sees them; run with
// UPDATE=1 to rewrite it, and read the difference.

import { strict as assert } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { describe } from "../../src/control/describe.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { TransitionReason } from "../../src/vrrp/reasons.js";

// From build/test/control back to the sources.
const golden = fileURLToPath(new URL("../../../test/control/golden/events.txt", import.meta.url));

const transition = (
  reason: TransitionReason,
  from: "initialize" | "backup" | "master" | "fault",
  to: typeof from,
  done: readonly string[] = [],
): VipdEvent => ({
  kind: "vrrp-transition",
  instance: "web",
  from,
  to,
  priority: 100,
  reason,
  done,
});

const reasons: { readonly [K in TransitionReason["kind"]]: VipdEvent | readonly VipdEvent[] } = {
  startup: transition({ kind: "startup" }, "initialize", "backup"),
  "owner-startup": transition({ kind: "owner-startup" }, "initialize", "master"),
  "master-silent": {
    ...transition(
      { kind: "master-silent", master: "192.168.1.2", master_priority: 150, silence_ms: 3609.123 },
      "backup",
      "master",
      ["sent advert", "added 192.168.1.1/24 to eth0", "sent 5 gratuitous ARPs"],
    ),
    lateness_ms: 0.2,
    vacancy: { kind: "silent", master: "192.168.1.2", at_most_ms: 3611.2 },
  } as VipdEvent,
  "no-master-heard": transition(
    {
      kind: "no-master-heard",
      waited_ms: 3414,
      rejected: [
        { kind: "ttl", sender: "192.168.1.3", count: 3, detail: "TTL 64, not 255" },
        { kind: "checksum", sender: "192.168.1.4", count: 1, detail: "checksum 0x1234, not 0x4321" },
      ],
    },
    "backup",
    "master",
  ),
  "master-resigned": transition(
    { kind: "master-resigned", master: "192.168.1.2", waited_ms: 609 },
    "backup",
    "master",
  ),
  "preempted-lower": transition(
    { kind: "preempted-lower", master: "192.168.1.3", master_priority: 100, own_priority: 150 },
    "backup",
    "master",
  ),
  "higher-priority": transition(
    { kind: "higher-priority", master: "192.168.1.2", master_priority: 150, own_priority: 100 },
    "master",
    "backup",
  ),
  "equal-priority-higher-address": transition(
    { kind: "equal-priority-higher-address", master: "192.168.1.3", own: "192.168.1.2", priority: 100 },
    "master",
    "backup",
  ),
  "incumbent-held": transition(
    { kind: "incumbent-held", master: "192.168.1.3", master_priority: 100, own_priority: 150 },
    "master",
    "backup",
  ),
  stalled: transition({ kind: "stalled", silent_ms: 5012, limit_ms: 3000 }, "master", "backup"),
  "group-master": transition({ kind: "group-master", group: "site", member: "web" }, "backup", "master"),
  "group-backup": transition({ kind: "group-backup", group: "site", member: "web" }, "master", "backup"),
  "group-fault": transition({ kind: "group-fault", group: "site", member: "web" }, "master", "fault"),
  "group-recovered": transition({ kind: "group-recovered", group: "site" }, "fault", "backup"),
  resumed: transition({ kind: "resumed", pause_ms: 120 }, "initialize", "master"),
  "resume-too-late": transition(
    { kind: "resume-too-late", pause_ms: 2500, limit_ms: 1900 },
    "initialize",
    "backup",
  ),
  "interface-down": transition({ kind: "interface-down", interface: "eth0" }, "master", "fault"),
  "interface-missing": transition({ kind: "interface-missing", interface: "eth0" }, "initialize", "fault"),
  "interface-up": transition({ kind: "interface-up", interface: "eth0" }, "fault", "backup"),
  "no-source-address": [
    transition({ kind: "no-source-address", interface: "eth0", family: "ipv4" }, "initialize", "fault"),
    transition(
      { kind: "no-source-address", interface: "eth0", family: "ipv4", wanted: "10.9.9.9" },
      "initialize",
      "fault",
    ),
  ],
  "no-multicast": transition({ kind: "no-multicast", interface: "lo" }, "initialize", "fault"),
  "interface-usable": [
    { after: "no-source-address" as const },
    { after: "no-source-address" as const, wanted: "10.9.9.9" },
    { after: "no-multicast" as const },
    { after: "cannot-join" as const },
    { after: "no-virtual-link" as const },
    { after: "cannot-refuse" as const },
  ].map((rest) => transition({ kind: "interface-usable", interface: "eth0", ...rest }, "fault", "backup")),
  "cannot-join": transition(
    { kind: "cannot-join", interface: "eth0", error: "ENOBUFS: buffer overrun or limit reached" },
    "backup",
    "fault",
  ),
  "no-virtual-link": transition(
    {
      kind: "no-virtual-link",
      interface: "eth0",
      error: "there is another interface vrrp.51, which is not vipd's",
    },
    "initialize",
    "fault",
  ),
  "cannot-refuse": transition(
    { kind: "cannot-refuse", interface: "eth0", error: "EOPNOTSUPP: not supported" },
    "initialize",
    "fault",
  ),
  "track-failed": transition({ kind: "track-failed", track: "script haproxy" }, "master", "fault"),
  "track-recovered": {
    ...transition({ kind: "track-recovered", track: "script haproxy" }, "fault", "backup"),
    priority: 90,
    sum: { base: 100, terms: [{ label: "interface eth1", amount: -10 }] },
  } as VipdEvent,
  "action-failed": {
    ...transition(
      {
        kind: "action-failed",
        action: "add 192.168.1.1/24 to eth0",
        error: "EPERM: operation not permitted",
      },
      "backup",
      "fault",
    ),
    lateness_ms: 12.5,
  } as VipdEvent,
  retry: transition(
    { kind: "retry", action: "add 192.168.1.1/24 to eth0", waited_ms: 1000 },
    "fault",
    "backup",
  ),
  shutdown: transition({ kind: "shutdown" }, "master", "initialize", [
    "sent advert with priority 0",
    "removed 192.168.1.1/24 from eth0",
  ]),
  deleted: transition({ kind: "deleted" }, "backup", "initialize"),
  reconfigured: transition({ kind: "reconfigured", what: "priority 100 -> 150" }, "backup", "backup"),
};

const quorum = {
  kind: "quorum-changed",
  service: "http",
  key: "tcp 192.168.1.1:80",
  total_weight: 5,
  quorum: 3,
  hysteresis: 1,
  total: 3,
} as const;
const massFailure = { kind: "mass-failure", total: 10 } as const;
const check = { service: "http", server: "192.168.1.4:80", check: "http" } as const;
const repeats = [{ count: 1 }, { count: 60, span_ms: 60_004 }] as const;
const others: { readonly [K in Exclude<VipdEvent["kind"], "vrrp-transition">]: readonly VipdEvent[] } = {
  "vrrp-rejected": repeats.map((times) => ({
    kind: "vrrp-rejected",
    instance: "web",
    interface: "eth0",
    sender: "192.168.1.9",
    reject: "ttl",
    detail: "TTL 64, not 255",
    ...times,
  })),
  "vrrp-clients": [
    {
      kind: "vrrp-clients",
      instance: "web",
      vacancy: { kind: "silent", master: "192.168.1.2", at_most_ms: 3611.2 },
      sync: true,
      connections: { active: 1200, inactive: 4 },
    },
    {
      kind: "vrrp-clients",
      instance: "web",
      vacancy: { kind: "resigned", master: "192.168.1.2", at_most_ms: 612 },
      sync: null,
      connections: { active: 0, inactive: 0 },
    },
    {
      kind: "vrrp-clients",
      instance: "web",
      vacancy: { kind: "preempted", master: "192.168.1.2", at_most_ms: 401 },
      sync: false,
      connections: { active: 1, inactive: 0 },
    },
    {
      kind: "vrrp-clients",
      instance: "web",
      vacancy: { kind: "unheard", listened_ms: 3410 },
      sync: true,
      connections: null,
    },
    {
      kind: "vrrp-clients",
      instance: "web",
      vacancy: { kind: "unheard", listened_ms: 0 },
      sync: null,
      connections: null,
    },
  ],
  "vrrp-priority": [
    {
      kind: "vrrp-priority",
      instance: "web",
      from: 150,
      to: 90,
      sum: { base: 150, terms: [{ label: "script haproxy", amount: -60 }] },
      state: "master",
    },
    {
      kind: "vrrp-priority",
      instance: "web",
      from: 90,
      to: 254,
      sum: {
        base: 150,
        terms: [
          { label: "file load", amount: 200 },
          { label: "script haproxy", amount: -60 },
        ],
      },
      state: "backup",
    },
  ],
  "vrrp-second-master": [
    {
      kind: "vrrp-second-master",
      instance: "web",
      sender: "192.168.1.3",
      sender_priority: 100,
      own_priority: 150,
      count: 3,
      span_ms: 60_000,
    },
  ],
  "vrrp-taken-over": [{ kind: "vrrp-taken-over", instance: "web", state: "master", pause_ms: 1.8 }],
  "vrrp-address-conflict": repeats.map((times) => ({
    kind: "vrrp-address-conflict",
    instance: "web",
    address: "192.168.1.1",
    mac: "02:00:00:00:00:09",
    interface: "eth0",
    ...times,
  })),
  "vrrp-address-restored": repeats.map((times) => ({
    kind: "vrrp-address-restored",
    instance: "web",
    address: "192.168.1.1/24",
    interface: "eth0",
    ...times,
  })),
  "vrrp-stale-address-removed": [
    { kind: "vrrp-stale-address-removed", instance: "web", address: "192.168.1.1/24", interface: "eth0" },
  ],
  "vrrp-second-path": (["alone", "both", "unusable", "usable"] as const).map((what) => ({
    kind: "vrrp-second-path",
    instance: "web",
    interface: "eth0",
    second: "eth1",
    what,
    sender: what === "alone" || what === "both" ? "10.0.0.2" : "",
    detail: what === "unusable" ? "eth1 is down" : "",
  })),
  "vrrp-note": [
    { kind: "vrrp-note", instance: "web", text: "peer sends checksums without a pseudo-header" },
    { kind: "vrrp-note", instance: "web", level: "error", text: "could not remove 192.168.1.1/24 from eth0" },
  ],
  realtime: [
    { kind: "realtime", granted: true, detail: "SCHED_FIFO priority 50" },
    { kind: "realtime", granted: false, detail: "EPERM: not permitted (needs CAP_SYS_NICE)" },
  ],
  "check-changed": [
    {
      kind: "check-changed",
      ...check,
      up: true,
      reason: "ok",
      detail: "status 200 in 3 ms",
      in_a_row: 1,
      took_ms: 3.2,
      first: true,
    },
    {
      kind: "check-changed",
      ...check,
      up: false,
      reason: "bad-status",
      detail: "status 503, expected 200",
      in_a_row: 3,
      took_ms: 12,
      first: false,
    },
    {
      kind: "check-changed",
      ...check,
      up: true,
      reason: "ok",
      detail: "",
      in_a_row: 1,
      took_ms: 4,
      first: false,
    },
  ],
  "check-held": [{ kind: "check-held", ...check, why: "track uplink is down" }],
  "check-warning": [{ kind: "check-warning", ...check, text: "the certificate ends in 9 days, at a time" }],
  "check-failed-once": [
    {
      kind: "check-failed-once",
      ...check,
      reason: "read-timeout",
      detail: "no answer within 3 s",
      in_a_row: 1,
      needed: 3,
      took_ms: 3000,
      phases_ms: { connect: 0.4, "first-byte": 2999.6 },
    },
    {
      kind: "check-failed-once",
      ...check,
      reason: "connect-refused",
      detail: "connect: ECONNREFUSED: connection refused",
      in_a_row: 17,
      needed: 3,
      took_ms: 3000,
      phases_ms: { connect: 0.4, "first-byte": 2999.6 },
    },
  ],
  "server-changed": [
    {
      kind: "server-changed",
      service: "http",
      key: "tcp 192.168.1.1:80",
      server: "192.168.1.4:80",
      up: false,
      weight: 5,
      cause: "http fails: status 503",
      alive: 1,
      total: 2,
    },
    {
      kind: "server-changed",
      service: "http",
      key: "tcp 192.168.1.1:80",
      server: "192.168.1.5:80",
      up: false,
      weight: 5,
      cause: "http fails: status 503",
      alive: 0,
      total: 2,
    },
    {
      kind: "server-changed",
      service: "http",
      key: "tcp 192.168.1.1:80",
      server: "192.168.1.4:80",
      up: true,
      weight: 5,
      cause: "http succeeds",
      alive: 1,
      total: 2,
    },
  ],
  "server-weighed": [
    {
      kind: "server-weighed",
      service: "http",
      server: "192.168.1.4:80",
      from: 5,
      to: 0,
      weighing: {
        effective: 0,
        configured: 5,
        terms: [
          { kind: "percent", percent: 40, label: "agent" },
          { kind: "set", weight: 0, label: "drained by root until 14:00" },
        ],
      },
    },
    {
      kind: "server-weighed",
      service: "http",
      server: "192.168.1.4:80",
      from: 5,
      to: 2,
      weighing: {
        effective: 2,
        configured: 5,
        terms: [{ kind: "percent", percent: 40, label: "agent" }],
      },
    },
  ],
  "quorum-changed": [
    { ...quorum, up: true, weight: 5, serving: 3, sorry: [], first: true, why: "start" },
    { ...quorum, up: false, weight: 1, serving: 1, sorry: [], first: false, why: "health" },
    { ...quorum, up: false, weight: 1, serving: 1, sorry: ["192.168.1.9:80"], first: false, why: "health" },
    { ...quorum, up: true, weight: 4, serving: 2, sorry: ["192.168.1.9:80"], first: false, why: "health" },
    { ...quorum, up: false, weight: 0, serving: 0, sorry: [], first: false, why: "stop" },
  ],
  "mass-failure": [
    { ...massFailure, service: "http", over: false, together: 6, down: 6, reaction: "hold", held: 1 },
    { ...massFailure, service: "http", over: false, together: 6, down: 7, reaction: "go-on", held: 0 },
    { ...massFailure, service: "http", over: true, together: 2, down: 5, reaction: "hold", held: 0 },
    { ...massFailure, service: null, over: false, together: 6, down: 6, reaction: null, held: 0 },
  ],
  "server-drained": [
    {
      kind: "server-drained",
      service: "http",
      server: "192.168.1.4:80",
      how: "empty",
      connections: 0,
      after_ms: 35_000,
    },
    {
      kind: "server-drained",
      service: "http",
      server: "192.168.1.4:80",
      how: "deadline",
      connections: 1,
      after_ms: 600_000,
    },
  ],
  "order-given": [
    {
      kind: "order-given",
      action: "drain",
      servers: ["http/192.168.1.4:80"],
      by: "alice",
      for_ms: 7_200_000,
      deadline_ms: 600_000,
    },
    {
      kind: "order-given",
      action: "disable",
      servers: Array.from({ length: 8 }, (_, i) => `http/192.168.1.${i + 4}:80`),
      by: "root",
      for_ms: null,
      deadline_ms: null,
    },
  ],
  "order-ended": [
    { kind: "order-ended", action: "drain", servers: ["http/192.168.1.4:80"], by: "bob", after_ms: 61_234 },
    {
      kind: "order-ended",
      action: "disable",
      servers: ["http/192.168.1.4:80"],
      by: null,
      after_ms: 7_200_001,
    },
  ],
  "window-changed": [
    {
      kind: "window-changed",
      window: "1",
      open: true,
      action: "drain",
      targets: ["http/192.168.1.4:80"],
      left_ms: 3_599_400,
    },
    {
      kind: "window-changed",
      window: "1",
      open: false,
      action: "drain",
      targets: ["http/192.168.1.4:80"],
      left_ms: 0,
    },
  ],
  "script-output": [
    { kind: "script-output", service: "http", server: "192.168.1.4:80", text: "disk is full" },
  ],
  "table-applied": [
    {
      kind: "table-applied",
      why: "start",
      changes: 3,
      took_ms: 2.5,
      details: [
        "add service tcp 192.168.1.1:80 wlc",
        "add server 192.168.1.4:80",
        "add server 192.168.1.5:80",
      ],
    },
    { kind: "table-applied", why: "reload", changes: 0, took_ms: 0.5, details: [] },
    {
      kind: "table-applied",
      why: "health",
      changes: 1,
      took_ms: 0.5,
      details: ["remove server 192.168.1.4:80"],
      cut: { active: 37, inactive: 2 },
    },
    {
      kind: "table-applied",
      why: "repair",
      changes: 1,
      took_ms: 1,
      details: ["add server 192.168.1.4:80 to tcp 192.168.1.1:80"],
    },
    {
      kind: "table-applied",
      why: "retry",
      changes: 1,
      took_ms: 1,
      details: ["add server 192.168.1.4:80 to tcp 192.168.1.1:80"],
    },
    {
      kind: "table-applied",
      why: "start",
      changes: 11000,
      took_ms: 350,
      details: Array.from({ length: 20 }, (_, i) => `add server 10.0.0.${i}:80`),
    },
  ],
  "table-failed": [
    {
      kind: "table-failed",
      why: "health",
      command: "add server 192.168.1.4:80 to tcp 192.168.1.1:80",
      error: "ENOMEM: out of memory",
      retry_ms: 1000,
    },
    {
      kind: "table-failed",
      why: "repair",
      command: "remove server 192.168.1.4:80 from tcp 192.168.1.1:80",
      error: "remove server 192.168.1.4:80 from tcp 192.168.1.1:80: EPERM: CAP_NET_ADMIN is needed",
      retry_ms: 2000,
    },
  ],
  "sync-daemon": [
    { kind: "sync-daemon", role: "master", running: true, interface: "eth1", id: 51 },
    {
      kind: "sync-daemon",
      role: "backup",
      running: false,
      interface: "eth1",
      id: 51,
      error: "could not start: ENODEV: no such device",
    },
  ],
  "process-started": [
    { kind: "process-started", process: "vrrp", pid: 101, restarts: 0 },
    { kind: "process-started", process: "checks", pid: 102, restarts: 2 },
  ],
  "process-exited": [
    { kind: "process-exited", process: "vrrp", pid: 101, how: "killed by SIGKILL", restart_ms: 0 },
    { kind: "process-exited", process: "checks", pid: 102, how: "exit code 1", restart_ms: 4000 },
    { kind: "process-exited", process: "checks", pid: 102, how: "exit code 0", restart_ms: null },
  ],
  "config-loaded": [
    {
      kind: "config-loaded",
      path: "/etc/vipd/vipd.yaml",
      node: "lb1",
      instances: 1,
      services: 1,
      servers: 2,
      changes: [],
    },
    {
      kind: "config-loaded",
      path: "/etc/vipd/vipd.yaml",
      node: "lb1",
      instances: 2,
      services: 0,
      servers: 0,
      changes: ["service http: server 192.168.1.4:80 weight 5 -> 0"],
    },
  ],
  "config-rejected": [
    {
      kind: "config-rejected",
      path: "/etc/vipd/vipd.yaml",
      problems: ['/etc/vipd/vipd.yaml:3:5: error: unknown key "adress"', "b", "c"],
    },
  ],
  notified: [
    {
      kind: "notified",
      subject: "web",
      group: false,
      state: "MASTER",
      program: "/usr/local/bin/move-address",
      ok: true,
      result: "exit code 0",
      sequence: 2,
      waited_ms: 3,
      took_ms: 120,
    },
    {
      kind: "notified",
      subject: "both",
      group: true,
      state: "BACKUP",
      program: "/usr/local/bin/move-address",
      ok: false,
      result: "not done after 30 s: ended with TERM",
      sequence: 3,
      waited_ms: 1500,
      took_ms: 30_001,
    },
  ],
  alerted: [
    { kind: "alerted", target: "ops", ok: true, text: "sent 3 alerts (took 200 ms)" },
    { kind: "alerted", target: "ops", ok: false, text: "no route; 3 alerts kept, next try in 5 s" },
  ],
  warning: [{ kind: "warning", subject: "vipd", text: "something to know" }],
  note: [{ kind: "note", subject: "ipvs", text: "net.ipv4.vs.conntrack: 0 -> 1" }],
  upgrading: [{ kind: "upgrading", pid: 4712 }],
  "upgrade-failed": [{ kind: "upgrade-failed", why: "the successor ended: exit code 1\nmore" }],
  upgraded: [{ kind: "upgraded", from: "0.1.0", to: "0.2.0", pid: 4712, pause_ms: 1.8 }],
  stopping: [{ kind: "stopping", why: "SIGTERM" }],
  stopped: [{ kind: "stopped" }],
  ready: [{ kind: "ready", version: "0.1.0", node: "lb1" }],
};

test("every kind of event and reason has the line that the golden file shows", () => {
  const lines = [...Object.values(reasons).flat(), ...Object.values(others).flat()].map((event) => {
    const { level, subject, text } = describe(event);
    return `${level} ${subject}: ${text}\n`;
  });
  const text = lines.join("");
  if (process.env["UPDATE"] === "1" || !existsSync(golden)) writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, "utf8"));
});

test("a rejected file is named once, with its first error and not with a warning before it", () => {
  const path = "/etc/vipd/vipd.yaml";
  const say = (...problems: readonly string[]): string =>
    describe({ kind: "config-rejected", path, problems }).text;
  assert.equal(
    say(`${path}:1:1: warning: nothing to do`, `${path}:3:5: error: there is no node "lb3"`),
    `${path} was rejected, nothing changed: line 3, column 5: error: there is no node "lb3" (and 1 more; run "vipd check")`,
  );
  assert.equal(say(`${path}: out of memory`), `${path} was rejected, nothing changed: out of memory`);
  assert.equal(say(), `${path} was rejected, nothing changed: unknown reason`);
});
