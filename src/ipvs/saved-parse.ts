// Reads the lines of a saved table (`ipvsadm -S`, with -n or without): what each would add. All that is wrong is said at once, each
// with its line; numbers are checked here, what the kernel refuses is told when it does.

import type { Family } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { seconds } from "../core/units.js";
import { SERVICE_FLAG, type ListedPersistence, type ListedService, type ServiceKey } from "./model.js";
import { keyFamily, schedulerFlag, schedulerFlagWords } from "./naming.js";
import { lineOptions, shown, type LineOptions, type OptionName } from "./saved-options.js";
import { readServer } from "./saved-server.js";
import type { SavedServer } from "./saved-text.js";
import { NO_NAMES, readEndpoint, readMask, wholeNumber, type SavedNames } from "./saved-values.js";

export type Addition =
  | { readonly kind: "service"; readonly service: ListedService }
  | { readonly kind: "server"; readonly key: ServiceKey; readonly server: SavedServer };
/** `line` counts from 1. */
export type SavedLine = { readonly line: number; readonly addition: Addition };
export type LineProblem = { readonly line: number; readonly text: string };
export type SavedTable = { readonly lines: readonly SavedLine[]; readonly problems: readonly LineProblem[] };

export function parseSaved(text: string, names: SavedNames = NO_NAMES): SavedTable {
  const lines: SavedLine[] = [];
  const problems: LineProblem[] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const addition = parseLine(content, names);
    if (addition.ok) lines.push({ line: i + 1, addition: addition.value });
    else problems.push({ line: i + 1, text: addition.error });
  }
  return { lines, problems };
}

function parseLine(content: string, names: SavedNames): Result<Addition, string> {
  const read = lineOptions(content);
  if (!read.ok) return read;
  const options = read.value;
  const isService = options.has("add-service");
  if (isService === options.has("add-server"))
    return err("a line adds a service (-A) or a real server (-a), and begins with one of the two");
  const foreign = [...options.keys()].find((name) => !ALLOWED[isService ? "service" : "server"].has(name));
  if (foreign !== undefined)
    return err(
      `${shown(foreign)} has no meaning in a line that adds a ${isService ? "service" : "real server"}`,
    );
  const key = readKey(options, names);
  if (!key.ok) return key;
  if (isService) {
    const service = readService(key.value, options);
    return service.ok ? ok({ kind: "service", service: service.value }) : service;
  }
  const server = readServer(key.value, options, names);
  return server.ok ? ok({ kind: "server", key: key.value, server: server.value }) : server;
}

const NAMES: readonly OptionName[] = ["tcp-service", "udp-service", "sctp-service", "fwmark-service", "ipv6"];
const ALLOWED = {
  service: new Set<OptionName>([
    "add-service",
    ...NAMES,
    ...(["scheduler", "persistent", "netmask", "pe", "ops", "sched-flags"] as const),
  ]),
  server: new Set<OptionName>([
    "add-server",
    ...NAMES,
    ...([
      "real-server",
      "gatewaying",
      "ipip",
      "masquerading",
      "weight",
      "u-threshold",
      "l-threshold",
    ] as const),
    ...(["tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum"] as const),
  ]),
};

const PROTOCOLS = [
  ["tcp-service", "tcp"],
  ["udp-service", "udp"],
  ["sctp-service", "sctp"],
] as const;

function readKey(options: LineOptions, names: SavedNames): Result<ServiceKey, string> {
  const named = [...PROTOCOLS.map(([name]) => name), "fwmark-service" as const].filter((name) =>
    options.has(name),
  );
  const [name] = named;
  if (name === undefined || named.length > 1)
    return err("a line names one service: by -t, -u or --sctp-service ADDRESS:PORT, or by -f MARK");
  if (name === "fwmark-service") {
    const mark = readMark(options);
    if (!mark.ok) return mark;
    return ok({ kind: "fwmark", mark: mark.value, family: options.has("ipv6") ? "ipv6" : "ipv4" });
  }
  if (options.has("ipv6")) return err("-6 belongs to -f: an address says itself which family it is of");
  const [, protocol] = PROTOCOLS.find(([option]) => option === name) ?? PROTOCOLS[0];
  const endpoint = readEndpoint(options.get(name) ?? "", undefined, protocol, names);
  if (!endpoint.ok) return endpoint;
  return ok({ kind: "address", protocol, ...endpoint.value });
}

