// What a reader keeps of what a server sends, and in how many pieces it may come. The server is played, so that each
// piece is one.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { ByteReader } from "../../src/checkers/byte-reader.js";
import { CancelSource } from "../../src/checkers/cancel.js";

/** A connection whose other side sends what `send` is given. */
function connection() {
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const send = async (text: string): Promise<void> => {
    socket.push(text);
    await new Promise(setImmediate);
  };
  return { socket: socket as unknown as Socket, send };
}
const until = (wanted: string) => (bytes: Buffer) => (bytes.includes(wanted) ? true : undefined);

test("a server that sends byte by byte is given up after a thousand pieces, and not before", async () => {
  for (const [pieces, wanted] of [
    [999, { ok: true, value: true }],
    [1100, { ok: false, error: "too-large" }],
  ] as const) {
    const { socket, send } = connection();
    const found = new ByteReader(socket, 1_000_000).find(until("y"), new CancelSource());
    for (let i = 1; i < pieces; i++) await send("x");
    await send("y");
    assert.deepEqual(await found, wanted);
    socket.destroy();
  }
});

test("a server that sends more than is kept is paused and given up; what was found is taken", async () => {
  const { socket, send } = connection();
  const reader = new ByteReader(socket, 10);
  const cancel = new CancelSource();
  const first = reader.find(until("y"), cancel);
  await send("xxy");
  assert.deepEqual(await first, { ok: true, value: true });
  reader.take(3);
  assert.equal(reader.pending.length, 0);
  const second = reader.find(until("y"), cancel);
  await send("x".repeat(11));
  assert.deepEqual(await second, { ok: false, error: "too-large" });
  assert.ok(socket.isPaused());
  socket.destroy();
});
