// What an advert on the second path means. While the master is heard on the first one as well, it is a copy: it shows
// once more that the master lives, and nothing else. Where the first path is silent it counts like one of the first.

import type { IpAddress } from "../core/address.js";
import { between, instant, milliseconds, type Instant } from "../core/units.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { headerLength, repeats, senderOf } from "../vrrp/ip-header.js";
import { advertMayRepeat } from "../vrrp/repeat.js";
import { RESIGN_PRIORITY, type BackupState, type State } from "../vrrp/state.js";
import { judge } from "./vrrp-judging.js";
import type { Notices } from "./vrrp-notices.js";
import type { Runtime } from "./vrrp-runtime.js";
import type { SecondPath } from "./vrrp-second-path.js";
import type { Steps } from "./vrrp-steps.js";

export class SecondHearing {
  private readonly ports: Pick<VrrpPorts, "report">;
  private readonly steps: Steps;
  private readonly notices: Notices;

  constructor(ports: Pick<VrrpPorts, "report">, steps: Steps, notices: Notices) {
    this.ports = ports;
    this.steps = steps;
    this.notices = notices;
  }

  receive(runtime: Runtime, second: SecondPath, packet: Uint8Array, length: number, now: Instant): void {
    second.received += 1;
    const header = headerLength(packet, length);
    const echo = runtime.versions?.echo(packet, header, now);
    if (echo === "news") second.forgetRepeated();
    if (echo !== undefined) return;
    const { state } = runtime;
    const { repeated, repeatedTrailer } = second;
    const isRepeated =
      repeated.length > 0 && state.kind === "backup" && repeats(repeated, packet, length - repeatedTrailer);
    if (!isRepeated) return this.hear(runtime, second, packet, length, now);
    if (repeatedTrailer > 0 && !this.verify(runtime, second, packet, length, now)) return;
    if (runtime.versions?.again(packet, header, now) === false) second.forgetRepeated();
    second.heardAt = now;
    this.steps.heardAgain(runtime, state, now);
    this.compare(runtime, second, state, packet, now);
  }

  /** The master that we obey was heard on the first path. */
  firstHeard(runtime: Runtime, packet: Uint8Array): void {
    const { secondPath: second } = runtime;
    if (second?.alone === true) this.report(runtime, second, false, senderOf(packet));
  }

  private hear(runtime: Runtime, second: SecondPath, packet: Uint8Array, length: number, now: Instant): void {
    const judged = judge(runtime, packet, length, "second");
    if (!judged.ok) return this.notices.rejected(runtime, judged.error, packet, second.ifindex, now);
    const { carrier, advert, trailer, oddities } = judged.value;
    const { source } = carrier;
    const { priority, interval, version } = advert;
    if (isOwn(runtime, second, source, priority)) return;
    second.heardAt = now;
    const state = runtime.current();
    const alone = runtime.versions?.heard(packet, version, interval, source, now);
    const silence = state.kind === "backup" ? state.downInterval : milliseconds(3 * interval);
    const isFresh = now - runtime.firstAt <= silence;
    // Who is master is settled on one path: among equals the addresses settle it, and those of the other path may
    // have it the other way round.
    if (state.kind === "master" && isFresh && priority !== RESIGN_PRIORITY) return;
    const sender = identified(state, second, source, priority, isFresh);
    const skew = runtime.authenticator?.skewOf(source);
    if (!isFresh) {
      const more = [skew, alone].filter((text) => text !== undefined);
      this.notices.odd(runtime, source, [...oddities, ...more], now);
    }
    const event = {
      kind: "advert",
      sender,
      priority,
      interval,
      ...(second.address !== undefined && { own: second.address }),
    } as const;
    this.steps.apply(runtime, event, now);
    // Another master than the one of whom the first path's last packet tells.
    if (sender === source && priority !== RESIGN_PRIORITY) runtime.forgetRepeated();
    const { state: next } = runtime;
    if (next.kind !== "backup" || next.master?.heardAt !== now || next.master.address !== sender) return;
    const isNews = skew !== undefined || runtime.versions?.isSettled(packet) === false;
    if (!isNews && advertMayRepeat(next, event, now)) {
      second.repeatedTrailer = trailer;
      // Not slice(): of a Buffer that is a view, of memory that holds the next packet soon.
      second.repeated = new Uint8Array(packet.subarray(0, length - trailer));
      runtime.heardAt = now;
    }
    this.compare(runtime, second, next, packet, now);
  }

  private verify(
    runtime: Runtime,
    second: SecondPath,
    packet: Uint8Array,
    length: number,
    now: Instant,
  ): boolean {
    const payload = packet.subarray(headerLength(packet, length), length);
    const sender = senderOf(packet);
    const problem = runtime.authenticator?.verify(payload, sender, "second");
    if (problem !== undefined) this.notices.rejected(runtime, problem, packet, second.ifindex, now);
    else if (runtime.authenticator?.skewOf(sender) !== undefined) second.forgetRepeated();
    return problem === undefined;
  }

  /** The master was heard here: says so when the first path has been silent for so long that we would have taken over. */
  private compare(
    runtime: Runtime,
    second: SecondPath,
    state: BackupState,
    packet: Uint8Array,
    now: Instant,
  ): void {
    if (second.alone) return;
    const since = Math.max(runtime.firstAt, runtime.since, second.readyAt);
    if (between(instant(since), now) > state.downInterval)
      this.report(runtime, second, true, senderOf(packet));
  }

  private report({ given }: Runtime, second: SecondPath, alone: boolean, sender: IpAddress): void {
    second.alone = alone;
    this.ports.report({
      kind: "vrrp-second-path",
      instance: given.name,
      interface: given.interface,
      second: second.name,
      what: alone ? "alone" : "both",
      sender,
      detail: "",
    });
  }
}

/** Our own advert: two paths that somebody has joined bring it back on the other one. */
export function isOwn({ config }: Runtime, second: SecondPath, sender: IpAddress, priority: number): boolean {
  // A link-local address may be somebody else's on the other link, and his priority is another one then.
  const isOurs = sender === second.address || sender === config.sourceAddress;
  return isOurs && (priority === config.priority || priority === RESIGN_PRIORITY);
}

/**
 * Whose advert it is, as the state knows him: a master has another address on each path, and is the same one where he
 * has the priority of the master that was just heard on the first. What is taken for him wrongly is another master
 * that we obey, under another address.
 */
function identified(
  state: State,
  second: SecondPath,
  source: IpAddress,
  priority: number,
  isFresh: boolean,
): IpAddress {
  const master = state.kind === "backup" ? state.master : undefined;
  if (master === undefined || master.address === source) return source;
  const isKnown = second.known?.sender === source && second.known.master === master.address;
  if (priority === RESIGN_PRIORITY) return isKnown ? master.address : source;
  if (priority !== master.priority || !(isFresh || isKnown)) return source;
  second.known = { sender: source, master: master.address };
  return master.address;
}
