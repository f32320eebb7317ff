// Runs takeovers that nobody sees, so that the real one does not meet code that was never run: V8 compiles a
// function when it is first called, which made the first takeover three times as slow as the second (1.6 ms
// to the first announcement, measured, against 0.5 ms). Adverts, addresses and announcements are ordered from the real
// kernel, on an interface that cannot exist, and so go nowhere: forty refusals that an audit log may show. A turn of the
// loop for each round, so that adverts of a resumed master are not held up.

import { ip, type MacAddress } from "../core/address.js";
import { instant, milliseconds } from "../core/units.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { VrrpEngine } from "./vrrp-engine.js";

const ROUNDS = 40;
const INTERFACE = "rehearsal";
/** The kernel counts interfaces from 1 up, and refuses this one with ENODEV. */
const NO_INTERFACE = 0x7fffffff;

const config: InstanceConfig = {
  name: "rehearsal",
  interface: INTERFACE,
  family: "ipv4",
  virtualRouterId: 1,
  version: 3,
  priority: 100,
  advertInterval: milliseconds(100),
  preempt: true,
  preemptDelay: milliseconds(0),
  startDelay: milliseconds(0),
  lowerPrioNoAdvert: false,
  accept: true,
  addresses: [{ prefix: { address: ip("192.0.2.1"), length: 24 }, interface: INTERFACE }],
  otherAddresses: "accept",
  checksum: "rfc5798",
  announce: { repeat: 5, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
  tracks: [],
};

/** What is on the way from a deadline to an announcement and can be the kernel's own. */
type Real = Pick<VrrpPorts, "addresses" | "link" | "neighbours">;

export function rehearse(real: Real, done: () => void = () => undefined, rounds = ROUNDS): void {
  takeOver(real);
  if (rounds > 1) setImmediate(() => rehearse(real, done, rounds - 1));
  else done();
}

/** From the start over the takeover and one periodic advert to the clean stop. */
function takeOver(real: Real): void {
  let now = 0;
  const engine = new VrrpEngine(idlePorts(real, () => now));
  engine.configure([config], []);
  for (const at of [400, 500, 600]) {
    now = at;
    engine.wake();
  }
  engine.stop(false);
}

function idlePorts(real: Real, now: () => number): VrrpPorts {
  const view = {
    index: NO_INTERFACE,
    up: true,
    multicast: true,
    mac: "02:00:00:00:00:01" as MacAddress,
    addresses: [{ address: ip("192.0.2.2"), length: 24 }],
  };
  const nothing = (): undefined => undefined;
  return {
    clock: { now: () => instant(now()) },
    hmac: { utc: now, sha256: (key) => key },
    wakeup: { arm: nothing },
    link: {
      join: nothing,
      leave: nothing,
      setVirtualRouters: nothing,
      queue: (ifindex, source, destination, bytes) => real.link.queue(ifindex, source, destination, bytes),
      flush: () => real.link.flush(),
      receive: nothing,
    },
    neighbours: { announce: (frames) => real.neighbours.announce(frames), watch: nothing },
    addresses: real.addresses,
    virtualLinks: { ensure: nothing, switch: nothing, remove: nothing },
    packetFilter: { refuse: nothing, remove: nothing, isWhole: () => true },
    routing: { addRouting: () => [], removeRouting: () => [] },
    interfaces: { find: () => view, has: () => true },
    report: nothing,
    ownerAdded: nothing,
  };
}
