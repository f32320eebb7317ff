// From what happens to instances to what is worth a notification, in keepalived's words: the state of an instance
// or of a sync group is another one now, or a master had to assert itself. Fed with events in their order.

import type { InstanceConfig, InstanceStateName } from "../../vrrp/instance.js";
import type { VipdEvent } from "../../control/event.js";
import { describeReason } from "../../control/reason.js";

export type NotifyState = "MASTER" | "BACKUP" | "FAULT" | "STOP" | "DELETED";
export type Notification = {
  readonly type: "INSTANCE" | "GROUP";
  readonly name: string;
  /** Absent the first time. */
  readonly from?: NotifyState;
  readonly to: NotifyState;
  /** MASTER once more, because another one said that it is: its neighbours, or a cloud's API, may follow that one. */
  readonly again: boolean;
  /** The effective one; of a group 0, as keepalived says it. */
  readonly priority: number;
  /** Kind of the transition's reason, and the sentence for it. */
  readonly reason: string;
  readonly detail: string;
};

type Cause = Pick<Notification, "priority" | "reason" | "detail">;
type Members = ReadonlyMap<string, readonly string[]>;

const WORDS: Readonly<Record<InstanceStateName, NotifyState>> = {
  initialize: "STOP",
  backup: "BACKUP",
  master: "MASTER",
  fault: "FAULT",
};

export class Notifications {
  private readonly instances = new Map<string, NotifyState>();
  private readonly groups = new Map<string, NotifyState>();
  private members: Members = new Map();
  /** The states of instances were told by a predecessor, and so were those of their groups. */
  private hasInherited = false;

  /** The sync groups from now on. An instance in both families is one for people: its group speaks for it. */
  configure(instances: readonly Pick<InstanceConfig, "name" | "group">[]): void {
    const members = new Map<string, string[]>();
    for (const { name, group } of instances)
      if (group !== undefined) members.set(group, [...(members.get(group) ?? []), name]);
    this.members = members;
    if (!this.hasInherited) return;
    this.hasInherited = false;
    for (const group of members.keys()) {
      const state = this.stateOf(group);
      if (state !== "STOP") this.groups.set(group, state);
    }
  }

  observe(event: VipdEvent): readonly Notification[] {
    if (event.kind === "vrrp-transition") return this.transition(event);
    if (event.kind === "vrrp-taken-over") return this.inherit(event.instance, WORDS[event.state]);
    if (event.kind !== "vrrp-second-master" || this.instances.get(event.instance) !== "MASTER") return [];
    const { instance: name, sender, own_priority: priority } = event;
    const detail = `${sender} says it is master too, with priority ${event.sender_priority}`;
    return [
      {
        type: "INSTANCE",
        name,
        from: "MASTER",
        to: "MASTER",
        again: true,
        priority,
        reason: "second-master",
        detail,
      },
    ];
  }

  /** What has been so before is no news. */
  private inherit(name: string, state: NotifyState): readonly Notification[] {
    if (state !== "STOP") this.instances.set(name, state);
    this.hasInherited = true;
    return [];
  }

  private transition(event: Extract<VipdEvent, { kind: "vrrp-transition" }>): readonly Notification[] {
    const { instance: name, reason, priority } = event;
    const to = reason.kind === "deleted" ? "DELETED" : WORDS[event.to];
    const cause = { priority, reason: reason.kind, detail: describeReason(reason) };
    const own = this.change(this.instances, { type: "INSTANCE", name }, to, cause);
    const [group] = [...this.members].find(([, names]) => names.includes(name)) ?? [];
    if (group === undefined) return own;
    const speaksForAll = name.startsWith(`${group}/`);
    const whole = this.change(
      this.groups,
      { type: speaksForAll ? "INSTANCE" : "GROUP", name: group },
      this.stateOf(group),
      speaksForAll ? cause : { ...cause, priority: 0 },
    );
    return speaksForAll ? whole : [...own, ...whole];
  }

  private change(
    states: Map<string, NotifyState>,
    who: Pick<Notification, "type" | "name">,
    to: NotifyState,
    cause: Cause,
  ): readonly Notification[] {
    const from = states.get(who.name);
    const isOver = to === "STOP" || to === "DELETED";
    // What never began does not end; a restarted process that goes on is no news.
    if (from === to || (from === undefined && isOver)) return [];
    if (isOver) states.delete(who.name);
    else states.set(who.name, to);
    return [{ ...who, ...(from === undefined ? {} : { from }), to, again: false, ...cause }];
  }

  private stateOf(group: string): NotifyState {
    const states = (this.members.get(group) ?? []).map((member) => this.instances.get(member));
    if (states.includes("FAULT")) return "FAULT";
    if (states.every((state) => state === "MASTER")) return "MASTER";
    return states.every((state) => state === undefined) ? "STOP" : "BACKUP";
  }
}

/** As keepalived's FIFO says it. */
export function fifoLine({ type, name, to, again, priority }: Notification): string {
  return `${type} "${name}" ${again ? "MASTER_RX_LOWER_PRI" : to} ${priority}\n`;
}
