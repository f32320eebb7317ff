// One target of alerts: collects what happens together into one message, sends one message at a time, tries again after
// ever longer pauses, and reminds of what stays wrong. Bounded: of too many alerts the oldest are left out, and counted.
// How a message gets there is a port's affair.

import type { AlertTargetConfig } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import { span } from "../../control/reason.js";
import type { Result } from "../../core/result.js";
import { count } from "../../core/words.js";
import { after, between, milliseconds, minutes, seconds, type Instant } from "../../core/units.js";
import type { Timers } from "../../ports/timers.js";
import type { Alert } from "./alert.js";

/** What one message says. */
export type Batch = {
  readonly alerts: readonly Alert[];
  /** Older ones that there was no room for. */
  readonly leftOut: number;
  /** What is still wrong, in a reminder: how each began. */
  readonly reminder: boolean;
};
/** Ok with a note: it was sent, but not to everybody. */
export type Delivery = { readonly done: Promise<Result<string | null, string>>; readonly cancel: () => void };

export type TargetPorts = {
  readonly timers: Timers;
  readonly deliver: (target: AlertTargetConfig, batch: Batch) => Delivery;
  readonly report: (event: VipdEvent) => void;
};

/** That wait. */
export const MOST_ALERTS = 2000;
const FIRST_PAUSE = seconds(5);
const LONGEST_PAUSE = minutes(10);
/** Some three hours. */
export const MOST_TRIES = 24;

export class AlertTarget {
  private config: AlertTargetConfig;
  private readonly ports: TargetPorts;
  private waiting: Alert[] = [];
  private leftOut = 0;
  /** What is wrong, by its subject, as far as it was of interest here. */
  private readonly troubles = new Map<string, Alert>();
  private sending: Delivery | undefined;
  private tries = 0;
  private said = "";
  private forgetSend: () => void = () => undefined;
  private forgetReminder: () => void = () => undefined;
  private sendsAt: Instant | undefined;
  private idle: (() => void)[] = [];
  /** Why nothing more is tried. */
  private closing: string | undefined;

  constructor(config: AlertTargetConfig, ports: TargetPorts) {
    this.config = config;
    this.ports = ports;
  }

  /** After a reload. What is of no interest any more is no trouble here. */
  configure(config: AlertTargetConfig): void {
    const { repeat } = this.config;
    this.config = config;
    this.keep((alert) => this.isOfInterest(alert));
    if (repeat !== config.repeat) this.remind();
  }

  get hasTroubles(): boolean {
    return this.troubles.size > 0;
  }

  /** Of what is configured no more nobody will ever say that it is right again. */
  keep(isThere: (trouble: Alert) => boolean): void {
    for (const [key, trouble] of this.troubles) if (!isThere(trouble)) this.troubles.delete(key);
  }

  private isOfInterest({ kind, status }: Alert): boolean {
    return this.config.kinds.includes(kind) && this.config.status.includes(status);
  }

  take(alert: Alert): void {
    const key = `${alert.kind} ${alert.subject}`;
    if (!alert.bad) this.troubles.delete(key);
    if (!this.isOfInterest(alert)) return;
    if (alert.bad) this.troubles.set(key, alert);
    this.add(alert);
    this.schedule(this.config.collect);
    this.remind();
  }

  /** Sends what waits at once; resolves when it is there, or has failed once. */
  finish(): Promise<void> {
    this.forgetReminder();
    this.closing = "vipd stops";
    return new Promise((resolve) => {
      this.idle.push(resolve);
      if (this.sending === undefined) this.send();
    });
  }

  /** Ends what is being sent. */
  close(why: string): void {
    this.closing = why;
    this.forgetSend();
    this.forgetReminder();
    if (this.waiting.length > 0) this.warn(`${why}: ${count(this.waiting.length, "alert")} lost`);
    this.waiting = [];
    if (this.sending === undefined) this.send();
    else this.sending.cancel();
  }

  private add(...alerts: readonly Alert[]): void {
    this.waiting.push(...alerts);
    const over = this.waiting.length - MOST_ALERTS;
    if (over <= 0) return;
    this.waiting.splice(0, over);
    this.leftOut += over;
  }

