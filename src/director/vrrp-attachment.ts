// Keeps instances attached to their interfaces: takes over what these are now, joins the VRRP group there, and
// tells the machines when one is of no use any more, or again.

import { formatPrefix, type IpAddress } from "../core/address.js";
import { after, instant, seconds, type Instant } from "../core/units.js";
import type { InterfaceView, VrrpPorts } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { samePriority } from "../vrrp/priority.js";
import { OWNER_PRIORITY } from "../vrrp/state.js";
import { earlier } from "../vrrp/timing.js";
import { sameValue } from "./instance-change.js";
import { refuses, type Refusals } from "./refusals.js";
import {
  addressOn,
  indicesOf,
  Memberships,
  replaced,
  sourceOf,
  troubleOf,
  type LinkTrouble,
} from "./vrrp-interfaces.js";
import { LinkMaker } from "./vrrp-links.js";
import type { Roster } from "./vrrp-roster.js";
import { placeKey, type Runtime } from "./vrrp-runtime.js";
import { SecondPaths } from "./vrrp-second-paths.js";
import type { Steps } from "./vrrp-steps.js";
import { Tracks } from "./vrrp-tracks.js";

/** From one try to join the VRRP group to the next. */
const JOIN_AGAIN = seconds(5);

export class Attachment {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "report">;
  private readonly roster: Roster;
  private readonly steps: Steps;
  private readonly memberships: Memberships;
  readonly tracks: Tracks;
  private readonly secondPaths: SecondPaths;
  private readonly links: LinkMaker;
  private readonly refusals: Refusals;
  private joinAgainAt = instant(Infinity);

  constructor(ports: VrrpPorts, roster: Roster, steps: Steps, refusals: Refusals) {
    this.ports = ports;
    this.roster = roster;
    this.steps = steps;
    this.refusals = refusals;
    this.memberships = new Memberships(ports.link);
    this.secondPaths = new SecondPaths(ports, roster, this.memberships);
    this.tracks = new Tracks(ports.interfaces);
    steps.onOverload = (runtime, now) => {
      this.tracks.overload(runtime.given, now);
      this.lookAtAllTracks(now);
    };
    this.links = new LinkMaker(ports);
  }

  /** When `attend` has something to do; Infinity for never. */
  get next(): number {
    return Math.min(this.joinAgainAt, this.tracks.next);
  }

  /** Looks at the interfaces of `runtime` as they are now. */
  look(runtime: Runtime, now: Instant): void {
    const { interfaces } = this.ports;
    const given = this.roster.givenOf(runtime.config.name) ?? runtime.config;
    const view = interfaces.find(given.interface);
    const unlinked = this.links.ensure(runtime, given, view);
    runtime.outIndex = this.links.outOf(given, view);
    this.takeSecondPath(runtime, given, now);
    this.noticeExchange(runtime, given, now);
    const source = sourceOf(given, interfaces, this.roster.virtual);
    this.takeInterface(runtime, given, view, source);
    runtime.mute = given.secondPath !== undefined && (view?.up !== true || source === undefined);
    const trouble =
      troubleOf(given, interfaces, source) ??
      unlinked ??
      this.deafness(runtime, now) ??
      this.acceptance(given) ??
      this.tracks.trouble(given) ??
      this.groupTrouble(runtime, given);
    const { state } = runtime;
    if (trouble !== undefined) {
      // One that was to be resumed as master, and cannot.
      if (state.kind === "initialize") this.removeStale(runtime);
      runtime.resume = undefined;
      // A fault learns its new cause: an interface that was down may be gone by now.
      const known = state.kind === "fault" && sameValue(state.cause, trouble);
      if (!known) this.steps.apply(runtime, { kind: "link-down", cause: trouble }, now);
    } else if (state.kind === "fault") this.steps.apply(runtime, { kind: "link-up" }, now);
    else if (state.kind === "initialize") this.begin(runtime, given, now);
  }

  /** One that does not know its priority yet, or whether it may take part, waits to be told. */
  private begin(runtime: Runtime, given: InstanceConfig, now: Instant): void {
    runtime.awaited = this.tracks.awaited(given);
    if (runtime.awaited.length > 0) return;
    const { resume: order } = runtime;
    runtime.resume = undefined;
    if (order === undefined) {
      if (given.priority === OWNER_PRIORITY) this.doubtOwner(given);
      return this.steps.apply(runtime, { kind: "start" }, now);
    }
    const { dead_at: deadAt, kept } = order;
    this.steps.apply(runtime, { kind: "resume", deadAt: instant(deadAt), ...(kept && { kept }) }, now);
  }

