// What the families of its addresses make of an instance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { check, codes, good, PAIR } from "./load.js";

const web = (addresses: string, more = ""): string =>
  `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [${addresses}]${more} }\n`;
const FOUR = "192.168.1.1/24";
const SIX = '"2001:db8::1/64"';
const LINK_LOCAL = '"fe80::1/64"';

test("an instance of one family keeps its name and has no group", () => {
  for (const [addresses, family] of [
    [FOUR, "ipv4"],
    [`${SIX}, ${LINK_LOCAL}`, "ipv6"],
  ] as const) {
    const [instance, ...others] = good(web(addresses)).vrrp;
    assert.deepEqual(others, []);
    assert.equal(instance?.name, "web");
    assert.equal(instance.family, family);
    assert.equal(instance.group, undefined);
  }
});

test("one of both families becomes two in a group, each with its own addresses and everything else alike", () => {
  const { vrrp } = good(web(`${SIX}, ${FOUR}, ${LINK_LOCAL}`, ", preempt: false, advert-interval: 100ms"));
  assert.deepEqual(
    vrrp.map(({ name, group, family, addresses, ...rest }) => ({
      name,
      group,
      family,
      addresses: addresses.map(({ prefix }) => prefix.address),
      preempt: rest.preempt,
      interval: rest.advertInterval,
      id: rest.virtualRouterId,
      priority: rest.priority,
    })),
    [
      { name: "web/ipv4", group: "web", family: "ipv4", addresses: ["192.168.1.1"] },
      { name: "web/ipv6", group: "web", family: "ipv6", addresses: ["2001:db8::1", "fe80::1"] },
    ].map((one) => ({ ...one, preempt: false, interval: 100, id: 85, priority: 150 })),
  );
  assert.deepEqual(
    codes(`${PAIR}vrrp:\n  web/ipv4: { interface: eth0, router-id: 1, addresses: [${FOUR}] }\n`),
    ["name"],
  );
});

test("a source address goes to the instance of its family", () => {
  const { vrrp } = good(web(`${FOUR}, ${LINK_LOCAL}`, ', source-address: "fe80::22"'));
  assert.deepEqual(
    vrrp.map(({ sourceAddress }) => sourceAddress),
    [undefined, "fe80::22"],
  );
  assert.ok(codes(web(FOUR, ', source-address: "fe80::22"')).includes("family"));
  assert.ok(codes(web(LINK_LOCAL, ", source-address: 192.168.1.9")).includes("family"));
  assert.ok(codes(web(LINK_LOCAL, ', source-address: "2001:db8::9"')).includes("not-link-local"));
});

test("unicast peers go to the instance of their family, and each needs one", () => {
  const { vrrp } = good(
    web(`${FOUR}, ${LINK_LOCAL}`, ', unicast: { peers: [192.168.1.3, "2001:db8::3", 192.168.1.4] }'),
  );
  assert.deepEqual(
    vrrp.map(({ unicast }) => unicast?.peers),
    [["192.168.1.3", "192.168.1.4"], ["2001:db8::3"]],
  );
  const broken = (addresses: string, unicast: string): string[] =>
    codes(web(addresses, `, unicast: ${unicast}`)).filter((code) => code !== "no-link-local");
  assert.deepEqual(broken(`${FOUR}, ${LINK_LOCAL}`, "{ peers: [192.168.1.4] }"), ["no-peers"]);
  assert.deepEqual(broken(LINK_LOCAL, "{ peers: [192.168.1.4] }"), ["family"]);
  assert.deepEqual(broken(LINK_LOCAL, '{ peers: ["2001:db8::3"] }'), []);
});

test("what is not advertised stays with an entry of one family, and is divided between two", () => {
  const more =
    ', excluded-addresses: [192.168.1.7/32, "2001:db8::7/128"], ' +
    'routes: [{ to: 10.0.0.0/8, via: 192.168.1.254 }, { to: "fd00::/8", via: "2001:db8::fe" }], ' +
    "rules: [{ family: ipv6, priority: 100, table: 7 }]";
  const sizes = (addresses: string): number[][] =>
    good(web(addresses, more)).vrrp.map((one) => [
      one.addresses.length,
      one.routing?.routes.length ?? 0,
      one.routing?.rules.length ?? 0,
    ]);
  assert.deepEqual(sizes(FOUR), [[3, 2, 1]]);
  assert.deepEqual(sizes(`${FOUR}, ${LINK_LOCAL}`), [
    [2, 1, 0],
    [2, 1, 1],
  ]);
});

test("VRRP version 2 with an IPv6 address is an error at that address", () => {
  const { diagnostics } = check(web(`${FOUR}, ${LINK_LOCAL}`, ", version: 2"));
  assert.deepEqual(
    diagnostics.map(({ code, message }) => [code, message]),
    [["family", "vrrp.web.addresses[1]: fe80::1 is an IPv6 address, and VRRP version 2 has IPv4 alone"]],
  );
});

test("IPv6 addresses without a link-local one work, with a warning that says which to add", () => {
  const { diagnostics, configs } = check(web(SIX));
  assert.deepEqual(
    diagnostics.map(({ severity, code }) => [severity, code]),
    [["warning", "no-link-local"]],
  );
  assert.match(diagnostics[0]?.hint ?? "", /"fe80::55\/64"/);
  assert.equal(configs[0]?.vrrp.length, 1);
});

test("one router-id may be used once in each family of a link", () => {
  const pair = (first: string, second: string): string[] =>
    codes(
      `${PAIR}vrrp:\n  a: { interface: eth0, router-id: 85, addresses: [${first}] }\n` +
        `  b: { interface: eth0, router-id: 85, addresses: [${second}] }\n`,
    );
  assert.deepEqual(pair(FOUR, LINK_LOCAL), []);
  assert.deepEqual(pair(FOUR, "192.168.1.9/24"), ["router-id-taken"]);
  assert.deepEqual(pair(LINK_LOCAL, '"fe80::9/64"'), ["router-id-taken"]);
  assert.deepEqual(pair(`${FOUR}, ${LINK_LOCAL}`, '"fe80::9/64"'), ["router-id-taken"]);
});

test("a link-local address may be a virtual one on each link, any other on one alone", () => {
  const both = (address: string): string[] =>
    codes(
      `${PAIR}vrrp:\n  a: { interface: eth0, router-id: 85, addresses: [${LINK_LOCAL}, ${address}] }\n` +
        `  b: { interface: eth1, router-id: 52, addresses: [${LINK_LOCAL}] }\n`,
    );
  assert.deepEqual(both(SIX), []);
  assert.deepEqual(both(LINK_LOCAL), ["address-twice"]);
});

test("the raw-socket transport is refused where IPv6 is wanted", () => {
  const transport = "process: { transport: raw-socket }\n";
  assert.deepEqual(codes(web(FOUR) + transport), []);
  assert.deepEqual(codes(web(`${FOUR}, ${LINK_LOCAL}`) + transport), ["no-ipv6"]);
});
