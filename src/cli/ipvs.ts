// `vipd ipvs`: the kernel's table as it is, whoever made it, straight from the kernel: no daemon and no ipvsadm needed.

import type { Connection } from "../ipvs/connections.js";
import { inListingOrder, type ListingSource } from "../ipvs/listing.js";
import { connectionJson, daemonJson, entryJson } from "../ipvs/listing-json.js";
import {
  addressesIn,
  connectionHeading,
  connectionLine,
  daemonLine,
  infoLine,
  listingText,
  timeoutsLine,
  type View,
} from "../ipvs/listing-text.js";
import { NUMBERS, type Naming } from "../ipvs/naming.js";
import { savedText } from "../ipvs/saved-text.js";
import { runtimeDirectoryOf } from "./client.js";
import {
  EXIT,
  jsonOption,
  runtimeDirectoryOption,
  type Command,
  type ExitCode,
  type Options,
  type Output,
} from "./command.js";
import { restoreTable } from "./ipvs-restore.js";

/** What one call can show; the first is what it shows unasked. */
const SUBJECTS = [
  ...(["stats", "rate", "thresholds", "persistent-conn", "tun-info"] as const),
  ...(["connections", "daemon", "timeout", "save"] as const),
] as const;
type Subject = "table" | (typeof SUBJECTS)[number];

export const ipvs: Command = {
  word: "ipvs",
  summary: "The kernel's table as `ipvsadm -L` shows it, whoever made it; needs no daemon.",
  options: [
    { name: "numeric", short: "n", summary: "addresses and ports as numbers" },
    { name: "stats", summary: "connections, packets and bytes so far" },
    { name: "rate", summary: "the same a second" },
    { name: "thresholds", summary: "the limits of connections" },
    { name: "persistent-conn", summary: "persistent clients; with --connections also what engines know" },
    { name: "tun-info", summary: "how packets to tunnelled servers are wrapped" },
    { name: "connections", short: "c", summary: "the table of connections" },
    { name: "daemon", summary: "the sync daemons" },
    { name: "timeout", summary: "how long idle connections are remembered" },
    { name: "exact", summary: "large counters in full" },
    { name: "sort", summary: "by address and port, as it is anyway" },
    { name: "nosort", summary: "as the kernel lists it" },
    { name: "save", summary: "as lines of `ipvsadm -S -n`, thresholds included" },
    {
      name: "restore",
      value: "FILE",
      summary: "add what such lines say (-: standard input); flushes nothing",
    },
    jsonOption,
    runtimeDirectoryOption,
  ],
  async run(options, output) {
    const file = options.text("restore");
    const asked = SUBJECTS.filter((name) => options.flag(name));
    // Of connections it is a column more, not a table.
    const subjects = asked.filter((name) => name !== "persistent-conn" || !options.flag("connections"));
    const problem =
      subjects.length > 1
        ? `--${subjects.join(" and --")} exclude each other`
        : options.flag("sort") && options.flag("nosort")
          ? "--sort and --nosort exclude each other"
          : file !== undefined && (asked.length > 0 || options.flag("json"))
            ? `--restore and --${asked[0] ?? "json"} exclude each other`
            : undefined;
    if (problem !== undefined) {
      output.err(`vipd ipvs: ${problem}\n`);
      return EXIT.usage;
    }
    if (file !== undefined) return restoreTable(file, runtimeDirectoryOf(options), output);
    const { openListing } = await import("../linux/ipvs-listing.js");
    const opened = openListing();
    if (!opened.ok) {
      output.err(`vipd ipvs: ${opened.error}\n`);
      return EXIT.failed;
    }
    try {
      return await show(subjects[0] ?? "table", opened.value, options, output);
    } catch (error) {
      output.err(`vipd ipvs: ${(error as Error).message}\n`);
      return EXIT.failed;
    } finally {
      opened.value.close();
    }
  },
};

async function show(
  subject: Subject,
  source: ListingSource,
  options: Options,
  output: Output,
): Promise<ExitCode> {
  const json = options.flag("json");
  const say = (value: unknown, lines: readonly string[]): void =>
    void output.out(json ? `${JSON.stringify(value, null, 2)}\n` : lines.map((line) => `${line}\n`).join(""));
  if (subject === "connections") await showConnections(options, output);
  else if (subject === "daemon") {
    const daemons = source.daemons();
    say({ daemons: daemons.map(daemonJson) }, daemons.map(daemonLine));
  } else if (subject === "timeout") {
    const { tcp, tcpFin, udp } = source.timeouts();
    say({ tcp_s: tcp, tcp_fin_s: tcpFin, udp_s: udp }, [timeoutsLine({ tcp, tcpFin, udp })]);
  } else {
    const info = source.info();
    const entries = options.flag("nosort") ? source.entries() : inListingOrder(source.entries());
    const view: View = subject === "table" || subject === "save" ? "connections" : subject;
    if (subject === "save" && !json) {
      say(null, savedText(entries));
      return EXIT.ok;
    }
    if (view === "rate") await warnOfRates(output);
    const naming = json ? NUMBERS : await namingFor(options, addressesIn(entries));
    const lines = json
      ? []
      : [infoLine(info), ...listingText(entries, { naming, view, exact: options.flag("exact") })];
    say({ ...info, services: entries.map(entryJson) }, lines);
  }
  return EXIT.ok;
}

/** All of them are 0 then, whatever goes through. */
async function warnOfRates(output: Output): Promise<void> {
  const { ipvsSettings } = await import("../linux/ipvs-settings.js");
  if (ipvsSettings().read("run_estimation") === "0")
    output.err("vipd ipvs: net.ipv4.vs.run_estimation is 0: the kernel computes no rates\n");
}

async function namingFor(
  options: Options,
  addresses: Iterable<Connection["source"]["address"]>,
): Promise<Naming> {
  if (options.flag("numeric")) return NUMBERS;
  const { namesOf } = await import("../linux/names.js");
  return namesOf(addresses);
}

/** Lines for one write. */
const CHUNK = 1000;

/** Connections pass by: there may be millions. Where names are wanted, they pass twice. */
async function showConnections(options: Options, output: Output): Promise<void> {
  const { connections } = await import("../linux/ipvs-listing.js");
  const engines = options.flag("persistent-conn");
  const json = options.flag("json");
  const naming =
    json || options.flag("numeric") ? NUMBERS : await namingFor(options, await someAddresses(connections()));
  let lines: string[] = json ? [] : [...connectionHeading(engines)];
  let before = json ? '{ "connections": [\n' : "";
  for await (const connection of connections()) {
    lines.push(
      json ? JSON.stringify(connectionJson(connection)) : connectionLine(connection, naming, engines),
    );
    if (lines.length < CHUNK) continue;
    output.out(before + lines.join(json ? ",\n" : "\n"));
    before = json ? ",\n" : "\n";
    lines = [];
  }
  if (lines.length > 0) output.out(before + lines.join(json ? ",\n" : "\n"));
  else if (before.startsWith("{")) output.out(before);
  output.out(json ? "\n] }\n" : "\n");
}

/** More are not asked for their names (names.ts). */
const MOST_ADDRESSES = 256;

async function someAddresses(
  all: AsyncIterable<Connection>,
): Promise<ReadonlySet<Connection["source"]["address"]>> {
  const addresses = new Set<Connection["source"]["address"]>();
  for await (const { source, virtual, destination } of all) {
    for (const { address } of [source, virtual, destination]) addresses.add(address);
    if (addresses.size >= MOST_ADDRESSES) break;
  }
  return addresses;
}
