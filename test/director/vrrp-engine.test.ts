// The engine over recording ports: what leaves together, in which order, and what is said about it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix, ip, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { formatItem } from "../../src/core/routing.js";
import { instant, milliseconds, minutes, seconds } from "../../src/core/units.js";
import type { Repeats, VipdEvent } from "../../src/control/event.js";
import type { Handed } from "../../src/control/handover.js";
import { describeReason } from "../../src/control/reason.js";
import { RepeatLimit } from "../../src/director/repeat-limit.js";
import { VrrpEngine } from "../../src/director/vrrp-engine.js";
import { hmacSha256 } from "../../src/linux/hmac.js";
import type { AddressOrder } from "../../src/ports/route.js";
import type { InterfaceView, VrrpPorts } from "../../src/ports/vrrp.js";
import { describeSum } from "../../src/control/reason.js";
import type { InstanceConfig, TrackConfig } from "../../src/vrrp/instance.js";
import { fromHex } from "../../src/core/bytes.js";
import { sealAdvert } from "../../src/vrrp/hmac.js";
import { encodeAdvert, TRAILER_LENGTH } from "../../src/vrrp/packet.js";
import { GROUP, hmac, instance, ipPacket, vip } from "../vrrp/ip-packet.js";

const MAC = "02:00:00:00:00:01" as MacAddress;
const PEER = ip("192.168.1.3");

class Rig {
  now = 1_000_000;
  armed: number | undefined;
  readonly calls: string[] = [];
  readonly events: VipdEvent[] = [];
  readonly view: {
    index: number;
    up: boolean;
    multicast: boolean;
    mac: MacAddress;
    addresses: { address: IpAddress; length: number }[];
  } = {
    index: 2,
    up: true,
    multicast: true,
    mac: MAC,
    addresses: [{ address: ip("192.168.1.2"), length: 24 }],
  };
  name = "eth0";
  refuse: string | undefined;
  refuseRemoval: string | undefined;
  /** The virtual router id whose adverts cannot leave. */
  refuseAdvert: number | undefined;
  refuseJoin: string | undefined;
  /** What is on the interface; "10.0.0.1/24" as people write it. */
  readonly held = new Set<string>();
  /** Routes and rules in the kernel. */
  readonly routes = new Set<string>();
  /** The interfaces that adverts left from. */
  readonly sentOn = new Set<number>();
  /** "vrrp.51", once it was made. */
  link: InterfaceView | undefined;
  refuseLink: string | undefined;
  /** What was said of addresses that an owner added. */
  readonly ownerAdded: string[] = [];
  signatures = 0;
  waiting: Uint8Array[] = [];
  readonly ports: VrrpPorts;
  readonly engine: VrrpEngine;

  constructor() {
    const queued: number[] = [];
    const failed: [ifindex: number, bytes: Uint8Array][] = [];
    const ports: VrrpPorts = (this.ports = {
      clock: { now: () => instant(this.now) },
      hmac: {
        utc: () => this.now,
        sha256: (key, bytes) => {
          this.signatures += 1;
          return hmacSha256(key, bytes);
        },
      },
      wakeup: { arm: (at) => (this.armed = at) },
      link: {
        join: (ifindex) => {
          this.calls.push(`join ${ifindex}`);
          return this.refuseJoin;
        },
        leave: (ifindex) => void this.calls.push(`leave ${ifindex}`),
        setVirtualRouters: () => undefined,
        queue: (ifindex, _source, _destination, bytes) => {
          this.sentOn.add(ifindex);
          if (this.refuseAdvert === bytes[1]) failed.push([ifindex, bytes]);
          else queued.push(bytes[2]!);
        },
        flush: () => {
          for (const [ifindex, bytes] of failed.splice(0))
            this.engine.advertFailed(ifindex, "ipv4", bytes, "ENETUNREACH");
          if (queued.length > 0) this.calls.push(`adverts ${queued.splice(0).join(" ")}`);
        },
        receive: () => {
          for (const packet of this.waiting.splice(0)) this.engine.receive(packet, packet.length, 2);
        },
      },
      neighbours: {
        announce: (frames) => void this.calls.push(`frames ${frames.length}`),
        watch: () => undefined,
      },
      addresses: {
        addAddresses: (orders) => {
          this.calls.push(`add ${orders.length}`);
          return orders.map(({ prefix }) => {
            if (this.refuse !== undefined) return { ok: false, code: this.refuse, error: this.refuse };
            const unchanged = this.held.has(formatPrefix(prefix));
            this.held.add(formatPrefix(prefix));
            return { ok: true, unchanged };
          });
        },
        removeAddresses: (orders) => {
          this.calls.push(`remove ${orders.length}`);
          const refused = this.refuseRemoval;
          return orders.map(({ prefix }) =>
            refused === undefined
              ? { ok: true, unchanged: !this.held.delete(formatPrefix(prefix)) }
              : { ok: false, code: refused, error: refused },
          );
        },
      },
      packetFilter: { refuse: () => undefined, remove: () => undefined, isWhole: () => true },
      virtualLinks: {
        ensure: ({ name, base, mac }) => {
          this.calls.push(`ensure ${name} on ${base} with ${mac}`);
          if (this.refuseLink === undefined)
            this.link = { ...this.view, index: 7, up: false, mac, addresses: [] };
          return this.refuseLink;
        },
        switch: (name, up) => void this.calls.push(`switch ${name} ${up ? "on" : "off"}`),
        remove: (name) => void this.calls.push(`remove ${name}`),
      },
      routing: {
        addRouting: (items) => {
          this.calls.push(`add ${items.map(formatItem).join(", ")}`);
          return items.map((item) => {
            const text = formatItem(item);
            if (this.refuse !== undefined) return { ok: false, code: this.refuse, error: this.refuse };
            const unchanged = this.routes.has(text);
            this.routes.add(text);
            return { ok: true, unchanged };
          });
        },
        removeRouting: (items) => {
          if (items.some((item) => this.routes.has(formatItem(item))))
            this.calls.push(`remove ${items.map(formatItem).join(", ")}`);
          return items.map((item) => ({ ok: true, unchanged: !this.routes.delete(formatItem(item)) }));
        },
      },
      interfaces: {
        find: (name): InterfaceView | undefined =>
          name === this.name ? this.view : name === "vrrp.51" ? this.link : undefined,
        has: (wanted) => this.view.addresses.some(({ address }) => address === wanted),
      },
      report: (event) => void this.events.push(event),
      ownerAdded: (name, added) => void this.ownerAdded.push(`${name}: ${added.join(", ")}`),
    });
    this.engine = new VrrpEngine(ports);
  }

