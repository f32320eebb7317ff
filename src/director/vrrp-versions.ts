// Which versions of VRRP each sender speaks to an instance that speaks both: tells an advert of version 2 that only
// echoes one of version 3 from one that counts, and a sender of one version alone from one that lost a packet. What an
// echo is stands in vrrp/versions.ts. IPv4 alone: version 2 has no IPv6.

import type { IpAddress } from "../core/address.js";
import { instant, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import { ipv4SourceNumber } from "../vrrp/ipv4.js";
import { ALONE, isEcho, type MessageVersion } from "../vrrp/versions.js";

/** More directors than any virtual router has. */
const MOST_SENDERS = 16;

type Sender = {
  /** Its last advert of version 3, and the interval in it. */
  threeAt: number;
  interval: number;
  /** Adverts of the one version since the last of the other. */
  threes: number;
  twos: number;
  /** Whether it is known to speak both. */
  both: boolean;
};

export class SpokenVersions {
  /** By the source address as a number: nothing is allocated for an advert of a sender that is known. */
  private readonly senders = new Map<number, Sender>();

  /** Whether this packet is to be ignored; `news`: the first such of its sender. */
  echo(packet: Uint8Array, header: number, now: Instant): "news" | "known" | undefined {
    if (packet[header]! >> 4 !== 2) return undefined;
    const sender = this.senders.get(ipv4SourceNumber(packet));
    if (sender === undefined || !isEcho(instant(sender.threeAt), milliseconds(sender.interval), now))
      return undefined;
    sender.threes = 0;
    if (sender.both) return "known";
    sender.both = true;
    return "news";
  }

  /** An advert that is listened to. Gives what is odd about its sender, for people. */
  heard(
    packet: Uint8Array,
    version: MessageVersion,
    interval: Milliseconds,
    address: IpAddress,
    now: Instant,
  ): string | undefined {
    const sender = this.senderOf(ipv4SourceNumber(packet));
    if (version === 3) {
      sender.threeAt = now;
      sender.interval = interval;
      sender.threes += 1;
      sender.twos = 0;
    } else {
      sender.twos += 1;
      sender.threes = 0;
      sender.both = false;
    }
    if (sender.threes < ALONE && sender.twos < ALONE) return undefined;
    sender.both = false;
    return version === 3
      ? `${address} sends version 3 alone: a router of version 2 does not hear it`
      : `${address} sends version 2 alone`;
  }

  /** Whether it is settled which versions the sender of this packet speaks, so that the same again is no news. */
  isSettled(packet: Uint8Array): boolean {
    const sender = this.senders.get(ipv4SourceNumber(packet));
    return sender !== undefined && (sender.both || sender.threes >= ALONE || sender.twos >= ALONE);
  }

  /** The last advert that was listened to has come again. False: the next one is to be judged anew. */
  again(packet: Uint8Array, header: number, now: Instant): boolean {
    const sender = this.senders.get(ipv4SourceNumber(packet));
    if (sender === undefined) return false;
    if (packet[header]! >> 4 === 2) return true;
    sender.threeAt = now;
    if (!sender.both) return true;
    sender.threes += 1;
    return sender.threes < ALONE;
  }

  private senderOf(source: number): Sender {
    const known = this.senders.get(source);
    if (known !== undefined) return known;
    const [oldest] = this.senders.keys();
    if (oldest !== undefined && this.senders.size >= MOST_SENDERS) this.senders.delete(oldest);
    const fresh = { threeAt: -Infinity, interval: 0, threes: 0, twos: 0, both: false };
    this.senders.set(source, fresh);
    return fresh;
  }
}
