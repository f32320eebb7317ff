// What the engine says of others, and of what the kernel refuses: adverts that are wrong or odd, a second master,
// an address on two hosts, adverts that could not be sent. The same again is counted, not said.

import type { IpAddress, MacAddress } from "../core/address.js";
import {
  after,
  between,
  formatDuration,
  instant,
  minutes,
  seconds,
  type Instant,
  type Milliseconds,
} from "../core/units.js";
import type { Repeats } from "../control/event.js";
import { again } from "../control/reason.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { senderOf } from "../vrrp/ip-header.js";
import type { DecodeError } from "../vrrp/packet.js";
import type { Master } from "../vrrp/state.js";
import { earlier } from "../vrrp/timing.js";
import type { Reject, Saying } from "./rejects.js";
import type { MakeEvent, RepeatLimit } from "./repeat-limit.js";
import type { Runtime } from "./vrrp-runtime.js";

/** How long a preempted master may take to let its addresses go. */
const HAND_OVER = seconds(1);
/** What is still odd is said again after this time. */
const ODDITY_AGAIN = minutes(60);
const MOST_ODD_SENDERS = 16;

export class Notices {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "report">;
  private readonly limit: RepeatLimit;
  private oddAgainAt = instant(Infinity);

  constructor(ports: Pick<VrrpPorts, "interfaces" | "report">, limit: RepeatLimit) {
    this.ports = ports;
    this.limit = limit;
  }

  /** An advert that was not listened to; `packet` from its IP header on. */
  rejected(runtime: Runtime, error: DecodeError, packet: Uint8Array, ifindex: number, now: Instant): void {
    const { kind } = error;
    runtime.rejected[kind] = (runtime.rejected[kind] ?? 0) + 1;
    const reject = runtime.rejects.note(error, senderOf(packet), ifindex, now);
    reject.saying ??= sayingOf(runtime, reject);
    const { key, rest, make } = reject.saying;
    this.limit.note(key, rest, now, make);
  }

  /** What is wrong with an advert of `sender` that was listened to; nothing, when it is as it should be. */
  odd(runtime: Runtime, sender: IpAddress, texts: readonly string[], now: Instant): void {
    const { oddities } = runtime;
    const before = oddities.get(sender);
    if (texts.length === 0) return void oddities.delete(sender);
    const known = before === undefined || now >= after(before.saidAt, ODDITY_AGAIN) ? undefined : before;
    const news = texts.filter((text) => known?.texts.includes(text) !== true);
    // In the order in which they were heard last; to put the last one in anew would make a new table every few adverts.
    if (sender !== runtime.lastOdd) oddities.delete(sender);
    runtime.lastOdd = sender;
    if (!oddities.has(sender) && oddities.size >= MOST_ODD_SENDERS) {
      const [oldest] = oddities.keys();
      if (oldest !== undefined) oddities.delete(oldest);
    }
    const saidAt = known === undefined || news.length > 0 ? now : known.saidAt;
    oddities.set(sender, { texts, saidAt, heardAt: now });
    this.oddAgainAt = earlier(after(saidAt, ODDITY_AGAIN), this.oddAgainAt);
    const { name: instance } = runtime.config;
    for (const text of news)
      this.limit.note(`odd ${instance} ${text}`, `odd ${instance}`, now, (repeats) => ({
        kind: "vrrp-note",
        level: "warning",
        instance,
        text: noteText(text, repeats),
      }));
  }

  /** When `oddAgain` has something to do; Infinity for never. */
  get next(): Instant {
    return this.oddAgainAt;
  }

  /** The same advert again takes the short way and says nothing: once an hour it takes the long one. */
  oddAgain(runtimes: Iterable<Runtime>, now: Instant): void {
    if (now < this.oddAgainAt) return;
    this.oddAgainAt = instant(Infinity);
    for (const runtime of runtimes) if (runtime.oddities.size > 0) runtime.forgetRepeated();
  }

  secondMaster(runtime: Runtime, master: Master, now: Instant): void {
    const { config } = runtime;
    runtime.second = { ...master, heardAt: now };
    const { name, priority } = config;
    this.limit.note(`second ${name} ${master.address}`, `second ${name}`, now, (repeats) => ({
      kind: "vrrp-second-master",
      instance: name,
      sender: master.address,
      sender_priority: master.priority,
      own_priority: priority,
      ...repeats,
    }));
  }

