// Services that are written alike but for their names and addresses (config/alike.ts), packed: one of each kind is
// resolved and packed (packed-services.ts), and the others are its text with other names and addresses. Everything that a
// name or an address may mean for what is right is looked at here, and what is not plain is refused: the whole file is
// read then, and says what is wrong.

import type { AlikeService } from "../config/alike.js";
import type { ServiceConfig } from "../config/model.js";
import { serviceId, type ServiceId } from "../ipvs/model.js";
import { packService } from "./packed-services.js";

export type PackedAlike = {
  /** As packed-services.ts packs them. */
  readonly lines: readonly string[];
  readonly ids: readonly ServiceId[];
  readonly servers: number;
};

/** `kinds`: the first service of each, resolved. `virtual`: the addresses of all instances. Undefined: not for certain. */
export function packAlike(
  kinds: readonly ServiceConfig[],
  services: readonly AlikeService[],
  virtual: ReadonlySet<string>,
): PackedAlike | undefined {
  const moulds: Mould[] = [];
  for (const service of services) {
    if (service.kind < moulds.length) continue;
    const mould = mouldOf(kinds[service.kind], service);
    if (mould === undefined) return undefined;
    moulds.push(mould);
  }
  if (moulds.length !== kinds.length) return undefined;
  const lines: string[] = [];
  const ids = new Set<ServiceId>();
  let servers = 0;
  for (const { name, kind, addresses } of services) {
    const { pieces, places, id } = moulds[kind] as Mould;
    if (virtual.size > 0 && !areApart(addresses, virtual)) return undefined;
    let line = `["${name}"${pieces[0] as string}`;
    for (let i = 0; i < places.length; i++)
      line += `"${addresses[places[i] as number] as string}"${pieces[i + 1] as string}`;
    lines.push(line);
    ids.add(`${id[0]}${addresses[0] as string}${id[1]}` as ServiceId);
    servers += addresses.length - 1;
  }
  return ids.size < services.length ? undefined : { lines, ids: [...ids], servers };
}

/** The service's is virtual, which is what nobody is warned of, and no server's is, which would be a circle. */
const areApart = (addresses: readonly string[], virtual: ReadonlySet<string>): boolean =>
  addresses.every((address, i) => virtual.has(address) === (i === 0));

/** What all services of a kind have in common. */
type Mould = {
  /** The packed text behind the name, cut where addresses stand, and which address of the service stands there. */
  readonly pieces: readonly string[];
  readonly places: readonly number[];
  /** The key's text before its address and behind it. */
  readonly id: readonly [string, string];
};

const QUOTED_ADDRESS = /"(\d+\.\d+\.\d+\.\d+)"/;

/** The addresses must be the key's and the servers', and stand nowhere else, each for itself. */
function mouldOf(config: ServiceConfig | undefined, { name, addresses }: AlikeService): Mould | undefined {
  if (config?.name !== name || config.group !== undefined) return undefined;
  const { service, servers, policy } = config;
  if (service.key.kind !== "address" || (policy?.sorry.length ?? 0) > 0) return undefined;
  const own = [service.key.address, ...servers.map(({ server }) => server.address)];
  if (own.length !== addresses.length || own.some((address, i) => address !== addresses[i])) return undefined;
  const begin = `["${name}"`;
  const line = packService(config);
  if (!line.startsWith(begin)) return undefined;
  const parts = line.slice(begin.length).split(QUOTED_ADDRESS);
  const pieces = parts.filter((_, i) => i % 2 === 0);
  const places = parts.filter((_, i) => i % 2 === 1).map((address) => addresses.indexOf(address));
  if (places.length !== addresses.length || new Set(places).size < places.length || places.includes(-1))
    return undefined;
  const [before, behind] = serviceId(service.key).split(service.key.address);
  return before === undefined || behind === undefined ? undefined : { pieces, places, id: [before, behind] };
}
