// Directors on one simulated link: the real engine and codecs over ports that live on a virtual clock. What
// happens is decided by the seed alone: loss, delay, duplication, cuts, crashes, pauses.

import { ip, ipFromBytes, isMulticast, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { randomInt, type Random } from "../../src/core/random.js";
import { instant } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { ResumeOrder } from "../../src/control/ipc.js";
import { VrrpEngine } from "../../src/director/vrrp-engine.js";
import type { InterfaceView, VrrpPorts } from "../../src/ports/vrrp.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { ipPacket } from "../vrrp/ip-packet.js";

const IFINDEX = 2;
const MOST_WAITING = 256;

type Happening = { readonly at: number; readonly order: number; readonly run: () => void };

export type Network = { loss: number; duplication: number; delay: readonly [number, number] };

export class Director {
  readonly name: string;
  readonly address: IpAddress;
  config: InstanceConfig;
  engine: VrrpEngine | undefined;
  readonly held = new Set<string>();
  /** When somebody last deleted an address of it, and when before that. */
  deletions: readonly [previous: number, last: number] = [-Infinity, -Infinity];
  linkUp = true;
  paused = false;
  sent = 0;
  readonly inbox: Uint8Array[] = [];
  /** The engine's monotonic clock starts somewhere of its own. */
  readonly clockOffset: number;
  wakeAt: number | undefined;
  wakeToken = 0;

  constructor(name: string, address: IpAddress, config: InstanceConfig, clockOffset: number) {
    this.name = name;
    this.address = address;
    this.config = config;
    this.clockOffset = clockOffset;
  }

  get isMaster(): boolean {
    return this.engine?.status(0)[0]?.state === "master";
  }
}

export class World {
  now = 0;
  readonly network: Network = { loss: 0, duplication: 0, delay: [0.1, 0.1] };
  /** Directions that are cut: "a>b". */
  readonly cuts = new Set<string>();
  readonly directors: Director[] = [];
  /** Sorted backwards, so that the next one is the last. */
  private readonly happenings: Happening[] = [];
  private order = 0;
  private readonly random: Random;
  private readonly onEvent: (director: Director, event: VipdEvent) => void;
  /** The most that a wake-up comes late. */
  wakeLateness = 0;

  constructor(random: Random, onEvent: (director: Director, event: VipdEvent) => void) {
    this.random = random;
    this.onEvent = onEvent;
  }

  add(name: string, config: InstanceConfig): Director {
    const address = ip(`192.168.1.${this.directors.length + 2}`);
    const director = new Director(name, address, config, 1000 + Math.floor(this.random() * 1_000_000));
    this.directors.push(director);
    return director;
  }

  at(time: number, run: () => void): void {
    const happening = { at: Math.max(time, this.now), order: this.order++, run };
    let position = this.happenings.length;
    while (position > 0 && !before(happening, this.happenings[position - 1]!)) position -= 1;
    this.happenings.splice(position, 0, happening);
  }

  /** Runs everything that happens up to `time`, calling `check` after each. */
  runUntil(time: number, check: () => void = () => undefined): void {
    for (
      let next = this.happenings.at(-1);
      next !== undefined && next.at <= time;
      next = this.happenings.at(-1)
    ) {
      this.happenings.pop();
      this.now = next.at;
      next.run();
      check();
    }
    this.now = time;
  }

  start(director: Director, resume: readonly ResumeOrder[] = []): void {
    director.inbox.length = 0;
    director.paused = false;
    director.engine = new VrrpEngine(this.portsOf(director));
    director.engine.configure([director.config], resume);
  }

  /** Power loss: nothing is said, and the addresses go with the host. */
  crash(director: Director): void {
    this.killProcess(director);
    director.held.clear();
  }

  /** The process dies, the kernel keeps the addresses. Gives the time of death on the director's own clock. */
  killProcess(director: Director): number {
    director.engine = undefined;
    director.wakeToken += 1;
    director.inbox.length = 0;
    return this.now + director.clockOffset;
  }

  stop(director: Director): void {
    director.engine?.stop(false);
    this.killProcess(director);
  }

  resume(director: Director): void {
    director.paused = false;
    const wakeFirst = this.random() < 0.5;
    if (!wakeFirst) this.deliverWaiting(director);
    if (director.wakeAt !== undefined && director.wakeAt <= this.now) this.wake(director);
    if (wakeFirst) this.deliverWaiting(director);
  }

  setLink(director: Director, up: boolean): void {
    director.linkUp = up;
    director.engine?.interfacesChanged();
  }

  /** Somebody deletes a virtual address by hand. */
  deleteAddress(director: Director): void {
    director.deletions = [director.deletions[1], this.now];
    for (const { prefix } of director.config.addresses)
      if (director.held.delete(prefix.address)) director.engine?.addressGone(IFINDEX, prefix);
  }

  reconfigure(director: Director, config: InstanceConfig): void {
    director.config = config;
    director.engine?.configure([config], []);
  }

  private portsOf(director: Director): VrrpPorts {
    director.wakeAt = undefined;
    const queue: Uint8Array[] = [];
    return {
      clock: { now: () => instant(this.now + director.clockOffset) },
      wakeup: {
        arm: (at) => {
          const time = at === undefined ? undefined : at - director.clockOffset;
          if (time === director.wakeAt) return;
          director.wakeAt = time;
          const mine = ++director.wakeToken;
          if (time === undefined) return;
          // Floating point must not wake it a hair early for ever; and no timer is exact.
          this.at(Math.max(time, this.now) + 1e-6 + this.random() * this.wakeLateness, () => {
            if (director.wakeToken === mine && !director.paused) this.wake(director);
          });
        },
      },
      link: {
        join: () => undefined,
        leave: () => undefined,
        setVirtualRouters: () => undefined,
        queue: (_ifindex, source, destination, bytes) => {
          queue.push(
            ipPacket(bytes, {
              source: ipFromBytes(source),
              destination: ipFromBytes(destination),
              identification: director.sent++ & 0xffff,
            }),
          );
        },
        flush: () => {
          for (const packet of queue.splice(0)) this.send(director, packet);
        },
        receive: () => {
          for (const packet of director.inbox.splice(0))
            director.engine?.receive(packet, packet.length, IFINDEX);
        },
      },
      neighbours: { announce: () => undefined, watch: () => undefined },
      addresses: {
        addAddresses: (orders) =>
          orders.map(({ prefix }) => {
            const unchanged = director.held.has(prefix.address);
            director.held.add(prefix.address);
            return { ok: true, unchanged };
          }),
        removeAddresses: (orders) =>
          orders.map(({ prefix }) => ({ ok: true, unchanged: !director.held.delete(prefix.address) })),
      },
      routing: { addRouting: () => [], removeRouting: () => [] },
      interfaces: { find: () => interfaceOf(director), has: () => true },
      report: (event) => this.onEvent(director, event),
    };
  }

  private wake(director: Director): void {
    director.wakeAt = undefined;
    director.engine?.wake();
  }

  /** What `from` sends comes to everybody, or to the one it is for. */
  private send(from: Director, packet: Uint8Array): void {
    if (!from.linkUp) return;
    const only = ipFromBytes(packet.subarray(16, 20));
    for (const to of this.directors) {
      if (!isMulticast(only) && to.address !== only) continue;
      if (to === from || this.cuts.has(`${from.name}>${to.name}`)) continue;
      if (this.random() < this.network.loss) continue;
      const copies = this.random() < this.network.duplication ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const [least, most] = this.network.delay;
        this.at(this.now + least + this.random() * (most - least), () => this.deliver(to, packet));
      }
    }
  }

  private deliver(to: Director, packet: Uint8Array): void {
    if (to.engine === undefined || !to.linkUp || to.inbox.length >= MOST_WAITING) return;
    to.inbox.push(packet);
    if (!to.paused) this.deliverWaiting(to);
  }

  private deliverWaiting(to: Director): void {
    for (const packet of to.inbox.splice(0)) to.engine?.receive(packet, packet.length, IFINDEX);
    to.engine?.received();
  }
}

const before = (a: Happening, b: Happening): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function interfaceOf(director: Director): InterfaceView {
  const held = [...director.held].map((address) => ({ address: address as IpAddress, length: 24 }));
  return {
    index: IFINDEX,
    up: director.linkUp,
    multicast: true,
    mac: `02:00:00:00:00:0${director.address.slice(-1)}` as MacAddress,
    addresses: [{ address: director.address, length: 24 }, ...held],
  };
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[randomInt(random, list.length)]!;