  blinked({ config: { name: instance, interface: on } }: Runtime, now: Instant): void {
    this.limit.note(`blinked ${instance}`, "blinked", now, (repeats) => ({
      kind: "vrrp-note",
      level: "warning",
      instance,
      text: noteText(
        `the carrier of ${on} was away for a moment: still master, addresses announced again`,
        repeats,
      ),
    }));
  }

  /** Said of a backup; a master that stalled says it with its transition. */
  stalled({ config }: Runtime, stall: Milliseconds, listen: Milliseconds): void {
    this.ports.report({
      kind: "vrrp-note",
      level: "warning",
      instance: config.name,
      text: `this process was stopped ${formatDuration(stall)} past its deadline; it listens for ${formatDuration(listen)} before it takes over`,
    });
  }

  left({ config: { name: instance } }: Runtime, { address, priority }: Master): void {
    this.ports.report({
      kind: "vrrp-note",
      level: "warning",
      instance,
      text: `${address} is master (priority ${priority}): the addresses that the last stop left here are removed`,
    });
  }

  advertFailed(runtime: Runtime, ifindex: number, error: string, now: Instant): void {
    const text = `could not send an advert on ${nameOf(runtime, ifindex)}: ${error}`;
    this.failed(runtime.config.name, text, "advert", now);
  }

  sendFailed({ config }: Runtime, error: string, now: Instant): void {
    this.failed(config.name, `could not send on ${config.interface}: ${error}`, "send", now);
  }

  private failed(instance: string, text: string, what: "advert" | "send", now: Instant): void {
    this.limit.note(`${what} ${instance}`, what, now, (repeats) => ({
      kind: "vrrp-note",
      level: "warning",
      instance,
      text: noteText(text, repeats),
    }));
  }

  /** Somebody says that `address`, which is one of this master's, is his. */
  heardHolder(runtime: Runtime, ifindex: number, mac: MacAddress, address: IpAddress, now: Instant): void {
    const holder = runtime.config.addresses.find(({ prefix }) => prefix.address === address);
    const view = holder && this.ports.interfaces.find(holder.interface);
    if (view?.index !== ifindex || view.mac === mac) return;
    // The master we have just preempted answers for the address until our advert has reached it.
    if (runtime.reason.kind === "preempted-lower" && between(runtime.since, now) < HAND_OVER) return;
    // Said at the next advert, if we are still master then: a better master announces just before we yield.
    runtime.conflict = { address, mac };
  }

  conflict(runtime: Runtime, now: Instant): void {
    const { conflict, config } = runtime;
    runtime.conflict = undefined;
    if (conflict === undefined || runtime.state.kind !== "master") return;
    const { address, mac } = conflict;
    const { name, interface: on } = config;
    this.limit.note(`conflict ${name} ${address} ${mac}`, "conflict others", now, (repeats) => ({
      kind: "vrrp-address-conflict",
      instance: name,
      address,
      mac,
      interface: on,
      ...repeats,
    }));
  }
}

/** What is said of one that has come again is its newest detail. */
function sayingOf(runtime: Runtime, { sender, ifindex, error }: Reject): Saying {
  const { kind } = error;
  const { name } = runtime;
  const on = nameOf(runtime, ifindex);
  const make: MakeEvent = (repeats) => ({
    kind: "vrrp-rejected",
    instance: name,
    interface: on,
    sender,
    reject: kind,
    detail: saying.error.detail,
    ...repeats,
  });
  const saying: Saying = { key: `${kind} ${sender} ${ifindex} ${name}`, rest: `${kind} others`, make, error };
  return saying;
}

/** Of the path that has this index. */
const nameOf = ({ config, secondPath: second }: Runtime, ifindex: number): string =>
  second !== undefined && second.ifindex === ifindex ? second.name : config.interface;

export function noteText(text: string, repeats: Repeats): string {
  const repeated = again(repeats);
  return repeated === undefined ? text : `${text} (${repeated})`;
}
