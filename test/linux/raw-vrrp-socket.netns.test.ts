// The raw VRRP socket between two network namespaces: what arrives, from which interface, with which header.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ipBytes } from "../../src/core/address.js";
import { milliseconds, after as later } from "../../src/core/units.js";
import { monotonicNow } from "../../src/linux/clock.js";
import { errno } from "../../src/linux/errno.js";
import { native } from "../../src/linux/native.js";
import { RawVrrpSocket } from "../../src/linux/raw-vrrp-socket.js";
import { VRRP_GROUPS } from "../../src/vrrp/packet.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "./own-namespaces.js";

const skip = cannotMakeNamespaces;
/** More than one socket may join (igmp_max_memberships is 20). */
const LINKS = 24;
const GROUP = ipBytes(VRRP_GROUPS.ipv4);

type Heard = { readonly bytes: Uint8Array; readonly ifindex: number };
let pair: NamespacePair;
let sender: RawVrrpSocket;
let receiver: RawVrrpSocket;
let heard: Heard[] = [];
let failures: (readonly [ifindex: number, error: number, id: number | undefined])[] = [];
let senderLinks: number[] = [];
let receiverLinks: number[] = [];

const source = (link: number): Uint8Array => Uint8Array.of(10, 77, link, 1);
const open = (): RawVrrpSocket => {
  const opened = RawVrrpSocket.open("ipv4", {
    onPacket: (packet, length, ifindex) => heard.push({ bytes: packet.slice(0, length), ifindex }),
    onSendFailed: (ifindex, error, bytes) => failures.push([ifindex, error, bytes[1]]),
  });
  assert.ok(opened.ok);
  return opened.value;
};
const indexes = (): number[] => Array.from({ length: LINKS }, (_, i) => native.ifIndex(`v${i}`));
const advert = (id: number, last = 0): Uint8Array =>
  Uint8Array.of(0x31, id, 100, 1, 0, 100, 0, 0, 192, 0, 2, last);

/** Lets the event loop run until `count` packets have come, or five seconds are over. */
async function hear(count: number): Promise<Heard[]> {
  const end = later(monotonicNow(), milliseconds(5000));
  while (heard.length < count && monotonicNow() < end) await new Promise((resolve) => setTimeout(resolve, 2));
  // A little longer, for what should not come.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const all = heard;
  heard = [];
  return all;
}

