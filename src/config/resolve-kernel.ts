// From what is written for the kernel's IPVS alone to the flags and values it takes. Refused is what the kernel would
// refuse, or would take and not do.

import {
  SERVICE_FLAG,
  type Forwarding,
  type Persistence,
  type RealServer,
  type Scheduler,
  type ServiceKey,
  type Tunnel,
  type VirtualService,
} from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileService } from "./schema.js";

/** Schedulers that look at `scheduler-flags` (net/netfilter/ipvs/ip_vs_sh.c, ip_vs_mh.c). */
const WITH_FLAGS: readonly Scheduler[] = ["sh", "mh"];

/** Flags and engine; what is absent stays absent. */
export function serviceOptions(
  written: FileService,
  key: ServiceKey,
  scheduler: Scheduler,
  persistence: Persistence | undefined,
  path: Path,
  report: Report,
): Pick<VirtualService, "flags" | "engine"> {
  const given = written["scheduler-flags"];
  if (given !== undefined && !WITH_FLAGS.includes(scheduler))
    report.error(
      [...path, "scheduler-flags"],
      "scheduler-flags",
      `${scheduler} has no flags: only ${WITH_FLAGS.join(" and ")} look at them`,
      "Remove them, or choose one of these schedulers.",
    );
  const onePacket = written["one-packet"] ?? false;
  const isDatagram = key.kind === "fwmark" || key.protocol === "udp";
  if (onePacket && !isDatagram)
    report.error(
      [...path, "one-packet"],
      "one-packet",
      `the kernel schedules single packets of UDP alone, and this is ${key.protocol}`,
      "Remove it, or set `protocol: udp`.",
    );
  const { engine } = written;
  if (engine !== undefined) checkEngine(engine, isDatagram, persistence, [...path, "engine"], report);
  const flags = (given ?? []).reduce(
    (sum, flag) => sum | SERVICE_FLAG[flag],
    onePacket ? SERVICE_FLAG.onePacket : 0,
  );
  return { ...(flags === 0 ? {} : { flags }), ...(engine === undefined ? {} : { engine }) };
}

function checkEngine(
  engine: string,
  isDatagram: boolean,
  persistence: Persistence | undefined,
  at: Path,
  report: Report,
): void {
  if (persistence === undefined)
    report.error(at, "engine", "has no effect without `persistence`", "Add `persistence: 5m`.");
  if (!isDatagram)
    report.error(
      at,
      "engine",
      `${engine} looks at UDP alone: connections of this service would be persistent by address`,
      "Remove it, or set `protocol: udp`.",
    );
}

type ServerWords = Pick<FileService, "upper-threshold" | "lower-threshold" | "tunnel">;

/** Reads the words of servers of one service; servers with the same tunnel share the value. */
export function serverOptions(
  common: ServerWords,
  servicePath: Path,
  report: Report,
): (own: ServerWords, forwarding: Forwarding, path: Path) => Pick<RealServer, "upper" | "lower" | "tunnel"> {
  // What the service says is told of once, and not for each server.
  const told = new Set<string>();
  const problem = (own: boolean, path: Path, key: keyof ServerWords, id: string, ...words: Words): void => {
    if (!own && told.has(key)) return;
    if (!own) told.add(key);
    report.error([...(own ? path : servicePath), key], id, ...words);
  };
  const tunnels = new Map<NonNullable<ServerWords["tunnel"]>, Tunnel | undefined>();
  return (own, forwarding, path) => {
    const upper = own["upper-threshold"] ?? common["upper-threshold"];
    const lower = own["lower-threshold"] ?? common["lower-threshold"];
    const wrong = thresholdProblem(upper, lower);
    if (wrong !== undefined) {
      const key =
        own["lower-threshold"] === undefined && own["upper-threshold"] !== undefined ? "upper" : "lower";
      problem(own[`${key}-threshold`] !== undefined, path, `${key}-threshold`, "thresholds", ...wrong);
    }
    const written = own.tunnel ?? common.tunnel;
    if (written === undefined) return thresholds(upper, lower);
    if (forwarding !== "tunnel") {
      const words: Words = [
        `belongs to \`forwarding: tunnel\`, and this is ${forwarding}`,
        "Remove it, or set `forwarding: tunnel`.",
      ];
      problem(own.tunnel !== undefined, path, "tunnel", "misplaced", ...words);
      return thresholds(upper, lower);
    }
    if (!tunnels.has(written)) {
      const at: Path = [...(own.tunnel === undefined ? servicePath : path), "tunnel"];
      tunnels.set(written, readTunnel(written, at, report));
    }
    const tunnel = tunnels.get(written);
    return { ...thresholds(upper, lower), ...(tunnel === undefined ? {} : { tunnel }) };
  };
}

type Words = [problem: string, remedy: string];

const thresholds = (
  upper: number | undefined,
  lower: number | undefined,
): Pick<RealServer, "upper" | "lower"> => ({
  ...(upper === undefined ? {} : { upper }),
  ...(lower === undefined ? {} : { lower }),
});

/** The kernel answers ERANGE (ip_vs_add_dest). */
function thresholdProblem(upper: number | undefined, lower: number | undefined): Words | undefined {
  if (lower === undefined) return undefined;
  if (upper === undefined)
    return ["has no effect without `upper-threshold`", "Add the number of connections that are too many."];
  return lower > upper
    ? [`${lower} is more than the upper threshold ${upper}`, "Write a smaller number, or leave it out."]
    : undefined;
}

/** Undefined: plain IPIP. */
function readTunnel(
  written: NonNullable<ServerWords["tunnel"]>,
  at: Path,
  report: Report,
): Tunnel | undefined {
  const { type: kind, port, checksum } = written;
  if (kind === "gue" && port === undefined)
    report.error(
      at,
      "tunnel-port",
      "`gue` needs a port",
      "Write the UDP port on which the real servers unwrap: `port: 6080`.",
    );
  if (kind !== "gue" && port !== undefined)
    report.error([...at, "port"], "tunnel-port", `${kind} has no port`, "Remove it, or choose `type: gue`.");
  if (kind === "ipip" && checksum !== "none")
    report.error(
      [...at, "checksum"],
      "tunnel-checksum",
      "ipip has no checksum",
      "Remove it, or choose gue or gre.",
    );
  if (kind === "gre" && checksum === "remote")
    report.error(
      [...at, "checksum"],
      "tunnel-checksum",
      "gre has no remote checksums",
      "Write `full` or `none`.",
    );
  return kind === "ipip" ? undefined : { kind, port: port ?? 0, checksum };
}
