// Routes and rules against this machine's kernel, as iproute2 sees them, in a namespace of the test's own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { ip, parsePrefix, type Prefix } from "../../src/core/address.js";
import type { Route, RoutingItem, Rule } from "../../src/core/routing.js";
import { native } from "../../src/linux/native.js";
import { openRouteKernel } from "../../src/linux/route-kernel.js";
import type { RouteKernel } from "../../src/ports/route.js";

const NAMESPACE = `vipdrt${process.pid}`;
const reason = process.getuid?.() === 0 ? false : "needs root for a network namespace";
const run = (...words: string[]): string => execFileSync("ip", words, { encoding: "utf8" });
const shown = (...words: string[]): string[] =>
  run(...words)
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line.includes("112"))
    .map((line) => line.replace(" proto 112", "").replace(" table main", ""));

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  assert.ok(parsed.ok);
  return parsed.value;
};
const route = (to: string, changes: Partial<Route> = {}): RoutingItem => ({
  kind: "route",
  route: {
    to: prefix(to),
    type: "unicast",
    hops: [{ via: ip("10.0.0.1"), interface: "near0", weight: 1 }],
    table: 254,
    ...changes,
  },
});
const rule = (changes: Partial<Rule>): RoutingItem => ({
  kind: "rule",
  rule: { family: "ipv4", priority: 100, action: "lookup", table: 100, ...changes },
});

let open: RouteKernel | undefined;
function kernel(): RouteKernel {
  if (open !== undefined) return open;
  run("netns", "add", NAMESPACE);
  assert.equal(native.setNetns(`/run/netns/${NAMESPACE}`), 0);
  run("link", "set", "lo", "up");
  run("link", "add", "near0", "type", "veth", "peer", "name", "far0");
  run("link", "set", "near0", "up");
  run("link", "set", "far0", "up");
  run("address", "add", "10.0.0.2/24", "dev", "near0");
  run("address", "add", "2001:db8::2/64", "dev", "near0", "nodad");
  open = openRouteKernel();
  return open;
}
after(() => {
  if (open === undefined) return;
  open.close();
  run("netns", "del", NAMESPACE);
});

test(
  "every kind of route is added as iproute2 shows it, found on the second time, and removed",
  { skip: reason },
  () => {
    const items = [
      route("10.1.0.0/16", { metric: 5, mtu: 1400 }),
      route("10.2.0.0/16", {
        hops: [{ interface: "near0", weight: 1 }],
        source: ip("10.0.0.2"),
        table: 1000,
      }),
      route("10.3.0.0/16", { hops: [{ via: ip("192.0.2.1"), interface: "near0", onlink: true, weight: 1 }] }),
      route("10.4.0.0/16", {
        hops: [
          { via: ip("10.0.0.1"), interface: "near0", weight: 1 },
          { via: ip("10.0.0.9"), interface: "near0", weight: 3 },
        ],
      }),
      route("10.5.0.0/16", { hops: [{ via: ip("fe80::9"), interface: "near0", weight: 1 }] }),
      route("10.6.0.0/16", { type: "blackhole", hops: [] }),
      route("10.7.0.0/16", { type: "unreachable", hops: [] }),
      route("10.8.0.0/16", { type: "prohibit", hops: [] }),
      route("2001:db8:1::/48", { hops: [{ via: ip("2001:db8::1"), interface: "near0", weight: 1 }] }),
      route("2001:db8:2::/48", { type: "blackhole", hops: [] }),
    ];
    const added = kernel().addRouting(items);
    assert.deepEqual(
      added.filter((outcome) => !outcome.ok || outcome.unchanged),
      [],
    );
    assert.deepEqual(
      shown("-d", "route", "show", "table", "all").sort(),
      [
        "blackhole 10.6.0.0/16 scope global",
        "blackhole 2001:db8:2::/48 dev lo scope global metric 1024 pref medium",
        "prohibit 10.8.0.0/16 scope global",
        "unicast 10.1.0.0/16 via 10.0.0.1 dev near0 scope global metric 5 mtu 1400",
        "unicast 10.2.0.0/16 dev near0 table 1000 scope link src 10.0.0.2",
        "unicast 10.3.0.0/16 via 192.0.2.1 dev near0 scope global onlink",
        "unicast 10.4.0.0/16 scope global",
        "unicast 10.5.0.0/16 via inet6 fe80::9 dev near0 scope global",
        "unicast 2001:db8:1::/48 via 2001:db8::1 dev near0 scope global metric 1024 pref medium",
        "unreachable 10.7.0.0/16 scope global",
      ].sort(),
    );
    const again = kernel().addRouting(items);
    assert.deepEqual(
      again.filter((outcome) => !outcome.ok || !outcome.unchanged),
      [],
    );
    const removed = kernel().removeRouting(items);
    assert.deepEqual(
      removed.filter((outcome) => !outcome.ok || outcome.unchanged),
      [],
    );
    assert.deepEqual(shown("-d", "route", "show", "table", "all"), []);
    assert.deepEqual(
      kernel()
        .removeRouting(items)
        .filter((outcome) => !outcome.ok || !outcome.unchanged),
      [],
    );
  },
);

