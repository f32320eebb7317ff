// What is kept of services and their real servers while they are checked. Written in place: thousands of servers need
// no new value for each result.

import type { ServerConfig, ServiceConfig } from "../config/model.js";
import type { Instant } from "../core/units.js";
import type { ServerId, ServiceId } from "../ipvs/model.js";
import type { Load } from "../services/server-input.js";
import type { Availability } from "./availability.js";
import type { CheckRecord } from "./check-record.js";
import type { Asker } from "./check-runs.js";

export type ServiceRecord = {
  readonly config: ServiceConfig;
  readonly id: ServiceId;
  alive: number;
  readonly servers: Map<ServerId, ServerRecord>;
  /** Its checks do not run: the director does not hold its address. */
  rests: boolean;
};
export type ServerRecord = {
  readonly service: ServiceRecord;
  readonly id: ServerId;
  readonly config: ServerConfig;
  readonly checks: readonly CheckRecord[];
  /** How they ask for their runs. */
  askers: readonly ServerAsker[];
  /** Whether it counts as serving, since when, why, and for how much of the time. */
  up: boolean;
  since: number;
  why: string;
  /** Kept from its first change on; before that it was what it is since `began`. */
  availability: Availability | undefined;
  readonly began: Instant;
  /** Whether its health is older than the service's present address, which the table does not know it by. */
  readonly hasMoved: boolean;
  /** What the table was told. */
  told: boolean | undefined;
  /** What counts of what it says it can take. */
  load: Load | undefined;
};
export type ServerAsker = Asker & { readonly server: ServerRecord };
