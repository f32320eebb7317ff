// One check of one real server or track over time: its health, its last result, and which of its results are worth a
// line. A failing check is told of at its first failure, when its reason changes, and when its state does;
// the hundredth equal failure says nothing new.

import type { CheckLoad, CheckResult } from "../checkers/checker.js";
import { newHealth, stepHealth, type Health } from "../checkers/health.js";
import type { CheckConfig } from "../config/model.js";
import type { CheckSubject, VipdEvent } from "../control/event.js";
import type { CheckStatus } from "../control/ipc.js";
import type { HealthState } from "../core/health-state.js";
import { after, instant, minutes, type Instant, type Milliseconds } from "../core/units.js";
import { ResultRing } from "./result-ring.js";

/** Between two reports of a new reason, or of new words of a script, while the state stays. */
const NOT_OFTENER = minutes(1);
const WARN_AGAIN = minutes(24 * 60);

export class CheckRecord {
  config: CheckConfig;
  /** Its own: counted in place. */
  private health: { -readonly [Key in keyof Health]: Health[Key] };
  /** What makes it the same check after a new configuration. */
  readonly key: string;
  /** What the server said at last of how much it can take. */
  load: CheckLoad | undefined;
  private readonly subject: CheckSubject;
  private last: LastResult | undefined;
  private took = 0;
  private readonly past = new ResultRing();
  /** Of the last run; written in place, because there are thousands of these and a run each every few seconds. */
  private readonly phases: Record<string, number> = {};
  private warning: string | undefined;
  private warnAgainAt: Instant = instant(-Infinity);
  private runs = 0;
  private since: number;
  private toldReason: string | undefined;
  private tellAgainAt: Instant = instant(-Infinity);
  /** Why it was not run, or not counted, when it was due last. */
  private heldBy: string | undefined;
  private unproven = false;
  private toldOutput: string | undefined;
  private tellOutputAt: Instant = instant(-Infinity);

  constructor(
    subject: CheckSubject,
    key: string,
    config: CheckConfig,
    presumed: HealthState,
    wallTime: number,
  ) {
    this.key = key;
    this.subject = subject;
    this.config = config;
    this.health = newHealth(presumed);
    this.since = wallTime;
  }

  get state(): HealthState {
    return this.health.state;
  }

  /** Its state is one from before it was held, and no run since has shown that it still is so. */
  get isUnproven(): boolean {
    return this.unproven;
  }

  /** It is not run, or its result is not counted; gives what is to be said of it. */
  hold(why: string): readonly VipdEvent[] {
    const isNew = this.heldBy === undefined;
    this.heldBy = why;
    this.unproven = true;
    // What it had counted was of a time before.
    this.health = { ...this.health, inARow: 0 };
    return isNew ? [{ kind: "check-held", ...this.subject, check: this.config.type, why }] : [];
  }

  /** After a time without checks the next result decides alone, as the first one does. */
  renew(): void {
    this.health = newHealth();
  }

  /**
   * Takes in what nearly all results are: as good as the last one, of a check that is up, with nothing to say or to weigh.
   * Gives whether it was one: it costs next to nothing, and needs no more.
   */
  takeEqual(result: CheckResult, took: Milliseconds, wallTime: number): boolean {
    const { health, last } = this;
    const isEqual =
      result.ok &&
      health.state === "up" &&
      health.lastOk === true &&
      last?.detail === result.detail &&
      result.load === undefined &&
      this.load === undefined &&
      result.warning === undefined &&
      this.warning === undefined &&
      result.output === undefined &&
      this.heldBy === undefined &&
      !this.unproven;
    if (isEqual) {
      health.inARow++;
      this.count(result, took, wallTime);
    }
    return isEqual;
  }

  /** Takes a result in; gives what is to be said of it, and whether the state changed, or counts again. */
  take(
    result: CheckResult,
    took: Milliseconds,
    now: Instant,
    wallTime: number,
  ): { readonly changed: boolean; readonly events: readonly VipdEvent[] } {
    const before = this.health.state;
    const wasUnproven = this.unproven;
    this.heldBy = undefined;
    const { health, changed } = stepHealth(this.health, result.ok, this.config.timing);
    this.health = health;
    if (result.ok) this.load = result.load;
    else if (health.state === "down") this.load = undefined;
    if (changed || result.ok) this.unproven = false;
    // An equal result is dropped while it is young: thousands of them would wear out the old generation.
    if (this.last === undefined || !isSame(this.last, result)) this.last = kept(result);
    this.count(result, took, wallTime);
    if (changed) this.since = wallTime;
    const events: VipdEvent[] = [];
    const news = changed || this.isNews(result, now);
    if (changed) events.push(this.changedEvent(result, before === "unknown"));
    else if (news && !result.ok) events.push(this.failedEvent(result));
    if (result.ok && health.state === "up") this.toldReason = undefined;
    if (news && !result.ok) {
      this.toldReason = result.reason;
      this.tellAgainAt = after(now, NOT_OFTENER);
    }
    this.takeWarning(result, now, events);
    const output = this.newOutput(result, news, now);
    if (output !== undefined) events.push({ kind: "script-output", ...this.subject, text: output });
    return { changed: changed || wasUnproven !== this.unproven, events };
  }

