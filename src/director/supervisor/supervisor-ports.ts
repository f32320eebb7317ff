// What the supervisor has of the world around it: files, processes, sockets and the log come in as ports, so that a
// test can play all of them.

import type { LogConfig } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import type { Instant, Milliseconds } from "../../core/units.js";
import type { ChildPatience, Spawn } from "./child.js";
import type { ChildName } from "./child-name.js";
import type { ConfigHead, LoadConfig } from "./config-source.js";
import type { FirstTable } from "./first-table-place.js";
import type { Goods } from "./held-goods.js";
import type { KeptState } from "./kept-state.js";
import type { OrderStore } from "./order-file.js";
import type { StaticPorts } from "./static-goods.js";
import type { AddressOnInterface, RemoveAddresses } from "./stranded-addresses.js";

export type SupervisorPorts = {
  readonly spawn: Spawn;
  readonly loadConfig: LoadConfig;
  readonly removeAddresses: RemoveAddresses;
  /** Keeps for a successor which addresses we may hold (held-addresses.ts). Throws when it cannot. */
  readonly recordAddresses: (addresses: readonly AddressOnInterface[]) => void;
  /** Keeps for the next start what a stop leaves in place (kept-state.ts). Throws when it cannot. */
  readonly keep: (state: KeptState) => void;
  /** Takes our part of the kernel's table away, where the check process did not. Gives whether all of it is gone. */
  readonly removeTable: () => Promise<boolean>;
  /** Takes away those on record; gives one sentence for each that may still be there. */
  readonly releaseAddresses: () => readonly string[];
  /** Routes and rules: the same for them (held-goods.ts). */
  readonly goods: {
    readonly record: (goods: Goods) => void;
    readonly release: () => readonly string[];
    readonly remove: (goods: Goods) => readonly string[];
    readonly open: StaticPorts["open"];
  };
  readonly orders: OrderStore;
  /** What stands in the kernel's table already. */
  readonly firstTable?: Pick<FirstTable, "handOver" | "takeBack">;
  readonly configureLog: (log: LogConfig) => void;
  /** Tells the operator's programs of changes (notify/notifier.ts). */
  readonly notifier: {
    configure(config: ConfigHead): void;
    observe(event: VipdEvent): void;
    /** Resolves when all is told, or the time is over. */
    finish(within: Milliseconds): Promise<void>;
  };
  readonly monotonic: () => Instant;
  readonly wall: () => number;
};

export type SupervisorOptions = {
  readonly version: string;
  readonly configPath: string;
  readonly node?: string;
  readonly runtimeDirectory: string;
  readonly patience?: Partial<Record<ChildName, ChildPatience>>;
};
