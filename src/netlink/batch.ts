// Many requests as one datagram. Of those that succeed only the last is acknowledged, which saves the kernel and us a
// message each. A batch can be made long before it is sent, when neither the family's number nor the sequence is
// known: they are put in then. Knows no socket.

import { HOST_LITTLE_ENDIAN, joinBytes, type Writer } from "../core/bytes.js";
import { ACK, MESSAGE_HEADER_LENGTH, REQUEST, writeMessage, type Request } from "./message.js";

/** Bytes of requests in one system call; the default send buffer takes 212,960. */
const BATCH_BYTES = 128 * 1024;
/** Requests in one system call, so that as many refusals fit into the receive buffer (about 1 KiB each). */
const BATCH_REQUESTS = 2000;

/** In a message's header (message.ts). */
const TYPE_OFFSET = 4;
const FLAGS_OFFSET = 6;
const SEQUENCE_OFFSET = 8;

/** Writes requests from number `from` on, as many as belong into one datagram. Gives the number of the next one. */
export function writeBatch(
  out: Writer,
  requests: readonly Request[],
  from: number,
  firstSequence: number,
): number {
  out.reset();
  let to = from;
  let lastStart = 0;
  while (to < requests.length && to - from < BATCH_REQUESTS && out.offset < BATCH_BYTES) {
    lastStart = out.offset;
    writeMessage(out, requests[to] as Request, 0, firstSequence + to - from);
    to++;
  }
  out.patchU16ne(lastStart + FLAGS_OFFSET, (requests[to - 1] as Request).flags | REQUEST | ACK);
  return to;
}

/**
 * Cuts messages that were written one after the other, none of which asks for an acknowledgement, into batches, as
 * `writeBatch` does. Their sequence numbers are those of `stampBatch`, which comes before they are sent.
 */
export function cutBatches(messages: Uint8Array): Uint8Array[] {
  const words = new Uint32Array(messages.buffer, messages.byteOffset, messages.length >>> 2);
  const batches: Uint8Array[] = [];
  for (let start = 0, at = 0; at < messages.length; start = at) {
    let last = at;
    for (let count = 0; at < messages.length && count < BATCH_REQUESTS && at - start < BATCH_BYTES; count++) {
      last = at;
      at += ((words[at >>> 2] as number) + 3) & ~3;
    }
    acknowledge(messages, last, true);
    batches.push(messages.subarray(start, at));
  }
  return batches;
}

/** The messages of batches one after the other, none of which asks for an acknowledgement. A copy. */
export function uncutBatches(batches: readonly Uint8Array[]): Uint8Array {
  const messages = joinBytes(batches);
  const view = new DataView(messages.buffer);
  for (let at = 0; at < messages.length; at += (view.getUint32(at, HOST_LITTLE_ENDIAN) + 3) & ~3)
    acknowledge(messages, at, false);
  return messages;
}

function acknowledge(messages: Uint8Array, at: number, wanted: boolean): void {
  const view = new DataView(messages.buffer, messages.byteOffset + at + FLAGS_OFFSET, 2);
  const flags = view.getUint16(0, HOST_LITTLE_ENDIAN);
  view.setUint16(0, wanted ? flags | REQUEST | ACK : flags & ~ACK, HOST_LITTLE_ENDIAN);
}

/** Makes a batch of this family and these sequence numbers. Gives how many requests it has. */
export function stampBatch(batch: Uint8Array, type: number, firstSequence: number): number {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  let count = 0;
  for (let at = 0; at + MESSAGE_HEADER_LENGTH <= batch.length; count++) {
    const length = view.getUint32(at, HOST_LITTLE_ENDIAN);
    if (length < MESSAGE_HEADER_LENGTH) break;
    view.setUint16(at + TYPE_OFFSET, type, HOST_LITTLE_ENDIAN);
    view.setUint32(at + SEQUENCE_OFFSET, firstSequence + count, HOST_LITTLE_ENDIAN);
    at += (length + 3) & ~3;
  }
  return count;
}
