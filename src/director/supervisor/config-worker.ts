// The process that reads configurations for the daemon: a WorkerRequest comes in as a line of JSON, an answer goes
// out as one. It reads and writes without streams, and ends when its standard input does: that is when it was idle for a
// while, or when the daemon is gone.

import { read, readSync, writeSync } from "node:fs";
import { diffConfig } from "../../config/change.js";
import { summarizeDiagnostic, type Diagnostic, type Problem } from "../../config/diagnostic.js";
import type { PreparedTable } from "../../ipvs/prepared.js";
import { joinPacked, packService, splitPacked, unpackServices } from "../../control/packed-services.js";
import { prepareTable } from "../prepare-table.js";
import { saveConfig, savePreparedTable } from "../saved-config.js";
import { alikeReading, type AlikeReading } from "./alike-reading.js";
import type { ConfigHead } from "./config-source.js";
import { collectGarbage } from "./memory.js";
import { quickReading, type QuickReading } from "./quick-reading.js";
import { hasProbes, unrunnable } from "./unrunnable.js";
import type {
  PlaceRequest,
  PrepareRequest,
  ProbeAnswer,
  ProbeRequest,
  ReadAnswer,
  ReadRequest,
  WorkerAnswer,
  WorkerRequest,
} from "./reader-process.js";

const MOST_WARNINGS = 20;
/** What reading a file of this many bytes leaves behind is given back to the system. */
const LARGE = 50_000;
/** Those who wait for the answer have work to do first, and perhaps the same processor. */
const TRIM_AFTER_MS = 4000;

void work();

async function work(): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  for (let line = await readLine(); line !== undefined; line = await readLine()) {
    clearTimeout(timer);
    const request = JSON.parse(line) as WorkerRequest;
    write(`${JSON.stringify(await answer(request))}\n`);
    if (line.length > LARGE || request.kind === "prepare") timer = setTimeout(collectGarbage, TRIM_AFTER_MS);
  }
  clearTimeout(timer);
}

function answer(request: WorkerRequest): WorkerAnswer | Promise<WorkerAnswer> {
  switch (request.kind) {
    case "read":
      return readFor(request);
    case "probe":
      return probe(request);
    case "prepare":
      return prepare(request);
    case "place":
      return place(request);
  }
}

function prepare({ saved }: PrepareRequest): ProbeAnswer {
  try {
    savePreparedTable(saved, (services, { ipvs }) => prepareTable(services, ipvs.massFailure));
  } catch {
    // It is worked out at the next start then.
  }
  return { warnings: [] };
}

function probe({ head, servicesText }: ProbeRequest): ProbeAnswer {
  return { warnings: few(unrunnable({ ...head, services: unpackServices(servicesText) })) };
}

async function place({ path, text, shifts, warnings }: PlaceRequest): Promise<ProbeAnswer> {
  const { placeIn } = await import("../../config/place.js");
  const placed = placeIn(path, text, warnings);
  return { warnings: few(placed.map((diagnostic) => summarizeDiagnostic(moved(diagnostic, shifts)))) };
}

async function readFor(request: ReadRequest): Promise<ReadAnswer> {
  const { path, text, node, shifts = [], hurries = false } = request;
  const alike = text === undefined ? undefined : await alikeReading(text, node);
  if (alike !== undefined && text !== undefined) {
    const { lines, prepare, ...rest } = alike;
    return answerWith({ ...rest, lines, text, summaries: [], warnings: [] }, request, prepare);
  }
  const summary = (diagnostic: Diagnostic): string => summarizeDiagnostic(moved(diagnostic, shifts));
  let reading: QuickReading | undefined =
    text === undefined ? undefined : await quickReading(path, text, node, hurries);
  if (reading === undefined) {
    // With zod and all of YAML, and so with words for whatever there is to say.
    const { readConfig, readConfigText, report, failed } = await import("./config-reader.js");
    reading = await (text === undefined ? readConfig(path, node) : readConfigText(path, text, node));
    if (failed(reading))
      return { ok: false, problems: reading.diagnostics.map(summary), report: report(reading) };
  }
  const [config] = reading.configs;
  if (config === undefined) throw new Error("a file without an error has no configuration");
  const { services, ...head } = config;
  return answerWith(
    {
      head,
      lines: services.map(packService),
      servers: services.reduce((sum, service) => sum + service.servers.length, 0),
      starts: reading.starts,
      probes: hasProbes(config),
      readsMore: reading.readsMore === true,
      text: reading.text,
      summaries: reading.diagnostics.map(summary),
      warnings: reading.warnings.map(summary),
      unplaced: reading.unplaced,
    },
    request,
  );
}

