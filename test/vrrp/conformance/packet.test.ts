// Packet format and IP fields: what an advert looks like, and which ones are refused (P01 to P25).

import assert from "node:assert/strict";
import { ip, ipBytes, type IpAddress } from "../../../src/core/address.js";
import { toHex } from "../../../src/core/bytes.js";
import { complement, onesSum } from "../../../src/core/checksum.js";
import { milliseconds, seconds } from "../../../src/core/units.js";
import { sourceOf } from "../../../src/director/vrrp-interfaces.js";
import { acceptAdvert, carrierProblem } from "../../../src/vrrp/accept.js";
import type { InstanceConfig } from "../../../src/vrrp/instance.js";
import { decodeIp } from "../../../src/vrrp/ip-header.js";
import {
  decodeAdvert,
  encodeAdvert,
  intervalFits,
  linkLocalFirst,
  VRRP_GROUPS,
  type Advert,
} from "../../../src/vrrp/packet.js";
import { passwordBytes } from "../../../src/vrrp/password.js";
import { codes, PAIR } from "../../config/load.js";
import { instance, ipPacket, machineConfig, vip } from "../ip-packet.js";
import { ADVERT, byteAt, CARRIER, refusal, refused } from "../refusals.js";
import { item } from "./item.js";

const V2: Advert = { ...ADVERT, version: 2 };
const CARRIER6 = { source: ip("fe80::5054:ff:fe00:2"), destination: VRRP_GROUPS.ipv6 };
const ADVERT6: Advert = { ...ADVERT, addresses: [ip("fe80::1"), ip("2001:db8::1")] };
const MESSAGE6 = encodeAdvert(ADVERT6, CARRIER6, "rfc5798");

/** Where an instance sends from on an interface with these addresses, in the kernel's order. */
function source(changes: Partial<InstanceConfig>, ...addresses: readonly IpAddress[]): IpAddress | undefined {
  const view = {
    index: 2,
    up: true,
    multicast: true,
    mac: undefined,
    addresses: addresses.map((address) => ({ address, length: 24, tentative: false })),
  };
  const virtual = new Set([ip("192.168.1.1"), ip("fe80::1")]);
  return sourceOf(instance(changes), { find: () => view, has: () => false }, virtual);
}

/** What is wrong with the IP header around a good advert. */
function outer(
  message: Uint8Array,
  changes: Partial<Parameters<typeof ipPacket>[1]>,
  from = CARRIER,
): string {
  const packet = ipPacket(message, { ...from, ...changes });
  const decoded = decodeIp(packet, packet.length);
  return decoded.ok ? "accepted" : `${decoded.error.kind}: ${decoded.error.detail}`;
}
const MESSAGE = encodeAdvert(ADVERT, CARRIER, "rfc5798");