  get reasons(): string[] {
    return this.events.flatMap((event) => (event.kind === "vrrp-transition" ? [event.reason.kind] : []));
  }

  get notes(): string[] {
    return this.events.flatMap((event) =>
      event.kind === "vrrp-note" ? [`${event.level ?? "info"}: ${event.text}`] : [],
    );
  }

  /** Runs the clock to the armed time and wakes, as often as that lies before `until`. */
  runTo(until: number): void {
    for (let rounds = 0; this.armed !== undefined && this.armed <= until; rounds++) {
      assert.ok(rounds < 100_000, "the engine arms for the past, and does nothing then");
      this.now = Math.max(this.now, this.armed);
      this.engine.wake();
    }
    this.now = until;
  }

  hear(
    priority: number,
    changes: Partial<{
      ttl: number;
      source: IpAddress;
      version: 2 | 3;
      id: number;
      addresses: readonly IpAddress[];
    }> = {},
  ): void {
    const source = changes.source ?? PEER;
    const id = changes.id ?? 1;
    const advert = {
      version: changes.version ?? (3 as const),
      virtualRouterId: id,
      priority,
      interval: seconds(1),
      addresses: changes.addresses ?? [ip(`192.168.1.${100 + id}`)],
    };
    const message = encodeAdvert(advert, { source, destination: GROUP }, "rfc5798");
    const packet = ipPacket(message, { source, ttl: changes.ttl ?? 255 });
    this.engine.receive(packet, packet.length, 2);
    this.engine.received();
  }
}

const web = (id: number, changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  instance({
    name: `web${id}`,
    virtualRouterId: id,
    addresses: [vip(`192.168.1.${100 + id}/24`)],
    ...changes,
  });

test("a hundred instances that take over together send once, change addresses once and announce once", () => {
  const rig = new Rig();
  rig.engine.configure(
    Array.from({ length: 100 }, (_, i) => web(i + 1)),
    [],
  );
  rig.calls.length = 0;
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.calls, [
    `adverts ${"100 ".repeat(100).trim()}`,
    "add 100",
    "frames 256",
    "frames 256",
    "frames 88",
  ]);
  rig.calls.length = 0;
  rig.runTo(rig.now + 1000);
  assert.deepEqual(rig.calls, [`adverts ${"100 ".repeat(100).trim()}`], "and so do their periodic adverts");
});

test("a backup that was late first hears what has come, and does not take over", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.hear(150);
  rig.now += 10_000;
  const message = encodeAdvert(
    { version: 3, virtualRouterId: 1, priority: 150, interval: seconds(1), addresses: [ip("192.168.1.101")] },
    { source: PEER, destination: GROUP },
    "rfc5798",
  );
  rig.waiting.push(ipPacket(message, { source: PEER }));
  rig.engine.wake();
  assert.equal(rig.engine.status(0)[0]?.state, "backup");
  assert.deepEqual(rig.events.length, 1);
});

test("a thousand repeated adverts cost one wake-up, and the silence after them is counted from the last", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.hear(150);
  const armed = rig.armed;
  for (let i = 0; i < 999; i++) {
    rig.now += 3;
    rig.hear(150);
  }
  assert.equal(rig.armed, armed);
  const last = rig.now;
  rig.runTo(last + 10_000);
  const event = rig.events.at(-1);
  assert.ok(event?.kind === "vrrp-transition" && event.reason.kind === "master-silent");
  assert.equal(event.reason.silence_ms, 3609.375);
  assert.equal(rig.engine.status(0)[0]?.adverts_received, 1000);
});

test("refused adverts are said once with the sender, then summed up once a minute", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 255 })], []);
  for (let i = 0; i < 500; i++) {
    rig.hear(150, { ttl: 64 });
    rig.runTo(rig.now + 100);
  }
  const rejects = (): VipdEvent[] => rig.events.filter(({ kind }) => kind === "vrrp-rejected");
  assert.equal(rejects().length, 1);
  rig.runTo(rig.now + minutes(2));
  const [first, second, third] = rejects();
  assert.ok(first?.kind === "vrrp-rejected" && second?.kind === "vrrp-rejected" && third === undefined);
  assert.deepEqual([first.sender, first.reject, first.count, second.count], [PEER, "ttl", 1, 499]);
  assert.deepEqual(rig.engine.status(0)[0]?.rejected, { ttl: 500 });
});

test("an odd advert is a warning, in the status while it lasts, and said again when it comes back or after an hour", () => {
  const rig = new Rig();
  const text = "192.168.1.3 advertises 10.0.0.1, we have 192.168.1.101";
  const odd = { addresses: [ip("10.0.0.1")] };
  const oddities = (): readonly string[] => rig.engine.status(0)[0]?.oddities ?? [];
  const hearFor = (duration: number, changes: typeof odd | Record<string, never>): void => {
    for (const end = rig.now + duration; rig.now < end;) {
      rig.hear(200, changes);
      rig.runTo(rig.now + 1000);
    }
  };
  rig.engine.configure([web(1)], []);
  hearFor(minutes(30), odd);
  assert.deepEqual([rig.notes, oddities()], [[`warning: ${text}`], [text]]);
  hearFor(minutes(2), {});
  assert.deepEqual(oddities(), []);
  hearFor(minutes(70), odd);
  assert.deepEqual(rig.notes, new Array(3).fill(`warning: ${text}`));
  assert.deepEqual(rig.reasons, ["startup"]);
});

test("senders without end do not fill the log or the memory", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  for (let i = 0; i < 1000; i++) rig.hear(150, { ttl: 1, source: ip(`10.0.${i >> 8}.${i & 255}`) });
  assert.ok(rig.events.length < 50, String(rig.events.length));
});

test("the limit forgets what has stopped", () => {
  const said: VipdEvent[] = [];
  const limit = new RepeatLimit((event) => said.push(event));
  const make = ({ count, span_ms = 0 }: Repeats): VipdEvent => ({
    kind: "vrrp-note",
    instance: "web",
    text: `${count} in ${span_ms}`,
  });
  limit.note("a", "rest", instant(0), make);
  limit.flush(instant(60_000));
  assert.equal(limit.next, Infinity);
  limit.note("a", "rest", instant(61_000), make);
  assert.equal(said.length, 2);
  // What happened once more is summed up, with its span.
  limit.note("a", "rest", instant(62_000), make);
  limit.flush(instant(121_500));
  assert.deepEqual(
    said.map((event) => event.kind === "vrrp-note" && event.text),
    ["1 in 0", "1 in 0", "1 in 60500"],
  );
});

