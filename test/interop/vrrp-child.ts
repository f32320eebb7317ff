// The VRRP process alone, in a host of the lab: the test plays its supervisor.

import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { milliseconds, seconds, type Milliseconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { FromVrrp, InstanceStatus, ResumeOrder, ToVrrp, VrrpStatus } from "../../src/control/ipc.js";
import type { VrrpProcessConfig } from "../../src/config/model.js";
import { flagsOf } from "../../src/director/supervisor/programs.js";
import type { InstanceConfig, InstanceStateName } from "../../src/vrrp/instance.js";
import type { Host } from "../lab/host.js";
import { until } from "../lab/wait.js";

const PROGRAM = join(import.meta.dirname, "../../src/director/vrrp-process.js");

export type Transition = Extract<VipdEvent, { kind: "vrrp-transition" }>;

export class VrrpChild {
  readonly events: VipdEvent[] = [];
  output = "";
  /** How often it said that it lives; nobody asks it. */
  beats = 0;
  private readonly child: ChildProcess;
  private readonly settings: VrrpProcessConfig;
  private readonly answers = new Map<number, (status: VrrpStatus) => void>();
  private configured: ((error: string | null) => void) | undefined;
  private asked = 0;
  private ready = false;

  constructor(host: Host, transport: VrrpProcessConfig["transport"] = "native", realtimePriority = 0) {
    this.settings = { realtimePriority, transport };
    const words = [process.execPath, ...flagsOf.vrrp, PROGRAM];
    this.child = spawn("ip", ["netns", "exec", host.namespace, ...words], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on("data", (data: Buffer) => (this.output += data.toString()));
    this.child.on("message", (message) => this.take(message as FromVrrp));
  }

  /** Carries the configuration in and waits until it is carried out. */
  async configure(instances: readonly InstanceConfig[], resume: readonly ResumeOrder[] = []): Promise<void> {
    await until(
      () => `hello of the VRRP process (${this.output})`,
      seconds(10),
      () => this.ready,
    );
    const done = new Promise<string | null>((resolve) => (this.configured = resolve));
    this.send({ kind: "configure", process: this.settings, instances, resume });
    const error = await done;
    if (error !== null) throw new Error(error);
  }

  status(): Promise<VrrpStatus> {
    const id = ++this.asked;
    this.send({ kind: "status", id });
    return new Promise((resolve) => this.answers.set(id, resolve));
  }

  async instance(name = "web"): Promise<InstanceStatus> {
    const found = (await this.status()).instances.find((instance) => instance.instance === name);
    if (found === undefined) throw new Error(`no instance ${name}`);
    return found;
  }

  transitions(): Transition[] {
    return this.events.filter((event) => event.kind === "vrrp-transition");
  }

  waitForState(state: InstanceStateName, limit: Milliseconds = seconds(30)): Promise<Transition> {
    return this.wait(`to become ${state}`, limit, () => {
      const last = this.transitions().at(-1);
      return last?.to === state ? last : undefined;
    });
  }

  waitForEvent<K extends VipdEvent["kind"]>(
    kind: K,
    limit: Milliseconds = seconds(30),
  ): Promise<Extract<VipdEvent, { kind: K }>> {
    return this.wait(`to say ${kind}`, limit, () =>
      this.events.find((event): event is Extract<VipdEvent, { kind: K }> => event.kind === kind),
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** As a supervisor that died. */
  disconnect(): void {
    this.child.disconnect();
  }

  exited(limit: Milliseconds = seconds(30)): Promise<true> {
    return until(
      "the end of the VRRP process",
      limit,
      () => this.child.exitCode !== null || this.child.signalCode !== null || undefined,
      milliseconds(5),
    ).then(() => true as const);
  }

  async stop(keepAddresses = false): Promise<void> {
    this.send({ kind: "stop", keepAddresses });
    await this.exited();
  }

  /** What it did instead is part of the failure. */
  private async wait<T>(what: string, limit: Milliseconds, ask: () => T | undefined): Promise<T> {
    try {
      return await until(`the VRRP process ${what}`, limit, ask);
    } catch (error) {
      throw new Error(`${JSON.stringify(this.events)} ${this.output}`, { cause: error });
    }
  }

  private send(message: ToVrrp): void {
    this.child.send(message);
  }

  private take(message: FromVrrp): void {
    switch (message.kind) {
      case "hello":
        this.ready = true;
        return;
      case "configured":
        this.configured?.(message.error);
        return;
      case "events":
        this.events.push(...message.records.map(({ event }) => event));
        return;
      case "status":
        this.answers.get(message.id)?.(message.status);
        this.answers.delete(message.id);
        return;
      case "pong":
        this.beats += 1;
        return;
      case "owner-added":
      case "unreadable":
      case "tracks":
      case "handed":
      case "taken":
      case "stopped":
        return;
    }
  }
}