item("P01", "the interface's first address that is nobody's virtual one", () => {
  const own = [ip("192.168.1.1"), ip("192.168.1.2"), ip("192.168.1.7")];
  assert.equal(source({}, ...own), "192.168.1.2");
  assert.equal(source({}, ip("fe80::2")), undefined, "none of the family");
});
item("P02", "an advert to another destination than the group is refused", () => {
  assert.equal(VRRP_GROUPS.ipv4, "224.0.0.18");
  assert.equal(carrierProblem({}, CARRIER), undefined);
  const problem = carrierProblem({}, { ...CARRIER, destination: ip("10.77.0.2") });
  assert.equal(problem?.kind, "destination");
  assert.equal(problem.detail, "sent by unicast to 10.77.0.2, and we use multicast");
});
item("P03", "a TTL other than 255 is refused", () => {
  assert.equal(outer(MESSAGE, {}), "accepted");
  for (const ttl of [0, 1, 64, 254]) assert.match(outer(MESSAGE, { ttl }), /^ttl: TTL \d+, not 255/);
});
item("P04", "another IP protocol is refused", () => {
  assert.equal(outer(MESSAGE, { protocol: 17 }), "type: IP protocol 17, not 112");
});
item("P05", "the interface's first link-local address that is nobody's virtual one", () => {
  const own = [ip("2001:db8::2"), ip("fe80::1"), ip("fe80::2"), ip("fe80::3")];
  assert.equal(source({ family: "ipv6" }, ...own), "fe80::2");
  assert.equal(source({ family: "ipv6" }, ip("2001:db8::2")), undefined, "a global one is none");
});
item("P06", "an advert to another destination than the group is refused", () => {
  assert.equal(VRRP_GROUPS.ipv6, "ff02::12");
  assert.equal(carrierProblem({}, CARRIER6), undefined);
  assert.equal(carrierProblem({}, { ...CARRIER6, destination: ip("fe80::9") })?.kind, "destination");
});
item("P07", "a hop limit other than 255 is refused", () => {
  assert.equal(outer(MESSAGE6, {}, CARRIER6), "accepted");
  for (const ttl of [0, 1, 64, 254])
    assert.match(outer(MESSAGE6, { ttl }, CARRIER6), /^ttl: hop limit \d+, not 255/);
});
item("P08", "another next header is refused", () => {
  assert.match(outer(MESSAGE6, { protocol: 17 }, CARRIER6), /^type: .*17, not 112/);
});
item("P09", "what is sent has it, and another version is refused", () => {
  assert.equal(MESSAGE[0]! >> 4, 3);
  assert.equal(encodeAdvert(V2, CARRIER, "rfc5798")[0]! >> 4, 2);
  assert.equal(refusal(byteAt(0, 0x41)), "version: version 4, not 3");
});
item("P10", "what is sent has it, and every other one is refused", () => {
  assert.equal(MESSAGE[0]! & 15, 1);
  for (let type = 0; type < 16; type++)
    assert.equal(refusal(byteAt(0, 0x30 | type)), type === 1 ? "accepted" : `type: type ${type}, not 1`);
});
item("P11", "0 is refused, in an advert and in the configuration", () => {
  assert.equal(refusal(byteAt(1, 0)), "vrid: router-id 0, not 1 to 255");
  for (const id of [1, 255]) assert.equal(refusal(byteAt(1, id)), "accepted");
  for (const [id, problems] of [
    [0, 1],
    [1, 0],
    [255, 0],
    [256, 1],
  ] as const)
    assert.equal(codes(web(`router-id: ${id}`)).length, problems, String(id));
});
item("P12", "0 and 255 are sent and understood; the configuration takes 1 to 255", () => {
  for (const priority of [0, 1, 254, 255]) {
    const decoded = decodeAdvert(encodeAdvert({ ...ADVERT, priority }, CARRIER, "rfc5798"), CARRIER);
    assert.ok(decoded.ok && decoded.value.advert.priority === priority);
  }
  for (const [priority, problems] of [
    [0, ["value"]],
    [1, []],
    [254, []],
    [256, ["value"]],
  ] as const)
    assert.equal(
      codes(web(`router-id: 85, priority: { lb1: ${priority}, lb2: 100 }`)).length,
      problems.length,
    );
});
item("P13", "an advert without addresses is refused, and one of 255 is not", () => {
  const none = (message: Uint8Array): Uint8Array => Uint8Array.of(...message.subarray(0, 3), 0, 0, 100, 0, 0);
  assert.equal(refusal(none), "address-count: no addresses, not at least 1");
  const addresses = Array.from({ length: 255 }, (_, i) => ip(`10.77.1.${i}`));
  const most = decodeAdvert(encodeAdvert({ ...ADVERT, addresses }, CARRIER, "rfc5798"), CARRIER);
  assert.ok(most.ok && most.value.advert.addresses.length === 255);
});
item("P14", "they are 0 in what is sent, and any value is accepted", () => {
  assert.equal(MESSAGE[4]! >> 4, 0);
  assert.equal(
    refusal((message) => void (message[4] = message[4]! | 0xf0)),
    "accepted",
  );
});
item("P15", "0 is refused, and 40.95 s is the longest that is sent", () => {
  const zero = (message: Uint8Array): undefined => {
    message.set([0, 0], 4);
  };
  assert.equal(refusal(zero), "interval: advert interval 0, not at least 1");
  const longest = encodeAdvert({ ...ADVERT, interval: milliseconds(40_950) }, CARRIER, "rfc5798");
  assert.deepEqual([...longest.subarray(4, 6)], [0x0f, 0xff]);
  assert.ok(intervalFits(3, milliseconds(40_950)) && !intervalFits(3, milliseconds(40_960)));
  assert.ok(intervalFits(3, milliseconds(10)) && !intervalFits(3, milliseconds(0)));
});
item("P16", "3 s are sent as 3, 255 s are the longest, and half seconds are none", () => {
  assert.equal(encodeAdvert({ ...V2, interval: seconds(3) }, CARRIER, "rfc5798")[5], 3);
  assert.ok(intervalFits(2, seconds(255)) && !intervalFits(2, seconds(256)));
  assert.ok(!intervalFits(2, milliseconds(1500)));
});
item("P17", "both are accepted and told apart, and another than the configured one is said", () => {
  for (const dialect of ["rfc5798", "rfc9568"] as const) {
    const decoded = decodeAdvert(encodeAdvert(ADVERT, CARRIER, dialect), CARRIER);
    assert.ok(decoded.ok && decoded.value.dialect === dialect);
    const config = machineConfig({ addresses: [vip("10.77.0.50/24")] });
    const accepted = acceptAdvert(config, decoded.value, CARRIER.source);
    assert.ok(accepted.ok);
    assert.deepEqual(
      accepted.value.oddities,
      dialect === "rfc5798" ? [] : ["10.77.0.1 sends checksums after RFC 9568, we after RFC 5798"],
    );
  }
});
item("P18", "it fits its source and no other, whatever dialect is configured", () => {
  for (const dialect of ["rfc5798", "rfc9568"] as const) {
    const bytes = encodeAdvert(ADVERT6, CARRIER6, dialect);
    assert.ok(decodeAdvert(bytes, CARRIER6).ok);
    assert.ok(!decodeAdvert(bytes, { ...CARRIER6, source: ip("fe80::9") }).ok);
  }
});
item("P19", "it fits any source, and a change of the authentication data breaks it", () => {
  const bytes = encodeAdvert(V2, CARRIER, "rfc5798");
  assert.ok(decodeAdvert(bytes, { ...CARRIER, source: ip("10.0.0.9") }).ok);
  bytes[19] = 1;
  assert.match(refused(bytes, 2), /^checksum/);
});
item("P20", "the sum over the message with its checksum is all ones, and over an odd length as well", () => {
  const bytes = encodeAdvert(ADVERT, CARRIER, "rfc9568");
  assert.equal(onesSum(bytes, 0, bytes.length), 0xffff);
  assert.equal(toHex(bytes.subarray(6, 8)), toHex(zeroed(bytes)));
  const odd = Uint8Array.of(0x12, 0x34, 0x56);
  assert.equal(onesSum(odd, 0, 3), 0x1234 + 0x5600);
});
item("P21", "4 bytes each over IPv4, 16 over IPv6", () => {
  assert.equal(MESSAGE.length, 8 + 4);
  assert.deepEqual(MESSAGE.subarray(8), ipBytes(ADVERT.addresses[0]!));
  assert.equal(MESSAGE6.length, 8 + 2 * 16);
  assert.deepEqual(MESSAGE6.subarray(24), ipBytes(ip("2001:db8::1")));
});
item(
  "P22",
  "the link-local ones are sent first, the others keep their order, and a warning says when there is none",
  () => {
    const list = ["2001:db8::2", "2001:db8::1", "fe80::1", "fd00::1"].map(ip);
    assert.deepEqual(linkLocalFirst(list), ["fe80::1", "2001:db8::2", "2001:db8::1", "fd00::1"]);
    for (const not of ["fe00::1", "fec0::1", "ff02::1", "fe8::1"])
      assert.deepEqual(linkLocalFirst([not, "fe80::1", "febf::1"].map(ip)), ["fe80::1", "febf::1", ip(not)]);
    assert.deepEqual(codes(web("router-id: 85", '"2001:db8::1/64"')), ["no-link-local"]);
    assert.deepEqual(codes(web("router-id: 85", '"2001:db8::1/64", "fe80::1/64"')), []);
  },
);
item("P23", "so it is sent without a password, and with one the type is 1 and it stands in clear", () => {
  const none = encodeAdvert(V2, CARRIER, "rfc5798");
  assert.equal(none[4], 0);
  assert.deepEqual([...none.subarray(12)], [0, 0, 0, 0, 0, 0, 0, 0]);
  const with5 = encodeAdvert(V2, CARRIER, "rfc5798", passwordBytes("abcde"));
  assert.equal(with5[4], 1);
  assert.equal(Buffer.from(with5.subarray(12)).toString("latin1"), "abcde\0\0\0");
  assert.equal(passwordBytes("12345678").length, 8);
});
item("P24", "each version has its length over each family, and every shorter packet is refused", () => {
  for (const [message, carrier, length] of [
    [MESSAGE, CARRIER, 8 + 4],
    [MESSAGE6, CARRIER6, 8 + 2 * 16],
    [encodeAdvert(V2, CARRIER, "rfc5798"), CARRIER, 8 + 4 + 8],
  ] as const) {
    assert.equal(message.length, length);
    for (let short = 0; short < length; short++) {
      const decoded = decodeAdvert(message.subarray(0, short), carrier);
      assert.ok(!decoded.ok && decoded.error.kind === "truncated");
    }
  }
});
item("P25", "an advert behind IPv4 options is read, and a header that is cut is refused", () => {
  const packet = ipPacket(MESSAGE, { ...CARRIER, options: new Uint8Array(8).fill(1) });
  const decoded = decodeIp(packet, packet.length);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value.payload, MESSAGE);
  assert.ok(decodeAdvert(decoded.value.payload, decoded.value.carrier).ok);
  assert.ok(!decodeIp(packet.subarray(0, 24), 24).ok);
});

/** A configuration of one instance. */
function web(keys: string, addresses = "192.168.1.1/24"): string {
  return `${PAIR}vrrp:\n  web: { interface: eth0, ${keys}, addresses: [${addresses}] }\n`;
}

/** The checksum that belongs to a message, by the field counted as 0. */
function zeroed(message: Uint8Array): Uint8Array {
  const copy = message.slice();
  copy.set([0, 0], 6);
  const sum = complement(onesSum(copy, 0, copy.length));
  return Uint8Array.of(sum >> 8, sum & 0xff);
}
