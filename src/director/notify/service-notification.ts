// From what happens to real servers and to the quorum of services to what is worth a notification, in keepalived's words.

import type { NotifyConfig, ServicePrograms, ServiceWhen } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import { describe } from "../../control/describe.js";

type ServiceEvent = Extract<VipdEvent, { readonly kind: "server-changed" | "quorum-changed" }>;

export type ServiceNotification = {
  readonly type: "RS" | "VS";
  readonly service: string;
  /** As the kernel knows it: "tcp 192.168.1.1:80". */
  readonly key: string;
  /** "192.168.1.4:80"; of a service absent. */
  readonly server?: string;
  readonly when: ServiceWhen;
  /** Absent: nothing was known before. */
  readonly from?: "UP" | "DOWN";
  readonly to: "UP" | "DOWN";
  /** A word, and the sentence of the log. */
  readonly reason: string;
  readonly detail: string;
  /** Servers that are up, or that serve. */
  readonly alive: number;
  readonly total: number;
  /** Of a service: the sum of weights that serves, and what it must be. */
  readonly weight?: number;
  readonly quorum?: number;
};

/** Of anything else nobody is told. */
export const isOfService = (event: VipdEvent): event is ServiceEvent =>
  event.kind === "server-changed" || event.kind === "quorum-changed";

export function serviceNotification(event: ServiceEvent): ServiceNotification {
  const { service, key, up, total } = event;
  const from = up ? "DOWN" : "UP";
  const to = up ? "UP" : "DOWN";
  const detail = sentence(event);
  if (event.kind === "server-changed") {
    const { server, alive } = event;
    const reason = up ? "checks-succeed" : "check-failed";
    const when = up ? "up" : "down";
    return { type: "RS", service, key, server, when, from, to, reason, detail, alive, total };
  }
  const { first, why: reason, serving: alive, weight, quorum } = event;
  const when = up ? "quorum-up" : "quorum-down";
  const common = { service, key, when, to, reason, detail, alive, total, weight, quorum } as const;
  return first ? { type: "VS", ...common } : { type: "VS", ...common, from };
}

const sentence = (event: ServiceEvent): string => describe(event).text;

/** What is to be run, and what was written beside it. The nearest counts: of the server, of the service, of the defaults. */
export function programFor(
  { services }: NotifyConfig,
  { service, server, when }: ServiceNotification,
): (Omit<ServicePrograms, "when"> & { readonly argv: readonly [string, ...string[]] }) | undefined {
  const own = Object.hasOwn(services?.own ?? {}, service) ? services?.own[service] : undefined;
  const servers = own?.servers ?? {};
  const nearest = server !== undefined && Object.hasOwn(servers, server) ? servers[server] : undefined;
  for (const programs of [nearest, own, services?.all]) {
    const argv = programs?.when[when];
    if (programs !== undefined && argv !== undefined) return { ...programs, argv };
  }
  return undefined;
}

/** As keepalived's FIFO says it, but for the NUL that it puts behind the line. */
export function serviceFifoLine({ type, key, server, to }: ServiceNotification): string {
  const [protocol = "", ...rest] = key.split(" ");
  const virtual = protocol === "fwmark" ? `FWM ${rest[0] ?? ""}` : triple(rest[0] ?? "", protocol);
  // A server behind a firewall mark has no protocol; keepalived takes it for one of TCP.
  const real = server === undefined ? "" : `${triple(server, protocol === "fwmark" ? "tcp" : protocol)} `;
  return `${type} ${real}${virtual} ${to}\n`;
}

/** "192.168.1.4:80" as "[192.168.1.4]:tcp:80". */
function triple(endpoint: string, protocol: string): string {
  const colon = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, colon).replaceAll(/[[\]]/g, "");
  return `[${host}]:${protocol}:${endpoint.slice(colon + 1)}`;
}

export function serviceEnvironment(notification: ServiceNotification): Record<string, string> {
  const { type, service, key, server, from, to, reason, detail, alive, total, weight, quorum } = notification;
  const number = (value: number | undefined): string => (value === undefined ? "" : String(value));
  return {
    VIPD_TYPE: type,
    VIPD_NAME: service,
    VIPD_SERVICE: key,
    VIPD_SERVER: server ?? "",
    VIPD_FROM: from ?? "",
    VIPD_TO: to,
    VIPD_REASON: reason,
    VIPD_REASON_TEXT: detail,
    VIPD_ALIVE: String(alive),
    VIPD_TOTAL: String(total),
    VIPD_WEIGHT: number(weight),
    VIPD_QUORUM: number(quorum),
  };
}
