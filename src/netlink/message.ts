// Netlink messages (linux/netlink.h, struct nlmsghdr): requests are appended to a Writer, several in one buffer;
// answers are walked through without copying. Acknowledgements carry an errno and, where the kernel has one, a text
// and the offset of the attribute it complains of (extended ACK). Knows no family and no socket.
//
//   0                   16                  32
//   +-------------------+-------------------+
//   | length, with header                   |
//   | type              | flags             |
//   | sequence                              |
//   | port of the sender                    |
//   +-------------------+-------------------+

import { Reader, type Writer } from "../core/bytes.js";
import { attributes, cstring, u32 } from "./attribute.js";

export const MESSAGE_HEADER_LENGTH = 16;

/** NLM_F_*: of any request. */
export const REQUEST = 0x1;
export const ACK = 0x4;
/** Of a request that makes something: fail if it exists; make it if it does not. Never on a delete, where 0x200 means "bulk". */
export const EXCLUSIVE = 0x200;
export const CREATE = 0x400;
/** NLM_F_ROOT | NLM_F_MATCH: everything there is. */
export const DUMP = 0x300;
/** Of an answer: the thing listed changed meanwhile. */
export const DUMP_INTERRUPTED = 0x10;
/** Of an acknowledgement: the request's payload is left out; attributes follow. */
const CAPPED = 0x100;
const ACK_TLVS = 0x200;

/** NLMSG_ERROR and NLMSG_DONE. */
export const TYPE_ERROR = 2;
export const TYPE_DONE = 3;

/** A request: its `body` writes what follows the netlink header. */
export type Request = {
  readonly type: number;
  /** Beyond REQUEST. */
  readonly flags: number;
  readonly body: (out: Writer) => void;
};

/** A message within `bytes`; its payload is bytes[from..to). */
export type Message = {
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly from: number;
  readonly to: number;
};

/** Appends one message with its padding. */
export function writeMessage(out: Writer, request: Request, flags: number, sequence: number): void {
  const start = out.offset;
  out
    .u32ne(0)
    .u16ne(request.type)
    .u16ne(request.flags | REQUEST | flags)
    .u32ne(sequence)
    .u32ne(0);
  request.body(out);
  out.patchU32ne(start, out.offset - start);
  out.zeros(-(out.offset - start) & 3);
}

/** The messages in one datagram. A wrong length ends the walk: what follows cannot be trusted. */
export function* messagesIn(bytes: Uint8Array, length: number): Generator<Message, void, undefined> {
  const input = new Reader(bytes, 0, length);
  while (input.remaining >= MESSAGE_HEADER_LENGTH) {
    const start = input.offset;
    const size = input.u32ne("message length");
    const type = input.u16ne("message type");
    const flags = input.u16ne("message flags");
    const sequence = input.u32ne("sequence");
    if (size < MESSAGE_HEADER_LENGTH || start + size > input.end) return;
    yield { bytes, type, flags, sequence, from: start + MESSAGE_HEADER_LENGTH, to: start + size };
    input.offset = Math.min(start + size + (-size & 3), input.end);
  }
}

/** A reader over the payload of a message. */
export const payloadOf = (message: Message): Reader => new Reader(message.bytes, message.from, message.to);

/** What an acknowledgement says: errno 0 is success. */
export type Acknowledgement = { readonly errno: number; readonly text?: string };

/** NLMSGERR_ATTR_*. */
const extendedAck = attributes({ text: [1, cstring], offset: [2, u32] });

/** Reads the payload of TYPE_ERROR or TYPE_DONE; a damaged one counts as EBADMSG. */
export function readAcknowledgement(message: Message): Acknowledgement {
  const input = payloadOf(message);
  const errno = Math.abs(input.i32ne("error"));
  if (message.type === TYPE_ERROR && input.error === undefined) skipRequest(message, input);
  if (input.error !== undefined) return { errno: EBADMSG };
  if ((message.flags & ACK_TLVS) === 0) return { errno };
  const { text } = extendedAck.read(input, input.remaining);
  return text === undefined || text === "" ? { errno } : { errno, text };
}

const EBADMSG = 74;

/** The request comes back in the acknowledgement: its header, and its payload unless capped. */
function skipRequest(message: Message, input: Reader): void {
  const size = input.u32ne("length of the request");
  input.skip("rest of the request's header", MESSAGE_HEADER_LENGTH - 4);
  if ((message.flags & CAPPED) !== 0 || (message.flags & ACK_TLVS) === 0) return;
  const padded = size + (-size & 3);
  if (size < MESSAGE_HEADER_LENGTH) input.fail("length of the request", MESSAGE_HEADER_LENGTH);
  else input.skip("the request's payload", padded - MESSAGE_HEADER_LENGTH);
}
