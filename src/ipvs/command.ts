// What can be ordered of an IPVS table, one command for one message to the kernel, and its words for the plan, the
// log and errors.

import { count } from "../core/words.js";
import { milliseconds, toSeconds } from "../core/units.js";
import { unreachable } from "../core/never.js";
import {
  serverId,
  serviceId,
  type ListedServer,
  type ListedService,
  type RealServer,
  type ServiceKey,
  type VirtualService,
} from "./model.js";

export type Command =
  | { readonly kind: "add-service"; readonly service: VirtualService }
  | { readonly kind: "edit-service"; readonly service: VirtualService; readonly was: ListedService }
  /** Takes its servers with it. */
  | { readonly kind: "remove-service"; readonly key: ServiceKey; readonly servers: number }
  | { readonly kind: "add-server"; readonly key: ServiceKey; readonly server: RealServer }
  | {
      readonly kind: "edit-server";
      readonly key: ServiceKey;
      readonly server: RealServer;
      readonly was: ListedServer;
    }
  | { readonly kind: "remove-server"; readonly key: ServiceKey; readonly server: ListedServer };

export const commandKey = (command: Command): ServiceKey =>
  "key" in command ? command.key : command.service.key;

/** "add server 192.168.1.4:80 (direct routing, weight 5) to tcp 192.168.1.1:80" */
export function describeCommand(command: Command): string {
  const service = serviceId(commandKey(command));
  switch (command.kind) {
    case "add-service":
      return `add service ${service} (${serviceWords(command.service).join(", ")})`;
    case "edit-service":
      return `change service ${service}: ${changes(serviceWords(command.was), serviceWords(command.service))}`;
    case "remove-service":
      return `remove service ${service} (${count(command.servers, "server")})`;
    case "add-server":
      return `add server ${serverId(command.server)} (${serverWords(command.server).join(", ")}) to ${service}`;
    case "edit-server":
      return `change server ${serverId(command.server)} of ${service}: ${changes(serverWords(command.was), serverWords(command.server))}`;
    case "remove-server":
      return `remove server ${serverId(command.server)} (${serverWords(command.server).join(", ")}) from ${service}`;
    default:
      return unreachable(command);
  }
}

/** Names of the forwarding methods for people. */
const FORWARDING_WORDS: Record<ListedServer["forwarding"], string> = {
  "direct-routing": "direct routing",
  nat: "NAT",
  tunnel: "IPIP tunnel",
  local: "local",
  bypass: "bypass",
};
const TUNNEL_WORDS = ["IPIP", "GUE", "GRE"];

/** One word for each property, always at the same place, so that two lists can be compared. */
function serviceWords(service: ListedService): string[] {
  const { persistence, flags, engine } = service;
  const full = service.key.kind === "address" && service.key.address.includes(":") ? 128 : 32;
  const persistent =
    persistence === undefined
      ? "not persistent"
      : `persistent ${toSeconds(milliseconds(persistence.timeout))} s` +
        (persistence.prefixLength < full ? ` by /${persistence.prefixLength}` : "");
  return [
    service.scheduler,
    persistent,
    ...(flags === undefined || flags === 0 ? [] : [`flags 0x${flags.toString(16)}`]),
    ...(engine === undefined ? [] : [`engine ${engine}`]),
  ];
}

function serverWords(server: ListedServer): string[] {
  const { upper = 0, lower = 0, tunnelType = 0 } = server;
  return [
    tunnelType === 0
      ? FORWARDING_WORDS[server.forwarding]
      : `${TUNNEL_WORDS[tunnelType] ?? `type ${tunnelType}`} tunnel`,
    `weight ${server.weight}`,
    ...(upper === 0 && lower === 0 ? [] : [`thresholds ${upper}/${lower}`]),
  ];
}

function changes(was: readonly string[], is: readonly string[]): string {
  const from = was.filter((word) => !is.includes(word));
  const to = is.filter((word) => !was.includes(word));
  return `${from.join(", ") || "plain"} -> ${to.join(", ") || "plain"}`;
}
