// The raw VRRP socket for IPv6 and the watch over neighbour discovery, between two network namespaces.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Family, ip, ipBytes, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { milliseconds, after as later, seconds } from "../../src/core/units.js";
import { monotonicNow } from "../../src/linux/clock.js";
import { errno } from "../../src/linux/errno.js";
import { native } from "../../src/linux/native.js";
import { NdWatch } from "../../src/linux/nd-watch.js";
import { PacketSocket } from "../../src/linux/packet-socket.js";
import { RawVrrpSocket } from "../../src/linux/raw-vrrp-socket.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import { decodeIp, senderOf } from "../../src/vrrp/ip-header.js";
import { neighbourSolicitation, unsolicitedAdvertisement } from "../../src/vrrp/nd.js";
import { decodeAdvert, encodeAdvert, VRRP_GROUPS } from "../../src/vrrp/packet.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "./own-namespaces.js";

const skip = cannotMakeNamespaces;
const LINKS = 40;
const GROUP = ipBytes(VRRP_GROUPS.ipv6);
const SOURCE = ip("fe80::a:1");
const MAC = "02:00:00:00:00:01" as MacAddress;
/** <linux/in6.h> */
const [UNICAST_HOPS, MULTICAST_IF, MULTICAST_HOPS] = [16, 17, 18];

type Heard = { readonly bytes: Uint8Array; readonly ifindex: number };
let pair: NamespacePair;
let sender: RawVrrpSocket;
let receiver: RawVrrpSocket;
let heard: Heard[] = [];
let failures: (readonly [ifindex: number, error: number, id: number | undefined, family: Family])[] = [];
let senderLinks: number[] = [];
let receiverLinks: number[] = [];

const open = (): RawVrrpSocket => {
  const opened = RawVrrpSocket.open("ipv6", {
    onPacket: (packet, length, ifindex) => heard.push({ bytes: packet.slice(0, length), ifindex }),
    onSendFailed: (ifindex, error, bytes, family) => failures.push([ifindex, error, bytes[1], family]),
  });
  assert.ok(opened.ok);
  return opened.value;
};
const indexes = (): number[] => Array.from({ length: LINKS }, (_, i) => native.ifIndex(`v${i}`));
const advert = (
  id: number,
  addresses: readonly IpAddress[] = [ip("fe80::1"), ip("2001:db8::1")],
): Uint8Array =>
  encodeAdvert(
    { version: 3, virtualRouterId: id, priority: 100, interval: seconds(1), addresses },
    { source: SOURCE, destination: VRRP_GROUPS.ipv6 },
    "rfc5798",
  );
const say = (link: number, bytes: Uint8Array): void =>
  sender.queue(senderLinks[link] as number, ipBytes(SOURCE), GROUP, bytes);

