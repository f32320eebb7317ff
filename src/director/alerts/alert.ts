// From events to what somebody may want a message about, and which troubles go on. Fed with events in their order.

import type { AlertKind, AlertStatus } from "../../config/model.js";
import { describe } from "../../control/describe.js";
import type { VipdEvent } from "../../control/event.js";
import type { ServiceStatus } from "../../control/ipc.js";
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
      const subject = event.service === null ? ALL_SERVICES : asAWhole(event.service);
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

/** Of what is told of services: whether that is one of these. */
export function isAmong(
  services: readonly Pick<ServiceStatus, "name" | "servers">[],
): (alert: Pick<Alert, "kind" | "subject">) => boolean {
  const there = new Set([ALL_SERVICES]);
  for (const { name, servers } of services) {
    there.add(subjectOf(name)).add(asAWhole(name));
    for (const { server } of servers) there.add(subjectOf(name, server));
  }
  return ({ kind, subject }) => kind === "vrrp" || there.has(subject);
}

const ALL_SERVICES = "all services";
const subjectOf = (service: string, server?: string): string =>
  `service ${service}${server === undefined ? "" : ` ${server}`}`;
const asAWhole = (service: string): string => `${subjectOf(service)} as a whole`;

function ofService(
  event: Extract<VipdEvent, { readonly kind: "server-changed" | "quorum-changed" }>,
  at: number,
): readonly Alert[] {
  const { service, up } = event;
  // At the start everything is in order, unless it is not.
  if (event.kind === "quorum-changed" && event.first && up) return [];
  const [kind, subject] =
    event.kind === "server-changed"
      ? (["server", subjectOf(service, event.server)] as const)
      : (["quorum", subjectOf(service)] as const);
  return [{ kind, subject, status: up ? "up" : "down", bad: !up, text: describe(event).text, at }];
}