test("an address that cannot be added is a fault: priority 0, and another try later", () => {
  const rig = new Rig();
  rig.refuse = "EPERM";
  rig.engine.configure([web(1)], []);
  rig.calls.length = 0;
  rig.runTo(rig.now + 3700);
  assert.deepEqual(rig.calls, ["adverts 100", "add 1", "adverts 0", "remove 1"]);
  assert.equal(rig.engine.status(0)[0]?.state, "fault");
  rig.refuse = undefined;
  rig.runTo(rig.now + 10_000);
  assert.equal(rig.engine.status(0)[0]?.state, "master");
});

test("an interface that is missing at start, comes, loses its address, and goes: each said once", () => {
  const rig = new Rig();
  const config = web(1, { interface: "eth9", addresses: [vip("192.168.1.101/24", "eth9")] });
  rig.engine.configure([config], []);
  const reasons = (): string[] =>
    rig.events.flatMap((event) => (event.kind === "vrrp-transition" ? [event.reason.kind] : []));
  assert.deepEqual(reasons(), ["interface-missing"]);
  rig.engine.configure([web(1)], []);
  assert.deepEqual(reasons(), ["interface-missing", "reconfigured", "startup"]);
  const own = rig.view.addresses;
  rig.view.addresses = [];
  rig.engine.interfacesChanged();
  rig.engine.interfacesChanged();
  assert.deepEqual(reasons().slice(3), ["no-source-address"]);
  rig.view.addresses = own;
  rig.engine.interfacesChanged();
  assert.deepEqual(reasons().slice(4), ["interface-usable"]);
});

test("a master whose interface is renamed gives up, and its address leaves the interface under the other name", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  assert.deepEqual([...rig.held], ["192.168.1.101/24"]);
  rig.name = "lan0";
  rig.engine.interfacesChanged();
  assert.deepEqual([...rig.held], []);
  assert.deepEqual(rig.reasons.slice(2), ["interface-missing"]);
  rig.name = "eth0";
  rig.engine.interfacesChanged();
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.reasons.slice(3), ["interface-up", "no-master-heard"]);
});

test("adverts come from the configured source address, and without it there are none", () => {
  const rig = new Rig();
  const from = (source: string): InstanceConfig => web(1, { sourceAddress: ip(source) });
  const texts = (): string[] =>
    rig.events.flatMap((event) => (event.kind === "vrrp-transition" ? [describeReason(event.reason)] : []));
  const missing = "source-address 10.9.9.9 is not on eth0, nor on another interface of this host";
  rig.engine.configure([from("10.9.9.9")], []);
  rig.runTo(rig.now + 10_000);
  assert.deepEqual(texts(), [missing]);
  assert.ok(!rig.calls.some((call) => call.startsWith("adverts")));
  const own = rig.view.addresses;
  rig.view.addresses = [...own, { address: ip("10.9.9.9"), length: 24 }];
  rig.engine.interfacesChanged();
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.reasons.slice(1), ["interface-usable", "no-master-heard"]);
  assert.equal(texts()[1], "source-address 10.9.9.9 is there");
  rig.view.addresses = own;
  rig.engine.interfacesChanged();
  assert.equal(texts()[3], missing);
  assert.deepEqual([...rig.held], []);
  // A reload mends it too, and breaks it.
  rig.engine.configure([from("192.168.1.2")], []);
  rig.runTo(rig.now + 4000);
  assert.equal(rig.engine.status(0)[0]?.state, "master");
  rig.engine.configure([from("10.9.9.9")], []);
  assert.equal(rig.engine.status(0)[0]?.state, "fault");
  assert.deepEqual([...rig.held], []);
});

test("an interface without multicast carries no instance", () => {
  const rig = new Rig();
  rig.view.multicast = false;
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 10_000);
  assert.deepEqual(rig.reasons, ["no-multicast"]);
  rig.view.multicast = true;
  rig.engine.interfacesChanged();
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.reasons.slice(1), ["interface-usable", "no-master-heard"]);
});

test("a reload leaves instances alone that did not change, and says what became of the others", () => {
  const rig = new Rig();
  rig.engine.configure([web(1), web(2), web(3)], []);
  rig.runTo(rig.now + 4000);
  rig.events.length = 0;
  rig.calls.length = 0;
  const again = rig.armed;
  rig.engine.configure([web(1), web(2), web(3)], []);
  assert.deepEqual([rig.calls, rig.events, rig.armed], [[], [], again]);
  rig.engine.configure([web(1), web(3, { virtualRouterId: 9 }), web(4)], []);
  // Joining an interface that was joined before is harmless.
  assert.deepEqual([...new Set(rig.calls)], ["adverts 0 0", "remove 2", "join 2"]);
  assert.deepEqual(
    rig.events.map((event) =>
      event.kind === "vrrp-transition" ? [event.instance, event.to, event.reason.kind] : [],
    ),
    [
      ["web2", "initialize", "deleted"],
      ["web3", "initialize", "reconfigured"],
      ["web3", "backup", "startup"],
      ["web4", "backup", "startup"],
    ],
  );
});

test("a clean stop of many masters is one send and one removal", () => {
  const rig = new Rig();
  rig.engine.configure([web(1), web(2)], []);
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.engine.stop(false);
  assert.deepEqual(rig.calls, ["adverts 0 0", "remove 2"]);
});

test("a master just preempted may answer for a moment; one that goes on answering is a conflict", () => {
  const rig = new Rig();
  const is = (kind: VipdEvent["kind"]): number => rig.events.filter((event) => event.kind === kind).length;
  const arp = (): void => rig.engine.heardHolder(2, "02:00:00:00:00:09" as MacAddress, ip("192.168.1.101"));
  rig.engine.configure([web(1, { priority: 150 })], []);
  for (let i = 0; i < 100 && is("vrrp-transition") < 2; i++) {
    rig.hear(100);
    rig.runTo(rig.now + 100);
  }
  const [, taken] = rig.events.filter((event) => event.kind === "vrrp-transition");
  assert.equal(taken?.reason.kind, "preempted-lower");
  arp();
  rig.runTo(rig.now + 2000);
  assert.equal(is("vrrp-address-conflict"), 0);
  arp();
  rig.runTo(rig.now + 2000);
  assert.equal(is("vrrp-address-conflict"), 1);
});

test("a better master's announcement just before we yield is no conflict", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  rig.engine.heardHolder(2, "02:00:00:00:00:09" as MacAddress, ip("192.168.1.101"));
  rig.hear(200);
  rig.runTo(rig.now + milliseconds(1000));
  assert.ok(!rig.events.some(({ kind }) => kind === "vrrp-address-conflict"));
});

