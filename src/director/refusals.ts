// Keeps packets to the addresses of instances with `accept: false` from this host, for as long as those are its
// instances, master or not: so the refusal is there before an address and goes after it, and a takeover costs nothing
// more. Says when it cannot; such an instance takes no part (docs/adr/0020). Puts back what somebody else removed.

import type { IpAddress } from "../core/address.js";
import { after, instant, seconds, type Instant } from "../core/units.js";
import type { VipdEvent } from "../control/event.js";
import type { PacketFilter } from "../ports/packet-filter.js";
import type { Clock } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { OWNER_PRIORITY } from "../vrrp/state.js";

/** From one try to the next, and at least from one repair to the next. */
const AGAIN = seconds(1);

type Ports = {
  readonly packetFilter: PacketFilter;
  readonly clock: Clock;
  readonly report: (event: VipdEvent) => void;
};

export class Refusals {
  private readonly ports: Ports;
  private wanted: readonly IpAddress[] = [];
  /** For the report. */
  private instance = "";
  /** Whether a table of a predecessor may still be there. */
  private isFresh = true;
  private dueAt = instant(Infinity);
  /** Why packets are not refused. */
  error: string | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** When `check` has something to do; Infinity for never. */
  get next(): Instant {
    return this.dueAt;
  }

  /** From now on the addresses of these instances are refused and no others. */
  expect(instances: readonly InstanceConfig[]): void {
    const refusing = instances.filter(refuses);
    const wanted = [
      ...new Set(refusing.flatMap(({ addresses }) => addresses.map(({ prefix }) => prefix.address))),
    ];
    const same = wanted.length === this.wanted.length && wanted.every((one, i) => one === this.wanted[i]);
    if (same && !this.isFresh) return;
    this.isFresh = false;
    this.wanted = wanted;
    this.instance = refusing[0]?.name ?? "";
    this.carryOut();
  }

  /** Somebody else has changed a table: a look at ours follows, not more often than every second. */
  changed(): void {
    if (this.wanted.length > 0 && this.dueAt === Infinity) this.dueAt = after(this.ports.clock.now(), AGAIN);
  }

  /** Gives whether there may be an error now that was not there before, or none any more. */
  check(now: Instant): boolean {
    if (now < this.dueAt) return false;
    this.dueAt = instant(Infinity);
    if (this.wanted.length === 0 || (this.error === undefined && this.ports.packetFilter.isWhole()))
      return false;
    const before = this.error;
    this.carryOut();
    if (before === undefined && this.error === undefined)
      this.ports.report({
        kind: "vrrp-note",
        level: "warning",
        instance: this.instance,
        text: "put the table of refused addresses back (nf_tables, inet vipd), which somebody had removed or changed",
      });
    return before !== this.error;
  }

  /** Of a process that ends, when no address of it is left. */
  remove(): void {
    this.wanted = [];
    this.carryOut();
  }

  private carryOut(): void {
    const { packetFilter } = this.ports;
    const { wanted } = this;
    this.dueAt = instant(Infinity);
    const error = wanted.length === 0 ? packetFilter.remove() : packetFilter.refuse(wanted);
    this.error = wanted.length === 0 ? undefined : error;
    if (error === undefined) return;
    if (wanted.length > 0) this.dueAt = after(this.ports.clock.now(), AGAIN);
    else
      this.ports.report({
        kind: "warning",
        subject: "vrrp",
        text: `could not remove the table of refused addresses (nf_tables, inet vipd): ${error}`,
      });
  }
}

/** The owner accepts what is sent to its own addresses (RFC 9568 section 6.4.3). */
export const refuses = ({ accept, priority }: InstanceConfig): boolean =>
  !accept && priority !== OWNER_PRIORITY;
