// Routes and rules of the file: what they become, and what is said of those that make no sense.

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatItem, itemsOf } from "../../src/core/routing.js";
import { check, codes, good, PAIR, WEB } from "./load.js";

const instance = (...lines: string[]): string =>
  `${PAIR}vrrp:\n  web:\n    interface: eth0\n    router-id: 85\n    addresses: [192.168.1.1/24]\n` +
  lines.map((line) => `    ${line}\n`).join("");
const routing = (...lines: string[]): string[] => {
  const { routing: one } = good(instance(...lines)).vrrp[0]!;
  return one === undefined ? [] : itemsOf(one).map(formatItem);
};
const messages = (text: string): string[] =>
  check(text).diagnostics.map((one) => `${one.message}${one.hint === undefined ? "" : ` | ${one.hint}`}`);

test("routes and rules are read with the words of ip route and ip rule", () => {
  assert.deepEqual(
    routing(
      "routes:",
      "  - { to: default, via: 10.0.0.1, source: 192.168.1.1, metric: 5 }",
      "  - { to: 10.1.0.0/16, table: 100, scope: link, mtu: 1400 }",
      "  - { to: 10.2.0.0/16, via: fe80::1 }",
      "  - { to: 10.3.0.0/16, type: blackhole }",
      "  - { to: default, next-hops: [{ via: 10.0.0.1 }, { via: 10.0.0.2, interface: eth1, weight: 3 }] }",
      '  - { to: default, via: "2001:db8::1", interface: eth1, onlink: true }',
      "rules:",
      "  - { priority: 100, from: 10.0.0.0/8, iif: eth1, fwmark: 0x5/0xff, table: 100 }",
      "  - { priority: 101, to: 2001:db8::/32, oif: eth1, type: prohibit }",
      "  - { priority: 102, family: ipv6, fwmark: 7, table: 100 }",
    ),
    [
      "route default via 10.0.0.1 src 192.168.1.1 metric 5",
      "route 10.1.0.0/16 dev eth0 table 100 scope link mtu 1400",
      "route 10.2.0.0/16 via fe80::1 dev eth0",
      "route blackhole 10.3.0.0/16",
      "route default nexthop via 10.0.0.1 weight 1 nexthop via 10.0.0.2 dev eth1 weight 3",
      "route default via 2001:db8::1 dev eth1 onlink (IPv6)",
      "rule 100: from 10.0.0.0/8 fwmark 0x5/0xff iif eth1 lookup 100",
      "rule 101: from all to 2001:db8::/32 oif eth1 prohibit",
      "rule 102: from all fwmark 0x7/0xffffffff lookup 100 (IPv6)",
    ],
  );
});

test("what a route or rule cannot be is said, with what would be right", () => {
  assert.deepEqual(messages(instance("routes: [{ to: 10.1.2.3/16, via: 10.0.0.1 }]")), [
    "vrrp.web.routes[0].to: 10.1.2.3/16 has bits beyond its length | The network is 10.1.0.0/16; the host is 10.1.2.3.",
  ]);
  const code = (...lines: string[]): string[] => codes(instance(...lines));
  assert.deepEqual(code("routes: [{ to: 10.1.0.0/16, type: prohibit, via: 10.0.0.1 }]"), ["route-hop"]);
  assert.deepEqual(
    code("routes: [{ to: 10.1.0.0/16, via: 10.0.0.1, next-hops: [{ via: 10.0.0.1 }, { via: 10.0.0.2 }] }]"),
    ["route-hop"],
  );
  assert.deepEqual(code('routes: [{ to: "2001:db8::/32", via: 10.0.0.1 }]'), ["family"]);
  assert.deepEqual(code('routes: [{ to: 10.0.0.0/8, source: "2001:db8::1" }]'), ["family"]);
  assert.deepEqual(code("routes: [{ to: 10.0.0.0/8, onlink: true }]"), ["no-effect"]);
  assert.deepEqual(code("rules: [{ priority: 5, from: 10.0.0.0/8 }]"), ["rule-table"]);
  assert.deepEqual(code("rules: [{ priority: 5, from: 10.0.0.0/8, type: prohibit, table: 9 }]"), [
    "rule-table",
  ]);
  assert.deepEqual(code('rules: [{ priority: 5, from: 10.0.0.0/8, to: "2001:db8::/32", table: 9 }]'), [
    "family",
  ]);
  assert.deepEqual(code("routes: [{ to: 10.0.0.0/8, via: 10.0.0.1 }, { to: 10.0.0.0/8, via: 10.0.0.1 }]"), [
    "route-twice",
  ]);
  assert.equal(code("rules: [{ priority: 5, fwmark: 0x1/0x2/0x3, table: 9 }]").length, 1);
});

test("excluded addresses follow the others, may be of the other family, and are checked like them", () => {
  const [web] = good(instance('excluded-addresses: [10.9.0.1/24, "2001:db8::1/64"]')).vrrp;
  assert.deepEqual(
    web?.addresses.map(({ prefix, excluded }) => [prefix.address, excluded]),
    [
      ["192.168.1.1", undefined],
      ["10.9.0.1", true],
      ["2001:db8::1", true],
    ],
  );
  assert.match(
    messages(instance("excluded-addresses: [10.9.0.1/24, 192.168.1.1/24]"))[0] ?? "",
    /^vrrp\.web\.excluded-addresses\[1\]: 192\.168\.1\.1 stands here for the second time/,
  );
});

test("static goods name their interfaces, and no virtual address is among them", () => {
  const text = (fixed: string): string => `${PAIR}${WEB}static:\n${fixed}`;
  const { static: fixed } = good(
    text(
      "  addresses: [{ address: 10.9.0.1/24, interface: eth1 }]\n  routes: [{ to: 10.1.0.0/16, interface: eth1 }]\n",
    ),
  );
  assert.equal(fixed?.addresses[0]?.prefix.address, "10.9.0.1");
  assert.equal(fixed.routes.length, 1);
  assert.deepEqual(codes(text("  addresses: [{ address: 192.168.1.1/24, interface: eth1 }]\n")), [
    "static-is-virtual",
  ]);
  assert.deepEqual(codes(text("  routes: [{ to: 10.1.0.0/16 }]\n")), ["route-interface"]);
});