test("an interface that was deleted and made again between two looks takes its master with it", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.held.clear();
  rig.view.index = 9;
  rig.engine.interfacesChanged();
  assert.deepEqual(rig.reasons.slice(2), ["interface-missing", "interface-up"]);
  assert.ok(rig.calls.includes("leave 2") && rig.calls.includes("join 9"));
  rig.runTo(rig.now + 4000);
  assert.deepEqual([...rig.held], ["192.168.1.101/24"]);
});

test("one that lies on another interface notices that this one was exchanged, too", () => {
  const rig = new Rig();
  const backend = { ...rig.view, index: 5 };
  const real = { ...rig.ports.interfaces };
  Object.assign(rig.ports.interfaces, {
    find: (name: string) => (name === "eth1" ? backend : real.find(name)),
  });
  rig.engine.configure([web(1, { addresses: [vip("192.168.1.101/24", "eth1")] })], []);
  rig.runTo(rig.now + 4000);
  backend.index = 6;
  rig.engine.interfacesChanged();
  assert.deepEqual(rig.reasons.slice(1), ["no-master-heard", "interface-missing", "interface-up"]);
});

test("an instance that cannot join the group does not become master, and tries again", () => {
  const rig = new Rig();
  rig.refuseJoin = "ENOBUFS: limit reached";
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 60_000);
  assert.deepEqual(rig.reasons, ["cannot-join"]);
  assert.ok(rig.calls.filter((call) => call === "join 2").length >= 10);
  assert.ok(!rig.calls.some((call) => call.startsWith("adverts")));
  rig.refuseJoin = undefined;
  rig.runTo(rig.now + 10_000);
  assert.deepEqual(rig.reasons, ["cannot-join", "interface-usable", "no-master-heard"]);
});

test("an address that cannot be removed is tried again every second, and said when that changes", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  rig.refuseRemoval = "ENOBUFS";
  rig.view.up = false;
  rig.engine.interfacesChanged();
  rig.calls.length = 0;
  rig.runTo(rig.now + 10_500);
  assert.deepEqual(rig.calls, new Array(10).fill("remove 1"));
  rig.refuseRemoval = "EPERM";
  rig.runTo(rig.now + 3000);
  rig.refuseRemoval = undefined;
  rig.runTo(rig.now + 3000);
  assert.deepEqual([...rig.held], []);
  const failed = "error: could not remove 192.168.1.101/24 from eth0, trying again every second";
  const done = "notice: removed 192.168.1.101/24 from eth0 at last";
  assert.deepEqual(rig.notes, [`${failed}: ENOBUFS`, `${failed}: EPERM`, done]);
  assert.equal(rig.armed, undefined);
});

test("an address that could not be removed stays when the instance is master again", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  rig.refuseRemoval = "ENOBUFS";
  rig.hear(200);
  rig.hear(0);
  rig.runTo(rig.now + 950);
  assert.equal(rig.engine.status(0)[0]?.state, "master");
  rig.refuseRemoval = undefined;
  rig.runTo(rig.now + 5000);
  assert.deepEqual([...rig.held], ["192.168.1.101/24"]);
});

test("a stop tries to remove an address more than once", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  const real = { ...rig.ports.addresses };
  let failures = 1;
  Object.assign(rig.ports.addresses, {
    removeAddresses: (orders: readonly AddressOrder[]) =>
      failures-- > 0
        ? orders.map(() => ({ ok: false, code: "ENOBUFS", error: "ENOBUFS" }))
        : real.removeAddresses(orders),
  });
  rig.engine.stop(false);
  assert.deepEqual([...rig.held], []);
});

test("a stop is final: what is heard until the process ends starts nothing again", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 255 })], []);
  rig.engine.stop(false);
  const said = rig.events.length;
  rig.calls.length = 0;
  rig.engine.interfacesChanged();
  rig.engine.addressGone(2, vip("192.168.1.101/24").prefix);
  rig.engine.configure([web(1, { priority: 255 })], []);
  rig.hear(100);
  rig.engine.advertFailed(2, "ipv4", Uint8Array.of(0x31, 1), "ENETDOWN");
  rig.engine.wake();
  rig.runTo(rig.now + 10_000);
  assert.deepEqual(rig.calls, []);
  assert.equal(rig.events.length, said + 1, "but for the advert that could not be sent");
  assert.equal(rig.armed, undefined);
});

test("an advert that could not leave does not count as sent, and says so of its own instance alone", () => {
  const rig = new Rig();
  rig.refuseAdvert = 2;
  rig.engine.configure([web(1), web(2)], []);
  rig.runTo(rig.now + 8000);
  const [one, two] = rig.engine.status(0);
  assert.ok(one !== undefined && two !== undefined && one.adverts_sent > 3);
  assert.deepEqual([one.send_failed, one.send_error], [0, null]);
  assert.deepEqual([two.adverts_sent, two.send_failed, two.send_error], [0, one.adverts_sent, "ENETUNREACH"]);
  assert.deepEqual(rig.notes, ["warning: could not send an advert on eth0: ENETUNREACH"]);
  const done = rig.events.flatMap((event) =>
    event.kind === "vrrp-transition" ? event.done.slice(0, 1) : [],
  );
  assert.deepEqual(done, ["sent advert", "could not send advert"]);
});

test("an advert to peers counts as sent when it left for one of them", () => {
  const rig = new Rig();
  const peers = [ip("192.168.1.3"), ip("192.168.1.4")];
  rig.engine.configure(
    [web(1, { priority: 255, unicast: { peers, ttl: { min: 255, max: 255 }, checkSource: true } })],
    [],
  );
  rig.engine.advertFailed(2, "ipv4", Uint8Array.of(0x31, 1), "EHOSTUNREACH");
  const [first] = rig.engine.status(0);
  assert.deepEqual([first?.adverts_sent, first?.send_failed], [1, 1]);
  rig.engine.advertFailed(2, "ipv4", Uint8Array.of(0x31, 1), "EHOSTUNREACH");
  const [second] = rig.engine.status(0);
  assert.deepEqual([second?.adverts_sent, second?.send_failed], [0, 2]);
});