test(
  "a route of somebody else stays: ours goes before it, and only ours is removed",
  { skip: reason },
  () => {
    kernel();
    run("route", "add", "10.1.0.0/16", "via", "10.0.0.7");
    const ours = route("10.1.0.0/16");
    const via = (): string => /via (\S+)/.exec(run("route", "get", "10.1.2.3"))?.[1] ?? "";
    assert.deepEqual(kernel().addRouting([ours]), [{ ok: true, unchanged: false }]);
    assert.equal(via(), "10.0.0.1");
    assert.deepEqual(kernel().removeRouting([ours]), [{ ok: true, unchanged: false }]);
    assert.equal(via(), "10.0.0.7");
    assert.deepEqual(kernel().removeRouting([ours]), [{ ok: true, unchanged: true }]);
    run("route", "del", "10.1.0.0/16");
  },
);

test(
  "every kind of rule is added, found on the second time, and removed; another's stays",
  { skip: reason },
  () => {
    kernel();
    run("rule", "add", "pref", "106", "from", "10.6.0.0/16", "table", "100");
    const items = [
      rule({ priority: 101, from: prefix("10.1.0.0/16"), iif: "near0" }),
      rule({ priority: 102, to: prefix("10.2.0.0/16"), oif: "near0", table: 1000 }),
      rule({ priority: 103, fwmark: { value: 5, mask: 0xff } }),
      rule({ priority: 104, action: "prohibit", from: prefix("10.4.0.0/16") }),
      rule({ priority: 105, family: "ipv6", from: prefix("2001:db8::/32") }),
      rule({ priority: 106, from: prefix("10.6.0.0/16") }),
    ];
    const unchanged = (list: ReturnType<RouteKernel["addRouting"]>): unknown[] =>
      list.map((outcome) => (outcome.ok ? outcome.unchanged : outcome.error));
    assert.deepEqual(unchanged(kernel().addRouting(items)), [false, false, false, false, false, false]);
    assert.deepEqual(unchanged(kernel().addRouting(items)), [true, true, true, true, true, true]);
    assert.match(run("rule"), /101:.*from 10\.1\.0\.0\/16 iif near0 lookup 100 proto 112/);
    assert.match(run("rule"), /102:.*from all to 10\.2\.0\.0\/16 oif near0 lookup 1000 proto 112/);
    assert.match(run("rule"), /103:.*from all fwmark 0x5\/0xff lookup 100 proto 112/);
    assert.match(run("rule"), /104:.*from 10\.4\.0\.0\/16 prohibit proto 112/);
    assert.match(run("-6", "rule"), /105:.*from 2001:db8::\/32 lookup 100 proto 112/);
    assert.deepEqual(unchanged(kernel().removeRouting(items)), [false, false, false, false, false, false]);
    assert.match(run("rule"), /106:.*from 10\.6\.0\.0\/16 lookup 100/);
    assert.doesNotMatch(run("rule") + run("-6", "rule"), /proto 112/);
  },
);

test("a refusal says which route, and why", { skip: reason }, () => {
  const outcomes = kernel().addRouting([
    route("10.1.0.0/16", { hops: [{ interface: "absent0", weight: 1 }] }),
    route("10.1.0.0/16", { hops: [{ via: ip("192.0.2.99"), weight: 1 }] }),
    route("10.9.0.0/16"),
  ]);
  const errors = outcomes.map((outcome) => (outcome.ok ? "" : outcome.error));
  assert.equal(errors[0], "add route 10.1.0.0/16 dev absent0: there is no interface absent0");
  assert.match(errors[1] ?? "", /^add route 10\.1\.0\.0\/16 via 192\.0\.2\.99: ENETUNREACH/);
  assert.equal(errors[2], "");
  kernel().removeRouting([route("10.9.0.0/16")]);
});