  /** "http: bad-status: GET /: 503, 3 in a row": why the server is as it is, as far as it is this check. */
  cause(): string {
    const { last, health } = this;
    if (last === undefined) return `${this.config.type} not run yet`;
    const times = health.inARow > 1 ? `, ${health.inARow} times in a row` : "";
    return last.ok
      ? `${this.config.type}: ${last.detail}${times}`
      : `${this.config.type} ${last.reason}: ${last.detail}${times}`;
  }

  status(wallTime: number): CheckStatus {
    const { last, heldBy } = this;
    return {
      check: this.config.type,
      ...(heldBy === undefined ? {} : { held: true }),
      up: this.state === "unknown" ? null : this.state === "up",
      since: this.since,
      reason: heldBy === undefined ? (last?.reason ?? "not-run-yet") : "dependency-down",
      detail: heldBy ?? last?.detail ?? "",
      took_ms: round(this.took),
      phases_ms: this.phasesTold(),
      ...(this.warning === undefined ? {} : { warning: this.warning }),
      runs: this.runs,
      past: this.past.list(wallTime),
    };
  }

  private count(result: CheckResult, took: Milliseconds, wallTime: number): void {
    this.took = took;
    this.past.push(result, took, wallTime);
    this.takePhases(result.phases);
    this.runs++;
  }

  private takePhases(phases: CheckResult["phases"]): void {
    for (const name in this.phases) if (!(name in phases)) this.phases[name] = 0;
    for (const name in phases) this.phases[name] = phases[name] ?? 0;
  }

  private phasesTold(): Readonly<Record<string, number>> {
    const told: Record<string, number> = {};
    for (const name in this.phases) {
      const ms = this.phases[name] ?? 0;
      if (ms !== 0) told[name] = round(ms);
    }
    return told;
  }

  private takeWarning(result: CheckResult, now: Instant, events: VipdEvent[]): void {
    // A failure says nothing of what may come.
    if (!result.ok) return;
    this.warning = result.warning;
    if (result.warning === undefined) this.warnAgainAt = instant(-Infinity);
    if (result.warning === undefined || now < this.warnAgainAt) return;
    this.warnAgainAt = after(now, WARN_AGAIN);
    events.push({ kind: "check-warning", ...this.subject, check: this.config.type, text: result.warning });
  }

  private isNews(result: CheckResult, now: Instant): boolean {
    if (result.ok) return false;
    if (this.health.state === "up" && this.health.inARow === 1) return true;
    return result.reason !== this.toldReason && now >= this.tellAgainAt;
  }

  private changedEvent(result: CheckResult, first: boolean): VipdEvent {
    return {
      ...about("check-changed", this.subject),
      check: this.config.type,
      up: result.ok,
      reason: reasonOf(result),
      detail: result.detail,
      in_a_row: this.health.inARow,
      took_ms: round(this.took),
      phases_ms: this.phasesTold(),
      first,
    };
  }

  private failedEvent(result: CheckResult & { readonly ok: false }): VipdEvent {
    return {
      ...about("check-failed-once", this.subject),
      check: this.config.type,
      reason: result.reason,
      detail: result.detail,
      in_a_row: this.health.inARow,
      needed: this.config.timing.fall,
      took_ms: round(this.took),
      phases_ms: this.phasesTold(),
    };
  }

  private newOutput(result: CheckResult, news: boolean, now: Instant): string | undefined {
    const { output } = result;
    if (output === undefined || output === this.toldOutput) return undefined;
    if (!news && now < this.tellOutputAt) return undefined;
    this.toldOutput = output;
    this.tellOutputAt = after(now, NOT_OFTENER);
    return output;
  }
}

/** What is kept of a result. */
type LastResult = { readonly ok: boolean; readonly reason: string; readonly detail: string };

/** The beginning of an event: as one value, because to spread the subject in the midst of others is far dearer. */
const about = <Kind extends string>(
  kind: Kind,
  subject: CheckSubject,
): { readonly kind: Kind } & CheckSubject =>
  "track" in subject
    ? { kind, track: subject.track }
    : { kind, service: subject.service, server: subject.server };

const reasonOf = (result: CheckResult): string => (result.ok ? "ok" : result.reason);
const kept = (result: CheckResult): LastResult => ({
  ok: result.ok,
  reason: reasonOf(result),
  detail: result.detail,
});
const isSame = (last: LastResult, result: CheckResult): boolean =>
  last.reason === reasonOf(result) && last.detail === result.detail;

const round = (ms: number): number => Math.round(ms * 100) / 100;
