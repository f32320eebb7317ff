// Transmission, MAC addresses, ARP, neighbour discovery and router advertisements (X01 to X16).

import assert from "node:assert/strict";
import { ip, type MacAddress } from "../../../src/core/address.js";
import { toHex, Writer } from "../../../src/core/bytes.js";
import { milliseconds, seconds } from "../../../src/core/units.js";
import { addAddressRequest } from "../../../src/netlink/route.js";
import { writeMessage } from "../../../src/netlink/message.js";
import { virtualMacOf } from "../../../src/vrrp/instance.js";
import { gratuitousArp } from "../../../src/vrrp/arp.js";
import { step } from "../../../src/vrrp/machine.js";
import { decodeAdvert } from "../../../src/vrrp/packet.js";
import { codes } from "../../config/load.js";
import { EngineRig } from "../../director/engine-rig.js";
import { instance, machineConfig, vip } from "../ip-packet.js";
import { kinds, M, master } from "../stepping.js";
import { item } from "./item.js";

const SIX = { family: "ipv6", addresses: [vip("fe80::1/64"), vip("2001:db8::1/64")] } as const;
const MAC = "02:00:00:00:00:01" as MacAddress;

/** Two nodes with these priorities, and an instance with these keys. */
const file = (first: number, second: number, keys = ""): string =>
  `nodes: { lb1: { address: 192.168.1.2, priority: ${first} }, lb2: { address: 192.168.1.3, priority: ${second} } }\n` +
  `vrrp: { web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24]${keys} } }\n`;

item("X01", "every field of what the engine sends, in each version and family", () => {
  for (const version of [2, 3] as const) {
    const rig = new EngineRig();
    rig.engine.configure([instance({ version })], []);
    rig.takeOver();
    const [sent] = rig.sent;
    assert.ok(sent);
    assert.deepEqual([sent.source, sent.destination], ["192.168.1.2", "224.0.0.18"]);
    const decoded = decodeAdvert(sent.bytes, sent, version);
    assert.deepEqual(decoded.ok && decoded.value.advert, {
      version,
      virtualRouterId: 51,
      priority: 100,
      interval: 1000,
      addresses: ["192.168.1.1"],
    });
  }
  const rig = new EngineRig();
  rig.engine.configure([instance(SIX)], []);
  rig.takeOver();
  const [sent] = rig.sent;
  assert.ok(sent);
  assert.deepEqual([sent.source, sent.destination], ["fe80::2", "ff02::12"]);
  const decoded = decodeAdvert(sent.bytes, sent, 3);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value.advert.addresses, ["fe80::1", "2001:db8::1"]);
});
item("X02", "of the lowest and the highest virtual router id", () => {
  assert.equal(virtualMacOf(instance({ virtualRouterId: 1 })), "00:00:5e:00:01:01");
  assert.equal(virtualMacOf(instance({ virtualRouterId: 255 })), "00:00:5e:00:01:ff");
  assert.equal(virtualMacOf(instance({ ...SIX, virtualRouterId: 51 })), "00:00:5e:00:02:33");
});
item("X05", "an address that the kernel refuses is not announced", () => {
  const rig = new EngineRig();
  rig.refuse = "EPERM";
  rig.engine.configure([instance()], []);
  rig.takeOver();
  assert.deepEqual(rig.log, ["advert 100", "add 192.168.1.1", "advert 0", "remove 192.168.1.1"]);
});
item(
  "X07",
  "the question whether somebody else has the address comes from the director's own link-local address",
  () => {
    const rig = new EngineRig();
    rig.engine.configure([instance(SIX)], []);
    rig.takeOver();
    const questions = rig.frames.filter(({ bytes }) => bytes[54] === 135);
    assert.equal(questions.length, 2);
    for (const { bytes } of questions)
      assert.equal(toHex(bytes.subarray(22, 38)), "fe800000000000000000000000000002");
  },
);
item("X08", "no frame of the engine is one", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance(SIX), instance({ name: "four" })], []);
  rig.takeOver();
  assert.ok(rig.frames.length > 0);
  for (const { bytes } of rig.frames) assert.notEqual(bytes[54], 134);
});
item("X11", "two owners are an error in the file, equal priorities a warning", () => {
  assert.deepEqual(codes(file(150, 100)), []);
  assert.deepEqual(codes(file(100, 100)), ["equal-priorities"]);
  assert.ok(codes(file(255, 255)).includes("several-owners"));
});
item(
  "X13",
  "the announcement has the interface's MAC address, and comes again as often as `announce.refresh` says",
  () => {
    const rig = new EngineRig();
    const announce = { repeat: 1, delay: milliseconds(0), refresh: seconds(60), refreshRepeat: 2 };
    rig.engine.configure([instance({ announce })], []);
    rig.takeOver();
    rig.run(seconds(60));
    const claims = rig.frames.filter(({ bytes }) => toHex(bytes.subarray(28, 32)) === "c0a80101");
    assert.equal(claims.length, 1 + 2);
    for (const { bytes } of claims)
      assert.deepEqual(
        [toHex(bytes.subarray(6, 12)), toHex(bytes.subarray(22, 28))],
        ["020000000001", "020000000001"],
      );
  },
);
item(
  "X14",
  "a request, from and for the address, to everybody; `announce.repeat` of them, and as many after `announce.delay`",
  () => {
    const frame = gratuitousArp(MAC, ip("192.168.1.1"));
    const parts = [
      "ffffffffffff 020000000001 0806",
      "0001 0800 06 04 0001",
      "020000000001 c0a80101 000000000000 c0a80101",
    ];
    assert.equal(toHex(frame), parts.join("").replaceAll(" ", ""));
    const rig = new EngineRig();
    const announce = { repeat: 3, delay: seconds(5), refresh: seconds(0), refreshRepeat: 1 };
    rig.engine.configure([instance({ announce })], []);
    rig.takeOver();
    const claims = (): number =>
      rig.frames.filter(({ bytes }) => toHex(bytes.subarray(28, 32)) === "c0a80101").length;
    assert.equal(claims(), 3);
    rig.run(seconds(5));
    assert.equal(claims(), 6);
  },
);
item("X15", "the kernel is told to leave duplicate address detection out", () => {
  /** `ifa_flags` of struct ifaddrmsg, behind the header of 16 bytes, the family and the length. */
  const flagsOf = (text: string): number | undefined => {
    const out = new Writer();
    writeMessage(out, addAddressRequest(2, vip(text).prefix), 0, 1);
    return out.finish()[18];
  };
  assert.equal(flagsOf("2001:db8::1/64"), 0x02);
  assert.equal(flagsOf("192.168.1.1/24"), 0);
});
item("X16", "out of the interface that has the address; and when the link of a master comes back", () => {
  const rig = new EngineRig();
  rig.others.set("eth0.7", { ...rig.view, index: 7, mac: "02:00:00:00:00:07" as MacAddress });
  rig.engine.configure([instance({ addresses: [vip("192.168.7.1/24", "eth0.7")] })], []);
  rig.takeOver();
  assert.deepEqual([...new Set(rig.frames.map(({ ifindex }) => ifindex))], [7]);
  assert.ok(rig.frames.every(({ bytes }) => toHex(bytes.subarray(6, 12)) === "020000000007"));
  const config = machineConfig();
  assert.deepEqual(kinds(step(config, master(config), { kind: "link-up" }, M)), ["announce"]);
});
