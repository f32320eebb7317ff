// The configuration as it was last read, in a file of the runtime directory: a start with a file that was read
// before need not read it again, and the checks process takes the services from here. It holds the whole text it was
// made of, and who made it for whom: whatever differs in a single byte is not ours. It may hold secrets of the
// configuration, so that nobody else may read it, and what somebody else could have written is not believed.

import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { unpackServices } from "../control/packed-services.js";
import type { SavedServices } from "../control/ipc.js";
import type { Config, ServiceConfig } from "../config/model.js";
import type { ServiceId } from "../ipvs/model.js";
import type { PreparedTable } from "../ipvs/prepared.js";

/** What the text alone does not say. Everything that the result of reading it depends on stands here. */
export type SavedFor = {
  /** Version and build of vipd. */
  readonly program: string;
  readonly path: string;
  /** As which node the file was read: from --node, or the host name. */
  readonly node: string;
};

export type SavedConfig = {
  readonly id: string;
  readonly head: Omit<Config, "services">;
  readonly services: number;
  readonly servers: number;
  /** What reading the text had to say; nothing that depends on the machine. */
  readonly warnings: readonly string[];
  /** Some of it depends on the machine: programs of checks that may be missing. */
  readonly probes: boolean;
  readonly starts?: readonly number[];
  readonly text: string;
  /** As packed-services.ts packs them. */
  readonly servicesText: string;
  /** Whether its table is there, too. */
  readonly isPrepared: boolean;
};

/** What a checks process finds there. */
export type SavedTable = {
  /** Absent: nobody has made it yet. */
  readonly prepared: PreparedTable | undefined;
  readonly services: () => ServiceConfig[];
};

type Header = Omit<SavedConfig, "text" | "servicesText" | "isPrepared"> & {
  readonly format: string;
  readonly savedFor: SavedFor;
  /** Of the prepared table. */
  readonly ids?: readonly ServiceId[];
  /** Bytes of the services, of the text, and of each batch of the prepared table: in this order after the header. */
  readonly lengths: readonly [number, number, ...number[]];
};
const FORMAT = "vipd saved configuration 3";

export const savedConfigPath = (directory: string): string => join(directory, "saved-config");

/** Of what this process itself has read, before all else (supervisor/first-reading.ts). */
export const firstId = (): string => `${process.pid} ${Math.round(performance.timeOrigin)} first`;

/** `node`: as --node names it; without it the host name decides. */
export const savedForNode = (program: string, path: string, node: string | undefined): SavedFor => ({
  program,
  path,
  node: node === undefined ? `host ${hostname()}` : `node ${node}`,
});

/** Throws when it cannot be kept. `prepared`: the table that a start from nothing makes of it, when it is known. */
export function saveConfig(
  path: string,
  savedFor: SavedFor,
  { text, servicesText, ...rest }: Omit<SavedConfig, "isPrepared">,
  prepared?: PreparedTable,
): void {
  const { ids, batches = [] } = prepared ?? {};
  const header = { ...rest, format: FORMAT, savedFor, ...(ids === undefined ? {} : { ids }) };
  write(path, header, [Buffer.from(servicesText), Buffer.from(text), ...batches]);
}

/** Adds the table that a start from nothing makes of it. Does nothing when another configuration is there by now. */
export function savePreparedTable(
  { path, id }: SavedServices,
  prepare: (services: readonly ServiceConfig[], head: SavedConfig["head"]) => PreparedTable,
): void {
  const file = readOwn(path);
  if (file?.header.id !== id) return;
  const { header, services, source } = file;
  const { ids, batches } = prepare(unpackServices(services.toString()), header.head);
  write(path, { ...header, ids }, [services, source, ...batches]);
}

function write(
  path: string,
  header: Omit<Header, "lengths">,
  parts: readonly [Uint8Array, Uint8Array, ...Uint8Array[]],
): void {
  const lengths = parts.map(({ length }) => length);
  const line = Buffer.from(`${JSON.stringify({ ...header, lengths })}\n`);
  // Under another name first: whoever reads sees the old one or the new one, never half of one.
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, Buffer.concat([line, ...parts]), { mode: 0o600 });
  renameSync(fresh, path);
}

/** What was saved of this very text; undefined: it is to be read. */
export function findSavedConfig(path: string, savedFor: SavedFor, text: string): SavedConfig | undefined {
  const file = readOwn(path);
  if (file === undefined || !isOf(file, savedFor, text)) return undefined;
  const { header, services } = file;
  const { id, head, services: count, servers, warnings, probes, starts, ids } = header;
  const rest = { id, head, services: count, servers, warnings, probes, text, isPrepared: ids !== undefined };
  return { ...rest, ...(starts === undefined ? {} : { starts }), servicesText: services.toString() };
}

/** The table that was prepared of this very text, if there is one. */
export function findSavedTable(
  path: string,
  savedFor: SavedFor,
  text: string,
): (Pick<SavedConfig, "id" | "head"> & { readonly prepared: PreparedTable }) | undefined {
  const file = readOwn(path);
  if (file === undefined || !isOf(file, savedFor, text)) return undefined;
  const { header, batches } = file;
  const { id, head, ids } = header;
  return ids === undefined ? undefined : { id, head, prepared: { ids, batches } };
}

const isOf = ({ header, source }: Contents, savedFor: SavedFor, text: string): boolean =>
  JSON.stringify(header.savedFor) === JSON.stringify(savedFor) && source.equals(Buffer.from(text));

/** Undefined: it is not there any more. */
export function readSavedTable({ path, id }: SavedServices): SavedTable | undefined {
  const file = readOwn(path);
  if (file?.header.id !== id) return undefined;
  const { header, services, batches } = file;
  const { ids } = header;
  return {
    prepared: ids === undefined ? undefined : { ids, batches },
    services: () => unpackServices(services.toString()),
  };
}

type Contents = {
  readonly header: Header;
  readonly services: Buffer;
  readonly source: Buffer;
  readonly batches: readonly Buffer[];
};

/** What is damaged, or could have been written by others, counts as none. */
function readOwn(path: string): Contents | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode } = fstatSync(fd);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return undefined;
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) return undefined;
    const bytes = readFileSync(fd);
    const end = bytes.indexOf(0x0a);
    const header = JSON.parse(bytes.toString("utf8", 0, end)) as Header;
    if (header.format !== FORMAT) return undefined;
    let at = end + 1;
    const parts = header.lengths.map((length) => bytes.subarray(at, (at += length)));
    const [services, source, ...batches] = parts;
    if (at !== bytes.length || services === undefined || source === undefined) return undefined;
    return { header, services, source, batches };
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