test("an address that appears on a backup is said once for each time, and is left alone", () => {
  const rig = new Rig();
  const stranger = { address: ip("192.168.1.101"), length: 32 };
  const present = (there: boolean): void => {
    rig.view.addresses = rig.view.addresses.filter(({ address }) => address !== stranger.address);
    if (there) rig.view.addresses.push(stranger);
    rig.engine.interfacesChanged();
  };
  const backupFor = (duration: number): void => {
    for (const end = rig.now + duration; rig.now < end; rig.runTo(rig.now + 1000)) rig.hear(200);
  };
  rig.engine.configure([web(1)], []);
  rig.hear(200);
  // What the table shows in the moment of becoming backup may be our own, removed just now.
  present(true);
  present(false);
  backupFor(2000);
  assert.deepEqual(rig.notes, []);
  rig.calls.length = 0;
  present(true);
  present(true);
  backupFor(minutes(3));
  const said =
    "warning: 192.168.1.101/32 is on eth0, put there by somebody else while this host is backup: the master has it too";
  assert.deepEqual(rig.notes, [said]);
  present(false);
  present(true);
  assert.deepEqual(rig.notes, [said, said]);
  assert.deepEqual(rig.calls, []);
  // As master it is ours, and so it is right after.
  rig.runTo(rig.now + 10_000);
  rig.engine.interfacesChanged();
  rig.hear(200);
  rig.engine.interfacesChanged();
  assert.equal(rig.notes.length, 2);
  backupFor(minutes(2));
  assert.deepEqual(rig.notes.slice(2), [`${said} (once more in 1 min)`]);
});

test("an owner leaves the addresses that it found, and takes along those that it added", () => {
  const rig = new Rig();
  rig.held.add("192.168.1.101/24");
  const addresses = [vip("192.168.1.101/24"), vip("192.168.1.201/24")];
  rig.engine.configure([web(1, { priority: 255, addresses })], []);
  assert.deepEqual([...rig.held], ["192.168.1.101/24", "192.168.1.201/24"]);
  // Somebody else deletes both; that we put them back changes nothing about whose they are.
  for (const { prefix } of addresses) {
    rig.held.delete(formatPrefix(prefix));
    rig.engine.addressGone(2, prefix);
  }
  assert.equal(rig.held.size, 2);
  rig.view.up = false;
  rig.engine.interfacesChanged();
  assert.deepEqual([...rig.held], ["192.168.1.101/24"]);
  rig.view.up = true;
  rig.engine.interfacesChanged();
  assert.equal(rig.held.size, 2);
  rig.engine.stop(false);
  assert.deepEqual([...rig.held], ["192.168.1.101/24"]);
});

test("an owner that goes on after its process died takes along what that one had added, and leaves what it had found", () => {
  const addresses = [vip("192.168.1.101/24"), vip("192.168.1.201/24")];
  const owner = web(1, { priority: 255, addresses });
  const resume = [{ instance: "web1", dead_at: 1_000_000 }];
  const cases = [
    ["goes on", owner, resume],
    ["is another router now", { ...owner, virtualRouterId: 7 }, []],
    ["cannot go on", { ...owner, interface: "eth9" }, resume],
  ] as const;
  for (const [what, next, orders] of cases) {
    const first = new Rig();
    first.held.add("192.168.1.101/24");
    first.engine.configure([owner], []);
    assert.deepEqual(first.ownerAdded, ["web1: 192.168.1.201/24 eth0"]);
    const second = new Rig();
    for (const held of first.held) second.held.add(held);
    second.view.addresses.push({ address: ip("192.168.1.201"), length: 24 });
    second.engine.configure([next], orders, { added: ["192.168.1.201/24 eth0"] });
    assert.deepEqual(second.ownerAdded, what === "cannot go on" ? [] : first.ownerAdded, what);
    second.view.up = false;
    second.engine.interfacesChanged();
    assert.deepEqual([...second.held], ["192.168.1.101/24"], what);
    assert.equal(second.ownerAdded.at(-1) ?? "web1: ", "web1: ", what);
  }
});

test("the addresses of a master that goes on are its own to remove when it becomes an owner later", () => {
  const rig = new Rig();
  rig.held.add("192.168.1.101/24");
  rig.engine.configure([web(1)], [{ instance: "web1", dead_at: rig.now }]);
  assert.deepEqual(rig.ownerAdded, []);
  rig.engine.configure([web(1, { priority: 255 })], []);
  assert.deepEqual(rig.ownerAdded, ["web1: 192.168.1.101/24 eth0"]);
  rig.engine.configure([web(1)], []);
  assert.deepEqual(rig.ownerAdded.slice(1), ["web1: "]);
  rig.engine.configure([web(1, { priority: 255 })], []);
  rig.engine.configure([], []);
  assert.deepEqual([[...rig.held], rig.ownerAdded.at(-1)], [[], "web1: "]);
});

test("a successor of an upgrade says anew what an owner has added", () => {
  const old = new Rig();
  const owner = web(1, { priority: 255 });
  old.engine.configure([owner], []);
  const next = handedOver(old, ["web1"], [owner]);
  assert.deepEqual(next.ownerAdded, ["web1: 192.168.1.101/24 eth0"]);
});

test("a master whose carrier was away for a moment stays master, announces again and says so; others do nothing", () => {
  const rig = new Rig();
  rig.engine.configure([web(1), web(2, { priority: 90 })], []);
  rig.runTo(rig.now + 2000);
  rig.hear(120, { id: 2 });
  rig.runTo(rig.now + 1700);
  assert.deepEqual(
    rig.engine.status(0).map(({ state }) => state),
    ["master", "backup"],
  );
  rig.calls.length = 0;
  rig.engine.linksBlinked(new Set([3]));
  assert.deepEqual(rig.calls, []);
  rig.engine.linksBlinked(new Set([2, 3]));
  // Five announcements and the question whether anybody else has the address.
  assert.deepEqual(rig.calls, ["frames 6"]);
  assert.deepEqual(rig.notes, [
    "warning: the carrier of eth0 was away for a moment: still master, addresses announced again",
  ]);
});

test("a rival that deletes an address whenever it appears costs one restore a second and a line a minute", () => {
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  for (let i = 0; i < 10_000; i++) {
    if (rig.held.delete("192.168.1.101/24")) rig.engine.addressGone(2, vip("192.168.1.101/24").prefix);
    rig.runTo(rig.now + 1);
  }
  assert.equal(rig.calls.filter((call) => call === "add 1").length, 11);
  rig.runTo(rig.now + minutes(2));
  const restored = rig.events.flatMap((event) =>
    event.kind === "vrrp-address-restored" ? [event.count] : [],
  );
  assert.deepEqual([restored[0], restored.reduce((sum, count) => sum + count)], [1, 11]);
  assert.equal(restored.length, 2);
});

const SCRIPT: TrackConfig = {
  id: "script:haproxy",
  label: "script haproxy",
  effect: { kind: "weight", weight: -60, reverse: false },
};

