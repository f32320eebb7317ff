// Sends alerts to whoever the configuration names. In the supervisor, which is on no advert's path; what takes time, the
// sending, is a process of its own for each message (alert-worker.ts).

import type { AlertTargetConfig, Config } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import { after, type Milliseconds } from "../../core/units.js";
import type { ServiceStatus } from "../../control/ipc.js";
import { Alerts, isAmong } from "./alert.js";
import { isOfService } from "../notify/service-notification.js";
import { AlertTarget, type Batch, type Delivery, type TargetPorts } from "./target.js";

export type AlerterPorts = Omit<TargetPorts, "deliver"> & {
  readonly deliver: (node: string, target: AlertTargetConfig, batch: Batch) => Delivery;
  readonly wallTime: () => number;
};
export type AlerterConfig = Pick<Config, "node" | "vrrp" | "alerts">;

export class Alerter {
  private readonly ports: AlerterPorts;
  private readonly alerts = new Alerts();
  private readonly targets = new Map<string, AlertTarget>();
  private node = "";

  constructor(ports: AlerterPorts) {
    this.ports = ports;
  }

  configure({ node, vrrp, alerts }: AlerterConfig): void {
    this.node = node;
    this.alerts.configure(vrrp);
    const wanted = new Map((alerts ?? []).map((target) => [target.name, target]));
    for (const [name, target] of this.targets)
      if (!wanted.has(name)) {
        target.close("the target was removed");
        this.targets.delete(name);
      }
    for (const [name, config] of wanted) {
      const target = this.targets.get(name);
      if (target !== undefined) target.configure(config);
      else this.targets.set(name, this.targetOf(config));
    }
  }

  observe(event: VipdEvent): void {
    // Of instances also without a target: what is told next must be news. Of servers nothing is remembered.
    if (this.targets.size === 0 && isOfService(event)) return;
    for (const alert of this.alerts.observe(event, this.ports.wallTime()))
      for (const target of this.targets.values()) target.take(alert);
  }

  /** Whether it may remind of services and servers that are not there any more after a reload. */
  get hasTroubles(): boolean {
    return [...this.targets.values()].some((target) => target.hasTroubles);
  }

  /** Forgets what was wrong with services and servers that are not among these. */
  keep(services: readonly Pick<ServiceStatus, "name" | "servers">[]): void {
    const isThere = isAmong(services);
    for (const target of this.targets.values()) target.keep(isThere);
  }

  /** After the last event: one try for each target. */
  async finish(within: Milliseconds): Promise<void> {
    const { timers } = this.ports;
    const all = [...this.targets.values()];
    const giveUp = timers.wakeAt(after(timers.now(), within), () => {
      for (const target of all) target.close("vipd stops");
    });
    await Promise.all(all.map((target) => target.finish()));
    giveUp();
  }

  private targetOf(config: AlertTargetConfig): AlertTarget {
    return new AlertTarget(config, {
      timers: this.ports.timers,
      report: this.ports.report,
      deliver: (target, batch) => this.ports.deliver(this.node, target, batch),
    });
  }
}
