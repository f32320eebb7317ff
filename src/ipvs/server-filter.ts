// Which answers of a dump are of certain servers, told by their bytes: to make a value of every server of a service for
// the sake of one costs more than all else that is done when that one fails.

import { ipBytes, type IpAddress } from "../core/address.js";
import { HOST_LITTLE_ENDIAN } from "../core/bytes.js";
import { ATTRIBUTE_HEADER_LENGTH, ATTRIBUTE_TYPE_MASK } from "../netlink/attribute.js";
import { GENERIC_HEADER_LENGTH } from "../netlink/generic.js";
import type { Message } from "../netlink/message.js";
import { SERVER, SERVER_ADDRESS, SERVER_PORT } from "./schema.js";

type Endpoint = { readonly address: IpAddress; readonly port: number };

/** The filter lets through what it cannot read: whoever reads all of it knows more. */
export function serverFilter(servers: readonly Endpoint[]): (message: Message) => boolean {
  const wanted = servers.map(({ address, port }) => ({ address: ipBytes(address), port }));
  return ({ bytes, from, to }) => {
    let address = -1;
    let port = -1;
    let at = from + GENERIC_HEADER_LENGTH;
    if (at + ATTRIBUTE_HEADER_LENGTH > to || typeAt(bytes, at) !== SERVER) return true;
    const end = at + u16ne(bytes, at);
    at += ATTRIBUTE_HEADER_LENGTH;
    if (end > to) return true;
    while (at + ATTRIBUTE_HEADER_LENGTH <= end && (address < 0 || port < 0)) {
      const size = u16ne(bytes, at);
      const type = typeAt(bytes, at);
      if (size < ATTRIBUTE_HEADER_LENGTH || at + size > end) return true;
      if (type === SERVER_ADDRESS && size >= ATTRIBUTE_HEADER_LENGTH + 16)
        address = at + ATTRIBUTE_HEADER_LENGTH;
      else if (type === SERVER_PORT && size >= ATTRIBUTE_HEADER_LENGTH + 2)
        port = at + ATTRIBUTE_HEADER_LENGTH;
      at += size + (-size & 3);
    }
    if (address < 0 || port < 0) return true;
    const number = ((bytes[port] as number) << 8) | (bytes[port + 1] as number);
    for (const one of wanted) if (one.port === number && liesAt(one.address, bytes, address)) return true;
    return false;
  };
}

/** The kernel gives 16 bytes for both families. */
function liesAt(address: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < address.length; i++) if (address[i] !== bytes[at + i]) return false;
  return true;
}

const typeAt = (bytes: Uint8Array, attribute: number): number =>
  u16ne(bytes, attribute + 2) & ATTRIBUTE_TYPE_MASK;

function u16ne(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  const second = bytes[at + 1] as number;
  return HOST_LITTLE_ENDIAN ? first | (second << 8) : (first << 8) | second;
}
