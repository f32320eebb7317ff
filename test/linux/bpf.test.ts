// The filters of VRRP and of pings in the real kernel: attached to a unix datagram socket, where the program sees the bytes as a raw
// socket would show them. Needs no privileges.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { echoIpv4Filter, echoIpv6Filter, vrrpIpv4Filter } from "../../src/linux/bpf.js";
import { native } from "../../src/linux/native.js";
import { sockaddrUn } from "../../src/linux/sockaddr.js";

const address = sockaddrUn(`@vipd-bpf-${process.pid}`) ?? new Uint8Array();
const receiver = native.socket(1, 2, 0);
const sender = native.socket(1, 2, 0);
assert.equal(native.bind(receiver, address), 0);
after(() => {
  native.close(receiver);
  native.close(sender);
});

/** An IPv4 packet with so many words of header, then the first bytes of a VRRP header. */
function packet(protocol: number, id: number, headerWords = 5): Uint8Array {
  const bytes = new Uint8Array(headerWords * 4 + 8).fill(0xee);
  bytes[0] = 0x40 | headerWords;
  bytes[9] = protocol;
  bytes[headerWords * 4] = 0x31;
  bytes[headerWords * 4 + 1] = id;
  return bytes;
}

const room = new Uint8Array(2048);
function passes(bytes: Uint8Array): boolean {
  native.send(sender, bytes, 0, address, null);
  const got = native.recv(receiver, room, null, null, null, 0);
  if (got >= 0) assert.equal(got, bytes.length, "a kept packet is kept whole");
  return got >= 0;
}

for (const ids of [
  [1],
  [255],
  [51, 52, 200],
  [31, 32, 63, 64, 224],
  [],
  Array.from({ length: 255 }, (_, i) => i + 1),
]) {
  test(`${ids.length} virtual routers (${ids.slice(0, 5).join(" ")}): exactly their packets pass`, () => {
    assert.equal(native.attachFilter(receiver, vrrpIpv4Filter(ids)), 0);
    for (let id = 0; id < 256; id++) assert.equal(passes(packet(112, id)), ids.includes(id), `id ${id}`);
  });
}

test("the header's real length counts, other protocols and cut packets are dropped", () => {
  assert.equal(native.attachFilter(receiver, vrrpIpv4Filter([51])), 0);
  for (let words = 5; words <= 15; words++) {
    assert.equal(passes(packet(112, 51, words)), true, `${words} words`);
    assert.equal(passes(packet(112, 50, words)), false, `${words} words`);
  }
  assert.equal(passes(packet(1, 51)), false);
  assert.equal(passes(packet(112, 51).subarray(0, 21)), false);
  assert.equal(passes(packet(112, 51).subarray(0, 5)), false);
});

test("a number that is no virtual router id is refused", () => {
  for (const wrong of [0, 256, 1.5, -1]) assert.throws(() => vrrpIpv4Filter([wrong]), RangeError);
});

test("of echo replies only our own pass, and every error message", () => {
  const message = (type: number, id: number): number[] => [type, 0, 0, 0, id >> 8, id & 255, 0, 1];
  const inIpv4 = (words: number, type: number, id: number): Uint8Array => {
    const header = new Array<number>(words * 4).fill(0);
    header[0] = 0x40 | words;
    return Uint8Array.from([...header, ...message(type, id)]);
  };
  assert.equal(native.attachFilter(receiver, echoIpv4Filter(0x1234)), 0);
  for (const words of [5, 15]) {
    assert.equal(passes(inIpv4(words, 0, 0x1234)), true);
    assert.equal(passes(inIpv4(words, 0, 0x1235)), false);
    for (let type = 1; type < 256; type++)
      assert.equal(passes(inIpv4(words, type, 0x1234)), [3, 11, 12].includes(type), `type ${type}`);
  }
  assert.equal(native.attachFilter(receiver, echoIpv6Filter(0x1234)), 0);
  assert.equal(passes(Uint8Array.from(message(129, 0x1235))), false);
  for (let type = 0; type < 256; type++)
    assert.equal(
      passes(Uint8Array.from(message(type, 0x1234))),
      [1, 3, 4, 129].includes(type),
      `type ${type}`,
    );
});
