// How the daemon gets its configuration: of a file that was read before, from what was kept then; else by the reader
// (reader-process.ts). Of a large file of which a few services have changed, the reader is given these alone
// (config/splice.ts).

import type { ServiceConfig } from "../../config/model.js";
import { findSplice, fits, splicedStarts } from "../../config/splice.js";
import { joinPacked, splitPacked } from "../../control/packed-services.js";
import { readConfigFile } from "../../linux/config-file.js";
import { findSavedConfig, firstId, savedForNode, type SavedConfig } from "../saved-config.js";
import {
  servicesOf,
  type LoadConfig,
  type LoadedConfig,
  type LoadOutcome,
  type LoadRequest,
} from "./config-source.js";
import { endFirstReader } from "./first-reader.js";
import { ReaderProcess, type ReadRequest } from "./reader-process.js";

/**
 * From a start whose file the first process has read to a reader that waits for a reload, as after any other reading: long
 * after the start, of which it would take its part of a processor.
 */
const WARM_UP_AFTER_MS = 10_000;
/** From an answer to work that nobody waits for. */
const AFTERWARDS_MS = 30_000;

export type LoaderOptions = {
  /** Where the last configuration is kept; absent: nowhere. */
  readonly saved?: {
    readonly path: string;
    /** What made it: nobody believes another program's. */
    readonly program: string;
  };
  /** Gets what is found only after the configuration was given. */
  readonly warn?: (text: string) => void;
};

type Loader = {
  readonly reader: ReaderProcess;
  readonly options: LoaderOptions;
  /** Does this some time after the present answer, unless another comes before. */
  readonly later: (work: () => void, delay?: number) => void;
};

/** A reading in its course. */
type Reading = LoadRequest & { readonly text?: string };

export function configLoader(options: LoaderOptions = {}): LoadConfig {
  let timer: NodeJS.Timeout | undefined;
  const loader: Loader = {
    reader: new ReaderProcess(),
    options,
    later: (work, delay = AFTERWARDS_MS) => {
      timer = setTimeout(work, delay).unref();
    },
  };
  return async (request) => {
    clearTimeout(timer);
    // While we read the file and look for what has changed in it, the reader gets ready.
    if (request.previous !== undefined) loader.reader.start();
    const file = readConfigFile(request.path);
    const reading = file.ok ? { ...request, text: file.value } : request;
    return known(loader, reading) ?? (await readChanged(loader, reading)) ?? (await readAll(loader, reading));
  };
}

/** At a start: what was kept of the same file. */
function known(
  { options, reader, later }: Loader,
  { path, node, text, previous }: Reading,
): LoadOutcome | undefined {
  const { saved: place, warn } = options;
  if (previous !== undefined || text === undefined || place === undefined) return undefined;
  const saved = findSavedConfig(place.path, savedForNode(place.program, path, node), text);
  if (saved === undefined) return undefined;
  endFirstReader();
  const { head, servicesText, warnings, probes } = saved;
  // Programs that checks need may have come and gone since.
  const probe = async (): Promise<void> => {
    const outcome = await reader.ask({ kind: "probe", head, servicesText });
    if ("answer" in outcome) for (const warning of outcome.answer.warnings) warn?.(warning);
  };
  const { isPrepared, id } = saved;
  const whole = { path, text, ...(node === undefined ? {} : { node }) };
  if (id === firstId()) later(() => void reader.ask(requestOf(whole)), WARM_UP_AFTER_MS);
  if (probes || !isPrepared)
    later(() => {
      if (probes) void probe();
      if (!isPrepared) void reader.ask({ kind: "prepare", saved: { path: place.path, id } });
    });
  return { ok: true, config: fromSaved(path, place.path, saved), warnings, changes: [] };
}

