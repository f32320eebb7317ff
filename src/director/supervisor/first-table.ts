// The kernel's table of `vipd run`, sent before the rest of the program is loaded: where a configuration was read before,
// its table lies ready as bytes (saved-config.ts), and needs no other process. It is the same table, sent under the same
// conditions, as the checks process sends ahead (ipvs-director.ts), and whatever is not plain is left to that one: a
// runtime directory in which somebody may be at work, orders, windows, a predecessor. Until the checks process has it, it
// is ours to take back: a start that goes no further has not been.

import { existsSync } from "node:fs";
import type { SentAhead } from "../../control/ipc.js";
import { ok, type Result } from "../../core/result.js";
import { servicesRequest } from "../../ipvs/messages.js";
import { removalOf, type PreparedTable } from "../../ipvs/prepared.js";
import type { SyncConfig } from "../../ipvs/model.js";
import { readConfigFile } from "../../linux/config-file.js";
import { openFamily, type IpvsSocket } from "../../linux/ipvs-family.js";
import { native } from "../../linux/native.js";
import { comesFirst, putDown } from "../ahead.js";
import { OwnedThings } from "../ipvs-owned.js";
import { ownershipFile, type Owned } from "../ipvs-ownership.js";
import { findSavedTable, savedConfigPath, savedForNode } from "../saved-config.js";
import { missingCapabilities } from "./capabilities.js";
import { holdFirstTable, type FirstTable } from "./first-table-place.js";
import { orderFile } from "./order-file.js";
import { beginClaim, controlSocketPath } from "./runtime-directory.js";
import type { StartWords } from "./start-words.js";
import { openStateDirectory } from "./state-directory.js";

/** Gives whether it is there. `words`: undefined where they are not plain; `program`: as in saved-config.ts, if it keeps any. */
export function sendFirstTable(words: StartWords | undefined, program: string | undefined): boolean {
  if (words === undefined || program === undefined) return false;
  if (process.env["VIPD_PREDECESSOR"] !== undefined) return false;
  if (missingCapabilities(native.effectiveCapabilities()).length > 0) return false;
  const { runtimeDirectory } = words;
  // To ask who answers there takes its time.
  if (existsSync(controlSocketPath(runtimeDirectory))) return false;
  const claim = beginClaim(runtimeDirectory);
  if (!claim.ok) return false;
  try {
    const table = findTable(words, program);
    const sent = table && send(runtimeDirectory, table);
    if (sent !== undefined) {
      holdFirstTable(new Sent(runtimeDirectory, claim.value, sent));
      return true;
    }
  } catch {
    // Whoever does it next meets the same, and tells of it.
  }
  claim.value();
  return false;
}

type Table = {
  readonly id: string;
  readonly prepared: PreparedTable;
  readonly sync: SyncConfig | null;
};

/** What was kept of the configuration, where nothing stands against it. */
function findTable(
  { config, node, runtimeDirectory, stateDirectory }: StartWords,
  program: string,
): Table | undefined {
  const state = openStateDirectory(stateDirectory, runtimeDirectory);
  const text = readConfigFile(config);
  if (state.problem !== undefined || !text.ok || orderFile(state.path).read().length > 0) return undefined;
  const savedFor = savedForNode(program, config, node);
  const found = findSavedTable(savedConfigPath(state.path), savedFor, text.value);
  if (found === undefined) return undefined;
  const { id, prepared, head } = found;
  return comesFirst(head.ipvs) || (head.maintenance ?? []).length > 0
    ? undefined
    : { id, prepared, sync: head.sync ?? null };
}

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
      const { owned: before, lost } = putDown(owned, ids, table.sync) ?? {};
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
