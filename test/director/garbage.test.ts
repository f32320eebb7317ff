// What the engine leaves to the garbage collector for each advert that it refuses, or hears again: whoever floods the
// link must not decide how often this process stops to collect. Bounds are twice to thrice of what was measured.

import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { encodeAdvert, TRAILER_LENGTH, VRRP_GROUPS, type Advert } from "../../src/vrrp/packet.js";
import { hmac, instance, ipPacket, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const PLAIN = 51;
const PASSWORD = 52;
const HMAC = 53;
const SIX = 54;
const WARM = 3000;
/** Adverts; a run is over before the young generation is full, also with garbage by the ten thousand bytes. */
const SHORT = 10;
const RUNS = 401;
const MANY = 100_000;

const four = { source: ip("192.168.1.9"), destination: VRRP_GROUPS.ipv4 };
const six = { source: ip("fe80::9"), destination: VRRP_GROUPS.ipv6 };
const advert = (virtualRouterId: number, changes: Partial<Advert> = {}): Advert => ({
  version: 3,
  virtualRouterId,
  priority: 150,
  interval: seconds(1),
  addresses: [ip("192.168.1.66")],
  ...changes,
});
const message = (id: number, changes?: Partial<Advert>): Uint8Array =>
  encodeAdvert(advert(id, changes), four, "rfc5798");
const edited = (bytes: Uint8Array, at: number, value: number): Uint8Array => bytes.with(at, value);
const signed = (trailer: readonly number[]): Uint8Array =>
  Buffer.concat([message(HMAC), Uint8Array.from({ length: TRAILER_LENGTH }, (_, i) => trailer[i] ?? 9)]);
const packet = (payload: Uint8Array, ttl = 255): Uint8Array => ipPacket(payload, { ...four, ttl });
const packet6 = (payload: Uint8Array): Uint8Array => ipPacket(payload, six);

const REFUSED: Readonly<Record<string, Uint8Array>> = {
  ttl: packet(message(PLAIN), 64),
  checksum: packet(edited(message(PLAIN), 6, 0)),
  type: packet(edited(message(PLAIN), 0, 0x32)),
  version: packet(edited(message(PLAIN), 0, 0x41)),
  short: packet(message(PLAIN).subarray(0, 10)),
  password: packet(message(PASSWORD, { version: 2 })),
  unsigned: packet(message(HMAC)),
  "unknown scheme": packet(signed([0, 0, 0, 0])),
  stale: packet(signed([1, 1, 0, 0])),
  "checksum over IPv6": packet6(
    edited(encodeAdvert(advert(SIX, { addresses: [ip("fe80::66")] }), six, "rfc5798"), 6, 0),
  ),
};
const all255 = Array.from({ length: 255 }, (_, i) => ip(`192.168.2.${i}`));
/** Nobody obeys it, and still it is said what is odd about it. */
const ODD = packet(message(PLAIN, { priority: 1, addresses: all255 }));

function director(): { rig: EngineRig; hear: (bytes: Uint8Array) => void } {
  const rig = new EngineRig();
  rig.engine.configure(
    [
      instance({ name: "plain", virtualRouterId: PLAIN, addresses: [vip("192.168.1.11/24")] }),
      instance({
        name: "password",
        virtualRouterId: PASSWORD,
        version: 2,
        addresses: [vip("192.168.1.12/24")],
        auth: { kind: "password", password: "s3cret-7" },
      }),
      instance({
        name: "hmac",
        virtualRouterId: HMAC,
        addresses: [vip("192.168.1.13/24")],
        auth: hmac(),
      }),
      instance({ name: "six", family: "ipv6", virtualRouterId: SIX, addresses: [vip("fe80::1/64")] }),
    ],
    [],
  );
  const hear = (bytes: Uint8Array): void => rig.engine.receive(bytes, bytes.length, 2);
  return { rig, hear };
}

/** The median over many short runs in which nothing was collected. */
function bytesFor(work: () => void): number {
  for (let i = 0; i < WARM; i++) work();
  const grown: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const before = getHeapStatistics().used_heap_size;
    for (let i = 0; i < SHORT; i++) work();
    const more = (getHeapStatistics().used_heap_size - before) / SHORT;
    if (more > 0) grown.push(more);
  }
  assert.ok(grown.length > RUNS / 4, `collected in all but ${grown.length} of ${RUNS} runs`);
  return grown.sort((a, b) => a - b)[grown.length >> 1]!;
}

/** What has survived it is of the old generation. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) collect();
}

const oldGeneration = (): number =>
  getHeapSpaceStatistics()
    .filter(({ space_name }) => !space_name.startsWith("new_"))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);

test("a refused advert leaves little garbage, whatever it is refused for", () => {
  const { rig, hear } = director();
  const kinds = Object.entries(REFUSED);
  const garbage = kinds.map(([, bytes]) => bytesFor(() => hear(bytes)));
  const said = kinds.map(([what], i) => `${what}: ${garbage[i]!.toFixed(0)} bytes`).join(", ");
  assert.ok(garbage.reduce((sum, one) => sum + one, 0) / kinds.length < 1000, said);
  assert.ok(Math.max(...garbage) < 2000, said);
  const refused = rig.engine
    .status(0)
    .flatMap(({ rejected }) => Object.values(rejected))
    .reduce((sum, count) => sum + count, 0);
  assert.equal(refused, kinds.length * (WARM + SHORT * RUNS), "all of them were refused");
});

test("of an advert's 255 addresses, of which none is ours, no more are read than are named", () => {
  const { rig, hear } = director();
  const garbage = bytesFor(() => hear(ODD));
  assert.ok(garbage < 6000, `${garbage.toFixed(0)} bytes for each`);
  const oddities = rig.engine.status(0).flatMap((one) => one.oddities);
  assert.match(oddities.join(), /192\.168\.2\.0, 192\.168\.2\.1, 192\.168\.2\.2 and 252 more/);
});

test("neither a flood of them nor an advert that repeats the last one fills the old generation", () => {
  const { rig, hear } = director();
  const good = packet(message(PLAIN, { addresses: [ip("192.168.1.11")] }));
  const mixed = [...Object.values(REFUSED), ODD, good];
  const feed = (count: number): void => {
    for (let i = 0; i < count; i++) {
      hear(mixed[i % mixed.length]!);
      // A wake-up for each is the usual case.
      rig.engine.received();
    }
  };
  feed(WARM);
  collectGarbage();
  const before = oldGeneration();
  feed(MANY);
  const grown = (oldGeneration() - before) / MANY;
  assert.ok(grown < 60, `${grown.toFixed(0)} bytes for each`);
  assert.equal(rig.states()["plain"], "backup");
});