  /** The first alert opens the time in which others join it; a failure opens a longer one. */
  private schedule(wait: Parameters<typeof after>[1]): void {
    if (this.sending !== undefined || this.sendsAt !== undefined || this.closing !== undefined) return;
    const { timers } = this.ports;
    this.sendsAt = after(timers.now(), wait);
    this.forgetSend = timers.wakeAt(this.sendsAt, () => this.send());
  }

  private send(): void {
    this.forgetSend();
    this.sendsAt = undefined;
    if (this.waiting.length === 0) {
      for (const resolve of this.idle.splice(0)) resolve();
      return;
    }
    this.deliver({ alerts: this.waiting, leftOut: this.leftOut, reminder: false });
    this.waiting = [];
    this.leftOut = 0;
  }

  private deliver(batch: Batch): void {
    const began = this.ports.timers.now();
    const delivery = this.ports.deliver(this.config, batch);
    this.sending = delivery;
    void delivery.done.then((result) => {
      this.sending = undefined;
      if (result.ok) this.delivered(batch, began, result.value);
      else this.failed(batch, result.error);
      // What has come meanwhile, or the end.
      if (this.closing !== undefined) this.send();
    });
  }

  private delivered(batch: Batch, began: Instant, note: string | null): void {
    const took = between(began, this.ports.timers.now());
    const what = batch.reminder ? "a reminder of " : "";
    const text = `sent ${what}${count(batch.alerts.length, "alert")} (took ${span(Math.round(took))})`;
    const again = this.tries === 0 ? "" : `, at try ${this.tries + 1}`;
    const but = note === null ? "" : `; ${note}`;
    this.ports.report({
      ...{ kind: "alerted", target: this.config.name, ok: note === null },
      text: `${text}${again}${but}`,
    });
    this.tries = 0;
    this.said = "";
    if (this.waiting.length > 0) this.schedule(this.config.collect);
  }

  private failed(batch: Batch, error: string): void {
    if (this.closing !== undefined)
      return this.warn(`${error}; ${this.closing}: ${count(batch.alerts.length, "alert")} lost`);
    this.tries++;
    if (this.tries >= MOST_TRIES) {
      this.warn(`${error}; gave up after ${this.tries} tries: ${count(batch.alerts.length, "alert")} lost`);
      this.tries = 0;
      if (this.waiting.length > 0) this.schedule(this.config.collect);
      return;
    }
    const pause = milliseconds(Math.min(FIRST_PAUSE * 2 ** (this.tries - 1), LONGEST_PAUSE));
    // Once for every new reason, and then ever more rarely.
    if (error !== this.said || (this.tries & (this.tries - 1)) === 0)
      this.warn(`${error}; ${count(batch.alerts.length, "alert")} kept, next try in ${span(pause)}`);
    this.said = error;
    // A reminder is made anew when it is due; all else stands before what has come meanwhile.
    if (!batch.reminder) {
      const newer = this.waiting;
      this.waiting = [];
      this.leftOut += batch.leftOut;
      this.add(...batch.alerts, ...newer);
    }
    if (this.waiting.length > 0) this.schedule(pause);
  }

  private warn(text: string): void {
    this.ports.report({ kind: "alerted", target: this.config.name, ok: false, text });
  }

  /** While something is wrong, at every interval. */
  private remind(): void {
    const { repeat } = this.config;
    this.forgetReminder();
    if (repeat === undefined || this.troubles.size === 0 || this.closing !== undefined) return;
    const { timers } = this.ports;
    this.forgetReminder = timers.wakeAt(after(timers.now(), repeat), () => {
      // What cannot be sent need not be repeated.
      if (this.troubles.size > 0 && this.sending === undefined && this.sendsAt === undefined) {
        const alerts = [...this.troubles.values()];
        const leftOut = Math.max(0, alerts.length - MOST_ALERTS);
        this.deliver({ alerts: alerts.slice(0, MOST_ALERTS), leftOut, reminder: true });
      }
      this.remind();
    });
  }
}
