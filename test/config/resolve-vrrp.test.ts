// Rules that concern the virtual routers of all nodes together.

import assert from "node:assert/strict";
import { test } from "node:test";
import { codes, good } from "./load.js";

const WEB = "vrrp:\n  web: { interface: eth0, router-id: 5, addresses: [10.0.0.1/24] }\n";
const nodes = (first: number, second: number): string =>
  `nodes:\n  lb1: { address: 10.0.0.1, priority: ${first} }\n  lb2: { address: 10.0.0.2, priority: ${second} }\n`;

test("the own address of a node is virtual when this node owns it, on every node of the file", () => {
  const text = nodes(255, 100) + WEB;
  assert.deepEqual(codes(text), []);
  for (const [node, priority] of [
    ["lb1", 255],
    ["lb2", 100],
  ] as const)
    assert.equal(good(text, node).vrrp[0]?.priority, priority);
});

test("it is not when the node has another priority, or another node claims to own it", () => {
  assert.deepEqual(codes(nodes(150, 100) + WEB), ["own-address"]);
  assert.ok(codes(nodes(100, 255) + WEB).includes("own-address"));
});

test("loopback carries addresses, but no adverts", () => {
  const on = (lines: string): string => nodes(150, 100) + lines;
  assert.deepEqual(codes(on("vrrp:\n  web: { interface: lo, router-id: 5, addresses: [10.0.0.9/32] }\n")), [
    "loopback",
  ]);
  const carried = "addresses: [{ address: 10.0.0.9/32, interface: lo }]";
  assert.deepEqual(codes(on(`vrrp:\n  web: { interface: eth0, router-id: 5, ${carried} }\n`)), []);
});

test("the members of a sync group have the same priority on each node, and take over together", () => {
  const group = (first: string, second: string): string =>
    `${nodes(150, 100)}vrrp:\n` +
    `  a: { interface: eth0, router-id: 5, addresses: [10.0.0.9/24], group: site${first} }\n` +
    `  b: { interface: eth1, router-id: 6, addresses: [10.0.1.9/24], group: site${second} }\n`;
  assert.deepEqual(codes(group("", "")), []);
  assert.deepEqual(
    good(group("", "")).vrrp.map((instance) => instance.group),
    ["site", "site"],
  );
  assert.deepEqual(codes(group("", ", priority: { lb1: 150, lb2: 90 }")), ["group-priorities"]);
  assert.deepEqual(codes(group("", ", preempt: false")), ["group-preemption"]);
  assert.deepEqual(codes(group("2", "")), ["group-of-one", "group-of-one"]);
});
