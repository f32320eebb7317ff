// Directors on simulated links, "eth0" and so on: the real engine and codecs over ports that live on a virtual clock. What
// happens is decided by the seed alone: loss, delay, duplication, cuts, crashes, pauses.

import { ip, ipFromBytes, isMulticast, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { randomInt, type Random } from "../../src/core/random.js";
import { instant } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { ResumeOrder } from "../../src/control/ipc.js";
import type { SenderSequences } from "../../src/control/remembered.js";
import { hmacSha256 } from "../../src/linux/hmac.js";
import { VrrpEngine } from "../../src/director/vrrp-engine.js";
import type { InterfaceView, VrrpPorts } from "../../src/ports/vrrp.js";
import type { InstanceConfig, InstanceStateName } from "../../src/vrrp/instance.js";
import type { TrackValue } from "../../src/vrrp/priority.js";
import { ipPacket } from "../vrrp/ip-packet.js";

/** Of "eth0"; the others follow. */
const FIRST_IFINDEX = 2;
/** Of the beginning of every world. */
const UTC = Date.UTC(2030, 0);
const MOST_WAITING = 256;
export const IP_HEADER = 20;
/** In intervals, for how long after one of version 3 an advert of version 2 says nothing. */
const ECHO = 1.5;

type Happening = { readonly at: number; readonly order: number; readonly run: () => void };

export type Network = { loss: number; duplication: number; delay: readonly [number, number] };

export type Heard = {
  readonly at: number;
  /** When it last was of version 3. */
  threeAt: number;
  readonly ifindex: number;
  readonly priority: number;
  /** Of its sender's packets. */
  readonly order: number;
};

type Received = { readonly packet: Uint8Array; readonly ifindex: number };

export class Director {
  readonly name: string;
  /** Its addresses end in it, and so does its MAC. */
  readonly number: number;
  configs: readonly InstanceConfig[];
  /** What its tracks are, by their ids. */
  tracks: Readonly<Record<string, TrackValue>> = {};
  engine: VrrpEngine | undefined;
  readonly held = new Set<string>();
  /** What its process last said of an owner's addresses, by instance. */
  readonly ownerAdded = new Map<string, readonly string[]>();
  /** When somebody last deleted an address of it, and when before that. */
  deletions: readonly [previous: number, last: number] = [-Infinity, -Infinity];
  readonly linksDown = new Set<number>();
  /** How far its wall clock is ahead. */
  utcOffset = 0;
  paused = false;
  /** While it is paused nothing waits for it either, as for a machine that is suspended. */
  deaf = false;
  /** When it last was that. */
  deafness = { from: -Infinity, to: -Infinity };
  /** The most that its wake-ups come late, on top of everybody's. */
  lateness = 0;
  /** The most that it ever was. */
  mostLateness = 0;
  sent = 0;
  /** The last adverts that reached its engine, by their senders' addresses, which are others on each link. */
  readonly heard = new Map<IpAddress, Heard>();
  readonly inbox: Received[] = [];
  /** The engine's monotonic clock starts somewhere of its own. */
  readonly clockOffset: number;
  wakeAt: number | undefined;
  wakeToken = 0;

  constructor(name: string, number: number, configs: readonly InstanceConfig[], clockOffset: number) {
    this.name = name;
    this.number = number;
    this.configs = configs;
    this.clockOffset = clockOffset;
  }

  /** The first instance, for worlds of one each. */
  get config(): InstanceConfig {
    return this.configs[0]!;
  }

  get isMaster(): boolean {
    return this.states[0] === "master";
  }

  /** Of its instances, in their order; empty while it is not running. */
  get states(): readonly InstanceStateName[] {
    return (this.engine?.status(0) ?? []).map(({ state }) => state);
  }
}

export class World {
  now = 0;
  readonly network: Network = { loss: 0, duplication: 0, delay: [0.1, 0.1] };
  /** Directions that are cut: "a>b", or "a>b on 3" for one link. */
  readonly cuts = new Set<string>();
  /** What is lost on its way from one director to another, beyond what everybody loses; written as cuts are. */
  readonly losses = new Map<string, number>();
  readonly directors: Director[] = [];
  /** Sorted backwards, so that the next one is the last. */
  private readonly happenings: Happening[] = [];
  private order = 0;
  private readonly random: Random;
  private readonly onEvent: (director: Director, event: VipdEvent) => void;
  /** Hear of everything that is sent. */
  readonly taps: ((from: Director, packet: Uint8Array) => void)[] = [];
  /** The most that a wake-up comes late. */
  wakeLateness = 0;

  constructor(random: Random, onEvent: (director: Director, event: VipdEvent) => void) {
    this.random = random;
    this.onEvent = onEvent;
  }

  add(name: string, ...configs: readonly InstanceConfig[]): Director {
    const number = this.directors.length;
    const director = new Director(name, number, configs, 1000 + Math.floor(this.random() * 1_000_000));
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

  start(
    director: Director,
    resume: readonly ResumeOrder[] = [],
    sequences: readonly SenderSequences[] = [],
  ): void {
    const added = [...director.ownerAdded.values()].flat();
    director.inbox.length = 0;
    director.heard.clear();
    director.paused = director.deaf = false;
    director.engine = new VrrpEngine(this.portsOf(director));
    director.engine.configure(director.configs, resume, { tracks: director.tracks, sequences, added });
  }

  /** Power loss: nothing is said, and the addresses go with the host. */
  crash(director: Director): void {
    this.killProcess(director);
    director.held.clear();
    director.ownerAdded.clear();
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
    if (director.deaf) director.deafness = { ...director.deafness, to: this.now };
    director.paused = director.deaf = false;
    const wakeFirst = this.random() < 0.5;
    if (!wakeFirst) this.deliverWaiting(director);
    if (director.wakeAt !== undefined && director.wakeAt <= this.now) this.wake(director);
    if (wakeFirst) this.deliverWaiting(director);
  }

  setLink(director: Director, up: boolean, ifindex = FIRST_IFINDEX): void {
    if (up) director.linksDown.delete(ifindex);
    else director.linksDown.add(ifindex);
    director.engine?.interfacesChanged();
  }

  setTracks(director: Director, values: Readonly<Record<string, TrackValue>>): void {
    director.tracks = { ...director.tracks, ...values };
    director.engine?.tracksSeen(values);
  }

  /** Somebody deletes a virtual address by hand. */
  deleteAddress(director: Director): void {
    director.deletions = [director.deletions[1], this.now];
    for (const { prefix, interface: name } of director.configs.flatMap(({ addresses }) => addresses))
      if (director.held.delete(prefix.address)) director.engine?.addressGone(indexOf(name), prefix);
  }

  reconfigure(director: Director, config: InstanceConfig): void {
    director.configs = [config];
    director.engine?.configure([config], []);
  }

  private portsOf(director: Director): VrrpPorts {
    director.wakeAt = undefined;
    const queue: Received[] = [];
    return {
      clock: { now: () => instant(this.now + director.clockOffset) },
      hmac: { utc: () => UTC + this.now + director.utcOffset, sha256: hmacSha256 },
      wakeup: {
        arm: (at) => {
          const time = at === undefined ? undefined : at - director.clockOffset;
          if (time === director.wakeAt) return;
          director.wakeAt = time;
          const mine = ++director.wakeToken;
          if (time === undefined) return;
          // Floating point must not wake it a hair early for ever; and no timer is exact.
          const late = this.random() * (this.wakeLateness + director.lateness);
          this.at(Math.max(time, this.now) + 1e-6 + late, () => {
            if (director.wakeToken === mine && !director.paused) this.wake(director);
          });
        },
      },
      link: {
        join: () => undefined,
        leave: () => undefined,
        setVirtualRouters: () => undefined,
        queue: (ifindex, source, destination, bytes) => {
          const packet = ipPacket(bytes, {
            source: ipFromBytes(source),
            destination: ipFromBytes(destination),
            identification: director.sent++ & 0xffff,
          });
          queue.push({ packet, ifindex });
        },
        flush: () => {
          for (const sent of queue.splice(0)) this.send(director, sent);
        },
        receive: () => {
          for (const received of director.inbox.splice(0)) this.hand(director, received);
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
      virtualLinks: { ensure: () => undefined, switch: () => undefined, remove: () => undefined },
      packetFilter: { refuse: () => undefined, remove: () => undefined, isWhole: () => true },
      routing: { addRouting: () => [], removeRouting: () => [] },
      interfaces: { find: (name) => interfaceOf(director, name), has: () => true },
      report: (event) => this.onEvent(director, event),
      ownerAdded: (instance, added) => void director.ownerAdded.set(instance, added),
    };
  }

  private wake(director: Director): void {
    director.wakeAt = undefined;
    director.engine?.wake();
  }

  /** What `from` sends comes to everybody on the link, or to the one it is for. */
  private send(from: Director, sent: Received): void {
    if (from.linksDown.has(sent.ifindex)) return;
    for (const tap of this.taps) tap(from, sent.packet);
    const only = ipFromBytes(sent.packet.subarray(16, 20));
    for (const to of this.directors) {
      if (!isMulticast(only) && addressOn(to, sent.ifindex) !== only) continue;
      const way = `${from.name}>${to.name}`;
      if (to === from || this.cuts.has(way) || this.cuts.has(`${way} on ${sent.ifindex}`)) continue;
      if (this.random() < this.network.loss) continue;
      const more = this.losses.get(way) ?? this.losses.get(`${way} on ${sent.ifindex}`);
      if (more !== undefined && this.random() < more) continue;
      const copies = this.random() < this.network.duplication ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const [least, most] = this.network.delay;
        this.at(this.now + least + this.random() * (most - least), () => this.deliver(to, sent));
      }
    }
  }

  /** Somebody else sends this to `to`, on the first link. */
  inject(to: Director, packet: Uint8Array): void {
    this.deliver(to, { packet, ifindex: FIRST_IFINDEX });
  }

  private deliver(to: Director, sent: Received): void {
    if (to.engine === undefined || to.linksDown.has(sent.ifindex) || to.inbox.length >= MOST_WAITING) return;
    if (to.paused && to.deaf) return;
    to.inbox.push(sent);
    if (!to.paused) this.deliverWaiting(to);
  }

  private deliverWaiting(to: Director): void {
    for (const received of to.inbox.splice(0)) this.hand(to, received);
    to.engine?.received();
  }

  private hand(to: Director, { packet, ifindex }: Received): void {
    const from = ipFromBytes(packet.subarray(12, 16));
    const known = to.heard.get(from);
    const order = (packet[4]! << 8) | packet[5]!;
    const version = packet[IP_HEADER]! >> 4;
    // Who hears both versions of a sender goes by version 3 (RFC 9568 section 8.4.2).
    const threeAt = version === 3 ? this.now : (known?.threeAt ?? -Infinity);
    const isEcho = version === 2 && this.now <= threeAt + ECHO * to.config.advertInterval;
    if (known !== undefined) known.threeAt = threeAt;
    const isTold = to.config.version === "2+3" ? !isEcho : to.config.version === version;
    // One that another one has overtaken says nothing new.
    if (isTold && (known === undefined || known.order < order))
      to.heard.set(from, {
        at: this.now,
        threeAt,
        ifindex,
        priority: packet[IP_HEADER + 2]!,
        order,
      });
    to.engine?.receive(packet, packet.length, ifindex);
  }
}

const before = (a: Happening, b: Happening): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

const indexOf = (name: string): number => FIRST_IFINDEX + Number(name.slice(3));

/** On the second link the order of the addresses is the other way round: ties go otherwise there. */
export const addressOnLink = (number: number, ifindex: number): IpAddress =>
  ifindex === FIRST_IFINDEX ? ip(`192.168.1.${number + 2}`) : ip(`10.0.${ifindex}.${100 - number}`);

const addressOn = ({ number }: Director, ifindex: number): IpAddress => addressOnLink(number, ifindex);

function interfaceOf(director: Director, name: string): InterfaceView {
  const index = indexOf(name);
  const own = addressOn(director, index);
  const held = [...director.held].map((address) => ({ address: address as IpAddress, length: 24 }));
  return {
    index,
    up: !director.linksDown.has(index),
    multicast: true,
    mac: `02:00:00:00:00:0${director.number + 2}` as MacAddress,
    addresses: [{ address: own, length: 24 }, ...held],
  };
}

export const pick = <T>(random: Random, list: readonly T[]): T => list[randomInt(random, list.length)]!;
