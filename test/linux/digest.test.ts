// The digest of a dump: another one for whatever is another setting, the same for counters and however the dump is cut
// into datagrams, and never beyond the end of what was received.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Writer } from "../../src/core/bytes.js";
import { seededRandom } from "../../src/core/random.js";
import { SERVER_COUNTERS } from "../../src/ipvs/schema.js";
import { native } from "../../src/linux/native.js";
import { attributes, binary, nested, u16be, u32 } from "../../src/netlink/attribute.js";
import { writeGenericHeader } from "../../src/netlink/generic.js";
import { TYPE_DONE, writeMessage } from "../../src/netlink/message.js";

const FAMILY = 0x1f;
const SEQUENCE = 7;
const server = attributes({
  address: [1, binary],
  port: [2, u16be],
  weight: [4, u32],
  active: [7, u32],
  stats: [10, binary],
});
const command = attributes({ service: [1, nested(server)], server: [2, nested(server)] });
type Values = Parameters<typeof server.write>[1];
const one: Values = {
  address: Uint8Array.of(10, 0, 0, 1),
  port: 80,
  weight: 5,
  active: 3,
  stats: Uint8Array.of(1, 2, 3, 4, 5),
};

function datagram(
  servers: readonly Values[],
  { sequence = SEQUENCE, end = false, nest = "server" } = {},
): Uint8Array {
  const out = new Writer(4096);
  for (const values of servers)
    writeMessage(
      out,
      {
        type: FAMILY,
        flags: 0,
        body: (to) => command.write(writeGenericHeader(to, 5, 1), { [nest]: values }),
      },
      0,
      sequence,
    );
  if (end) writeMessage(out, { type: TYPE_DONE, flags: 0, body: (to) => void to.u32ne(0) }, 0, sequence);
  return out.written().slice();
}

function digest(datagrams: readonly Uint8Array[]): { readonly text: string; readonly end: number } {
  const out = new Int32Array(4);
  for (const bytes of datagrams)
    assert.equal(native.digest(bytes, bytes.length, FAMILY, SEQUENCE, SERVER_COUNTERS, out), 0);
  return { text: `${String(out[1])} ${String(out[2])}`, end: out[0] ?? -1 };
}

test("counters change nothing, and every setting, its absence and the order of servers do", () => {
  const other = { ...one, address: Uint8Array.of(10, 0, 0, 2) };
  const known = digest([datagram([one, other])]).text;
  const busy = { ...one, active: 4, stats: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9, 9) };
  assert.equal(digest([datagram([busy, other])]).text, known);
  const { weight, ...withoutWeight } = one;
  assert.equal(weight, 5);
  const changes: readonly (readonly Values[])[] = [
    [],
    [one],
    [other, one],
    [one, other, other],
    [{ ...one, weight: 6 }, other],
    [{ ...one, port: 81 }, other],
    [withoutWeight, other],
    [one, { ...other, weight: 0 }],
  ];
  const seen = new Set([known, ...changes.map((servers) => digest([datagram(servers)]).text)]);
  assert.equal(seen.size, changes.length + 1);
  assert.notEqual(digest([datagram([one], { nest: "service" })]).text, digest([datagram([one])]).text);
});

test("it does not matter how a dump is cut into datagrams, nor what is left of an earlier one", () => {
  const known = digest([datagram([one, one, one])]).text;
  assert.equal(digest([datagram([one]), datagram([one, one])]).text, known);
  const late = datagram([{ ...one, weight: 9 }], { sequence: SEQUENCE - 1, end: true });
  assert.equal(digest([late, datagram([one, one, one])]).text, known);
});

test("it ends where the dump does", () => {
  const whole = datagram([one, one], { end: true });
  const { text, end } = digest([whole]);
  assert.equal(text, digest([datagram([one, one])]).text);
  assert.equal(end, whole.length - 20);
  assert.equal(digest([datagram([one])]).end, datagram([one]).length);
});

test("damaged messages are not read beyond their end", () => {
  const random = seededRandom(5);
  const good = datagram([one, one, one], { end: true });
  const out = new Int32Array(4);
  for (let i = 0; i < 20_000; i++) {
    // Of its own size, so that whatever lies behind it is not ours.
    const bytes = good.slice(0, Math.floor(random() * (good.length + 1)));
    for (let n = 0; n < 4; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    out.fill(0);
    native.digest(bytes, bytes.length, FAMILY, SEQUENCE, SERVER_COUNTERS, out);
    assert.ok((out[0] ?? -1) >= 0 && (out[0] ?? 0) <= bytes.length);
  }
});
