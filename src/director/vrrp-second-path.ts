// The second path of one VRRP instance: another interface on which its adverts are sent and heard besides, with the
// bytes that leave there and what was last heard there. What an advert means is vrrp-second-hearing.ts's business.

import { ipBytes, type IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { MachineConfig } from "../vrrp/state.js";
import { destinationsOf, type Destination } from "./vrrp-destinations.js";

const NOTHING = new Uint8Array(0);

export class SecondPath {
  readonly name: string;
  /** 0 while there is no such interface. */
  ifindex = 0;
  /** What adverts come from there; undefined while there is none. */
  address: IpAddress | undefined;
  source: Uint8Array = NOTHING;
  destinations: readonly Destination[] = [];
  /** Why the VRRP group cannot be joined there. */
  refused: string | undefined;
  /** Why nothing is sent there, for people; it is not known before the first look. */
  trouble: string | undefined = "not looked at yet";
  /** The trouble that was reported. */
  said: string | undefined;
  /** Since when it can be used. */
  readyAt: number;

  /** As in the record of the instance: the packet whose repetition says that the master still lives. */
  repeated: Uint8Array = NOTHING;
  repeatedTrailer = 0;
  heardAt = -Infinity;
  /** A sender of this path is the master that has another address on the first. */
  known: { readonly sender: IpAddress; readonly master: IpAddress } | undefined;
  /** The master is heard here and not on the first path, and that was said. */
  alone = false;
  sent = 0;
  received = 0;

  constructor(name: string, now: Instant) {
    this.name = name;
    this.readyAt = now;
  }

  /** Whether adverts leave there. */
  get isUsable(): boolean {
    return this.trouble === undefined;
  }

  /** `config` is the instance's, with the source of its first path. */
  encode(config: MachineConfig): void {
    const { address } = this;
    this.source = address === undefined ? NOTHING : ipBytes(address);
    this.destinations = address === undefined ? [] : destinationsOf({ ...config, sourceAddress: address });
  }

  forgetRepeated(): void {
    this.repeated = NOTHING;
  }
}