test("a track that fails: the next advert leaves at once with the sum, and a peer above it is yielded to", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 150, tracks: [SCRIPT] })], [], {
    tracks: { [SCRIPT.id]: { up: true } },
  });
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: false } });
  assert.deepEqual(rig.calls, ["adverts 90"]);
  const said = rig.events.at(-1);
  assert.ok(said?.kind === "vrrp-priority");
  assert.deepEqual(
    [said.from, said.to, describeSum(said.sum, said.to)],
    [150, 90, "150 base - 60 script haproxy = 90"],
  );
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: false } });
  assert.deepEqual(rig.calls, ["adverts 90"], "the same again changes nothing");
  rig.hear(100);
  assert.equal(rig.engine.status(0)[0]?.state, "backup");
});

test("a track that recovers: the wait of a backup is counted with the new priority", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 150, tracks: [SCRIPT] })], [], {
    tracks: { [SCRIPT.id]: { up: false } },
  });
  rig.hear(100);
  const before = rig.armed!;
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: true } });
  assert.equal(before - rig.armed!, (60 * 1000) / 256);
});

test("an instance waits for the first result of what it follows, and a track without a weight is a fault", () => {
  const rig = new Rig();
  const fatal: TrackConfig = { ...SCRIPT, effect: { kind: "fault" } };
  rig.engine.configure([web(1, { tracks: [fatal] })], []);
  rig.runTo(rig.now + 10_000);
  assert.deepEqual(rig.reasons, []);
  assert.deepEqual(rig.engine.status(0)[0]?.awaited, ["script haproxy"]);
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: true } });
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: false } });
  assert.deepEqual(rig.calls, ["adverts 0", "remove 1"]);
  rig.engine.tracksSeen({ [SCRIPT.id]: { up: true } });
  assert.deepEqual(rig.reasons, ["startup", "no-master-heard", "track-failed", "track-recovered"]);
});

test("a tracked interface is seen by the engine itself", () => {
  const rig = new Rig();
  const uplink = { ...rig.view, index: 5 };
  const real = { ...rig.ports.interfaces };
  Object.assign(rig.ports.interfaces, {
    find: (name: string) => (name === "eth1" ? uplink : real.find(name)),
  });
  const track: TrackConfig = { ...SCRIPT, id: "interface:eth1", label: "interface eth1" };
  rig.engine.configure([web(1, { priority: 150, tracks: [track] })], []);
  rig.runTo(rig.now + 4000);
  uplink.up = false;
  rig.engine.interfacesChanged();
  assert.equal(rig.engine.status(0)[0]?.priority, 90);
});

test("the members of a group follow the tracks of all of them", () => {
  const rig = new Rig();
  const group = { group: "site", priority: 150 };
  rig.engine.configure([web(1, { ...group, tracks: [SCRIPT] }), web(2, group)], [], {
    tracks: { [SCRIPT.id]: { up: false } },
  });
  assert.deepEqual(
    rig.engine.status(0).map(({ priority }) => priority),
    [90, 90],
  );
});

const routing = {
  routes: [
    {
      to: { address: ip("10.1.0.0"), length: 16 },
      type: "unicast" as const,
      hops: [{ via: ip("192.168.1.9"), weight: 1 }],
      table: 254,
    },
  ],
  rules: [{ family: "ipv4" as const, priority: 9, action: "prohibit" as const }],
};
const ROUTE = "route 10.1.0.0/16 via 192.168.1.9";
const RULE = "rule 9: from all prohibit";

test("routes and rules come after the addresses of a new master, and go before them", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { routing })], []);
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.calls.slice(-4), ["adverts 100", "add 1", `add ${ROUTE}, ${RULE}`, "frames 6"]);
  const [done] = rig.events.flatMap((event) =>
    event.kind === "vrrp-transition" && event.to === "master" ? [event.done] : [],
  );
  assert.ok(done?.includes(`added ${ROUTE}`));
  rig.calls.length = 0;
  rig.hear(150);
  assert.deepEqual(rig.calls, ["adverts 100", `remove ${RULE}, ${ROUTE}`, "remove 1"]);
  assert.deepEqual([...rig.routes], []);
});

test("a route that somebody deletes is put back within a second, and said once", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { routing })], []);
  rig.runTo(rig.now + 4000);
  rig.routes.delete(ROUTE);
  rig.runTo(rig.now + 3000);
  assert.deepEqual([...rig.routes], [RULE, ROUTE]);
  assert.deepEqual(rig.notes, [`warning: put ${ROUTE} back, which was not there any more`]);
});

test("a route of somebody else is neither taken for ours nor removed", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { routing })], []);
  const theirs = rig.ports.routing.removeRouting;
  Object.assign(rig.ports.routing, { removeRouting: () => [] });
  rig.routes.add(ROUTE);
  rig.runTo(rig.now + 4000);
  Object.assign(rig.ports.routing, { removeRouting: theirs });
  assert.deepEqual(rig.notes, [
    `error: could not add ${ROUTE}: there is one of somebody else; trying again every second`,
  ]);
});

test("a reload exchanges routes of a master without another transition", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { routing })], []);
  rig.runTo(rig.now + 4000);
  const transitions = rig.reasons.length;
  rig.engine.configure([web(1, { routing: { ...routing, rules: [] } })], []);
  assert.deepEqual([...rig.routes], [ROUTE]);
  rig.engine.configure([web(1)], []);
  assert.deepEqual([...rig.routes], []);
  assert.equal(rig.reasons.length, transitions);
});

test("an excluded address moves and is announced, but no advert has it", () => {
  const rig = new Rig();
  const addresses = [vip("192.168.1.101/24"), { ...vip("10.9.0.1/24"), excluded: true as const }];
  rig.engine.configure([web(1, { addresses })], []);
  rig.runTo(rig.now + 4000);
  assert.deepEqual([...rig.held], ["192.168.1.101/24", "10.9.0.1/24"]);
  assert.equal(rig.calls.at(-1), "frames 12");
  rig.hear(150);
  assert.deepEqual(rig.notes, [], "the peer's advert has the same addresses as ours");
});

test("a master whose adverts are late again and again lowers its priority, and raises it after a calm minute", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 150 })], []);
  rig.runTo(rig.now + 4000);
  for (let i = 0; i < 5; i++) {
    rig.now = rig.armed! + 600;
    rig.engine.wake();
  }
  assert.equal(rig.engine.status(0)[0]?.priority, 1);
  assert.equal(rig.engine.status(0)[0]?.state, "master", "it serves on while there is nobody else");
  assert.ok(
    rig.calls.some((call) => /^adverts .*\b1$/.test(call)),
    "its peers are told at once",
  );
  rig.hear(100);
  assert.equal(rig.engine.status(0)[0]?.state, "backup");
  rig.runTo(rig.now + minutes(1));
  assert.equal(rig.engine.status(0)[0]?.priority, 150);
});