/** ipvsadm 1.31 writes those from 2^31 on as negative numbers. */
function readMark(options: LineOptions): Result<number, string> {
  const text = options.get("fwmark-service") ?? "";
  const signed = /^-\d{1,10}$/.test(text) ? Number(text) : 0;
  if (signed < 0 && signed >= -(2 ** 31)) return ok(signed + 2 ** 32);
  const mark = wholeNumber(options, "fwmark-service", 1, 0xffff_ffff);
  return mark.ok ? ok(mark.value ?? 0) : mark;
}

function readService(key: ServiceKey, options: LineOptions): Result<ListedService, string> {
  const scheduler = options.get("scheduler") ?? DEFAULT_SCHEDULER;
  if (!/^[a-z0-9_-]{1,15}$/.test(scheduler))
    return err(`${JSON.stringify(scheduler)} is no name of a scheduler`);
  const persistence = readPersistence(keyFamily(key), options);
  if (!persistence.ok) return persistence;
  const flags = readFlags(scheduler, options);
  if (!flags.ok) return flags;
  const engine = options.get("pe");
  if (engine !== undefined && persistence.value === undefined)
    return err("--pe needs -p: an engine is one of persistence");
  return ok({
    key,
    scheduler,
    ...(persistence.value === undefined ? {} : { persistence: persistence.value }),
    ...(flags.value === 0 ? {} : { flags: flags.value }),
    ...(engine === undefined ? {} : { engine }),
  });
}

/** What ipvsadm takes when a line says nothing. */
const DEFAULT_SCHEDULER = "wlc";
const DEFAULT_PERSISTENCE_S = 360;
/** A month, ipvsadm's limit. */
const LONGEST_PERSISTENCE_S = 31 * 24 * 3600;

function readPersistence(
  family: Family,
  options: LineOptions,
): Result<ListedPersistence | undefined, string> {
  const mask = options.get("netmask");
  if (!options.has("persistent"))
    return mask === undefined ? ok(undefined) : err("-M needs -p: it is the granularity of persistence");
  const timeout =
    options.get("persistent") === ""
      ? ok(DEFAULT_PERSISTENCE_S)
      : wholeNumber(options, "persistent", 1, LONGEST_PERSISTENCE_S);
  if (!timeout.ok) return timeout;
  const whole = { timeout: seconds(timeout.value ?? DEFAULT_PERSISTENCE_S) };
  if (mask === undefined) return ok({ ...whole, prefixLength: family === "ipv4" ? 32 : 128 });
  if (family === "ipv6") {
    const length = wholeNumber(options, "netmask", 1, 128);
    return length.ok ? ok({ ...whole, prefixLength: length.value ?? 128 }) : length;
  }
  const read = readMask(mask);
  if (!read.ok) return read;
  const { length, mask: odd } = read.value;
  return ok({ ...whole, prefixLength: length, ...(odd === undefined ? {} : { mask: odd }) });
}

function readFlags(scheduler: string, options: LineOptions): Result<number, string> {
  let flags = options.has("ops") ? SERVICE_FLAG.onePacket : 0;
  for (const word of options.get("sched-flags")?.split(",") ?? []) {
    const flag = schedulerFlag(scheduler, word);
    if (flag === undefined)
      return err(
        `${scheduler} has no flag ${JSON.stringify(word)}: ${schedulerFlagWords(scheduler).join(", ")}`,
      );
    flags |= flag;
  }
  return ok(flags);
}