  /** An owner has its addresses by itself. One that has not is mostly meant to be a master of high priority. */
  private doubtOwner({ name, addresses }: InstanceConfig): void {
    const foreign = addresses.find(({ interface: on, prefix }) => {
      const view = this.ports.interfaces.find(on);
      return view !== undefined && addressOn(view, prefix.address) === undefined;
    });
    if (foreign === undefined) return;
    const { interface: on, prefix } = foreign;
    this.ports.report({
      kind: "vrrp-note",
      level: "warning",
      instance: name,
      text:
        `priority 255 says that ${prefix.address} is this host's own, and ${on} does not have it: it is added, and ` +
        "taken from any other master whatever `preempt` says; use a priority from 1 to 254 unless it is",
    });
  }

  /** Takes over what its tracks make of its priority, and whether it may take part. */
  lookAtTracks(runtime: Runtime, now: Instant): void {
    const priority = this.tracks.priority(runtime.given);
    const before = runtime.priority;
    if (runtime.config.leavesTies !== this.tracks.leavesTies(runtime.given)) {
      runtime.current();
      this.adopt(runtime, runtime.given);
    }
    if (!samePriority(priority, before)) {
      const { config: previous, given } = runtime;
      runtime.current();
      this.adopt(runtime, given);
      if (runtime.state.kind !== "initialize")
        this.ports.report({
          kind: "vrrp-priority",
          instance: given.name,
          from: before.effective,
          to: priority.effective,
          sum: { base: priority.base, terms: priority.terms },
          state: runtime.state.kind,
        });
      if (priority.effective !== before.effective)
        this.steps.apply(runtime, { kind: "reconfigure", previous }, now);
    }
    this.look(runtime, now);
  }

  /** Takes a changed configuration over, for the interface as it is now. */
  adopt(runtime: Runtime, config: InstanceConfig): void {
    const { interfaces } = this.ports;
    const source = sourceOf(config, interfaces, this.roster.virtual);
    // What it lacks now it is told by the next look.
    const view = interfaces.find(config.interface);
    this.give(runtime, config, view, source ?? runtime.config.sourceAddress);
    runtime.indices = new Map([...indicesOf(config, interfaces), ...runtime.indices]);
  }

  private give(
    runtime: Runtime,
    config: InstanceConfig,
    view: InterfaceView | undefined,
    source: IpAddress | undefined,
  ): void {
    const { tracks } = this;
    runtime.adopt(config, tracks.priority(config), tracks.leavesTies(config), view, source);
  }

  /** Makes it ready for its interface, and does not look whether it may take part. */
  attach(runtime: Runtime, now: Instant): void {
    const { given } = runtime;
    const { interfaces } = this.ports;
    const view = interfaces.find(given.interface);
    runtime.outIndex = this.links.outOf(given, view);
    runtime.indices = indicesOf(given, interfaces);
    const source = sourceOf(given, interfaces, this.roster.virtual);
    this.takeInterface(runtime, given, view, source);
    this.secondPaths.attach(runtime, given, now);
  }

  leave(runtime: Runtime): void {
    this.secondPaths.leave(runtime);
    const { unicast, family } = runtime.config;
    if (unicast === undefined) this.memberships.leave(runtime.ifindex, family);
  }

  /** Addresses of ours that are there before we are master were left behind by a crash. */
  removeStale(runtime: Runtime): void {
    for (const address of runtime.config.addresses) {
      const { interface: name, prefix } = address;
      // The owner's addresses are the interface's own, but for those that a predecessor has added.
      if (runtime.config.priority === OWNER_PRIORITY && !runtime.added.delete(placeKey(address))) continue;
      const view = this.ports.interfaces.find(name);
      const there = view?.addresses.some(
        ({ address, length }) => address === prefix.address && length === prefix.length,
      );
      if (view === undefined || there !== true) continue;
      const order = { ifindex: view.index, prefix };
      const removal = { instance: runtime.config.name, interface: name, order };
      const [outcome] = this.steps.orders.kept.remove([removal]);
      if (outcome?.ok === true && !outcome.unchanged)
        this.ports.report({
          kind: "vrrp-stale-address-removed",
          instance: runtime.config.name,
          address: formatPrefix(prefix),
          interface: name,
        });
    }
  }