async function readAll({ options, reader, later }: Loader, reading: Reading): Promise<LoadOutcome> {
  const { path, node, text, previous } = reading;
  const place = text === undefined ? undefined : options.saved;
  const save =
    place === undefined
      ? undefined
      : { path: place.path, savedFor: savedForNode(place.program, path, node), id: newId() };
  const outcome = await reader.ask({
    ...requestOf(reading),
    ...(previous === undefined
      ? {}
      : { previous: { head: previous.head, servicesText: previous.servicesText } }),
    ...(save === undefined ? {} : { save }),
  });
  if ("why" in outcome) return failed(path, outcome.why);
  const { answer } = outcome;
  if (!answer.ok) return answer;
  const { head, services, servers, servicesText, starts, warnings, changes } = answer;
  if (servicesText !== undefined) {
    const source = text === undefined || starts === undefined ? {} : { source: { text, starts } };
    return {
      ok: true,
      config: { path, head, servicesText, services, servers, ...source },
      warnings,
      changes,
    };
  }
  const saved =
    save === undefined || text === undefined ? undefined : findSavedConfig(save.path, save.savedFor, text);
  if (save === undefined || saved?.id !== save.id) return failed(path, "what the config reader kept is gone");
  const config = fromSaved(path, save.path, saved);
  // Whoever waits for this configuration can make its table as quickly; the next start need not.
  if (!saved.isPrepared)
    later(() => void reader.ask({ kind: "prepare", saved: { path: save.path, id: save.id } }));
  return { ok: true, config, warnings, changes };
}

/** Reads the services that have changed, when nothing else has. Undefined: everything is to be read. */
async function readChanged(loader: Loader, reading: Reading): Promise<LoadOutcome | undefined> {
  const { path, node, text, previous } = reading;
  if (text === undefined || previous?.source === undefined) return undefined;
  const { source, head } = previous;
  const splice = findSplice(source, text);
  if (splice === undefined) return undefined;
  const { first, count, reduced, shifts } = splice;
  const lines = splitPacked(previous.servicesText);
  const before = { head, servicesText: joinPacked(lines.slice(first, first + count)) };
  const outcome = await loader.reader.ask({
    ...requestOf({ ...reading, text: reduced }),
    shifts,
    previous: before,
    hurries: true,
  });
  if ("why" in outcome || !outcome.answer.ok) return undefined;
  const { answer } = outcome;
  if (answer.servicesText === undefined || answer.starts === undefined) return undefined;
  const [was, is] = [servicesOf(before), servicesOf({ servicesText: answer.servicesText })];
  const starts = splicedStarts(source, splice, answer.starts);
  const isSame = JSON.stringify(answer.head) === JSON.stringify(head);
  if (starts === undefined || !isSame || !fits(was, is)) return undefined;
  lines.splice(first, count, ...splitPacked(answer.servicesText));
  const config: LoadedConfig = {
    path,
    head,
    services: previous.services,
    servicesText: joinPacked(lines),
    servers: previous.servers - countServers(was) + answer.servers,
    source: { text, starts },
  };
  // What is kept has the warnings of the whole file, which nobody knows by now.
  const whole = { path, text, ...(node === undefined ? {} : { node }) };
  if (loader.options.saved !== undefined) loader.later(() => void readAll(loader, whole));
  const { warnings, changes, unplaced = [] } = answer;
  const more = async (): Promise<readonly string[]> => {
    const placed = await loader.reader.ask({
      kind: "place",
      path,
      text: reduced,
      shifts,
      warnings: unplaced,
    });
    return "answer" in placed
      ? placed.answer.warnings
      : unplaced.map(({ message }) => `${path}: warning: ${message}`);
  };
  return { ok: true, config, warnings, changes, changed: is, ...(unplaced.length === 0 ? {} : { more }) };
}

const requestOf = ({ path, node, text }: Reading): ReadRequest => ({
  kind: "read",
  path,
  ...(node === undefined ? {} : { node }),
  ...(text === undefined ? {} : { text }),
});

let ids = 0;
/** No two configurations of one runtime directory have the same. */
const newId = (): string => `${process.pid} ${Date.now()} ${ids++}`;

function fromSaved(
  path: string,
  savedPath: string,
  { id, head, services, servers, servicesText, starts, text }: SavedConfig,
): LoadedConfig {
  const source = starts === undefined ? {} : { source: { text, starts } };
  return { path, head, services, servers, servicesText, saved: { path: savedPath, id }, ...source };
}

const countServers = (services: readonly ServiceConfig[]): number =>
  services.reduce((sum, { servers }) => sum + servers.length, 0);

const failed = (path: string, problem: string): LoadOutcome => {
  const text = `${path}: ${problem}`;
  return { ok: false, problems: [text], report: text };
};
