// What a line of a saved table that adds a real server says (`ipvsadm -a`): its method, weight, thresholds and tunnel.

import { err, ok, type Result } from "../core/result.js";
import { serviceId, type ListedServer, type ServiceKey, type Tunnel } from "./model.js";
import { protocolOf } from "./naming.js";
import { shown, type LineOptions, type OptionName } from "./saved-options.js";
import type { SavedServer } from "./saved-text.js";
import { readEndpoint, wholeNumber, type SavedNames } from "./saved-values.js";

const FORWARDINGS = [
  ["gatewaying", "direct-routing"],
  ["ipip", "tunnel"],
  ["masquerading", "nat"],
] as const satisfies readonly (readonly [OptionName, ListedServer["forwarding"]])[];

/** ipvsadm's default is direct routing, and it ignores a port of the server's own where packets keep theirs. */
export function readServer(
  key: ServiceKey,
  options: LineOptions,
  names: SavedNames,
): Result<SavedServer, string> {
  if (!options.has("real-server"))
    return err(`a real server is missing: -r ADDRESS:PORT, for ${serviceId(key)}`);
  const methods = FORWARDINGS.filter(([name]) => options.has(name));
  if (methods.length > 1)
    return err(`${methods.map(([name]) => shown(name)).join(" and ")} exclude each other`);
  const forwarding = methods[0]?.[1] ?? "direct-routing";
  const servicePort = key.kind === "fwmark" ? 0 : key.port;
  const endpoint = readEndpoint(options.get("real-server") ?? "", servicePort, protocolOf(key), names);
  if (!endpoint.ok) return endpoint;
  const weight = wholeNumber(options, "weight", 0, 0x7fff_ffff);
  if (!weight.ok) return weight;
  const upper = wholeNumber(options, "u-threshold", 0, MOST_CONNECTIONS);
  if (!upper.ok) return upper;
  const lower = wholeNumber(options, "l-threshold", 0, MOST_CONNECTIONS);
  if (!lower.ok) return lower;
  if ((lower.value ?? 0) > (upper.value ?? 0))
    return err(`-y ${lower.value ?? 0} is more than -x ${upper.value ?? 0}, the upper threshold`);
  const tunnel = readTunnel(forwarding, options);
  if (!tunnel.ok) return tunnel;
  return ok({
    address: endpoint.value.address,
    port: forwarding === "nat" ? endpoint.value.port : servicePort,
    forwarding,
    weight: weight.value ?? 1,
    ...positive("upper", upper.value),
    ...positive("lower", lower.value),
    ...(tunnel.value === undefined ? {} : { tunnel: tunnel.value }),
  });
}

const positive = <K extends string>(name: K, value = 0): { readonly [P in K]?: number } =>
  (value === 0 ? {} : { [name]: value }) as { readonly [P in K]?: number };

/** The kernel refuses more. */
const MOST_CONNECTIONS = 0x7fff_ffff;
const TUNNEL_KINDS = ["ipip", "gue", "gre"] as const;
const CHECKSUMS = [
  ["tun-nocsum", "none"],
  ["tun-csum", "full"],
  ["tun-remcsum", "remote"],
] as const satisfies readonly (readonly [OptionName, Tunnel["checksum"]])[];

function readTunnel(
  forwarding: ListedServer["forwarding"],
  options: LineOptions,
): Result<Tunnel | undefined, string> {
  const checksums = CHECKSUMS.filter(([name]) => options.has(name));
  const first = (["tun-type", "tun-port"] as const).find((name) => options.has(name)) ?? checksums[0]?.[0];
  if (forwarding !== "tunnel") return first === undefined ? ok(undefined) : err(`${shown(first)} needs -i`);
  const kind = TUNNEL_KINDS.find((name) => name === (options.get("tun-type") ?? "ipip"));
  if (kind === undefined)
    return err(
      `there is no tunnel type ${JSON.stringify(options.get("tun-type"))}: ${TUNNEL_KINDS.join(", ")}`,
    );
  const port = wholeNumber(options, "tun-port", 1, 0xffff);
  if (!port.ok) return port;
  if (kind === "gue" && port.value === undefined) return err("--tun-type gue needs --tun-port");
  if (kind !== "gue" && port.value !== undefined)
    return err(`--tun-port has no meaning with --tun-type ${kind}`);
  if (checksums.length > 1)
    return err(`${checksums.map(([name]) => shown(name)).join(" and ")} exclude each other`);
  const checksum = checksums[0]?.[1] ?? "none";
  if (kind === "ipip" && checksums.length > 0)
    return err(`${shown(checksums[0]?.[0] ?? "tun-csum")} has no meaning with --tun-type ipip`);
  if (kind === "gre" && checksum === "remote") return err("--tun-remcsum has no meaning with --tun-type gre");
  return ok({ kind, port: port.value ?? 0, checksum });
}