/** Lets the event loop run until `done`, or five seconds are over, and a little longer for what should not come. */
async function wait(done: () => boolean): Promise<void> {
  const end = later(monotonicNow(), milliseconds(5000));
  while (!done() && monotonicNow() < end) await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
async function hear(count: number): Promise<Heard[]> {
  await wait(() => heard.length >= count);
  const all = heard;
  heard = [];
  return all;
}

before(() => {
  if (skip !== false) return;
  pair = makeNamespacePair("r6", LINKS);
  for (let i = 0; i < LINKS; i++) {
    pair.ipA("address", "add", `${SOURCE}/64`, "dev", `v${i}`, "nodad");
    pair.ipB("address", "add", "fe80::b:1/64", "dev", `v${i}`, "nodad");
  }
  pair.inA(() => {
    sender = open();
    senderLinks = indexes();
  });
  pair.inB(() => {
    receiver = open();
    receiverLinks = indexes();
  });
});
after(() => {
  if (skip !== false) return;
  sender.close();
  receiver.close();
  pair.remove();
});

test(
  "P05, P06, P07 adverts leave from the link-local address to ff02::12 with hop limit 255",
  { skip },
  async () => {
    for (const link of receiverLinks) assert.equal(receiver.join(link), undefined);
    for (let i = 0; i < LINKS; i++) say(i, advert(51));
    assert.equal(sender.flush(), LINKS);
    const packets = await hear(LINKS);
    assert.deepEqual(
      packets.map(({ ifindex }) => ifindex).sort((a, b) => a - b),
      [...receiverLinks].sort((a, b) => a - b),
      "each interface once",
    );
    for (const { bytes } of packets) {
      assert.equal(bytes[7], 255, "hop limit");
      const outer = decodeIp(bytes, bytes.length);
      assert.ok(outer.ok);
      assert.deepEqual(outer.value.carrier, { source: SOURCE, destination: "ff02::12" });
      assert.ok(decodeAdvert(outer.value.payload, outer.value.carrier, 3).ok);
    }
  },
);

test(
  "two hundred adverts leave in one system call, and a sender does not hear itself",
  { skip },
  async (t) => {
    assert.equal(sender.join(senderLinks[1] as number), undefined);
    const calls = t.mock.method(native, "sendMany");
    for (let i = 0; i < 200; i++) say(1, advert(1 + i));
    sender.flush();
    assert.deepEqual(
      calls.mock.calls.map(({ result }) => result),
      [200],
    );
    const packets = await hear(200);
    assert.equal(packets.length, 200);
    assert.ok(
      packets.every(({ ifindex }, i) => ifindex === receiverLinks[1] && packets[i]?.bytes[41] === 1 + i),
    );
    sender.leave(senderLinks[1] as number);
  },
);

test(
  "P07, R01 a hop limit of 64 is seen in the kernel: the message is cut to what names it",
  { skip },
  async () => {
    receiver.setVirtualRouters([51]);
    const raw = pair.inA(() => native.socket(10, 3, 112));
    native.setsockopt(raw, 41, MULTICAST_IF, senderLinks[0] as number);
    native.setsockopt(raw, 41, MULTICAST_HOPS, 64);
    for (const id of [51, 52]) native.send(raw, advert(id), 0, sockaddrIp(VRRP_GROUPS.ipv6, 0), null);
    native.close(raw);
    const [packet, ...others] = await hear(1);
    assert.ok(packet && others.length === 0, "another router id is dropped");
    assert.equal(packet.bytes.length, 48, "header and fixed part, no address");
    assert.equal(senderOf(packet.bytes).slice(0, 5), "fe80:");
    const outer = decodeIp(packet.bytes, packet.bytes.length);
    assert.ok(!outer.ok && outer.error.kind === "ttl");
    say(0, advert(51));
    sender.flush();
    assert.equal((await hear(1))[0]?.bytes.length, 80, "with 255 it comes whole");
  },
);

test(
  "a unicast advert from beyond a router comes whole: how far away a peer may be is configured",
  { skip },
  async () => {
    const to = ip("2001:db8:7::2");
    pair.ipA("address", "add", "2001:db8:7::1/64", "dev", "v7", "nodad");
    pair.ipB("address", "add", `${to}/64`, "dev", "v7", "nodad");
    receiver.setVirtualRouters([51]);
    const raw = pair.inA(() => native.socket(10, 3, 112));
    native.setsockopt(raw, 41, UNICAST_HOPS, 64);
    for (const id of [51, 52]) native.send(raw, advert(id), 0, sockaddrIp(to, 0), null);
    native.close(raw);
    const [packet, ...others] = await hear(1);
    assert.ok(packet && others.length === 0, "another router id is dropped");
    const { bytes } = packet;
    assert.equal(bytes.length, 80);
    const strict = decodeIp(bytes, bytes.length);
    assert.ok(!strict.ok && strict.error.kind === "ttl");
    const routed = decodeIp(bytes, bytes.length, { min: 64, max: 255 });
    assert.ok(routed.ok);
    assert.deepEqual(routed.value.carrier, { source: ip("2001:db8:7::1"), destination: to });
  },
);

test(
  "the filter keeps exactly its virtual routers, and a refused one hides no new ones",
  { skip },
  async (t) => {
    const ids = [1, 31, 32, 51, 64, 200, 255];
    receiver.setVirtualRouters(ids);
    for (let id = 1; id < 256; id++) say(0, advert(id));
    sender.flush();
    assert.deepEqual(
      (await hear(ids.length)).map(({ bytes }) => bytes[41]),
      ids,
    );
    t.mock.method(native, "attachFilter", () => -errno.ENOMEM);
    receiver.setVirtualRouters([2]);
    say(0, advert(2));
    sender.flush();
    assert.equal((await hear(1)).length, 1);
  },
);

test("an advert of 255 addresses arrives whole", { skip }, async () => {
  const addresses = Array.from({ length: 255 }, (_, i) => ip(`2001:db8::${(i + 1).toString(16)}`));
  say(0, advert(51, addresses));
  say(0, advert(52));
  assert.equal(sender.flush(), 2);
  const [long, short] = (await hear(2)).sort((a, b) => b.bytes.length - a.bytes.length);
  assert.equal(long?.bytes.length, 40 + 8 + 255 * 16);
  assert.equal(short?.bytes[41], 52);
});

test("a source that the interface does not have, or is not unique yet, is reported", { skip }, async () => {
  failures = [];
  const link = senderLinks[2] as number;
  sender.queue(link, ipBytes(ip("fe80::9")), GROUP, advert(51));
  say(3, advert(51));
  assert.equal(sender.flush(), 1);
  assert.deepEqual(failures, [[link, -errno.EINVAL, 51, "ipv6"]]);
  assert.deepEqual(
    (await hear(1)).map(({ ifindex }) => ifindex),
    [receiverLinks[3]],
  );
});

test("an interface that was left is heard no more", { skip }, async () => {
  receiver.leave(receiverLinks[0] as number);
  // Another program joins there: the group comes to the host, and not to us.
  say(0, advert(51));
  say(4, advert(51));
  sender.flush();
  assert.deepEqual(
    (await hear(1)).map(({ ifindex }) => ifindex),
    [receiverLinks[4]],
  );
});

test(
  "the watch over neighbour discovery hears who holds a watched address, and where",
  { skip },
  async (t) => {
    const said: string[] = [];
    const frames = pair.inA(() => PacketSocket.open(() => assert.fail("could not send")));
    assert.ok(frames.ok);
    const watch = new NdWatch((ifindex, mac, address) =>
      said.push(`${receiverLinks.indexOf(ifindex)} ${mac} ${address}`),
    );
    t.after(() => {
      watch.close();
      frames.value.close();
    });
    const target = ip("2001:db8::12:3456");
    pair.inB(() => watch.setAddresses([ip("192.0.2.1"), target]));
    const claim = (address: IpAddress, hops = 255): { ifindex: number; bytes: Uint8Array } => {
      const bytes = unsolicitedAdvertisement(MAC, address);
      bytes[21] = hops;
      return { ifindex: senderLinks[5] as number, bytes };
    };
    frames.value.sendFrames([claim(ip("2001:db8::99")), claim(target, 64), claim(target)]);
    await wait(() => said.length > 0);
    assert.deepEqual(said.splice(0), [`5 ${MAC} ${target}`]);
    // Somebody who really has it answers the question; the kernel of the other side does it here.
    pair.ipA("address", "add", `${target}/64`, "dev", "v6", "nodad");
    const asker = pair.inB(() => PacketSocket.open(() => assert.fail("could not send")));
    assert.ok(asker.ok);
    const mac = /link\/ether (\S+)/.exec(pair.ipB("link", "show", "v6"))?.[1] as MacAddress;
    const bytes = neighbourSolicitation(mac, ip("fe80::b:1"), target);
    asker.value.sendFrames([{ ifindex: receiverLinks[6] as number, bytes }]);
    await wait(() => said.length > 0);
    const holder = /link\/ether (\S+)/.exec(pair.ipA("link", "show", "v6"))?.[1] ?? "";
    assert.deepEqual(said, [`6 ${holder} ${target}`]);
    asker.value.close();
  },
);
