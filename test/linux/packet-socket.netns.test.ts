// Frames out of an AF_PACKET socket, seen by another one at the other end of a veth pair.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ip, type MacAddress } from "../../src/core/address.js";
import { ArpWatch } from "../../src/linux/arp-watch.js";
import { errno } from "../../src/linux/errno.js";
import { native } from "../../src/linux/native.js";
import { PacketSocket } from "../../src/linux/packet-socket.js";
import { sockaddrLl } from "../../src/linux/sockaddr.js";
import type { Frame } from "../../src/ports/vrrp.js";
import { gratuitousArp } from "../../src/vrrp/arp.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "./own-namespaces.js";

const skip = cannotMakeNamespaces;
/** Local experimental EtherType 1 (IEEE 802): nobody else speaks it here. */
const ETHERTYPE = 0x88b5;

let pair: NamespacePair;
let socket: PacketSocket;
let capture = -1;
let links: number[] = [];
const failures: (readonly [ifindex: number, error: number])[] = [];

const frame = (number: number, link = 0, length = 42): Frame => {
  const bytes = new Uint8Array(length);
  bytes.fill(0xff, 0, 6);
  bytes.set([2, 0, 0, 0, 0, 1, ETHERTYPE >> 8, ETHERTYPE & 255, number >> 8, number & 255], 6);
  return { ifindex: links[link] as number, bytes };
};

/** The numbers of the frames that have come, in order; asks until there are `count` of them or asking is pointless. */
async function captured(count: number): Promise<number[]> {
  const room = new Uint8Array(2048);
  const numbers: number[] = [];
  for (let round = 0; round < 500 && numbers.length < count; round++) {
    while (native.recv(capture, room, null, null, null, 0) >= 0)
      numbers.push(((room[14] as number) << 8) | (room[15] as number));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return numbers;
}

before(() => {
  if (skip !== false) return;
  pair = makeNamespacePair("ps", 2);
  pair.inB(() => {
    capture = native.socket(17, 3, 0);
    assert.equal(native.setsockopt(capture, 1, 33, 4 * 1024 * 1024), 0);
    assert.equal(native.bind(capture, sockaddrLl(0, ETHERTYPE)), 0);
  });
  pair.inA(() => {
    links = [native.ifIndex("v0"), native.ifIndex("v1")];
    const opened = PacketSocket.open((ifindex, error) => failures.push([ifindex, error]));
    assert.ok(opened.ok);
    socket = opened.value;
  });
});
after(() => {
  if (skip !== false) return;
  socket.close();
  native.close(capture);
  pair.remove();
});

test("many frames leave in one call and arrive in order", { skip }, async () => {
  for (const count of [0, 1, 64, 65, 256, 257, 600]) {
    const frames = Array.from({ length: count }, (_, i) => frame(i));
    assert.equal(socket.sendFrames(frames), count);
    assert.deepEqual(
      await captured(count),
      frames.map((_, i) => i),
    );
  }
});

test("a frame that is too long is refused before anything is sent", { skip }, async () => {
  assert.throws(() => socket.sendFrames([frame(1), frame(2, 0, 129)]), RangeError);
  assert.equal(socket.sendFrames([frame(3)]), 1);
  assert.deepEqual(await captured(1), [3]);
});

test("frames for several interfaces leave in one call", { skip }, async () => {
  assert.equal(socket.sendFrames([frame(1, 0), frame(2, 1), frame(3, 0)]), 3);
  assert.deepEqual(await captured(3), [1, 2, 3]);
});

test("an interface that is down or gone is reported and does not stop the others", { skip }, async () => {
  pair.ipA("link", "set", "v0", "down");
  const frames = [frame(1, 0), frame(2, 1), frame(3, 0), { ...frame(4), ifindex: 99_999 }, frame(5, 1)];
  assert.equal(socket.sendFrames(frames), 2);
  assert.deepEqual(await captured(2), [2, 5]);
  assert.deepEqual(failures, [
    [links[0], -100],
    [links[0], -100],
    [99_999, -6],
  ]);
});

test("an ARP filter that the kernel refuses hides no address", { skip }, async (t) => {
  const heard: string[] = [];
  const opened = pair.inB(() => ArpWatch.open((_, __, address) => heard.push(address)));
  assert.ok(opened.ok);
  const watch = opened.value;
  t.after(() => {
    watch.close();
  });
  const say = async (): Promise<string[]> => {
    heard.length = 0;
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      const bytes = gratuitousArp("02:00:00:00:00:01" as MacAddress, ip(address));
      socket.sendFrames([{ ifindex: links[1] as number, bytes }]);
    }
    for (let i = 0; i < 200 && !heard.includes("192.0.2.2"); i++)
      await new Promise((resolve) => setTimeout(resolve, 2));
    return heard.filter((address) => address.startsWith("192.0.2."));
  };
  watch.setAddresses([ip("192.0.2.2")]);
  assert.deepEqual(await say(), ["192.0.2.2"]);
  watch.setAddresses([ip("192.0.2.1")]);
  const attach = native.attachFilter.bind(native);
  // As with more addresses than the memory of socket options holds.
  t.mock.method(native, "attachFilter", (fd: number, program: Uint8Array) =>
    program.length > 32 ? -errno.ENOMEM : attach(fd, program),
  );
  watch.setAddresses([ip("192.0.2.2")]);
  assert.deepEqual(await say(), ["192.0.2.1", "192.0.2.2"]);
});

test("a closed socket sends nothing", { skip }, () => {
  socket.close();
  assert.equal(socket.sendFrames([frame(1, 1)]), 0);
});
