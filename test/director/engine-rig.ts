// The engine over recording ports: a director with addresses of both families on one interface.

import { ip, ipFromBytes, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { instant, seconds, type Milliseconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import { VrrpEngine } from "../../src/director/vrrp-engine.js";
import type { AddressOrder, AddressOutcome } from "../../src/ports/route.js";
import type { AddressView, Frame, InterfaceView } from "../../src/ports/vrrp.js";
import { encodeAdvert, VRRP_GROUPS } from "../../src/vrrp/packet.js";
import { passwordBytes } from "../../src/vrrp/password.js";
import { ipPacket } from "../vrrp/ip-packet.js";

const MAC = "02:00:00:00:00:01" as MacAddress;
const OWN = ip("fe80::2");
const PEER = ip("fe80::3");
const MASTER_DOWN = 4000;
const TICK = 100;

export type HeardFour = {
  readonly version?: 2 | 3;
  readonly priority?: number;
  readonly source?: string;
  readonly interval?: Milliseconds;
  readonly addresses?: readonly string[];
  readonly password?: string;
  readonly id?: number;
  readonly ifindex?: number;
};

/** The director is fe80::2 and 192.168.1.2 on eth0; what it hears comes from fe80::3. */
export class EngineRig {
  readonly peer = PEER;
  /** Adverts, addresses and announcements, in their order. */
  readonly log: string[] = [];
  /** Interfaces beside eth0. */
  readonly others = new Map<string, InterfaceView>();
  /** Why the kernel takes no address. */
  refuse: string | undefined;
  /** Why packets cannot be kept out. */
  cannotRefuse: string | undefined;
  isTableWhole = true;
  isTableThere = false;
  now = 1_000_000;
  readonly sent: { source: IpAddress; destination: IpAddress; bytes: Uint8Array }[] = [];
  readonly joined: string[] = [];
  readonly routers = new Map<string, readonly number[]>();
  readonly frames: Frame[] = [];
  readonly events: VipdEvent[] = [];
  view = {
    index: 2,
    up: true,
    multicast: true,
    mac: MAC,
    addresses: [
      { address: ip("192.168.1.2"), length: 24 },
      { address: ip("2001:db8::2"), length: 64 },
      { address: OWN, length: 64 },
    ] as AddressView[],
  };
  watched: readonly IpAddress[] = [];
  readonly engine = new VrrpEngine({
    clock: { now: () => instant(this.now) },
    hmac: { utc: () => 0, sha256: (key) => key },
    wakeup: { arm: () => undefined },
    link: {
      join: (ifindex, family) => void this.joined.push(`join ${ifindex} ${family}`),
      leave: (ifindex, family) => void this.joined.push(`leave ${ifindex} ${family}`),
      setVirtualRouters: (family, ids) => void this.routers.set(family, ids),
      queue: (_, source, destination, bytes) => {
        this.sent.push({ source: ipFromBytes(source), destination: ipFromBytes(destination), bytes });
        this.log.push(`advert ${bytes[2]!}`);
      },
      flush: () => undefined,
      receive: () => undefined,
    },
    neighbours: {
      announce: (frames) => {
        this.frames.push(...frames);
        this.log.push("announce");
      },
      watch: (addresses) => (this.watched = addresses),
    },
    addresses: {
      addAddresses: (orders) => this.changed("add", orders),
      removeAddresses: (orders) => this.changed("remove", orders),
    },
    virtualLinks: { ensure: () => undefined, switch: () => undefined, remove: () => undefined },
    packetFilter: {
      refuse: (addresses) => {
        this.log.push(["refuse", ...addresses].join(" "));
        this.isTableThere = true;
        return this.cannotRefuse;
      },
      remove: () => {
        if (this.isTableThere) this.log.push("refuse nothing");
        this.isTableThere = false;
        return undefined;
      },
      isWhole: () => this.isTableWhole,
    },
    routing: { addRouting: () => [], removeRouting: () => [] },
    interfaces: {
      find: (name) => (name === "eth0" ? this.view : this.others.get(name)),
      has: (wanted) => this.view.addresses.some(({ address }) => address === wanted),
    },
    report: (event) => void this.events.push(event),
    ownerAdded: () => undefined,
  });

  /** Lets time go by in steps that are no stall. */
  run(duration: Milliseconds): void {
    for (const end = this.now + duration; this.now < end;) {
      this.now += TICK;
      this.engine.wake();
    }
  }

  takeOver(): void {
    this.now += MASTER_DOWN;
    this.engine.wake();
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.engine.status(0).map(({ instance: name, state }) => [name, state]));
  }

  hear(priority: number, { ttl = 255, id = 51, ifindex = 2 } = {}): void {
    const advert = {
      version: 3,
      virtualRouterId: id,
      priority,
      interval: seconds(1),
      addresses: [ip("fe80::1"), ip("2001:db8::1")],
    } as const;
    const carrier = { source: PEER, destination: VRRP_GROUPS.ipv6 };
    const packet = ipPacket(encodeAdvert(advert, carrier, "rfc5798"), { ...carrier, ttl });
    this.engine.receive(packet, packet.length, ifindex);
    this.engine.received();
  }

  /** An advert over IPv4. */
  hearFour({
    version = 3,
    priority = 150,
    source = "192.168.1.3",
    interval = seconds(1),
    addresses = ["192.168.1.1"],
    password,
    id = 51,
    ifindex = 2,
  }: HeardFour = {}): void {
    const carrier = { source: ip(source), destination: VRRP_GROUPS.ipv4 };
    const advert = { virtualRouterId: id, priority, interval, addresses: addresses.map((one) => ip(one)) };
    const secret = password === undefined ? undefined : passwordBytes(password);
    const message = encodeAdvert({ ...advert, version }, carrier, "rfc5798", secret);
    const packet = ipPacket(message, carrier);
    this.engine.receive(packet, packet.length, ifindex);
    this.engine.received();
  }

  private changed(what: "add" | "remove", orders: readonly AddressOrder[]): AddressOutcome[] {
    this.log.push([what, ...orders.map(({ prefix }) => prefix.address)].join(" "));
    const { refuse } = this;
    return orders.map(() =>
      refuse !== undefined && what === "add"
        ? { ok: false, code: refuse, error: refuse }
        : { ok: true, unchanged: false },
    );
  }
}
