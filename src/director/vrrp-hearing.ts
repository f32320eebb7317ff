// What an advert means that was heard on an instance's interface. Nearly all repeat the last one: they take the short
// way of vrrp/repeat.ts, which moves a deadline and allocates nothing.

import { headerLength, repeats, senderOf } from "../vrrp/ip-header.js";
import { advertMayRepeat } from "../vrrp/repeat.js";
import { RESIGN_PRIORITY } from "../vrrp/state.js";
import type { Instant } from "../core/units.js";
import { judge } from "./vrrp-judging.js";
import type { Notices } from "./vrrp-notices.js";
import type { Runtime } from "./vrrp-runtime.js";
import { isOwn, type SecondHearing } from "./vrrp-second-hearing.js";
import type { Steps } from "./vrrp-steps.js";

export class Hearing {
  private readonly steps: Steps;
  private readonly notices: Notices;
  private readonly secondHearing: Pick<SecondHearing, "firstHeard">;

  constructor(steps: Steps, notices: Notices, secondHearing: Pick<SecondHearing, "firstHeard">) {
    this.steps = steps;
    this.notices = notices;
    this.secondHearing = secondHearing;
  }

  /** `packet` is from its IP header on, `header` bytes long, and may be reused after the return. */
  receive(
    runtime: Runtime,
    packet: Uint8Array,
    header: number,
    length: number,
    ifindex: number,
    now: Instant,
  ): void {
    runtime.received += 1;
    const { state, repeated, repeatedTrailer } = runtime;
    const echo = runtime.versions?.echo(packet, header, now);
    // Its sender was odd until now, in that it spoke one version alone.
    if (echo === "news") runtime.forgetRepeated();
    if (echo !== undefined) return;
    const isRepeated =
      repeated.length > 0 && state.kind === "backup" && repeats(repeated, packet, length - repeatedTrailer);
    if (!isRepeated) return this.hear(runtime, packet, length, ifindex, now);
    if (repeatedTrailer > 0 && !this.verify(runtime, packet, length, ifindex, now)) return;
    if (runtime.versions?.again(packet, header, now) === false) runtime.forgetRepeated();
    this.steps.heardAgain(runtime, state, now);
    runtime.firstAt = now;
    this.secondHearing.firstHeard(runtime, packet);
  }

  private hear(runtime: Runtime, packet: Uint8Array, length: number, ifindex: number, now: Instant): void {
    const judged = judge(runtime, packet, length, "first");
    if (!judged.ok) return this.notices.rejected(runtime, judged.error, packet, ifindex, now);
    const { carrier, advert: said, trailer, oddities } = judged.value;
    const { priority, interval, version } = said;
    const { secondPath: second } = runtime;
    if (second !== undefined && isOwn(runtime, second, carrier.source, priority)) return;
    const skew = runtime.authenticator?.skewOf(carrier.source);
    const alone = runtime.versions?.heard(packet, version, interval, carrier.source, now);
    const more = [skew, alone].filter((text) => text !== undefined);
    this.notices.odd(runtime, carrier.source, [...oddities, ...more], now);
    const advert = { kind: "advert", sender: carrier.source, priority, interval } as const;
    if (priority !== RESIGN_PRIORITY) runtime.firstAt = now;
    this.steps.apply(runtime, advert, now);
    second?.forgetRepeated();
    const { state } = runtime;
    if (state.kind === "backup" && state.master?.heardAt === now)
      this.secondHearing.firstHeard(runtime, packet);
    const isNews = skew !== undefined || runtime.versions?.isSettled(packet) === false;
    if (!isNews && advertMayRepeat(runtime.state, advert, now)) {
      // Not slice(): of a Buffer that is a view, of memory that holds the next packet soon.
      runtime.repeatedTrailer = trailer;
      runtime.repeated = new Uint8Array(packet.subarray(0, length - trailer));
      runtime.heardAt = now;
    }
  }

  /** An advert that repeats the last one is signed anew all the same. */
  private verify(
    runtime: Runtime,
    packet: Uint8Array,
    length: number,
    ifindex: number,
    now: Instant,
  ): boolean {
    const payload = packet.subarray(headerLength(packet, length), length);
    const sender = senderOf(packet);
    const problem = runtime.authenticator?.verify(payload, sender);
    if (problem !== undefined) this.notices.rejected(runtime, problem, packet, ifindex, now);
    // Its clock is about to be too far from ours: the next one goes the long way, where that is said.
    else if (runtime.authenticator?.skewOf(sender) !== undefined) runtime.forgetRepeated();
    return problem === undefined;
  }
}
