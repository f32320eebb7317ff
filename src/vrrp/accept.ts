// Whether a well-formed advert is one that this instance may listen to (RFC 9568 section 7.1, the part that
// needs the configuration), and what is odd about it although it is accepted. Pure.

import { isMulticast, type IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration } from "../core/units.js";
import { advertisedAddresses } from "./instance.js";
import { passwordProblem } from "./password.js";
import { sameAddresses, type Carrier, type DecodeError, type Decoded } from "./packet.js";
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
    return isMulticast(destination)
      ? undefined
      : { kind: "destination", detail: `sent by unicast to ${destination}, and we use multicast` };
  }
  if (isMulticast(destination))
    return { kind: "destination", detail: "sent by multicast, and we use unicast between peers" };
  if (unicast.checkSource && !unicast.peers.includes(source))
    return { kind: "not-a-peer", detail: `${source} is none of our peers (${list(unicast.peers)})` };
  return undefined;
}

export function acceptAdvert(
  config: MachineConfig,
  decoded: Decoded,
  sender: IpAddress,
): Result<Accepted, DecodeError> {
  const { advert, dialect, authentication } = decoded;
  const auth = config.auth?.kind === "password" ? config.auth : undefined;
  const problem = authentication && passwordProblem(auth, authentication);
  if (problem !== undefined) return err({ kind: "auth", detail: problem });
  const got = formatDuration(advert.interval);
  const own = saidInterval(advert.version, config.advertInterval);
  const wanted = formatDuration(own);
  if (config.version === 2 && advert.interval !== own)
    return err({
      kind: "interval",
      detail: `advert interval ${got}, not ${wanted}: version 2 needs the same on all directors`,
    });
  // RFC 3768 section 7.1 has the owner discard every advert; RFC 9568 only wants it said.
  if (advert.version === 2 && config.priority === OWNER_PRIORITY)
    return err({
      kind: "own-priority-owner",
      detail: `an advert of priority ${advert.priority}, but we own the addresses (priority 255)`,
    });
  const isOurs = sameAddresses(advert.addresses, advertisedAddresses(config));
  if (!isOurs && config.otherAddresses === "refuse" && advert.priority !== OWNER_PRIORITY)
    return err({
      kind: "addresses",
      detail: `the addresses ${list(advert.addresses)}, not ${list(advertisedAddresses(config))}`,
    });
  const oddities: string[] = [];
  if (advert.interval !== own)
    oddities.push(
      advert.version === config.version
        ? `${sender} advertises every ${got}, we every ${wanted}`
        : `${sender} says ${got} in version ${advert.version}, we say ${wanted}` +
            (advert.version === 2 ? ": it refuses ours" : ""),
    );
  if (dialect !== undefined && dialect !== config.checksum)
    oddities.push(
      `${sender} sends checksums after ${dialectName(dialect)}, we after ${dialectName(config.checksum)}`,
    );
  if (advert.priority !== RESIGN_PRIORITY && !isOurs)
    oddities.push(
      `${sender} advertises ${list(advert.addresses)}, we have ${list(advertisedAddresses(config))}`,
    );
  if (config.priority === OWNER_PRIORITY)
    oddities.push(`${sender} sends adverts although we own the addresses (priority 255)`);
  return ok({ oddities });
}

const list = (addresses: readonly IpAddress[]): string =>
  addresses.length <= 4
    ? addresses.join(", ")
    : `${addresses.slice(0, 3).join(", ")} and ${addresses.length - 3} more`;

const dialectName = (dialect: "rfc5798" | "rfc9568"): string =>
  dialect === "rfc5798" ? "RFC 5798" : "RFC 9568";