test("a stalled master takes its addresses away before it reads what has come, and sends nothing", () => {
  const rig = new Rig();
  rig.engine.configure([web(1, { priority: 150 })], []);
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.now += 5000;
  rig.hear(100);
  assert.deepEqual(rig.calls, ["remove 1"]);
  assert.deepEqual(rig.reasons.slice(2), ["stalled"]);
});

/** Two instances of one group, on eth0 and eth1. */
function groupRig(priority: number): { rig: Rig; uplink: { up: boolean } } {
  const rig = new Rig();
  const uplink = { ...rig.view, index: 3 };
  const real = { ...rig.ports.interfaces };
  Object.assign(rig.ports.interfaces, {
    find: (name: string) => (name === "eth1" ? uplink : real.find(name)),
  });
  const second = { interface: "eth1", addresses: [vip("192.168.1.102/24", "eth1")] };
  const group = { group: "site", priority };
  rig.engine.configure([web(1, group), web(2, { ...group, ...second })], []);
  return { rig, uplink };
}
const statesOf = (rig: Rig): string[] => rig.engine.status(0).map(({ state }) => state);

test("a group takes over in one wake-up, yields in one, and a silent half does not take it back", () => {
  const { rig } = groupRig(100);
  rig.runTo(rig.now + 3700);
  assert.deepEqual(statesOf(rig), ["master", "master"]);
  assert.ok(rig.calls.includes("adverts 100 100"));
  rig.hear(200);
  assert.deepEqual(statesOf(rig), ["backup", "backup"]);
  for (let i = 0; i < 20; i++) {
    rig.runTo(rig.now + 1000);
    rig.hear(200);
  }
  assert.deepEqual(statesOf(rig), ["backup", "backup"], "although nobody is heard on the second link");
  rig.runTo(rig.now + 3700);
  assert.deepEqual(statesOf(rig), ["master", "master"]);
  const because = rig.reasons.slice(2);
  assert.deepEqual(because, [
    "no-master-heard",
    "group-master",
    "higher-priority",
    "group-backup",
    ...because.slice(4),
  ]);
  assert.ok(because.slice(4).includes("group-master"));
});

test("a member in fault faults its group, which says who; both come back", () => {
  const { rig, uplink } = groupRig(100);
  rig.runTo(rig.now + 3700);
  rig.calls.length = 0;
  uplink.up = false;
  rig.engine.interfacesChanged();
  assert.deepEqual(statesOf(rig), ["fault", "fault"]);
  assert.deepEqual(rig.calls, ["adverts 0", "remove 2"]);
  const last = rig.events.at(-1);
  assert.ok(last?.kind === "vrrp-transition" && last.reason.kind === "group-fault");
  assert.deepEqual([last.reason.group, last.reason.member], ["site", "web2"]);
  uplink.up = true;
  rig.engine.interfacesChanged();
  assert.deepEqual(statesOf(rig), ["backup", "backup"]);
});

test("what is added and taken back in one wake-up is not left behind", () => {
  const { rig, uplink } = groupRig(255);
  uplink.up = false;
  rig.engine.interfacesChanged();
  uplink.up = true;
  rig.engine.interfacesChanged();
  rig.engine.configure(
    [web(1, { group: "site", priority: 255 }), web(3, { group: "site", priority: 255, interface: "eth9" })],
    [],
  );
  assert.deepEqual(statesOf(rig), ["fault", "fault"]);
  assert.deepEqual([...rig.held], []);
});

test("a takeover says whether nobody was heard, or somebody who was not listened to, and so does the status", () => {
  const why = (rig: Rig): VipdEvent | undefined =>
    rig.events.findLast(({ kind }) => kind === "vrrp-transition");
  const silent = new Rig();
  silent.engine.configure([web(1)], []);
  silent.runTo(silent.now + 3700);
  const nobody = why(silent);
  assert.ok(nobody?.kind === "vrrp-transition" && nobody.reason.kind === "no-master-heard");
  assert.equal(nobody.reason.rejected, undefined);
  const rig = new Rig();
  rig.engine.configure([web(1)], []);
  for (let i = 0; i < 4; i++) {
    rig.hear(150, { ttl: 64 });
    rig.runTo(rig.now + 925);
  }
  const heard = why(rig);
  assert.ok(heard?.kind === "vrrp-transition" && heard.reason.kind === "no-master-heard");
  const [rejected, ...more] = heard.reason.rejected ?? [];
  assert.deepEqual([rejected?.kind, rejected?.sender, rejected?.count, more], ["ttl", PEER, 4, []]);
  assert.match(
    describeReason(heard.reason),
    /but 4 adverts from 192\.168\.1\.3 were ignored: TTL 64, not 255/,
  );
  rig.hear(150, { ttl: 64 });
  assert.equal(rig.engine.status(0)[0]?.rejected_now[0]?.count, 1);
  rig.runTo(rig.now + 2000);
  rig.hear(90);
  assert.equal(rig.engine.status(0)[0]?.second_master?.priority, 90);
  rig.runTo(rig.now + 5000);
  const status = rig.engine.status(0)[0];
  assert.deepEqual([status?.second_master, status?.rejected_now], [null, []], "no longer");
});

