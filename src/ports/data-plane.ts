// What balances connections: the kernel's IPVS, or another one with the same table. Synchronous: what was applied
// is in force when the call returns. What lists throws when the data plane cannot be asked at all; refusals of single
// commands are values.

import type { Command } from "../ipvs/command.js";
import type {
  ListedServer,
  ListedService,
  ListedTable,
  ServerId,
  SyncConfig,
  SyncDaemon,
  SyncRole,
} from "../ipvs/model.js";
import type { Refusal } from "../ipvs/prepared.js";

export type ApplyResult =
  /** `unchanged`: it was so already. */
  | { readonly ok: true; readonly unchanged: boolean }
  /**
   * `outOfStep`: the table was not as the command assumed; read it again and make new commands. `isUnknown`: nobody
   * knows whether it was carried out, which only a look at the table can tell either; that is no change of others.
   * `error` is for people and ends in how to fix it, where that is known.
   */
  | {
      readonly ok: false;
      readonly outOfStep: boolean;
      readonly isUnknown?: true;
      readonly error: string;
    };

/**
 * A number for the servers of a service, their settings and their order. Others have another one but for one chance in
 * 2^53; what the servers carry does not count.
 */
export type Fingerprint = number;
export type ServerList = {
  readonly servers: ReadonlyMap<ServerId, ListedServer>;
  readonly fingerprint: Fingerprint;
};

export type DataPlane = {
  /** For messages: "ipvs". */
  readonly name: string;
  /** The whole table, foreign services included. */
  read(): ListedTable;
  /** All services without their servers: quick however large the table is. */
  services(): readonly ListedService[];
  /** The servers of one of them; none when it is gone. `only`: others need not be listed, which is quicker. */
  servers(
    service: ListedService,
    only?: readonly Pick<ListedServer, "address" | "port">[],
  ): ReadonlyMap<ServerId, ListedServer>;
  /** All of them, unless their fingerprint is `known` still, which is found out for a small part of the cost. */
  serversUnless(service: ListedService, known: Fingerprint | undefined): ServerList | "as known";
  /** Carries the commands out in order, each for itself; result i belongs to command i. */
  apply(commands: readonly Command[]): readonly ApplyResult[];
  /**
   * Carries out what was made of commands before (ipvs/prepared.ts). The next `apply` is of these commands, and gives
   * what became of them; when it is of others they are carried out, too.
   */
  sendAhead(batches: readonly Uint8Array[]): void;
  /** The same where another process has sent them already, and the kernel refused these. */
  takeAhead(batches: readonly Uint8Array[], refusals: readonly Refusal[]): void;
  syncDaemons(): readonly SyncDaemon[];
  startSync(role: SyncRole, sync: SyncConfig): ApplyResult;
  stopSync(role: SyncRole): ApplyResult;
  close(): void;
};
