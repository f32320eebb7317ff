// Many requests as one datagram. Of those that succeed only the last is acknowledged, which saves the kernel and us a
// message each. A batch can be made long before it is sent, when neither the family's number nor the sequence is
// known: they are put in then. Knows no socket.

import { HOST_LITTLE_ENDIAN, type Writer } from "../core/bytes.js";
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
