// A table of ours in the kernel's packet filter: packets to the addresses in it are not accepted by this host. What a
// data plane takes before the host would (IPVS) is not touched by it, nor are the tables of others.

import type { IpAddress } from "../core/address.js";

export type PacketFilter = {
  /** From now on exactly these are refused, whatever was in our table; gives why not, for a person. */
  refuse(addresses: readonly IpAddress[]): string | undefined;
  /** Takes our table away, and a predecessor's. Without one nothing happens. */
  remove(): string | undefined;
  /** Whether the table is as we left it. */
  isWhole(): boolean;
};