/** What was read, and what there is to say of it. */
type Read = Omit<AlikeReading, "prepare" | "starts"> & {
  readonly starts: readonly number[] | undefined;
  readonly text: string;
  readonly summaries: readonly string[];
  /** What depends on the machine. */
  readonly warnings: readonly string[];
  readonly unplaced?: readonly Problem[] | undefined;
};

function answerWith(
  { head, lines, servers, starts, probes, readsMore, text, summaries, warnings, unplaced }: Read,
  { previous, save }: ReadRequest,
  prepare?: () => PreparedTable,
): ReadAnswer {
  const servicesText = joinPacked(lines);
  const result = { head, services: lines.length, servers, ...(starts === undefined ? {} : { starts }) };
  // What was kept is believed as long as the text is the same; a key could be another one by then.
  const isKept =
    save !== undefined &&
    !readsMore &&
    keep(save, { ...result, id: save.id, warnings: few(summaries), probes, text, servicesText }, prepare);
  return {
    ok: true,
    ...result,
    ...(isKept ? {} : { servicesText }),
    warnings: few([...summaries, ...warnings]),
    ...(unplaced === undefined ? {} : { unplaced }),
    changes: previous === undefined ? [] : changesSince(previous, head, lines),
  };
}

/** The services are told another way when they cannot be kept, and the next start reads the file again. */
function keep(
  { path, savedFor }: NonNullable<ReadRequest["save"]>,
  config: Parameters<typeof saveConfig>[2],
  prepare?: () => PreparedTable,
): boolean {
  try {
    saveConfig(path, savedFor, config, prepare?.());
    return true;
  } catch {
    return false;
  }
}

/** Of a text that is a part of the file: to where it stands in the file. */
function moved(diagnostic: Diagnostic, shifts: NonNullable<ReadRequest["shifts"]>): Diagnostic {
  const shift = shifts.findLast(({ from }) => diagnostic.line >= from);
  return shift === undefined ? diagnostic : { ...diagnostic, line: diagnostic.line + shift.by };
}

/** Services that read the same as before are not looked at more closely: of thousands, a reload changes a few. */
function changesSince(
  { head, servicesText }: NonNullable<ReadRequest["previous"]>,
  wanted: ConfigHead,
  lines: readonly string[],
): readonly string[] {
  const before = new Set(splitPacked(servicesText));
  const services = unpackServices(joinPacked(lines.filter((line) => !before.delete(line))));
  return diffConfig({ ...head, services: unpackServices(joinPacked([...before])) }, { ...wanted, services });
}

/** A thousand warnings about a thousand services are one mistake, and no help in a log. */
function few(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_WARNINGS) return lines;
  return [
    ...lines.slice(0, MOST_WARNINGS),
    `${lines.length - MOST_WARNINGS} more warnings: "vipd check" shows them all`,
  ];
}

/** Requests come one at a time, so that nothing follows the end of a line. Undefined: there are no more. */
async function readLine(): Promise<string | undefined> {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(65_536);
    // The first part is waited for while a timer may run; the rest is on its way.
    const length = parts.length === 0 ? await readPart(part) : readSync(0, part);
    if (length === 0) return undefined;
    parts.push(part.subarray(0, length));
    if (part[length - 1] === 0x0a) return Buffer.concat(parts).toString();
  }
}

function readPart(part: Buffer): Promise<number> {
  return new Promise((resolve, reject) =>
    read(0, part, 0, part.length, null, (error, length) =>
      error === null ? resolve(length) : reject(error),
    ),
  );
}

function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}
