// Collects what the machines want done in one wake-up and does it for all of them together: one send for the
// adverts, one netlink batch each for addresses to remove and to add, one send for the announcements, in this
// order. Says of each transition what was really done, and gives back what failed.

import { formatPrefix, type IpAddress } from "../core/address.js";
import type { TransitionReason } from "../vrrp/reasons.js";
import { itemsOf, type RoutingItem } from "../core/routing.js";
import type { AddressOrder } from "../ports/route.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import type { InstanceStateName, VirtualAddress } from "../vrrp/instance.js";
import { OWNER_PRIORITY, RESIGN_PRIORITY, type Action, type State } from "../vrrp/state.js";
import { vacancyOf } from "../vrrp/vacancy.js";
import { versionsSpoken, type MessageVersion } from "../vrrp/versions.js";
import { ADDRESS_SLICE, AddressRemovals, type Removal } from "./address-removals.js";
import { Announcer, type Announcement } from "./announcer.js";
import type { RepeatLimit } from "./repeat-limit.js";
import { OwnerAddresses } from "./owner-addresses.js";
import { RoutingKeeper } from "./routing-keeper.js";
import type { Authenticator } from "./vrrp-authenticator.js";
import { placeKey, type Runtime } from "./vrrp-runtime.js";

/** A transition on its way to the log; `done` is filled while its actions are carried out. */
export type Transition = {
  readonly runtime: Runtime;
  readonly from: InstanceStateName;
  readonly to: InstanceStateName;
  readonly reason: TransitionReason;
  /** Of a new master: what it was. */
  readonly before?: State;
  readonly lateness_ms?: number;
  readonly done: string[];
};
export type Failure = { readonly runtime: Runtime; readonly action: string; readonly error: string };
type RoutingWork = {
  readonly runtime: Runtime;
  readonly items: readonly RoutingItem[];
  readonly done: string[];
};
type LinkWork = {
  readonly runtime: Runtime;
  readonly name: string;
  readonly state: "master" | "other" | "gone";
};
type AddressWork = {
  readonly runtime: Runtime;
  readonly address: VirtualAddress;
  readonly order: AddressOrder;
  readonly done: string[];
};

const SENT_ADVERT = "sent advert";

export class Orders {
  readonly announcer: Announcer;
  readonly kept: AddressRemovals;
  readonly routing: RoutingKeeper;
  readonly owners: OwnerAddresses;
  private readonly ports: VrrpPorts;
  private readonly limit: RepeatLimit;
  private removals: AddressWork[] = [];
  private additions: AddressWork[] = [];
  private routes: RoutingWork[] = [];
  private links: LinkWork[] = [];
  private announcements: (Announcement & { readonly runtime: Runtime; readonly done: string[] })[] = [];
  private restored = new Map<VirtualAddress, Runtime>();
  private transitions: Transition[] = [];
  private failures: Failure[] = [];
  /** Whether `settle` has anything to do. */
  waiting = false;

  constructor(ports: VrrpPorts, limit: RepeatLimit, isVirtual: (address: IpAddress) => boolean) {
    this.ports = ports;
    this.limit = limit;
    this.kept = new AddressRemovals(ports);
    this.routing = new RoutingKeeper(ports);
    this.owners = new OwnerAddresses(ports.ownerAdded);
    this.announcer = new Announcer(ports, isVirtual);
  }

  transition(transition: Transition): void {
    this.transitions.push(transition);
    this.waiting = true;
  }

  /** Reports of what was noticed are the engine's own business. */
  take(
    runtime: Runtime,
    action: Exclude<Action, { kind: "report-second-master" | "report-stall" | "report-left" }>,
    done: string[],
  ): void {
    this.waiting = true;
    switch (action.kind) {
      case "send-advert":
        if (!this.sendAdvert(runtime, action.priority)) return;
        done.push(action.priority === RESIGN_PRIORITY ? `${SENT_ADVERT} with priority 0` : SENT_ADVERT);
        return;
      case "add-addresses":
        for (const address of action.addresses)
          this.additions.push(workOf(runtime, address, this.indexOf(address), done));
        return;
      case "remove-addresses":
        this.takeBack(runtime, action.addresses);
        for (const address of action.addresses)
          // The owner's addresses are the interface's own, and stay with it.
          if (runtime.config.priority !== OWNER_PRIORITY || runtime.added.has(placeKey(address)))
            this.removals.push(
              workOf(runtime, address, runtime.placed.get(placeKey(address)) ?? this.indexOf(address), done),
            );
        return;
      case "announce":
        this.announcements.push({ runtime, addresses: action.addresses, repeat: action.repeat, done });
        return;
      case "report-restored":
        this.restored.set(action.address, runtime);
        return;
    }
  }

  /**
   * Routes and rules are there, and the virtual link is on, while the instance is master, however it became that
   * and ceases to be it. "gone": the instance ends, and its link with it.
   */
  follow(runtime: Runtime, state: "master" | "other" | "gone", done: string[]): void {
    const { routing, virtualMac } = runtime.config;
    const isMaster = state === "master";
    if (virtualMac !== undefined) {
      this.links.push({ runtime, name: virtualMac.name, state });
      this.waiting = true;
    }
    const items = isMaster && routing !== undefined ? itemsOf(routing) : [];
    if (items.length === 0 && !runtime.routed) return;
    runtime.routed = items.length > 0;
    this.routes.push({ runtime, items, done });
    this.waiting = true;
  }

