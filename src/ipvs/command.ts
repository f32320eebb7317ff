// What can be ordered of an IPVS table, one command for one message to the kernel, and its words for the plan, the
// log and errors.

import { count } from "../core/words.js";
import { milliseconds, toSeconds } from "../core/units.js";
import { unreachable } from "../core/never.js";
import { portOfKey } from "./group.js";
import {
  serverId,
  SERVICE_FLAG,
  serviceId,
  type ListedServer,
  type ListedService,
  type RealServer,
  type ServiceId,
  type ServiceKey,
  type Tunnel,
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

/** A command, and at how many more keys of the same service the same is done. */
export type CommandGroup = { readonly command: Command; readonly more: number };

/** What is done alike at many keys of one service, once. `firsts`: the first key of each that is not the only one. */
export function groupCommands<C extends Command>(
  commands: readonly C[],
  firsts: ReadonlyMap<ServiceId, ServiceId>,
  isAlone: (command: C) => boolean = () => false,
): readonly { readonly command: C; readonly more: number }[] {
  if (firsts.size === 0) return commands.map((command) => ({ command, more: 0 }));
  const groups: { readonly command: C; more: number }[] = [];
  const alike = new Map<string, { more: number }>();
  for (const command of commands) {
    const first = isAlone(command) ? undefined : firsts.get(serviceId(commandKey(command)));
    const likeness = first === undefined ? "" : `${first} ${likenessOf(command)}`;
    const known = first === undefined ? undefined : alike.get(likeness);
    if (known !== undefined) {
      known.more++;
      continue;
    }
    const group = { command, more: 0 };
    groups.push(group);
    if (first !== undefined) alike.set(likeness, group);
  }
  return groups;
}

export const describeGroup = ({ command, more }: CommandGroup): string =>
  more === 0
    ? describeCommand(command)
    : `${describeCommand(command)}; the same at ${count(more, "more key")} of the service`;

/** What is done, without the key at which, and without a port that is the key's. */
function likenessOf(command: Command): string {
  if (!("server" in command)) return command.kind;
  const { address, port, weight } = command.server;
  return `${command.kind} ${address} ${port === portOfKey(command.key) ? "" : port} ${weight}`;
}

/** Names of the forwarding methods for people. */
const FORWARDING_WORDS: Record<ListedServer["forwarding"], string> = {
  "direct-routing": "direct routing",
  nat: "NAT",
  tunnel: "IPIP tunnel",
  local: "local",
  bypass: "bypass",
};
const CHECKSUM_WORDS: Record<Tunnel["checksum"], string> = {
  none: "",
  full: " with checksums",
  remote: " with remote checksums",
};
const FLAG_WORDS: readonly (readonly [number, string])[] = [
  [SERVICE_FLAG.onePacket, "one packet"],
  [SERVICE_FLAG.fallback, "fallback"],
  [SERVICE_FLAG.port, "by port"],
];

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
    ...flagWords(flags ?? 0),
    ...(engine === undefined ? [] : [`engine ${engine}`]),
  ];
}

function flagWords(flags: number): string[] {
  const known = FLAG_WORDS.filter(([bit]) => (flags & bit) !== 0);
  const rest = known.reduce((sofar, [bit]) => sofar & ~bit, flags);
  return [...known.map(([, words]) => words), ...(rest === 0 ? [] : [`flags 0x${rest.toString(16)}`])];
}

function serverWords(server: ListedServer): string[] {
  const { upper = 0, lower = 0, tunnel } = server;
  return [
    tunnel === undefined ? FORWARDING_WORDS[server.forwarding] : tunnelWords(tunnel),
    `weight ${server.weight}`,
    ...(upper === 0 && lower === 0 ? [] : [`thresholds ${upper}/${lower}`]),
  ];
}

const tunnelWords = ({ kind, port, checksum }: Tunnel): string =>
  `${kind.toUpperCase()} tunnel${port === 0 ? "" : ` to port ${port}`}${CHECKSUM_WORDS[checksum]}`;

function changes(was: readonly string[], is: readonly string[]): string {
  const from = was.filter((word) => !is.includes(word));
  const to = is.filter((word) => !was.includes(word));
  return `${from.join(", ") || "plain"} -> ${to.join(", ") || "plain"}`;
}
