// The engine over recording ports, with an instance of each family on one interface.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipFromBytes, type MacAddress } from "../../src/core/address.js";
import { toHex } from "../../src/core/bytes.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { decodeAdvert } from "../../src/vrrp/packet.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const OWN = ip("fe80::2");
const PEER = ip("fe80::3");

const six = (changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  instance({
    name: "web/ipv6",
    family: "ipv6",
    addresses: [vip("2001:db8::1/64"), vip("fe80::1/64")],
    ...changes,
  });
const four = (): InstanceConfig => instance({ name: "web/ipv4", addresses: [vip("192.168.1.1/24")] });

test("an IPv6 instance sends from the link-local address to ff02::12, its link-local address first", () => {
  const rig = new EngineRig();
  rig.engine.configure([six()], []);
  assert.deepEqual(rig.joined, ["join 2 ipv6"]);
  assert.deepEqual(Object.fromEntries(rig.routers), { ipv4: [], ipv6: [51] });
  rig.takeOver();
  const [advert] = rig.sent;
  assert.ok(advert);
  assert.equal(advert.source, OWN);
  assert.equal(advert.destination, "ff02::12");
  const decoded = decodeAdvert(advert.bytes, advert, 3);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value.advert.addresses, ["fe80::1", "2001:db8::1"]);
});

test("one router id is another virtual router in each family", () => {
  const rig = new EngineRig();
  rig.engine.configure([four(), six()], []);
  rig.now += 2000;
  rig.hear(150);
  assert.equal(rig.engine.status(0)[1]?.master?.address, PEER);
  assert.equal(rig.engine.status(0)[0]?.master, null);
  rig.now += 2000;
  rig.engine.wake();
  assert.deepEqual(rig.states(), { "web/ipv4": "master", "web/ipv6": "backup" });
  rig.engine.configure([four()], []);
  assert.deepEqual(rig.joined, ["join 2 ipv4", "join 2 ipv6", "leave 2 ipv6"]);
});

test("an advert with another hop limit changes nothing, and is counted with its sender", () => {
  const rig = new EngineRig();
  rig.engine.configure([six()], []);
  rig.hear(150, { ttl: 64 });
  const [status] = rig.engine.status(0);
  assert.deepEqual(status?.rejected, { ttl: 1 });
  assert.equal(status.master, null);
  const said = rig.events.find((event) => event.kind === "vrrp-rejected");
  assert.equal(said?.sender, PEER);
});

test("a takeover announces every address to all nodes, and then asks who else holds it", () => {
  const rig = new EngineRig();
  rig.engine.configure([six({ announce: { ...six().announce, repeat: 2 } })], []);
  assert.deepEqual([...rig.watched].sort(), ["2001:db8::1", "fe80::1"]);
  rig.takeOver();
  const kinds = rig.frames.map(({ bytes }) => `${bytes[54]} ${ipFromBytes(bytes.subarray(62, 78))}`);
  const claims = ["136 2001:db8::1", "136 fe80::1"];
  assert.deepEqual(kinds, [...claims, ...claims, "135 2001:db8::1", "135 fe80::1"]);
  for (const { bytes } of rig.frames.slice(4)) assert.equal(ipFromBytes(bytes.subarray(22, 38)), OWN);
  assert.ok(rig.frames.every(({ bytes }) => toHex(bytes.subarray(6, 12)) === "020000000001"));
});

test("another host that says it holds the address is named at the next advert", () => {
  const rig = new EngineRig();
  rig.engine.configure([six()], []);
  rig.takeOver();
  rig.engine.heardHolder(2, "02:00:00:00:00:09" as MacAddress, ip("fe80::1"));
  rig.engine.heardHolder(3, "02:00:00:00:00:08" as MacAddress, ip("fe80::1"));
  rig.now += 1100;
  rig.engine.wake();
  const conflicts = rig.events.filter((event) => event.kind === "vrrp-address-conflict");
  assert.deepEqual(
    conflicts.map(({ mac }) => mac),
    ["02:00:00:00:00:09"],
    "fe80::1 of another link is another address",
  );
});

test("without a link-local address that is its own and unique it cannot take part, and it can when there is one", () => {
  const rig = new EngineRig();
  const others = rig.view.addresses.slice(0, 2);
  const cause = (): unknown => rig.engine.status(0)[0]?.reason;
  rig.view = { ...rig.view, addresses: [...others, { address: ip("fe80::1"), length: 64 }] };
  rig.engine.configure([six()], []);
  const fault = { kind: "no-source-address", interface: "eth0", family: "ipv6" };
  assert.deepEqual(cause(), fault);
  rig.view = { ...rig.view, addresses: [...others, { address: OWN, length: 64, tentative: true }] };
  rig.engine.interfacesChanged();
  assert.deepEqual(cause(), fault);
  rig.view = { ...rig.view, addresses: [...others, { address: OWN, length: 64, tentative: false }] };
  rig.engine.interfacesChanged();
  assert.deepEqual(rig.states(), { "web/ipv6": "backup" });
});

test("a configured source must be a link-local address of the interface", () => {
  for (const [source, state] of [
    [OWN, "backup"],
    [ip("fe80::77"), "fault"],
    [ip("2001:db8::2"), "fault"],
  ] as const) {
    const rig = new EngineRig();
    rig.engine.configure([six({ sourceAddress: source })], []);
    assert.deepEqual(rig.states(), { "web/ipv6": state }, source);
  }
});

test("an instance whose family changes is another one", () => {
  const rig = new EngineRig();
  rig.engine.configure([{ ...four(), name: "web" }], []);
  rig.engine.configure([{ ...six(), name: "web" }], []);
  const deleted = rig.events.find((event) => event.kind === "vrrp-transition" && event.to === "initialize");
  assert.ok(deleted?.kind === "vrrp-transition");
  assert.deepEqual(deleted.reason, { kind: "reconfigured", what: "family ipv4 -> ipv6" });
  assert.deepEqual(rig.joined, ["join 2 ipv4", "leave 2 ipv4", "join 2 ipv6"]);
});
