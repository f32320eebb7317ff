// Child processes played by the test, and a supervisor around them with a clock of its own for the monotonic
// time. What a test waits for is bounded and polled.

import type { FromChild, ToChecks, ToVrrp } from "../../src/control/ipc.js";
import type { EventRecord, VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { instant, milliseconds, type Instant } from "../../src/core/units.js";
import type { ChildListener, ChildPatience, Spawn } from "../../src/director/supervisor/child.js";
import type { ChildName } from "../../src/director/supervisor/child-name.js";
import type { LoadedConfig, LoadOutcome, LoadRequest } from "../../src/director/supervisor/config-source.js";
import type { KeptState } from "../../src/director/supervisor/kept-state.js";
import type { AddressOnInterface } from "../../src/director/supervisor/stranded-addresses.js";
import { Supervisor } from "../../src/director/supervisor/supervisor.js";
import type { Order } from "../../src/services/order.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";

export type FakeChild = {
  readonly name: ChildName;
  readonly pid: number;
  readonly got: (ToVrrp | ToChecks)[];
  readonly signals: string[];
  readonly say: (message: FromChild<unknown>) => void;
  readonly event: (event: VipdEvent) => void;
  readonly die: (how: string) => void;
  /** A message that was on its way when it ended. */
  readonly sayLate: (message: FromChild<unknown>) => void;
  alive: boolean;
  onPing: () => void;
  /** Milliseconds of processor time. */
  worked: () => number;
  behaviour: Behaviour;
};

export type Behaviour = {
  /** Says hello, answers pings, takes configurations, goes when told: a healthy child. */
  readonly obedient?: boolean;
  /** What it answers to a configuration. */
  readonly configureError?: string;
};

export const instanceNamed = (name: string, advertInterval = 100): InstanceConfig => ({
  name,
  interface: "eth0",
  family: "ipv4" as const,
  virtualRouterId: 51,
  version: 3,
  priority: 150,
  advertInterval: milliseconds(advertInterval),
  preempt: true,
  preemptDelay: milliseconds(0),
  startDelay: milliseconds(0),
  lowerPrioNoAdvert: false,
  accept: true,
  otherAddresses: "accept",
  checksum: "rfc5798",
  tracks: [],
  addresses: [{ prefix: { address: ip("192.168.1.1"), length: 24 }, interface: "eth0" }],
  announce: { repeat: 5, delay: milliseconds(5000), refresh: milliseconds(0), refreshRepeat: 1 },
});

export const loaded = (
  instances: readonly InstanceConfig[] = [instanceNamed("web")],
  services = 0,
): LoadedConfig => ({
  path: "/etc/vipd/vipd.yaml",
  servicesText: "[]",
  services,
  servers: 0,
  head: {
    node: "lb1",
    nodes: [{ name: "lb1", priority: 150 }],
    log: { level: "info", format: "text", targets: [{ kind: "stderr" }] },
    vrrpProcess: { realtimePriority: 50, transport: "native" },
    vrrp: instances,
    scripts: { security: true },
    tracks: [],
    notify: { instances: {}, groups: {} },
    ipvs: { reconcileEvery: milliseconds(30_000), onStop: "remove" },
  },
});

export const accepted = (config = loaded(), changes: readonly string[] = []): LoadOutcome => ({
  ok: true,
  config,
  warnings: [],
  changes,
});

const TAKEN_BACK = "first table taken back";

export class World {
  readonly children: FakeChild[] = [];
  readonly events: VipdEvent[] = [];
  readonly order: string[] = [];
  readonly removed: AddressOnInterface[] = [];
  /** The virtual addresses on record, from each change to the next. */
  readonly recorded: string[][] = [];
  /** Children that were started in the place of another. */
  readonly hurried: ChildName[] = [];
  /** What a stop keeps for the next start. */
  kept: KeptState | undefined;
  /** What the notifier was given. */
  readonly observed: VipdEvent[] = [];
  /** What is kept of operators' orders. */
  orders: readonly Order[] = [];
  unwritable = false;
  /** What the supervisor would remove of the table stays. */
  isTableStuck = false;
  readonly requests: LoadRequest[] = [];
  /** A table that was sent first of all: of which kept configuration, as long as nobody has it. */
  firstTable: string | undefined;
  readonly supervisor: Supervisor;
  behaviour: Record<ChildName, Behaviour> = { vrrp: { obedient: true }, checks: { obedient: true } };
  outcome: LoadOutcome = accepted();
  /** Makes the reader of the configuration break. */
  broken: Error | undefined;

  constructor(patience?: ChildPatience) {
    const spawn: Spawn = (name, listener, again) => {
      if (again) this.hurried.push(name);
      return this.spawn(name, listener);
    };
    this.supervisor = new Supervisor(
      {
        spawn,
        loadConfig: (request) => {
          this.requests.push(request);
          return this.broken === undefined ? Promise.resolve(this.outcome) : Promise.reject(this.broken);
        },
        removeAddresses: (addresses) => {
          this.removed.push(...addresses);
          return [];
        },
        recordAddresses: (addresses) => {
          if (this.unwritable) throw new Error("no space left on device");
          this.recorded.push(addresses.map(({ prefix }) => prefix.address));
        },
        keep: (state) => {
          if (this.unwritable) throw new Error("no space left on device");
          this.kept = state;
        },
        removeTable: () => {
          this.order.push("table removed by the supervisor");
          return Promise.resolve(!this.isTableStuck);
        },
        releaseAddresses: () => {
          this.recorded.push([]);
          return [];
        },
        goods: {
          record: () => undefined,
          release: () => [],
          remove: () => [],
          open: () => {
            throw new Error("no netlink here");
          },
        },
        orders: {
          read: () => this.orders,
          write: (orders) => {
            if (this.unwritable) throw new Error("no space left on device");
            this.orders = orders;
          },
        },
        firstTable: {
          handOver: (id) => {
            const isIt = this.firstTable !== undefined && this.firstTable === id;
            if (this.firstTable !== undefined) this.order.push(isIt ? "first table handed over" : TAKEN_BACK);
            this.firstTable = undefined;
            return isIt ? { refusals: [] } : undefined;
          },
          takeBack: () => {
            if (this.firstTable !== undefined) this.order.push(TAKEN_BACK);
            this.firstTable = undefined;
          },
        },
        configureLog: () => undefined,
        notifier: {
          configure: () => undefined,
          observe: (event) => this.observed.push(event),
          finish: () => {
            this.order.push("notifications finished");
            return Promise.resolve();
          },
        },
        monotonic: now,
        wall: Date.now,
      },
      {
        version: "0.0.0",
        configPath: "/etc/vipd/vipd.yaml",
        runtimeDirectory: "/run/vipd",
        ...(patience === undefined ? {} : { patience: { vrrp: patience, checks: patience } }),
      },
    );
    this.supervisor.events.listen((records) => this.events.push(...records.map(({ event }) => event)));
  }

  /** The newest child of that name. */
  child(name: ChildName): FakeChild {
    const child = this.children.findLast((candidate) => candidate.name === name);
    if (child === undefined) throw new Error(`no ${name} child yet`);
    return child;
  }
  all(name: ChildName): readonly FakeChild[] {
    return this.children.filter((child) => child.name === name);
  }

  private spawn(name: ChildName, listener: ChildListener): ReturnType<Spawn> {
    const pid = 1000 + this.children.length;
    const behaviour = this.behaviour[name];
    let sequence = 0;
    const child: FakeChild = {
      name,
      pid,
      got: [],
      signals: [],
      alive: true,
      onPing: () => undefined,
      worked: () => 0,
      behaviour,
      say: (message) => {
        if (child.alive) listener.message(message);
      },
      sayLate: (message) => listener.message(message),
      event: (event) => {
        const record: EventRecord = { time: Date.now(), process: name, sequence: ++sequence, event };
        child.say({ kind: "events", records: [record] });
      },
      die: (how) => {
        if (!child.alive) return;
        child.alive = false;
        this.order.push(`${name} ended`);
        listener.exit(how);
      },
    };
    this.children.push(child);
    if (behaviour.obedient === true) setImmediate(() => child.say({ kind: "hello", pid }));
    return {
      pid,
      send: (message) => {
        const order = message as ToVrrp | ToChecks;
        if (order.kind === "ping") child.onPing();
        else child.got.push(order);
        if (order.kind === "stop" || order.kind === "rest") this.order.push(`${name} told to ${order.kind}`);
        if (child.behaviour.obedient === true) setImmediate(() => obey(child, order, child.behaviour));
      },
      worked: () => milliseconds(child.worked()),
      kill: (signal) => {
        child.signals.push(signal);
        setImmediate(() => child.die(`killed by ${signal}`));
      },
    };
  }
}

function obey(child: FakeChild, order: ToVrrp | ToChecks, behaviour: Behaviour): void {
  if (order.kind === "ping") child.say({ kind: "pong", id: order.id });
  if (order.kind === "configure") child.say({ kind: "configured", error: behaviour.configureError ?? null });
  if (order.kind === "stop") {
    child.say({ kind: "stopped" });
    child.die("exit code 0");
  }
}

export const now = (): Instant => instant(performance.now());

/** Polls until `is` holds; fails after a time that no machine needs. */
export async function until(is: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (is()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`waited in vain: ${what}`);
}
