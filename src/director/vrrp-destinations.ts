// Where the adverts of an instance go, and the bytes that go there: made once, whenever the configuration or the
// address that they come from is another one.

import { ipBytes, type IpAddress } from "../core/address.js";
import { advertisedAddresses } from "../vrrp/instance.js";
import { encodeAdvert, linkLocalFirst, TRAILER_LENGTH, VRRP_GROUPS } from "../vrrp/packet.js";
import { passwordBytes } from "../vrrp/password.js";
import { RESIGN_PRIORITY, type MachineConfig } from "../vrrp/state.js";
import { saidInterval, versionsSpoken, type MessageVersion } from "../vrrp/versions.js";

/**
 * Where adverts of one version go, with the bytes that go there: made ahead, because a checksum may cover the
 * destination. With HMAC there is room behind the message for what is signed anew each time.
 */
export type Destination = {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly version: MessageVersion;
  readonly advert: Uint8Array;
  readonly resignation: Uint8Array;
};

/** One destination of adverts with the bytes that go there. */
function destination(config: MachineConfig, version: MessageVersion, to: IpAddress): Destination {
  const { virtualRouterId, advertInterval, sourceAddress: source, checksum, auth } = config;
  const interval = saidInterval(version, advertInterval);
  const addresses = linkLocalFirst(advertisedAddresses(config));
  const password = auth?.kind === "password" ? passwordBytes(auth.password) : undefined;
  const room = auth?.kind === "hmac" && auth.mode !== "receive-only" ? TRAILER_LENGTH : 0;
  const encode = (priority: number): Uint8Array => {
    const message = encodeAdvert(
      { version, virtualRouterId, priority, interval, addresses },
      { source, destination: to },
      checksum,
      password,
    );
    const bytes = new Uint8Array(message.length + room);
    bytes.set(message);
    return bytes;
  };
  return {
    address: ipBytes(to),
    version,
    advert: encode(config.priority),
    resignation: encode(RESIGN_PRIORITY),
  };
}

/** The VRRP group, or the peers; a director that stands in its own list of peers leaves itself out. */
export const destinationsOf = (config: MachineConfig): readonly Destination[] => {
  const peers = config.unicast?.peers.filter((to) => to !== config.sourceAddress);
  const to = peers ?? [VRRP_GROUPS[config.family]];
  return versionsSpoken(config.version).flatMap((version) =>
    to.map((address) => destination(config, version, address)),
  );
};
