// Maintenance windows as time goes by: looks at the clock on the wall once a minute while the configuration has windows,
// never when it has none, and says which are open. What follows for servers is order.ts's and the check process's.

import type { WindowConfig } from "../../config/model.js";
import type { Schedule } from "../../config/schedule.js";
import type { VipdEvent } from "../../control/event.js";
import { lookAgain, lookBack, nextLook, openWindow, type Opening } from "../../services/maintenance.js";
import type { OpenWindow } from "../../services/order.js";

export type WindowPorts = {
  readonly wall: () => number;
  /** Gives what cancels it. */
  readonly wait: (ms: number, work: () => void) => () => void;
  readonly report: (event: VipdEvent) => void;
  /** Other windows are open than before, or until another time. */
  readonly changed: (open: readonly OpenWindow[]) => void;
};

type Kept = { readonly config: WindowConfig; readonly schedule: Schedule; opening: Opening };

export class MaintenanceWindows {
  private readonly ports: WindowPorts;
  private kept: readonly Kept[] = [];
  private open: readonly OpenWindow[] = [];
  private cancel: () => void = () => undefined;
  /** Of the configuration that is in force or being taken in; a later one makes an earlier one stop. */
  private turn = 0;
  private isStopped = false;

  constructor(ports: WindowPorts) {
    this.ports = ports;
  }

  /** Resolves when it is known which are open. Those that have not changed are not looked at anew. */
  async configure(configs: readonly WindowConfig[] = []): Promise<void> {
    if (this.isStopped) return;
    const turn = ++this.turn;
    const before = new Map(this.kept.map((one) => [JSON.stringify(one.config), one]));
    const kept: Kept[] = [];
    for (const config of configs) {
      const known = before.get(JSON.stringify(config));
      const one = known ?? (await this.begin(config));
      if (turn !== this.turn) return;
      if (one !== undefined) kept.push(one);
    }
    this.kept = kept;
    this.look();
  }

  stop(): void {
    this.isStopped = true;
    this.turn++;
    this.cancel();
  }

  private async begin(config: WindowConfig): Promise<Kept | undefined> {
    try {
      const { scheduleOf } = await import("../../linux/cron.js");
      // A long window takes some tens of milliseconds to look back: pings and requests come between two of them.
      await new Promise((resolve) => setImmediate(resolve));
      const schedule = scheduleOf(config.at, config.timezone);
      return { config, schedule, opening: lookBack(schedule, config.lasts, this.ports.wall()) };
    } catch (error) {
      const text = `window ${config.name} will not open: ${(error as Error).message}`;
      this.ports.report({ kind: "warning", subject: "maintenance", text });
      return undefined;
    }
  }

  private look(): void {
    this.cancel();
    const now = this.ports.wall();
    for (const one of this.kept) one.opening = lookAgain(one.opening, one.schedule, one.config.lasts, now);
    this.tell(
      this.kept.flatMap(({ config, opening: { open } }) =>
        open === undefined ? [] : [openWindow(config, open)],
      ),
      now,
    );
    if (this.kept.length === 0) return;
    const next = nextLook(
      this.kept.map(({ opening }) => opening),
      now,
    );
    this.cancel = this.ports.wait(Math.max(1, next - now), () => this.look());
  }

  private tell(open: readonly OpenWindow[], now: number): void {
    const before = this.open;
    if (JSON.stringify(before) === JSON.stringify(open)) return;
    this.open = open;
    const isIn = (list: readonly OpenWindow[], one: OpenWindow): boolean =>
      list.some((other) => orderText(other) === orderText(one));
    for (const one of before) if (!isIn(open, one)) this.say(one, false, now);
    for (const one of open) if (!isIn(before, one)) this.say(one, true, now);
    this.ports.changed(open);
  }

  private say({ window, action, targets, until }: OpenWindow, open: boolean, now: number): void {
    const left = open ? until - now : 0;
    this.ports.report({ kind: "window-changed", window, open, action, targets, left_ms: left });
  }
}

/** It is the same one as long as it orders the same. */
const orderText = ({ window, action, targets }: OpenWindow): string =>
  JSON.stringify([window, action, targets]);