const linked = (changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  web(1, {
    virtualMac: { name: "vrrp.51", adverts: "virtual" },
    addresses: [vip("192.168.1.101/24", "vrrp.51")],
    ...changes,
  });

test("the virtual link is off until we are master, on before the first advert, and gone after the stop", () => {
  const rig = new Rig();
  rig.engine.configure([linked()], []);
  assert.deepEqual(
    rig.calls.filter((call) => call.includes("vrrp.51")),
    ["ensure vrrp.51 on eth0 with 00:00:5e:00:01:01", "switch vrrp.51 off"],
  );
  rig.calls.length = 0;
  rig.runTo(rig.now + 4000);
  assert.deepEqual(rig.calls.slice(0, 3), ["switch vrrp.51 on", "adverts 100", "add 1"]);
  assert.deepEqual([...rig.sentOn], [7]);
  rig.engine.interfacesChanged();
  assert.ok(!rig.calls.some((call) => call.startsWith("ensure")), "the kernel is not asked again");
  rig.calls.length = 0;
  rig.hear(150);
  assert.deepEqual(rig.calls, ["adverts 100", "remove 1", "switch vrrp.51 off"]);
  rig.calls.length = 0;
  rig.engine.stop(false);
  assert.deepEqual(rig.calls, ["remove vrrp.51"]);
});

test("adverts with the interface's MAC address leave from the interface", () => {
  const rig = new Rig();
  rig.engine.configure([linked({ virtualMac: { name: "vrrp.51", adverts: "interface" } })], []);
  rig.runTo(rig.now + 4000);
  assert.deepEqual([...rig.sentOn], [2]);
});

test("without its link an instance is in fault until it can be had", () => {
  const rig = new Rig();
  rig.refuseLink = "there is another interface vrrp.51, which is not vipd's";
  rig.engine.configure([linked()], []);
  assert.deepEqual(rig.reasons, ["no-virtual-link"]);
  rig.refuseLink = undefined;
  rig.engine.interfacesChanged();
  assert.deepEqual(rig.reasons, ["no-virtual-link", "interface-usable"]);
});

test("a reload to another virtual link, or to none, makes another virtual router of it", () => {
  const rig = new Rig();
  rig.engine.configure([linked()], []);
  rig.runTo(rig.now + 4000);
  rig.calls.length = 0;
  rig.engine.configure([web(1)], []);
  assert.ok(rig.calls.includes("remove vrrp.51"));
  assert.equal(rig.reasons.at(-1), "startup");
});

/** Two engines on one host: what is handed over travels as JSON between their processes. */
function handedOver(old: Rig, keeps: readonly string[], instances: readonly InstanceConfig[]): Rig {
  const next = new Rig();
  next.now = old.now;
  for (const address of old.held) next.held.add(address);
  for (const route of old.routes) next.routes.add(route);
  next.engine.prepare(instances);
  assert.equal(next.armed, undefined);
  next.calls.length = 0;
  const handed = JSON.parse(JSON.stringify(old.engine.handOver(new Set(keeps)))) as Handed;
  next.now += 2;
  assert.equal(next.engine.takeOver(handed), 2);
  return next;
}

test("a successor goes on at the same deadlines, and touches neither addresses nor routes", () => {
  const old = new Rig();
  const routing = { routes: [], rules: [] };
  const instances = [web(1, { routing }), web(2, { priority: 90 })];
  old.engine.configure(instances, []);
  // Somebody else is master of the second.
  for (let i = 0; i < 10; i++) {
    old.runTo(old.now + 500);
    old.hear(120, { id: 2 });
  }
  const statusOf = (rig: Rig): unknown => rig.engine.status(0).map((one) => ({ ...one, since: 0 }));
  const before = statusOf(old);
  const due = old.armed;
  const next = handedOver(old, ["web1", "web2"], instances);
  next.now -= 2;
  assert.deepEqual(statusOf(next), before);
  assert.deepEqual([next.armed, old.armed], [due, undefined]);
  assert.deepEqual(next.calls, []);
  next.runTo(due ?? 0);
  assert.deepEqual(next.calls, ["adverts 100"]);
  // The silence of the other master counts from the last advert that the old process heard.
  assert.equal(next.engine.status(0)[1]?.state, "backup");
  next.runTo(next.now + 4000);
  assert.equal(next.engine.status(0)[1]?.state, "master");
  assert.deepEqual(next.reasons, ["master-silent"]);
  // The old process hears and sends nothing any more, and leaves at its stop what is the other's.
  old.calls.length = 0;
  old.runTo(old.now + 5000);
  old.hear(200);
  old.engine.stop(false);
  assert.deepEqual(old.calls, []);
});

test("what is not handed over ends in the old process and begins in the new one", () => {
  const old = new Rig();
  old.engine.configure([web(1), web(2)], []);
  old.runTo(old.now + 5000);
  const next = handedOver(old, ["web1"], [web(1), web(3)]);
  assert.deepEqual(
    next.engine.status(0).map(({ instance: name, state }) => `${name} ${state}`),
    ["web1 master", "web3 backup"],
  );
  old.calls.length = 0;
  old.engine.stop(false);
  assert.deepEqual(old.calls, ["adverts 0", "remove 1"]);
});

test("an instance that is configured otherwise goes on, and is changed as by a reload", () => {
  const old = new Rig();
  old.engine.configure([web(1)], []);
  old.runTo(old.now + 5000);
  const other = web(1, { priority: 150, addresses: [vip("192.168.1.201/24")] });
  const next = handedOver(old, ["web1"], [other]);
  assert.deepEqual(next.reasons, []);
  assert.ok(next.calls.includes("adverts 150"), next.calls.join());
  assert.deepEqual([...next.held], ["192.168.1.201/24"]);
});

test("a successor refuses recorded adverts that its predecessor has heard, and makes its first signature before it is due", () => {
  const auth = hmac({ antiReplay: "monotonic" });
  const instances = [web(1, { auth })];
  const hear = (rig: Rig, sequence: bigint): void => {
    const advert = {
      version: 3,
      virtualRouterId: 1,
      priority: 150,
      interval: seconds(1),
      addresses: [ip("192.168.1.101")],
    } as const;
    const message = encodeAdvert(advert, { source: PEER, destination: GROUP }, "rfc5798");
    const bytes = new Uint8Array(message.length + TRAILER_LENGTH);
    bytes.set(message);
    const keys = new Map(auth.keys.map(({ id, hex }) => [id, fromHex(hex)]));
    sealAdvert(bytes, PEER, { keys, hmacSha256 }, auth.send, sequence);
    const packet = ipPacket(bytes, { source: PEER });
    rig.engine.receive(packet, packet.length, 2);
    rig.engine.received();
  };
  const old = new Rig();
  old.engine.configure(instances, []);
  hear(old, 7n);
  const next = handedOver(old, ["web1"], instances);
  assert.equal(next.signatures, 1);
  hear(next, 7n);
  assert.deepEqual(next.engine.status(0)[0]?.rejected, { replay: 1 });
  hear(next, 8n);
  assert.deepEqual(next.engine.status(0)[0]?.rejected, { replay: 1 });
});

test("without a successor after all, the old process goes on where it was", () => {
  const old = new Rig();
  old.engine.configure([web(1)], []);
  old.runTo(old.now + 5000);
  const due = old.armed;
  old.engine.handOver(new Set(["web1"]));
  old.now += 5;
  old.calls.length = 0;
  old.engine.takeBack();
  assert.equal(old.armed, due);
  assert.equal(old.engine.status(0)[0]?.state, "master");
  old.engine.stop(false);
  assert.deepEqual(old.calls, ["adverts 0", "remove 1"]);
});
