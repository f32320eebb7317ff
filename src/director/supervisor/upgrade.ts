// `vipd upgrade`, the side of the daemon that is replaced: starts the program again as a successor, waits until that
// one is ready, hands over and leaves. Until the successor has said that it goes on, everything can be undone: the
// VRRP process has only stopped sending, and sends again.

import { setTimeout as pauseFor } from "node:timers/promises";
import type { FromSuccessor, Inheritance, ToSuccessor } from "../../control/handover.js";
import { span } from "../../control/reason.js";
import { milliseconds, minutes, seconds, type Milliseconds } from "../../core/units.js";
import { KEPT } from "./event-log.js";
import type { Supervisor } from "./supervisor.js";

/** Reading a large configuration on a slow machine takes most of it. */
const PREPARE_WITHIN = minutes(2);
/** The others wait for three intervals; a VRRP process needs a few milliseconds. */
const TAKE_WITHIN = seconds(1);
const OWN_WITHIN = seconds(10);
const ANNOUNCE_EVERY = milliseconds(20);
const ANNOUNCE_TRIES = 100;

export type SuccessorListener = {
  message(message: FromSuccessor): void;
  /** Called once. `how`: "exit code 1". */
  exit(how: string): void;
};
export type SuccessorHandle = {
  readonly pid: number;
  send(message: ToSuccessor): void;
  kill(): void;
  /** It is on its own from here on. */
  letGo(): void;
};
/** The listener is first called after it has returned. */
export type SpawnSuccessor = (listener: SuccessorListener) => SuccessorHandle;

export type UpgradePorts = {
  readonly supervisor: Pick<
    Supervisor,
    "inheritance" | "handOver" | "takeBack" | "leave" | "emit" | "events" | "takeovers" | "version"
  >;
  readonly spawn: SpawnSuccessor;
  /** Ends another process at once, and waits for nothing. */
  readonly kill: (pid: number) => void;
  /** Tells the service manager that this process is the daemon now. False: it has no room for it at the moment. */
  readonly announce: (pid: number) => boolean;
};

export type UpgradeOutcome =
  | {
      readonly ok: true;
      readonly from: string;
      readonly to: string;
      readonly pid: number;
      readonly pause_ms: number;
    }
  | { readonly ok: false; readonly problem: string };

/** One at a time, and not while something else is changed. */
export class Upgrades {
  private readonly supervisor: Supervisor;
  private readonly ports: Pick<UpgradePorts, "spawn" | "announce">;
  private running: { readonly upgrade: Upgrade; readonly outcome: Promise<UpgradeOutcome> } | undefined;

  constructor(supervisor: Supervisor, ports: Pick<UpgradePorts, "spawn" | "announce">) {
    this.supervisor = supervisor;
    this.ports = ports;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  async run(): Promise<UpgradeOutcome> {
    const why = this.running === undefined ? this.supervisor.notNow : "an upgrade is under way";
    if (why !== undefined) return { ok: false, problem: `${why}: try again later` };
    const { supervisor, ports } = this;
    const kill = (pid: number): void => {
      // Other numbers are no processes but groups of them.
      if (pid <= 1) return;
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    const upgrade = new Upgrade({ supervisor, kill, ...ports });
    this.running = { upgrade, outcome: upgrade.run() };
    const outcome = await this.running.outcome;
    if (!outcome.ok) this.running = undefined;
    return outcome;
  }

  /** Before a stop: what can be undone is. True when this daemon has a successor. */
  async end(why: string): Promise<boolean> {
    this.running?.upgrade.cancel(why);
    return (await this.running?.outcome)?.ok === true;
  }
}

type Kind = FromSuccessor["kind"];
type Answer<K extends Kind> = Extract<FromSuccessor, { kind: K }>;
/** Why it is not upgraded, for people. */
class Failure extends Error {}

export class Upgrade {
  private readonly ports: UpgradePorts;
  private successor: SuccessorHandle | undefined;
  private waiting:
    { readonly kind: Kind; done(answer: FromSuccessor): void; fail(why: string): void } | undefined;
  private failed: string | undefined;

  constructor(ports: UpgradePorts) {
    this.ports = ports;
  }

  async run(): Promise<UpgradeOutcome> {
    const { supervisor } = this.ports;
    try {
      const { version: to, keeps, vrrp } = await this.prepare(supervisor.inheritance);
      const pause = await this.pass(keeps, vrrp);
      const pid = this.successor?.pid ?? 0;
      await this.leave(to, pid, pause);
      return { ok: true, from: supervisor.version, to, pid, pause_ms: pause };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.successor?.kill();
      supervisor.emit({ kind: "upgrade-failed", why: error.message });
      return { ok: false, problem: error.message };
    }
  }

  /** Before the successor goes on: everything stays. */
  cancel(why: string): void {
    this.fail(why);
  }

  private prepare(inheritance: Inheritance): Promise<Answer<"prepared">> {
    const successor = (this.successor = this.ports.spawn({
      message: (message) => this.take(message),
      exit: (how) =>
        this.fail(`the new program ended before it was ready: ${how}; what it said is on standard error`),
    }));
    this.ports.supervisor.emit({ kind: "upgrading", pid: successor.pid });
    return this.ask({ kind: "prepare", inheritance }, "prepared", PREPARE_WITHIN);
  }

  /** From the last advert of the old VRRP process to the first of the new one. */
  private async pass(keeps: readonly string[], vrrp: number): Promise<Milliseconds> {
    const { supervisor, kill } = this.ports;
    const handed = await supervisor.handOver(keeps);
    if (handed === null) throw new Failure("the VRRP process did not hand over in time");
    try {
      return (await this.ask({ kind: "take", handed }, "taken", TAKE_WITHIN)).pause;
    } catch (error) {
      // It may have begun, or be about to: first there is none, then the old one goes on.
      kill(vrrp);
      this.successor?.kill();
      supervisor.takeBack();
      throw error;
    }
  }

  /** There is no way back: what breaks now is a crash of the successor, with what follows from one. */
  private async leave(to: string, pid: number, pause: Milliseconds): Promise<void> {
    const { supervisor, announce } = this.ports;
    await supervisor.leave();
    supervisor.emit({ kind: "upgraded", from: supervisor.version, to, pid, pause_ms: pause });
    // One that does not know would take our end for the daemon's, and end the successor.
    for (let tries = 0; !announce(pid) && tries < ANNOUNCE_TRIES; tries++) await pauseFor(ANNOUNCE_EVERY);
    const { events, takeovers } = supervisor;
    await this.ask({ kind: "own", records: events.last(KEPT), takeovers }, "owns", OWN_WITHIN).catch(
      () => undefined,
    );
    this.successor?.letGo();
  }

  private ask<K extends Kind>(message: ToSuccessor, kind: K, within: Milliseconds): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => this.fail(`the successor did not say "${kind}" within ${span(milliseconds(within))}`),
        within,
      );
      const end = (then: () => void): void => {
        clearTimeout(late);
        this.waiting = undefined;
        then();
      };
      this.waiting = {
        kind,
        done: (answer) => end(() => resolve(answer as Answer<K>)),
        fail: (why) => end(() => reject(new Failure(why))),
      };
      if (this.failed === undefined) this.successor?.send(message);
      else this.waiting.fail(this.failed);
    });
  }

  private take(message: FromSuccessor): void {
    if (message.kind === "failed") this.fail(message.why);
    else if (message.kind === this.waiting?.kind) this.waiting.done(message);
  }

  /** The first reason counts: that it ended is what follows from the others. */
  private fail(why: string): void {
    this.failed ??= why;
    this.waiting?.fail(this.failed);
  }
}
