// What the tracks of instances are at present: values that were reported to this process, and interfaces, which it
// sees by itself. The members of a sync group follow the tracks of all of them, so that their priorities never
// differ by a track. What follows from the values is vrrp/priority.ts's and the machine's business.

import { after, type Instant } from "../core/units.js";
import type { Interfaces } from "../ports/vrrp.js";
import type { InstanceConfig, TrackConfig } from "../vrrp/instance.js";
import { lowered, OVERLOAD_HOLD } from "../vrrp/overload.js";
import {
  effectivePriority,
  failedTrack,
  unreported,
  type Priority,
  type TrackValue,
  type TrackValues,
} from "../vrrp/priority.js";
import type { LinkTrouble } from "./vrrp-interfaces.js";

const INTERFACE = "interface:";

/** The lowest virtual router id of each group: names may differ between directors, these do not. */
function leadersOf(instances: readonly InstanceConfig[]): ReadonlyMap<string, InstanceConfig> {
  const leaders = new Map<string, InstanceConfig>();
  for (const instance of instances) {
    const { group, virtualRouterId } = instance;
    if (group === undefined) continue;
    const leader = leaders.get(group);
    if (leader === undefined || virtualRouterId < leader.virtualRouterId) leaders.set(group, instance);
  }
  return leaders;
}

/** What rises and falls as one: a group, or an instance. */
const wholeOf = ({ name, group }: InstanceConfig): string =>
  group === undefined ? `instance ${name}` : `group ${group}`;

export class Tracks {
  private readonly interfaces: Interfaces;
  private readonly reported = new Map<string, TrackValue>();
  /** Until when. */
  private readonly overloaded = new Map<string, Instant>();
  /** The instance of each group that settles ties. */
  private leaders: ReadonlyMap<string, InstanceConfig> = new Map();
  private groups = new Map<string, readonly TrackConfig[]>();

  constructor(interfaces: Interfaces) {
    this.interfaces = interfaces;
  }

  /** The instances whose tracks are asked for from now on. */
  expect(instances: readonly InstanceConfig[]): void {
    const groups = new Map<string, Map<string, TrackConfig>>();
    for (const { group, tracks } of instances) {
      if (group === undefined) continue;
      const known = groups.get(group) ?? new Map<string, TrackConfig>();
      for (const track of tracks) if (!known.has(track.id)) known.set(track.id, track);
      groups.set(group, known);
    }
    this.leaders = leadersOf(instances);
    this.groups = new Map([...groups].map(([name, known]) => [name, [...known.values()]]));
  }

  /** What was reported, by the ids of the tracks. */
  get values(): Readonly<Record<string, TrackValue>> {
    return Object.fromEntries(this.reported);
  }

  take(values: Readonly<Record<string, TrackValue>>): void {
    for (const [id, value] of Object.entries(values)) this.reported.set(id, value);
  }

  priority(given: InstanceConfig): Priority {
    const tracks = this.of(given);
    const priority = effectivePriority(given.priority, tracks, this.valuesOf(tracks));
    return this.overloaded.has(wholeOf(given)) ? lowered(priority) : priority;
  }

  leavesTies({ name, group }: InstanceConfig): boolean {
    const leader = group === undefined ? undefined : this.leaders.get(group);
    return leader !== undefined && leader.name !== name;
  }

  /** A track that is down and whose being down is a fault. */
  trouble(given: InstanceConfig): LinkTrouble | undefined {
    const tracks = this.of(given);
    const failed = failedTrack(tracks, this.valuesOf(tracks));
    return failed && { kind: "track-failed", track: failed.label };
  }

  /** For people: what is waited for before the instance takes part. */
  awaited(given: InstanceConfig): readonly string[] {
    const tracks = this.of(given);
    return unreported(tracks, this.valuesOf(tracks)).map(({ label }) => label);
  }

  /** Lowers the priority of this instance, or of its whole group, for a while. */
  overload(given: InstanceConfig, now: Instant): void {
    this.overloaded.set(wholeOf(given), after(now, OVERLOAD_HOLD));
  }

  /** When `recover` has something to do; Infinity for never. */
  get next(): number {
    return Math.min(Infinity, ...this.overloaded.values());
  }

  /** Whether a priority that was lowered is so no more. */
  recover(now: Instant): boolean {
    const before = this.overloaded.size;
    for (const [whole, until] of this.overloaded) if (now >= until) this.overloaded.delete(whole);
    return this.overloaded.size < before;
  }

  private of({ group, tracks }: InstanceConfig): readonly TrackConfig[] {
    return group === undefined ? tracks : (this.groups.get(group) ?? tracks);
  }

  private valuesOf(tracks: readonly TrackConfig[]): TrackValues {
    const values = new Map<string, TrackValue>();
    for (const { id } of tracks) {
      const value = id.startsWith(INTERFACE)
        ? { up: this.interfaces.find(id.slice(INTERFACE.length))?.up === true }
        : this.reported.get(id);
      if (value !== undefined) values.set(id, value);
    }
    return values;
  }
}
