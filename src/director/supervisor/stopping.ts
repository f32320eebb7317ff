// How the daemon ends: VRRP goes first, so that the peer takes over while the services still work here, then the
// checks, with the kernel's table left or removed as it was ordered. Each step is bounded in time.

import type { VipdEvent } from "../../control/event.js";
import type { Children } from "./children.js";
import type { Custody } from "./custody.js";
import type { KeptState } from "./kept-state.js";
import { NOTIFIED_WITHIN, STOP_WITHIN } from "./patience.js";
import type { SupervisorPorts } from "./supervisor-ports.js";

export type StoppingParts = {
  readonly ports: Pick<SupervisorPorts, "notifier" | "removeTable" | "keep" | "monotonic">;
  readonly children: Children;
  readonly custody: Custody;
  readonly emit: (event: VipdEvent) => void;
};

/** What a stop leaves in the kernel; absent: the table as configured, and none of the addresses. */
export type StopOrder = { readonly table?: "keep" | "remove"; readonly addresses?: "keep" };

/** Gives whether the kernel's table is as it was to be left. */
export async function stopAll(parts: StoppingParts, { table, addresses }: StopOrder): Promise<boolean> {
  const { ports, children, custody } = parts;
  const kept = addresses === "keep" ? whatIsKept(parts) : undefined;
  // systemd signals every process of the unit: a check script that ends of it says nothing of its server.
  children.checks.send({ kind: "rest" });
  const keepAddresses = kept !== undefined;
  const ended = await children.vrrp.stop({ kind: "stop", keepAddresses }, STOP_WITHIN.vrrp);
  if (kept === undefined || !ended || !isOnRecord(parts, kept))
    custody.release(ended && !keepAddresses, children.config?.head.vrrp ?? []);
  else custody.leave();
  const told = ports.notifier.finish(NOTIFIED_WITHIN);
  const isDone = await stopChecks(parts, table ?? children.config?.head.ipvs.onStop ?? "keep");
  await told;
  children.stopWatching();
  children.giveUp("vipd is stopping");
  return isDone;
}

/** It is known before the end of the masters, and as of a time before their last adverts. */
const whatIsKept = ({ ports, children, custody }: StoppingParts): KeptState => ({
  at: ports.monotonic(),
  ...custody.held,
  statics: custody.inheritance,
  ...children.kept,
});

/** What cannot be kept is taken away: the next start would do it first of all. */
function isOnRecord({ ports, emit }: StoppingParts, kept: KeptState): boolean {
  try {
    ports.keep(kept);
    return true;
  } catch (error) {
    const text = `the addresses do not stay: what the next start must know cannot be kept: ${(error as Error).message}`;
    emit({ kind: "warning", subject: "vipd", text });
    return false;
  }
}

/** A successor goes on: both children end, and what is in the kernel stays. */
export async function leaveAll({ ports, children, custody }: StoppingParts): Promise<void> {
  children.checks.send({ kind: "rest" });
  await children.vrrp.stop({ kind: "stop", keepAddresses: false }, STOP_WITHIN.vrrp);
  const told = ports.notifier.finish(NOTIFIED_WITHIN);
  await children.checks.stop({ kind: "stop", table: "keep" }, STOP_WITHIN.checks);
  await told;
  custody.leave();
  children.stopWatching();
}

async function stopChecks(
  { ports, children, emit }: StoppingParts,
  table: "keep" | "remove",
): Promise<boolean> {
  const ended = await children.checks.stop({ kind: "stop", table }, STOP_WITHIN.checks);
  const { config } = children;
  if (ended || table === "keep" || config === undefined) return true;
  if (config.services === 0 && config.head.sync === undefined) return true;
  const warn = (text: string): void => emit({ kind: "warning", subject: "ipvs", text });
  warn("the check process has not removed our services from the kernel: the supervisor does it");
  const isDone = await ports.removeTable().catch((error: unknown) => {
    warn(String(error));
    return false;
  });
  if (!isDone) warn("our services may still be in the kernel's table, and the next start takes them over");
  return isDone;
}
