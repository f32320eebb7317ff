// Whether a well-formed advert is one that this instance may listen to (RFC 9568 section 7.1, the part that
// needs the configuration), and what is odd about it although it is accepted. Pure.

import { isMulticast, type IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration, type Milliseconds } from "../core/units.js";
import { advertisedAddresses } from "./instance.js";
import { passwordProblem } from "./password.js";
import { sameAddresses, type Carrier, type DecodeError, type Decoded } from "./packet.js";
import { Refusal } from "./refusal.js";
import { OWNER_PRIORITY, RESIGN_PRIORITY, type MachineConfig } from "./state.js";
import { saidInterval } from "./versions.js";

/** Accepted; each oddity is a sentence for the operator. */
export type Accepted = { readonly oddities: readonly string[] };

/** Tests where an advert comes from and goes to. Undefined: nothing is wrong. */
export function carrierProblem(
  { unicast }: Pick<MachineConfig, "unicast">,
  { source, destination }: Carrier,
): DecodeError | undefined {
  if (unicast === undefined) {
    // RFC 9568 section 5.1.1.2. Whoever sends so does not hear us either.
    return isMulticast(destination) ? undefined : new Refusal("destination", unicastText(destination));
  }
  if (isMulticast(destination)) return BY_MULTICAST;
  if (unicast.checkSource && !unicast.peers.includes(source))
    return new Refusal("not-a-peer", peerText(source, unicast.peers));
  return undefined;
}

export function acceptAdvert(
  config: MachineConfig,
  decoded: Decoded,
  sender: IpAddress,
): Result<Accepted, DecodeError> {
  const { advert, dialect, authentication, unread = 0 } = decoded;
  const auth = config.auth?.kind === "password" ? config.auth : undefined;
  const problem = authentication && passwordProblem(auth, authentication);
  if (problem !== undefined) return err(new Refusal("auth", problem));
  const own = saidInterval(advert.version, config.advertInterval);
  if (config.version === 2 && advert.interval !== own)
    return err(new Refusal("interval", intervalText(advert.interval, own)));
  // RFC 3768 section 7.1 has the owner discard every advert; RFC 9568 only wants it said.
  if (advert.version === 2 && config.priority === OWNER_PRIORITY)
    return err(new Refusal("own-priority-owner", ownerText(advert.priority)));
  const ours = advertisedAddresses(config);
  const isOurs = unread === 0 && sameAddresses(advert.addresses, ours);
  if (!isOurs && config.otherAddresses === "refuse" && advert.priority !== OWNER_PRIORITY)
    return err(new Refusal("addresses", addressesText(advert.addresses, unread, ours)));
  const oddities: string[] = [];
  if (advert.interval !== own) {
    const got = formatDuration(advert.interval);
    const wanted = formatDuration(own);
    oddities.push(
      advert.version === config.version
        ? `${sender} advertises every ${got}, we every ${wanted}`
        : `${sender} says ${got} in version ${advert.version}, we say ${wanted}` +
            (advert.version === 2 ? ": it refuses ours" : ""),
    );
  }
  if (dialect !== undefined && dialect !== config.checksum)
    oddities.push(
      `${sender} sends checksums after ${dialectName(dialect)}, we after ${dialectName(config.checksum)}`,
    );
  if (advert.priority !== RESIGN_PRIORITY && !isOurs)
    oddities.push(`${sender} advertises ${list(advert.addresses, unread)}, we have ${list(ours)}`);
  if (config.priority === OWNER_PRIORITY)
    oddities.push(`${sender} sends adverts although we own the addresses (priority 255)`);
  return ok({ oddities });
}

const BY_MULTICAST = new Refusal("destination", () => "sent by multicast, and we use unicast between peers");
const unicastText = (destination: IpAddress) => (): string =>
  `sent by unicast to ${destination}, and we use multicast`;
const peerText = (source: IpAddress, peers: readonly IpAddress[]) => (): string =>
  `${source} is none of our peers (${list(peers)})`;
const intervalText = (got: Milliseconds, wanted: Milliseconds) => (): string =>
  `advert interval ${formatDuration(got)}, not ${formatDuration(wanted)}: version 2 needs the same on all directors`;
const ownerText = (priority: number) => (): string =>
  `an advert of priority ${priority}, but we own the addresses (priority 255)`;
const addressesText = (got: readonly IpAddress[], unread: number, ours: readonly IpAddress[]) => (): string =>
  `the addresses ${list(got, unread)}, not ${list(ours)}`;

/** Of more than this not all are named. */
const MOST_NAMED = 4;

/** Of how many addresses of an advert to an instance that has these the texts are needed: to compare, or to name them. */
export const readableAddresses = (config: MachineConfig): number =>
  Math.max(config.addresses.length, MOST_NAMED);

const list = (addresses: readonly IpAddress[], unread = 0): string => {
  const count = addresses.length + unread;
  return count <= MOST_NAMED
    ? addresses.join(", ")
    : `${addresses.slice(0, MOST_NAMED - 1).join(", ")} and ${count - MOST_NAMED + 1} more`;
};

const dialectName = (dialect: "rfc5798" | "rfc9568"): string =>
  dialect === "rfc5798" ? "RFC 5798" : "RFC 9568";
