// `second-path` as it is written: one name or one for each node, and what it does not go with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { check, good, PAIR } from "./load.js";

const web = (more: string, rest = ""): string =>
  `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24]${more} }\n${rest}`;
/** What is wrong, each with its place. */
const problems = (text: string): string[] =>
  check(text).diagnostics.map(({ code, line, column }) => `${line}:${column} ${code}`);
const LINE = PAIR.split("\n").length + 1;
const COLUMN = web("").split("\n")[LINE - 1]!.indexOf(" }") + ", second-path: ".length + 1;

test("it is off unless written, and has one name for all nodes or one for each", () => {
  const of = (more: string, node: string): string | undefined => good(web(more), node).vrrp[0]?.secondPath;
  assert.equal(of("", "lb1"), undefined);
  assert.equal(of(", second-path: eth1", "lb2"), "eth1");
  const each = ", second-path: { lb1: eth1, lb2: ens4 }";
  assert.deepEqual([of(each, "lb1"), of(each, "lb2")], ["eth1", "ens4"]);
  assert.deepEqual(problems(web(", second-path: { lb1: eth1 }")), [`${LINE}:${COLUMN} interface-missing`]);
});

test("both families of an entry have it", () => {
  const text = web(", second-path: eth1").replace("[192.168.1.1/24]", '[192.168.1.1/24, "fe80::1/64"]');
  assert.deepEqual(
    good(text).vrrp.map(({ name, secondPath }) => [name, secondPath]),
    [
      ["web/ipv4", "eth1"],
      ["web/ipv6", "eth1"],
    ],
  );
});

test("two names at once are told what can be written", () => {
  const [problem] = check(web(", second-path: [eth1, eth1]")).diagnostics;
  assert.equal(
    problem?.message,
    'vrrp.web.second-path: ["eth1","eth1"] is not a single value or a mapping by name',
  );
  assert.equal(problem.hint, "Write one value, or one for each name: { lb1: ..., lb2: ... }.");
});

test("what it does not go with is told with its place", () => {
  const told = (more: string, rest?: string): string[] => problems(web(more, rest));
  const only = (code: string): string[] => [`${LINE}:${COLUMN} ${code}`];
  assert.deepEqual(told(", second-path: eth1"), []);
  assert.deepEqual(told(", second-path: eth0"), only("second-path-same"));
  assert.deepEqual(told(", second-path: lo"), only("loopback"));
  assert.deepEqual(
    told(", second-path: eth1, unicast: { peers: [192.168.1.8, 192.168.1.9] }"),
    only("second-path-unicast"),
  );
  const defaults = "defaults: { vrrp: { unicast: { peers: [192.168.1.8, 192.168.1.9] } } }\n";
  assert.deepEqual(told(", second-path: eth1", defaults), only("second-path-unicast"));
  const other = (more: string): string =>
    `  db: { interface: eth1, router-id: 85, addresses: [10.0.0.1/24]${more} }\n`;
  assert.deepEqual(told(", second-path: eth1", other("")), only("router-id-taken"));
  assert.deepEqual(told(", second-path: eth1", other("").replace("85", "86")), []);
  // The other family is another virtual router.
  assert.deepEqual(told(", second-path: eth1", other("").replace("10.0.0.1/24", '"fe80::1/64"')), []);
  assert.deepEqual(
    told(", second-path: eth2", other(", second-path: eth2")).map((text) => text.split(" ")[1]),
    ["router-id-taken"],
  );
  const mac = other(", virtual-mac: true").replace("85", "86");
  assert.deepEqual(told(", second-path: vrrp.86", mac), only("second-path-virtual-mac"));
  assert.deepEqual(told(", second-path: vrrp.85, virtual-mac: true"), only("second-path-virtual-mac"));
  assert.deepEqual(told(", second-path: eth1, virtual-mac: true"), []);
});