  /** What it ordered to add a moment ago and does not want any more: removals are carried out before additions. */
  private takeBack(runtime: Runtime, addresses: readonly VirtualAddress[]): void {
    const unwanted = (work: { readonly runtime: Runtime }, list: readonly VirtualAddress[]): boolean =>
      work.runtime === runtime && list.every((address) => addresses.includes(address));
    this.additions = this.additions.filter((work) => !unwanted(work, [work.address]));
    this.announcements = this.announcements.filter((work) => !unwanted(work, work.addresses));
  }

  /** A predecessor has put these routes and rules into the kernel, where they stay. */
  inherit(runtime: Runtime, items: readonly RoutingItem[]): void {
    runtime.routed = items.length > 0;
    this.routing.inherit(runtime.config.name, items);
  }

  /** By both paths, where there are two. False: by none, because the first is dead and there is no other. */
  sendAdvert(runtime: Runtime, priority: number): boolean {
    const leaving = priority === RESIGN_PRIORITY;
    const { destinations, secondPath: second, mute } = runtime;
    const goesTwice = second?.isUsable === true;
    runtime.unsent = 0;
    runtime.aimed = 0;
    if (mute && !goesTwice) return false;
    if (runtime.authenticator !== undefined) signAll(runtime, runtime.authenticator, leaving);
    if (!mute) {
      runtime.aimed = destinations.length;
      for (const { address, advert, resignation } of destinations)
        this.ports.link.queue(runtime.outIndex, runtime.source, address, leaving ? resignation : advert);
    }
    if (goesTwice) {
      runtime.aimed += second.destinations.length;
      for (const { address, advert, resignation } of second.destinations)
        this.ports.link.queue(second.ifindex, second.source, address, leaving ? resignation : advert);
      second.sent += 1;
    }
    runtime.sent += 1;
    return true;
  }

  /**
   * Does all of it. What failed comes back as an event of the machine it failed for. `breathe` is called now and
   * then in between, when it is much.
   */
  settle(breathe: () => void): readonly Failure[] {
    this.waiting = false;
    this.failures = [];
    const { links } = this;
    this.links = [];
    // Adverts leave from a virtual link, so that it comes first.
    for (const work of links) if (work.state === "master") this.switchOn(work);
    this.ports.link.flush();
    const { removals, additions, routes, announcements, transitions } = this;
    this.removals = [];
    this.additions = [];
    this.routes = [];
    this.announcements = [];
    this.transitions = [];
    // A route that prefers a virtual address as source comes after it and goes before it.
    for (const work of routes) if (work.items.length === 0) this.route(work);
    inSlices(removals, (slice) => this.removeAll(slice), breathe);
    for (const work of links) if (work.state !== "master") this.letGo(work);
    inSlices(additions, (slice) => this.addAll(slice), breathe);
    for (const work of routes) if (work.items.length > 0) this.route(work);
    const announced = this.withoutFailed(announcements);
    this.announcer.send(announced, breathe);
    for (const { addresses, repeat, done } of announced)
      done.push(`announced ${listed(addresses)} ${times(repeat)}`);
    const announcedAt = this.ports.clock.now();
    const announcers = new Set(announced.map(({ runtime }) => runtime));
    for (const { runtime, from, to, reason, before, lateness_ms, done } of transitions) {
      // Whose address was refused, or who yielded meanwhile, has taken nothing over.
      const vacancy =
        before !== undefined && announcers.has(runtime) ? vacancyOf(before, reason, announcedAt) : undefined;
      if (vacancy !== undefined) runtime.takeover = { at: runtime.since, until: null, vacancy };
      this.ports.report({
        kind: "vrrp-transition",
        instance: runtime.config.name,
        from,
        to,
        priority: runtime.config.priority,
        ...(runtime.priority.terms.length > 0 && {
          sum: { base: runtime.priority.base, terms: runtime.priority.terms },
        }),
        reason,
        done: runtime.reachedNobody ? done.map(notSent) : done,
        ...(lateness_ms !== undefined && { lateness_ms }),
        ...(vacancy && { vacancy }),
      });
    }
    this.restored.clear();
    return this.failures;
  }

  private switchOn({ runtime, name }: LinkWork): void {
    const error = this.ports.virtualLinks.switch(name, true);
    if (error !== undefined) this.failures.push({ runtime, action: `switch on ${name}`, error });
  }

  private letGo({ runtime, name, state }: LinkWork): void {
    const { virtualLinks, report } = this.ports;
    const error = state === "gone" ? virtualLinks.remove(name) : virtualLinks.switch(name, false);
    if (error !== undefined)
      report({
        kind: "vrrp-note",
        level: "error",
        instance: runtime.config.name,
        text: `could not ${error}`,
      });
  }