before(() => {
  if (skip !== false) return;
  pair = makeNamespacePair("rv", LINKS);
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

test("before an interface is joined nothing is received from it", { skip }, async () => {
  sender.queue(senderLinks[0] as number, source(0), GROUP, advert(51));
  assert.equal(sender.flush(), 1);
  assert.deepEqual(await hear(0), []);
});

test(
  "adverts for many interfaces leave in one flush, with the right header, and say where they came in",
  { skip },
  async () => {
    // Inside, because joining so many opens a second socket.
    pair.inB(() => {
      for (const link of receiverLinks) assert.equal(receiver.join(link), undefined);
    });
    for (const link of receiverLinks)
      assert.equal(receiver.join(link), undefined, "joining twice is harmless");
    for (const [i, link] of senderLinks.entries()) sender.queue(link, source(i), GROUP, advert(51, i));
    assert.equal(sender.flush(), LINKS);
    const packets = await hear(LINKS);
    assert.equal(packets.length, LINKS, "each interface once");
    for (const [i, link] of receiverLinks.entries()) {
      const packet = packets.find(({ ifindex }) => ifindex === link)?.bytes;
      assert.ok(packet, `link ${i}`);
      assert.equal(packet[0], 0x45);
      assert.equal(packet[1], 0xc0, "internetwork control");
      assert.equal(packet[8], 255, "TTL");
      assert.equal(packet[9], 112);
      assert.deepEqual([...packet.subarray(12, 16)], [10, 77, i, 1]);
      assert.deepEqual([...packet.subarray(16, 20)], [224, 0, 0, 18]);
      assert.deepEqual(packet.subarray(20), advert(51, i));
    }
  },
);

test("a sender does not hear itself", { skip }, async () => {
  assert.equal(sender.join(senderLinks[1] as number), undefined);
  sender.queue(senderLinks[1] as number, source(1), GROUP, advert(51));
  sender.flush();
  const packets = await hear(1);
  assert.deepEqual(
    packets.map(({ ifindex }) => ifindex),
    [receiverLinks[1]],
  );
  sender.leave(senderLinks[1] as number);
});

test("more adverts than the queue holds all leave, in order", { skip }, async () => {
  for (let i = 0; i < 600; i++)
    sender.queue(senderLinks[2] as number, source(2), GROUP, advert(1 + (i % 255), i & 255));
  sender.flush();
  const packets = await hear(600);
  assert.equal(packets.length, 600);
  for (const [i, { bytes }] of packets.entries()) assert.equal(bytes[21], 1 + (i % 255));
  assert.equal(sender.flush(), 0, "the queue is empty afterwards");
});

test("the longest advert passes: 255 addresses, a password, an authenticator", { skip }, async () => {
  const longest = new Uint8Array(8 + 255 * 4 + 8 + 28).fill(7);
  longest.set(advert(51));
  sender.queue(senderLinks[2] as number, source(2), GROUP, longest);
  sender.flush();
  const [packet] = await hear(1);
  assert.deepEqual(packet?.bytes.subarray(20), longest);
});

test("an interface that is down or gone silences only itself", { skip }, async () => {
  failures = [];
  pair.ipA("link", "set", "v5", "down");
  for (const i of [4, 5, 6]) sender.queue(senderLinks[i] as number, source(i), GROUP, advert(i));
  sender.queue(99_999, source(7), GROUP, advert(99));
  sender.queue(senderLinks[7] as number, source(7), GROUP, advert(7));
  // Not an address of this host.
  sender.queue(senderLinks[8] as number, Uint8Array.of(8, 8, 8, 8), GROUP, advert(8));
  assert.equal(sender.flush(), 3);
  assert.deepEqual(
    failures.map(([ifindex, , id]) => [ifindex, id]),
    [
      [senderLinks[5], 5],
      [99_999, 99],
      [senderLinks[8], 8],
    ],
  );
  for (const [, error] of failures) assert.ok(error < 0);
  const packets = await hear(3);
  assert.deepEqual(
    packets.map(({ ifindex }) => ifindex).sort((a, b) => a - b),
    [4, 6, 7].map((i) => receiverLinks[i]),
  );
  pair.ipA("link", "set", "v5", "up");
});

test("two hundred adverts leave in one system call", { skip }, async (t) => {
  const calls = t.mock.method(native, "sendMany");
  for (let i = 0; i < 200; i++) sender.queue(senderLinks[2] as number, source(2), GROUP, advert(1 + i));
  assert.equal(sender.flush(), 200);
  // One call of the addon is one of the kernel's: what it gives is what one sendmmsg(2) has sent.
  assert.deepEqual(
    calls.mock.calls.map(({ result }) => result),
    [200],
  );
  assert.equal((await hear(200)).length, 200);
});

test(
  "the filter keeps its virtual routers with any TTL, and a refused one does not hide new ones",
  { skip },
  async (t) => {
    receiver.setVirtualRouters([51, 200]);
    for (const id of [50, 51, 199, 200, 255])
      sender.queue(senderLinks[0] as number, source(0), GROUP, advert(id));
    sender.flush();
    assert.deepEqual(
      (await hear(2)).map(({ bytes }) => bytes[21]),
      [51, 200],
    );
    t.mock.method(native, "attachFilter", () => -errno.ENOMEM);
    receiver.setVirtualRouters([50, 51, 200]);
    for (const id of [50, 51]) sender.queue(senderLinks[0] as number, source(0), GROUP, advert(id));
    sender.flush();
    assert.equal((await hear(2)).length, 2);
  },
);

test("a unicast advert is handed on once, although several sockets receive it", { skip }, async () => {
  sender.queue(senderLinks[0] as number, source(0), Uint8Array.of(10, 77, 0, 2), advert(51));
  sender.flush();
  const packets = await hear(1);
  assert.equal(packets.length, 1);
  assert.equal(packets[0]?.bytes[8], 255);
});

test("packets longer than a slot are cut, not lost, and the next ones are right", { skip }, async () => {
  const long = pair.inA(() => native.socket(2, 3, 112));
  const group = Uint8Array.of(2, 0, 0, 0, 10, 77, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0);
  assert.equal(native.send(long, new Uint8Array(1400).fill(0x31), 0, group, null), 1400);
  native.close(long);
  sender.queue(senderLinks[0] as number, source(0), GROUP, advert(51));
  sender.flush();
  const packets = await hear(2);
  assert.deepEqual(
    packets.map(({ bytes }) => bytes.length),
    [1152, 32],
  );
});

test("an advert that waits is received on request, before the event loop comes to it", { skip }, () => {
  sender.queue(senderLinks[0] as number, source(0), GROUP, advert(51));
  sender.flush();
  // Delivery over veth is done when the send returns, unless the softirq was put off.
  let got = 0;
  for (let i = 0; i < 1_000_000 && got === 0; i++) got = receiver.receive();
  assert.equal(got, 1);
  heard = [];
});

test(
  "an interface that was left is heard no more, and leaving a deleted one is harmless",
  { skip },
  async () => {
    receiver.leave(receiverLinks[0] as number);
    sender.queue(senderLinks[0] as number, source(0), GROUP, advert(51));
    sender.flush();
    assert.deepEqual(await hear(0), []);
    pair.ipB("link", "del", "v3");
    receiver.leave(receiverLinks[3] as number);
    assert.match(receiver.join(receiverLinks[3] as number) ?? "", /^ENODEV/);
    sender.queue(senderLinks[4] as number, source(4), GROUP, advert(51));
    sender.flush();
    assert.equal((await hear(1)).length, 1);
  },
);

test("an advert that cannot be one is refused, and a closed socket sends nothing", { skip }, () => {
  assert.throws(() => {
    sender.queue(1, source(0), GROUP, new Uint8Array(8 + 255 * 4 + 8 + 28 + 1));
  }, RangeError);
  const closed = pair.inA(open);
  closed.queue(senderLinks[0] as number, source(0), GROUP, advert(51));
  closed.close();
  closed.close();
  assert.equal(closed.flush(), 0);
  assert.equal(closed.receive(), 0);
});
