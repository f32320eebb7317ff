// The table of prepare-table.ts for services that are alike but for their addresses (config/alike.ts): the messages of one
// of each kind, with the others' addresses in their places. What is not plain is worked out as ever; and a kind whose
// messages do not come out as prepare-table.ts makes them is no kind.

import type { AlikeService } from "../config/alike.js";
import type { MassFailure, ServiceConfig } from "../config/model.js";
import { ipv4Number, type IpAddress } from "../core/address.js";
import { joinBytes } from "../core/bytes.js";
import type { ServiceId } from "../ipvs/model.js";
import type { PreparedTable } from "../ipvs/prepared.js";
import { cutBatches, uncutBatches } from "../netlink/batch.js";
import { prepareTable } from "./prepare-table.js";

/** The messages of the first of a kind, and where which of its addresses stand in them: two numbers for each. */
type Pattern = { readonly bytes: Uint8Array; readonly places: readonly number[] };

export function prepareAlike(
  kinds: readonly ServiceConfig[],
  services: readonly AlikeService[],
  ids: readonly ServiceId[],
  massFailure: MassFailure | undefined,
): PreparedTable {
  const patterns = kinds.map((kind) => patternOf(kind, massFailure));
  const parts = services.map(({ kind, addresses }) => {
    const numbers = addresses.map(numberOf);
    const pattern = patterns[kind];
    // The order of servers is that of their addresses, whatever the order in the file.
    return pattern !== undefined && isAscending(numbers)
      ? filled(pattern, numbers)
      : messagesOf(withAddresses(kinds[kind] as ServiceConfig, addresses), massFailure);
  });
  return { ids, batches: cutBatches(joinBytes(parts)) };
}

const messagesOf = (service: ServiceConfig, massFailure: MassFailure | undefined): Uint8Array =>
  uncutBatches(prepareTable([service], massFailure).batches);

function patternOf(kind: ServiceConfig, massFailure: MassFailure | undefined): Pattern | undefined {
  const own = [keyAddress(kind), ...kind.servers.map(({ server }) => server.address)];
  // Addresses that nothing else in a message looks like.
  const marks = new Map(own.map((_, which) => [(0xd900_00d9 | ((which + 1) << 8)) >>> 0, which]));
  const bytes = messagesOf(withAddresses(kind, [...marks.keys()].map(addressText)), massFailure);
  const view = new DataView(bytes.buffer);
  const places: number[] = [];
  // Attributes begin at multiples of four.
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const which = marks.get(view.getUint32(at));
    if (which !== undefined) places.push(at, which);
  }
  const pattern = { bytes, places };
  const numbers = own.map(numberOf);
  if (!isAscending(numbers)) return undefined;
  const [made, right] = [filled(pattern, numbers), messagesOf(kind, massFailure)];
  return made.length === right.length && made.every((byte, i) => byte === right[i]) ? pattern : undefined;
}

function filled({ bytes, places }: Pattern, numbers: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  for (let i = 0; i < places.length; i += 2) {
    const at = places[i] as number;
    const number = numbers[places[i + 1] as number] as number;
    copy[at] = number >>> 24;
    copy[at + 1] = number >>> 16;
    copy[at + 2] = number >>> 8;
    copy[at + 3] = number;
  }
  return copy;
}

/** The servers', which follow the service's. */
function isAscending(numbers: readonly number[]): boolean {
  for (let i = 2; i < numbers.length; i++)
    if ((numbers[i] as number) <= (numbers[i - 1] as number)) return false;
  return true;
}

function withAddresses(kind: ServiceConfig, addresses: readonly string[]): ServiceConfig {
  const { service, servers } = kind;
  const { key } = service;
  const [own, ...others] = addresses as readonly IpAddress[];
  return {
    ...kind,
    service: {
      ...service,
      key: key.kind === "address" && own !== undefined ? { ...key, address: own } : key,
    },
    servers: servers.map((one, i) => ({
      ...one,
      server: { ...one.server, address: others[i] ?? one.server.address },
    })),
  };
}

const keyAddress = ({ service: { key } }: ServiceConfig): string =>
  key.kind === "address" ? key.address : "";
const numberOf = (address: string): number => ipv4Number(address as IpAddress) ?? 0;
const addressText = (number: number): string =>
  `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
