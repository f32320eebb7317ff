// Services as text that is short and quick to parse: thousands of servers are mostly checked alike, so each service
// names its lists of checks once, and its servers refer to them. One line a service, so that some lines can take
// the place of others. Made by the reader of the configuration, unpacked by the processes that work with it.

import type { CheckConfig, ServerConfig, ServiceConfig, ServicePolicy } from "../config/model.js";
import type { ServiceGroup } from "../ipvs/group.js";
import type { RealServer, VirtualService } from "../ipvs/model.js";

/** What few servers have. */
type Rare = Pick<RealServer, "upper" | "lower" | "tunnel"> & Pick<ServerConfig, "inhibit">;
/** Address, port, forwarding, weight, which of the lists of checks, and what few servers have. */
type PackedServer = readonly [
  RealServer["address"],
  RealServer["port"],
  RealServer["forwarding"],
  RealServer["weight"],
  number,
  Rare?,
];
/** Name, service, lists of checks as JSON, servers, policy or null, group. */
type PackedService = readonly [
  string,
  VirtualService,
  readonly string[],
  readonly PackedServer[],
  (ServicePolicy | null)?,
  ServiceGroup?,
];

/** A field that this forgets would be lost on the way: the compiler finds it here. */
type Nothing = Record<string, never>;

export function packService({ name, service, servers, policy, group, ...others }: ServiceConfig): string {
  others satisfies Nothing;
  const lists = new Map<string, number>();
  // Mostly all servers have the very same list.
  const known = new Map<readonly CheckConfig[], number>();
  const placeOf = (checks: readonly CheckConfig[]): number => {
    const list = JSON.stringify(checks);
    const place = lists.get(list) ?? lists.size;
    lists.set(list, place);
    known.set(checks, place);
    return place;
  };
  const packed = servers.map(({ server, checks, inhibit, ...more }): PackedServer => {
    more satisfies Nothing;
    const { address, port, forwarding, weight, upper, lower, tunnel, ...rest } = server;
    rest satisfies Nothing;
    const place = known.get(checks) ?? placeOf(checks);
    const plain = inhibit === undefined && upper === undefined && lower === undefined && tunnel === undefined;
    return plain
      ? [address, port, forwarding, weight, place]
      : [address, port, forwarding, weight, place, packRare({ inhibit, upper, lower, tunnel })];
  });
  const line: PackedService =
    group !== undefined
      ? [name, service, [...lists.keys()], packed, policy ?? null, group]
      : policy === undefined
        ? [name, service, [...lists.keys()], packed]
        : [name, service, [...lists.keys()], packed, policy];
  return JSON.stringify(line);
}

/** JSON leaves out what is undefined. */
const packRare = (rare: { readonly [K in keyof Rare]-?: Rare[K] | undefined }): Rare => rare as Rare;

/** Lines of `packService` as one text, and back. */
export const joinPacked = (lines: readonly string[]): string => `[${lines.join(",\n")}]`;
export const splitPacked = (text: string): string[] => (text === "[]" ? [] : text.slice(1, -1).split(",\n"));

/** Equal lists of checks are one value in all services. */
export function unpackServices(text: string): ServiceConfig[] {
  const known = new Map<string, readonly CheckConfig[]>();
  const checksOf = (list: string): readonly CheckConfig[] => {
    let checks = known.get(list);
    if (checks === undefined) known.set(list, (checks = JSON.parse(list) as readonly CheckConfig[]));
    return checks;
  };
  return (JSON.parse(text) as readonly PackedService[]).map(
    ([name, service, lists, servers, policy, group]) => {
      const checks = lists.map(checksOf);
      return {
        name,
        service,
        ...(group === undefined ? {} : { group }),
        servers: servers.map(([address, port, forwarding, weight, list, rare]): ServerConfig => {
          const ofServer = checks[list] as readonly CheckConfig[];
          if (rare === undefined) return { server: { address, port, forwarding, weight }, checks: ofServer };
          const { inhibit, ...more } = rare;
          return {
            server: { address, port, forwarding, weight, ...more },
            checks: ofServer,
            ...(inhibit === undefined ? {} : { inhibit }),
          };
        }),
        ...(policy === undefined || policy === null ? {} : { policy }),
      };
    },
  );
}