  /** Its addresses that are there were left by a predecessor for it: they are ours. */
  claim(runtime: Runtime): void {
    for (const address of runtime.config.addresses) {
      const view = this.ports.interfaces.find(address.interface);
      if (view !== undefined && addressOn(view, address.prefix.address) !== undefined)
        runtime.placed.set(placeKey(address), view.index);
    }
  }

  /** After what `next` is the time of. */
  attend(now: Instant): void {
    this.joinAgain(now);
    if (this.tracks.recover(now)) this.steps.collect(() => this.lookAtAllTracks(now));
  }

  lookAtAllTracks(now: Instant): void {
    for (const runtime of this.roster.all) this.lookAtTracks(runtime, now);
  }

  private joinAgain(now: Instant): void {
    if (now < this.joinAgainAt) return;
    this.joinAgainAt = instant(Infinity);
    this.steps.collect(() => {
      for (const runtime of this.roster.all)
        if (runtime.refused !== undefined || runtime.secondPath?.refused !== undefined)
          this.look(runtime, now);
    });
  }

  private takeSecondPath(runtime: Runtime, given: InstanceConfig, now: Instant): void {
    this.secondPaths.attach(runtime, given, now);
    this.secondPaths.say(runtime);
    if (runtime.secondPath?.refused !== undefined)
      this.joinAgainAt = earlier(after(now, JOIN_AGAIN), this.joinAgainAt);
  }

  private noticeExchange(runtime: Runtime, given: InstanceConfig, now: Instant): void {
    const indices = indicesOf(given, this.ports.interfaces);
    const exchanged = replaced(runtime.indices, indices);
    runtime.indices = indices;
    if (exchanged === undefined || !isAtWork(runtime)) return;
    runtime.mute = given.secondPath !== undefined && exchanged === given.interface;
    const cause = { kind: "interface-missing", interface: exchanged } as const;
    this.steps.apply(runtime, { kind: "link-down", cause }, now);
  }

  /** Makes the bytes to send for the interface as it is now, and hears adverts there. */
  private takeInterface(
    runtime: Runtime,
    given: InstanceConfig,
    view: InterfaceView | undefined,
    source: IpAddress | undefined,
  ): void {
    const { config, ifindex: left } = runtime;
    const changed =
      (view?.index ?? 0) !== left ||
      view?.mac !== runtime.mac ||
      (source !== undefined && source !== config.sourceAddress);
    if (changed || runtime.destinations.length === 0) {
      runtime.current();
      this.give(runtime, given, view, source ?? config.sourceAddress);
    }
    if (given.unicast !== undefined) return;
    if (runtime.ifindex === left && runtime.refused === undefined) return;
    this.memberships.leave(left, given.family);
    runtime.refused = this.memberships.join(runtime.ifindex, given.family);
  }

  /** Another member that is in fault for a reason of its own. */
  private groupTrouble(runtime: Runtime, { group }: InstanceConfig): LinkTrouble | undefined {
    if (group === undefined || runtime.state.kind === "initialize") return undefined;
    const faulty = this.roster
      .group(group)
      .find(
        (other) =>
          other !== runtime && other.state.kind === "fault" && other.state.cause.kind !== "group-fault",
      );
    return faulty && { kind: "group-fault", group, member: faulty.name };
  }

  /** One that could not but accept what it is told not to would be master against its orders. */
  private acceptance(given: InstanceConfig): LinkTrouble | undefined {
    const { error } = this.refusals;
    if (error === undefined || !refuses(given)) return undefined;
    return { kind: "cannot-refuse", interface: given.interface, error };
  }

  /** One that cannot hear others would be master beside them. */
  private deafness(runtime: Runtime, now: Instant): LinkTrouble | undefined {
    const { refused, config } = runtime;
    if (refused === undefined) return undefined;
    this.joinAgainAt = earlier(after(now, JOIN_AGAIN), this.joinAgainAt);
    return { kind: "cannot-join", interface: config.interface, error: refused };
  }
}

const isAtWork = ({ state }: Runtime): boolean => state.kind === "master" || state.kind === "backup";
