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

const linked = (more: string, rest = ""): string =>
  `${nodes(150, 100).replaceAll("10.0.0.1", "10.0.0.3")}vrrp:\n  web: { interface: eth0, router-id: 5, addresses: [10.0.0.9/24, { address: 10.0.1.9/24, interface: eth1 }], ${more} }\n${rest}`;

test("with a virtual MAC address the addresses of the interface lie on a link of their own", () => {
  const [web] = good(linked("virtual-mac: true")).vrrp;
  assert.deepEqual(web?.virtualMac, { name: "vrrp.5", adverts: "virtual" });
  assert.deepEqual(
    web.addresses.map(({ interface: on }) => on),
    ["vrrp.5", "eth1"],
  );
  const [named] = good(linked("virtual-mac: { name: vip0, adverts: interface }")).vrrp;
  assert.deepEqual(named?.virtualMac, { name: "vip0", adverts: "interface" });
  assert.equal(good(linked("virtual-mac: false")).vrrp[0]?.virtualMac, undefined);
});

test("a virtual link has a name of its own, no owner, and a transport that can send from it", () => {
  assert.deepEqual(codes(linked("virtual-mac: { name: eth0 }")), ["link-taken"]);
  const other = "  mail: { interface: eth1, router-id: 5, addresses: [10.0.2.9/24], virtual-mac: true }\n";
  assert.deepEqual(codes(linked("virtual-mac: true", other)), ["link-taken"]);
  assert.ok(
    codes(linked("virtual-mac: true, priority: { lb1: 255, lb2: 100 }")).includes("virtual-mac-owner"),
  );
  assert.deepEqual(codes(linked("virtual-mac: true", "process: { transport: raw-socket }\n")), [
    "virtual-mac-transport",
  ]);
});

test("an entry of both families has a virtual link for each", () => {
  const both = linked("virtual-mac: true").replace("10.0.0.9/24, {", '10.0.0.9/24, "fe80::5/64", {');
  assert.deepEqual(
    good(both).vrrp.map(({ virtualMac, addresses }) => [virtualMac?.name, addresses[0]?.interface]),
    [
      ["vrrp.5", "vrrp.5"],
      ["vrrp6.5", "vrrp6.5"],
    ],
  );
});
