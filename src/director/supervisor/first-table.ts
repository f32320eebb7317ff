// The kernel's table of `vipd run`, sent before the rest of the program is loaded: where a configuration was read before,
// its table lies ready as bytes (saved-config.ts), and of a new one of services that are alike it is made in no time
// (first-reading.ts). It needs no other process, and is the same table, sent under the same
// conditions, as the checks process sends ahead (ipvs-director.ts), and whatever is not plain is left to that one: a
// runtime directory in which somebody may be at work, orders, windows, a predecessor. Until the checks process has it, it
// is ours to take back: a start that goes no further has not been.

import { existsSync, statSync } from "node:fs";
import type { SentAhead } from "../../control/ipc.js";
import { ok, type Result } from "../../core/result.js";
import { servicesRequest } from "../../ipvs/messages.js";
import { removalOf, type PreparedTable } from "../../ipvs/prepared.js";
import { readConfigFile } from "../../linux/config-file.js";
import { openFamily, type IpvsSocket } from "../../linux/ipvs-family.js";
import { native } from "../../linux/native.js";
import { comesFirst, putDown } from "../ahead.js";
import { OwnedThings } from "../ipvs-owned.js";
import { ownershipFile, type Owned } from "../ipvs-ownership.js";
import { findSavedTable, savedConfigPath, savedForNode, type SavedConfig } from "../saved-config.js";
import { missingCapabilities } from "./capabilities.js";
import type { FirstReading } from "./first-reading.js";
import { holdFirstTable, type FirstTable } from "./first-table-place.js";
import { orderFile } from "./order-file.js";
import { beginClaim, controlSocketPath } from "./runtime-directory.js";
import type { StartWords } from "./start-words.js";
import { openStateDirectory } from "./state-directory.js";

type Start = {
  /** Undefined: they are not plain. */
  readonly words: StartWords | undefined;
  /** As in saved-config.ts; undefined: it keeps nothing. */
  readonly program: string | undefined;
  /** The configuration looks like one that nobody has read. */
  readonly isNew: boolean;
};

/** Gives whether the configuration is known now: nobody has to read it. */
export async function sendFirstTable({ words, program, isNew }: Start): Promise<boolean> {
  if (words === undefined || program === undefined) return false;
  if (process.env["VIPD_PREDECESSOR"] !== undefined) return false;
  if (missingCapabilities(native.effectiveCapabilities()).length > 0) return false;
  const { runtimeDirectory } = words;
  // To ask who answers there takes its time.
  if (existsSync(controlSocketPath(runtimeDirectory))) return false;
  const claim = beginClaim(runtimeDirectory);
  if (!claim.ok) return false;
  let isKnown = false;
  let isSent = false;
  try {
    const state = openStateDirectory(words.stateDirectory, runtimeDirectory);
    if (state.problem === undefined) {
      const reading = isNew ? await readNew(words) : undefined;
      const found = isNew ? reading : findKnown(words, state.path, program);
      const sent = found && isPlain(found.head, state.path) ? send(runtimeDirectory, found) : undefined;
      if (sent !== undefined) holdFirstTable(new Sent(runtimeDirectory, claim.value, sent));
      isSent = sent !== undefined;
      reading?.keep(state.path, program);
      isKnown = found !== undefined;
    }
  } catch {
    // Whoever does it next meets the same, and tells of it.
  }
  if (!isSent) claim.value();
  return isKnown;
}

type Table = Pick<SavedConfig, "id" | "head"> & { readonly prepared: PreparedTable };

/** What reads it is loaded where it may be of use: of few services nothing is saved. Much text is no work for a supervisor. */
async function readNew(words: StartWords): Promise<FirstReading | undefined> {
  const { size } = statSync(words.config);
  if (size < SMALLEST || size > LARGEST) return undefined;
  return (await import("./first-reading.js")).readFirst(words);
}
const SMALLEST = 8 * 1024;
const LARGEST = 8 * 1024 * 1024;

/** What was kept of the configuration. */
function findKnown({ config, node }: StartWords, stateDirectory: string, program: string): Table | undefined {
  const text = readConfigFile(config);
  if (!text.ok) return undefined;
  return findSavedTable(savedConfigPath(stateDirectory), savedForNode(program, config, node), text.value);
}

/** Nothing stands against it: neither what people order, nor what the kernel must be told before. */
const isPlain = ({ ipvs, maintenance = [] }: SavedConfig["head"], stateDirectory: string): boolean =>
  !comesFirst(ipvs) && maintenance.length === 0 && orderFile(stateDirectory).read().length === 0;

type Parts = IpvsSocket & {
  readonly table: Table;
  readonly owned: OwnedThings;
  readonly before: Owned | undefined;
  readonly ahead: SentAhead;
};

/** Undefined: it is not for an empty table, or could not be sent. */
function send(runtimeDirectory: string, table: Table): Parts | undefined {
  const opened = openFamily();
  if (!opened.ok) return undefined;
  const { socket, family } = opened.value;
  const { ids, batches } = table.prepared;
  let undo = (): void => undefined;
  try {
    // What is there says what a predecessor knew of the servers.
    if (socket.dump("list IPVS services", servicesRequest(family), () => true).length === 0) {
      const owned = new OwnedThings();
      owned.open(ownershipFile(runtimeDirectory));
      const { owned: before, lost } = putDown(owned, ids, table.head.sync ?? null) ?? {};
      const parts = { socket, family, table, owned, before };
      undo = () => remove(parts);
      const ahead = { refusals: socket.sendAhead(batches, family), ...(lost === undefined ? {} : { lost }) };
      return { ...parts, ahead };
    }
  } catch {
    undo();
  }
  socket.close();
  return undefined;
}

/** Throws when it cannot be told of as gone; then it stays on record, and the next start takes it over. */
function remove({ socket, family, table, owned, before }: Omit<Parts, "ahead">): void {
  socket.sendAhead(removalOf(table.prepared.batches), family);
  owned.keep(before ?? {});
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

class Sent implements FirstTable {
  private readonly runtimeDirectory: string;
  private readonly giveBack: () => void;
  private parts: Parts | undefined;

  constructor(runtimeDirectory: string, giveBack: () => void, parts: Parts) {
    this.runtimeDirectory = runtimeDirectory;
    this.giveBack = giveBack;
    this.parts = parts;
    process.once("exit", this.takeBack);
    for (const signal of SIGNALS) process.once(signal, this.end);
  }

  claim(runtimeDirectory: string): Result<() => void, string> | undefined {
    return runtimeDirectory === this.runtimeDirectory ? ok(this.giveBack) : undefined;
  }

  hearsSignals(): void {
    for (const signal of SIGNALS) process.off(signal, this.end);
  }

  handOver(id: string | undefined): SentAhead | undefined {
    const { parts } = this;
    if (parts === undefined) return undefined;
    if (parts.table.id !== id) {
      this.takeBack();
      return undefined;
    }
    this.close();
    return parts.ahead;
  }

  readonly takeBack = (): void => {
    const { parts } = this;
    if (parts === undefined) return;
    try {
      remove(parts);
    } catch {
      // It is on record as ours.
    }
    this.close();
  };

  private readonly end = (signal: NodeJS.Signals): void => {
    this.takeBack();
    this.giveBack();
    this.hearsSignals();
    // As it ends a program that does not listen.
    process.kill(process.pid, signal);
  };

  private close(): void {
    this.parts?.socket.close();
    this.parts = undefined;
    process.off("exit", this.takeBack);
    this.hearsSignals();
  }
}
