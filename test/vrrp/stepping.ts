// What tests of the state machine share: a clock that begins at T0, events, and instances in a state.

import assert from "node:assert/strict";
import { ip } from "../../src/core/address.js";
import { after, instant, milliseconds, seconds, type Instant } from "../../src/core/units.js";
import { step } from "../../src/vrrp/machine.js";
import type {
  Action,
  BackupState,
  Event,
  MachineConfig,
  MasterState,
  State,
  Step,
} from "../../src/vrrp/state.js";

export const T0 = instant(1_000_000);
export const at = (ms: number): Instant => after(T0, milliseconds(ms));
export const INITIALIZE: State = { kind: "initialize" };
export const PEER = ip("192.168.1.3");
export const LOWER_PEER = ip("192.168.1.0");

export const advert = (priority: number, sender = PEER, interval = seconds(1)): Event => ({
  kind: "advert",
  sender,
  priority,
  interval,
});
export const DEADLINE: Event = { kind: "deadline" };
export const STOP: Extract<Event, { kind: "stop" }> = {
  kind: "stop",
  keepAddresses: false,
  why: { kind: "shutdown" },
};

/** Started at T0, and heard then what it is to hear. */
export function backup(config: MachineConfig, heard?: Event): BackupState {
  const started = step(config, INITIALIZE, { kind: "start" }, T0).state;
  const state = heard ? step(config, started, heard, T0).state : started;
  assert.equal(state.kind, "backup");
  return state;
}
/** Ten seconds after the start, when `master` has just become one. */
export const M = at(10_000);
export function master(config: MachineConfig): MasterState {
  const { state } = step(config, { ...backup(config), masterDownAt: M }, DEADLINE, M);
  assert.equal(state.kind, "master");
  return state;
}
export const kinds = ({ actions }: Pick<Step, "actions">): string[] => actions.map(({ kind }) => kind);
/** The priorities of the adverts among these actions. */
export const sent = (actions: readonly Action[]): number[] =>
  actions.flatMap((action) => (action.kind === "send-advert" ? [action.priority] : []));
