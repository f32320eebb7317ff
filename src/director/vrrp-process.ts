// The process that does nothing but VRRP: adverts, virtual addresses, gratuitous ARP. The supervisor tells it
// what to run and hears what it did, over the IPC channel; it never waits for an answer. Nothing that could
// take a millisecond may be added here (docs/adr/0002): no config, no log, no scripts, and of files only the
// list of its own threads, once, to raise them.

import { setFlagsFromString } from "node:v8";
import type { VipdEvent } from "../control/event.js";
import type { Handed } from "../control/handover.js";
import type { FromVrrp, ToVrrp, VrrpStatus } from "../control/ipc.js";
import type { VrrpProcessConfig } from "../config/model.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { ok, type Result } from "../core/result.js";
import { after, instant, milliseconds, type Instant } from "../core/units.js";
import { monotonicNow } from "../linux/clock.js";
import { setNormalPriority, setRealtimeEverywhere, setTimeSharing } from "../linux/scheduling.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { rehearse } from "./rehearsal.js";
import { vrrpPatience } from "./supervisor/patience.js";
import { VrrpEngine } from "./vrrp-engine.js";
import { openVrrpPorts } from "./vrrp-ports.js";

process.title = "vipd: vrrp";
// V8 forgets the code of functions that were not called for a while; a takeover comes once in months.
setFlagsFromString("--no-flush-bytecode");

type ConfigureOrder = Extract<ToVrrp, { kind: "configure" }>;

class VrrpProcess {
  private engine: VrrpEngine | undefined;
  private transport: VrrpProcessConfig["transport"] | undefined;
  private priority = -1;
  private realtime = "ordinary scheduling";
  private sequence = 0;
  private stopping = false;
  private isHandedOver = false;
  /** Whoever asks whether it lives is told before he does, when an advert has woken it up anyway; so often at most. */
  private beatEvery = milliseconds(Infinity);
  private beatAt = instant(0);

  take(message: ToVrrp): void {
    switch (message.kind) {
      case "configure":
        // What is on its way out is not started again.
        if (this.stopping) return;
        if (message.standby === true) this.prepare(message);
        else send({ kind: "configured", error: this.configure(message) });
        return;
      case "hand-over":
        if (this.engine !== undefined && !this.stopping)
          send({ kind: "handed", handed: this.handOver(this.engine, message.keeps) });
        return;
      case "take-back":
        this.isHandedOver = false;
        this.engine?.takeBack();
        return;
      case "take-over":
        if (this.engine !== undefined) send({ kind: "taken", pause: this.engine.takeOver(message.handed) });
        return;
      case "tracks":
        this.engine?.tracksSeen(message.values);
        return;
      case "status":
        send({ kind: "status", id: message.id, status: this.status() });
        return;
      case "ping":
        this.beat(monotonicNow());
        return;
      case "stop":
        this.stop(message.keepAddresses);
        return;
    }
  }

  private expectBeats(instances: readonly InstanceConfig[]): void {
    this.beatEvery = vrrpPatience(instances).pingEvery;
    this.beatAt = monotonicNow();
  }

  private turned(): void {
    const now = monotonicNow();
    if (now >= this.beatAt) this.beat(now);
  }

  private beat(now: Instant): void {
    this.beatAt = after(now, this.beatEvery);
    send({ kind: "pong", id: 0, ...this.sequences() });
  }

  /** Leaves the process: masters resign, their addresses go (or stay). */
  stop(keepAddresses: boolean): void {
    if (this.stopping) return;
    this.stopping = true;
    this.engine?.stop(keepAddresses);
    send({ kind: "stopped" }, () => process.exit(0));
  }

  private handOver(engine: VrrpEngine, keeps: readonly string[]): Handed {
    this.isHandedOver = true;
    return engine.handOver(new Set(keeps));
  }

  /** The supervisor is gone without a word. What was handed over is the successor's. */
  abandoned(): void {
    if (this.isHandedOver) process.exit(0);
    this.stop(false);
  }

