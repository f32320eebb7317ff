// Generic netlink (linux/genetlink.h): families have names, and the kernel gives each a number when its module is
// loaded. Holds the look-up of that number and the header that every message of a family starts with.

import type { Reader, Writer } from "../core/bytes.js";
import { attributes, cstring, u16 } from "./attribute.js";
import { payloadOf, type Message, type Request } from "./message.js";

/** GENL_ID_CTRL: the family that knows the others. */
const CONTROL_FAMILY = 0x10;
/** CTRL_CMD_GETFAMILY. Asking for an unknown family makes the kernel try to load its module. */
const GET_FAMILY = 3;
export const GENERIC_HEADER_LENGTH = 4;

/** CTRL_ATTR_*. */
const control = attributes({ id: [1, u16], name: [2, cstring] });

/** struct genlmsghdr: command, version, two reserved bytes. */
export const writeGenericHeader = (out: Writer, command: number, version: number): Writer =>
  out.u8(command).u8(version).u16ne(0);

/** A reader behind the generic header of an answer. */
export function genericPayload(message: Message): Reader {
  const input = payloadOf(message);
  input.skip("generic netlink header", GENERIC_HEADER_LENGTH);
  return input;
}

export const familyRequest = (name: string): Request => ({
  type: CONTROL_FAMILY,
  flags: 0,
  body: (out) => control.write(writeGenericHeader(out, GET_FAMILY, 1), { name }),
});

/** The number of the family, from the answer to `familyRequest`. */
export function readFamily(message: Message): number | undefined {
  const input = genericPayload(message);
  const { id } = control.read(input, input.remaining);
  return input.error === undefined ? id : undefined;
}