  /** Whose address the kernel has refused resigns next: nobody is to be led here (RFC 9568 section 8.1.2). */
  private withoutFailed<T extends { readonly runtime: Runtime }>(work: readonly T[]): readonly T[] {
    const { failures } = this;
    return failures.length === 0
      ? work
      : work.filter(({ runtime }) => !failures.some((failure) => failure.runtime === runtime));
  }

  private route({ runtime, items, done }: RoutingWork): void {
    done.push(...this.routing.want(runtime.config.name, items));
  }

  /** 0 while there is no such interface. */
  private indexOf(address: VirtualAddress): number {
    return this.ports.interfaces.find(address.interface)?.index ?? 0;
  }

  private removeAll(work: readonly AddressWork[]): void {
    // On an interface that is gone the address is gone too.
    const present = work.filter(({ order }) => order.ifindex !== 0);
    const outcomes = this.kept.remove(present.map(removalOf));
    for (const { runtime, address, order } of work)
      if (order.ifindex === 0) {
        forget(runtime, address);
        this.owners.touch(runtime);
      }
    present.forEach(({ runtime, address, done }, i) => {
      const outcome = outcomes[i]!;
      if (outcome.ok) forget(runtime, address);
      this.owners.touch(runtime);
      if (!outcome.ok) done.push(outcome.error);
      else if (!outcome.unchanged)
        done.push(`removed ${formatPrefix(address.prefix)} from ${address.interface}`);
    });
  }

  private addAll(work: readonly AddressWork[]): void {
    for (const { order } of work) this.kept.forget(order);
    const outcomes = this.ports.addresses.addAddresses(work.map(({ order }) => order));
    work.forEach(({ runtime, address, order, done }, i) => {
      const outcome = outcomes[i]!;
      const prefix = formatPrefix(address.prefix);
      // The interface went a moment ago; the news of that is on its way, and is what the machine must hear of.
      if (!outcome.ok && outcome.code === "ENODEV" && order.ifindex !== 0) return;
      if (!outcome.ok) {
        this.failures.push({
          runtime,
          action: `add ${prefix} to ${address.interface}`,
          error: outcome.error,
        });
        done.push(`could not add ${prefix} to ${address.interface}`);
        return;
      }
      runtime.placed.set(placeKey(address), order.ifindex);
      done.push(`added ${prefix} to ${address.interface}${outcome.unchanged ? " (it was there)" : ""}`);
      if (outcome.unchanged) return;
      // What somebody deleted was there before, and whose it was has not changed.
      if (this.restored.has(address)) this.reportRestored(runtime, address);
      else {
        runtime.added.add(placeKey(address));
        this.owners.touch(runtime);
      }
    });
  }

  private reportRestored(runtime: Runtime, address: VirtualAddress): void {
    const { name } = runtime.config;
    const prefix = formatPrefix(address.prefix);
    this.limit.note(`restored ${name} ${prefix}`, "restored", this.ports.clock.now(), (repeats) => ({
      kind: "vrrp-address-restored",
      instance: name,
      address: prefix,
      interface: address.interface,
      ...repeats,
    }));
  }
}

function inSlices<T>(work: readonly T[], run: (slice: readonly T[]) => void, breathe: () => void): void {
  for (let from = 0; from < work.length; from += ADDRESS_SLICE) {
    if (from > 0) breathe();
    run(work.slice(from, from + ADDRESS_SLICE));
  }
}

/** Copies to several destinations are one message; an advert of another version is another one. */
function signAll(runtime: Runtime, authenticator: Authenticator, leaving: boolean): void {
  const { destinations, secondPath: second, config } = runtime;
  for (const version of versionsSpoken(config.version)) {
    authenticator.sign(config.sourceAddress, messagesTo(destinations, version, leaving));
    if (second?.address !== undefined)
      authenticator.signAgain(second.address, messagesTo(second.destinations, version, leaving));
  }
}

const messagesTo = (
  destinations: Runtime["destinations"],
  version: MessageVersion,
  leaving: boolean,
): readonly Uint8Array[] =>
  destinations.flatMap((one) => (one.version === version ? [leaving ? one.resignation : one.advert] : []));

/** What was said to be sent when it was queued, and could not leave. */
const notSent = (text: string): string =>
  text.startsWith(SENT_ADVERT) ? text.replace("sent", "could not send") : text;

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

const listed = (addresses: readonly VirtualAddress[]): string => {
  const texts = addresses.map((address) => address.prefix.address);
  return texts.length <= 3
    ? texts.join(", ")
    : `${texts.slice(0, 2).join(", ")} and ${texts.length - 2} more`;
};

function forget(runtime: Runtime, address: VirtualAddress): void {
  runtime.added.delete(placeKey(address));
  runtime.placed.delete(placeKey(address));
}

const workOf = (runtime: Runtime, address: VirtualAddress, ifindex: number, done: string[]): AddressWork => ({
  runtime,
  address,
  order: { ifindex, prefix: address.prefix },
  done,
});

const removalOf = ({ runtime, address, order }: AddressWork): Removal => ({
  instance: runtime.config.name,
  interface: address.interface,
  order,
});