  private configure(message: ConfigureOrder): string | null {
    const { process: settings, instances, resume, tracks, sequences, added } = message;
    const opened = this.open(settings.transport);
    if (!opened.ok) return opened.error;
    const { engine, first } = opened.value;
    this.expectBeats(instances);
    engine.configure(instances, resume, { tracks, sequences, added });
    // After the instances: a process that resumes has no time to lose.
    if (settings.realtimePriority !== this.priority) this.schedule(settings.realtimePriority);
    if (first !== undefined) rehearse(first);
    return null;
  }

  /** With real-time scheduling only when all the work is done: the predecessor's adverts have it, too. */
  private prepare({ process: settings, instances }: ConfigureOrder): void {
    const opened = this.open(settings.transport);
    if (!opened.ok) return send({ kind: "configured", error: opened.error });
    const { engine, first } = opened.value;
    this.expectBeats(instances);
    engine.prepare(instances);
    const done = (): void => {
      this.schedule(settings.realtimePriority);
      send({ kind: "configured", error: null });
    };
    if (first === undefined) done();
    else rehearse(first, done);
  }

  /** `first`: its ports, when it was made for this. */
  private open(
    transport: VrrpProcessConfig["transport"],
  ): Result<{ readonly engine: VrrpEngine; readonly first?: VrrpPorts }, string> {
    if (this.engine !== undefined) {
      const text = `the transport of adverts stays ${this.transport ?? ""} until vipd is started again`;
      if (transport !== this.transport) this.report({ kind: "warning", subject: "vrrp", text });
      return ok({ engine: this.engine });
    }
    let first: VrrpPorts | undefined;
    const report = (event: VipdEvent): void => this.report(event);
    const ownerAdded = (instance: string, added: readonly string[]): void =>
      send({ kind: "owner-added", instance, added });
    const opened = openVrrpPorts(transport, { report, ownerAdded, turned: () => this.turned() }, (ports) => {
      first = ports;
      return new VrrpEngine(ports);
    });
    if (!opened.ok) return opened;
    this.engine = opened.value;
    this.transport = transport;
    return ok({ engine: opened.value, ...(first !== undefined && { first }) });
  }

  private schedule(priority: number): void {
    this.priority = priority;
    if (priority === 0) {
      setTimeSharing();
      // A start in the place of another one came before all others (spawn.ts).
      setNormalPriority();
      this.realtime = "ordinary scheduling";
      return;
    }
    const raised = setRealtimeEverywhere(priority);
    const detail = raised.ok ? `SCHED_FIFO ${priority}` : raised.error.reason;
    this.realtime = raised.ok ? detail : `ordinary scheduling (SCHED_FIFO refused: ${detail})`;
    this.report({ kind: "realtime", granted: raised.ok, detail });
  }

  private sequences(): Pick<Extract<FromVrrp, { kind: "pong" }>, "sequences"> {
    const sequences = this.engine?.sequences() ?? [];
    return sequences.length === 0 ? {} : { sequences };
  }

  private status(): VrrpStatus {
    const lateness = this.engine?.lateness;
    return {
      pid: process.pid,
      realtime: this.realtime,
      instances: this.engine?.status(Date.now()) ?? [],
      lateness_ms: {
        p50: lateness?.quantile(0.5) ?? 0,
        p99: lateness?.quantile(0.99) ?? 0,
        max: lateness?.max ?? 0,
        histogram: lateness?.histogram ?? [],
      },
    };
  }

  private report(event: VipdEvent): void {
    this.sequence += 1;
    const record = { time: Date.now(), process: "vrrp", sequence: this.sequence, event } as const;
    send({ kind: "events", records: [record] });
  }
}

function send(message: FromVrrp, done?: () => void): void {
  if (process.send === undefined || !process.connected) return done?.();
  process.send(message, undefined, undefined, () => done?.());
}

const vrrp = new VrrpProcess();
process.on("message", (message) => vrrp.take(message as ToVrrp));
// Without a supervisor nobody would remove the addresses later, and a successor of it starts anew.
process.on("disconnect", () => vrrp.abandoned());
// systemd and terminals signal the whole group; the supervisor, which gets the signal too, keeps the order of the
// stop. Without one there is nobody to wait for.
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.on(signal, () => {
    if (!process.connected) vrrp.stop(false);
  });
send({ kind: "hello", pid: process.pid });
