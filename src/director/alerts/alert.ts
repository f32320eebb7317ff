// From events to what somebody may want a message about, and which troubles go on. Fed with events in their order.

import type { AlertKind, AlertStatus } from "../../config/model.js";
import { describe } from "../../control/describe.js";
import type { VipdEvent } from "../../control/event.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { Notifications, type NotifyState } from "../notify/notification.js";

export type Alert = {
  readonly kind: AlertKind;
  /** "instance web", "service http 192.168.1.4:80": one trouble at a time each. */
  readonly subject: string;
  readonly status: AlertStatus;
  /** Something is wrong from now on, until another alert of the subject says otherwise. */
  readonly bad: boolean;
  /** A sentence. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
};

const STATUS: Readonly<Record<NotifyState, AlertStatus>> = {
  MASTER: "master",
  BACKUP: "backup",
  FAULT: "fault",
  STOP: "stop",
  DELETED: "stop",
};

export class Alerts {
  private readonly notifications = new Notifications();

  configure(instances: readonly Pick<InstanceConfig, "name" | "group">[]): void {
    this.notifications.configure(instances);
  }

  observe(event: VipdEvent, at: number): readonly Alert[] {
    if (event.kind === "server-changed" || event.kind === "quorum-changed") return ofService(event, at);
    if (event.kind === "mass-failure") {
      const subject = event.service === null ? "all services" : `service ${event.service} as a whole`;
      const bad = !event.over;
      return [
        { kind: event.kind, subject, status: bad ? "down" : "up", bad, text: describe(event).text, at },
      ];
    }
    return this.notifications.observe(event).map(({ type, name, to, again, detail }) => ({
      kind: "vrrp",
      subject: `${type === "GROUP" ? "group" : "instance"} ${name}`,
      status: STATUS[to],
      bad: to === "FAULT",
      text: `${again ? "asserts itself as " : ""}${to}: ${detail}`,
      at,
    }));
  }
}

function ofService(
  event: Extract<VipdEvent, { readonly kind: "server-changed" | "quorum-changed" }>,
  at: number,
): readonly Alert[] {
  const { service, up } = event;
  // At the start everything is in order, unless it is not.
  if (event.kind === "quorum-changed" && event.first && up) return [];
  const [kind, subject] =
    event.kind === "server-changed"
      ? (["server", `service ${service} ${event.server}`] as const)
      : (["quorum", `service ${service}`] as const);
  return [{ kind, subject, status: up ? "up" : "down", bad: !up, text: describe(event).text, at }];
}
