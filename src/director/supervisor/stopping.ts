// How the daemon ends: VRRP goes first, so that the peer takes over while the services still work here, then the
// checks, with the kernel's table left or removed as it was ordered. Each step is bounded in time.

import type { VipdEvent } from "../../control/event.js";
import type { Children } from "./children.js";
import type { Custody } from "./custody.js";
import { NOTIFIED_WITHIN, STOP_WITHIN } from "./patience.js";
import type { SupervisorPorts } from "./supervisor-ports.js";

export type StoppingParts = {
  readonly ports: Pick<SupervisorPorts, "notifier" | "removeTable">;
  readonly children: Children;
  readonly custody: Custody;
  readonly emit: (event: VipdEvent) => void;
};

/** Gives whether the kernel's table is as it was to be left. */
export async function stopAll(parts: StoppingParts, table: "keep" | "remove" | undefined): Promise<boolean> {
  const { ports, children, custody } = parts;
  // systemd signals every process of the unit: a check script that ends of it says nothing of its server.
  children.checks.send({ kind: "rest" });
  const resigned = await children.vrrp.stop({ kind: "stop", keepAddresses: false }, STOP_WITHIN.vrrp);
  custody.release(resigned, children.config?.head.vrrp ?? []);
  const told = ports.notifier.finish(NOTIFIED_WITHIN);
  const isDone = await stopChecks(parts, table ?? children.config?.head.ipvs.onStop ?? "keep");
  await told;
  children.stopWatching();
  children.giveUp("vipd is stopping");
  return isDone;
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
