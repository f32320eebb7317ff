// The second path of an instance in the engine: an interface that is missing, deleted and made again, what goes to a
// successor, adverts of ours that come back, and the numbers of signed adverts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceStatus } from "../../src/control/ipc.js";
import { Authenticator, type AdvertPath } from "../../src/director/vrrp-authenticator.js";
import { hmacSha256 } from "../../src/linux/hmac.js";
import type { InterfaceView } from "../../src/ports/vrrp.js";
import { TRAILER_LENGTH } from "../../src/vrrp/packet.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const FOUR = instance({ secondPath: "eth1" });
const ON_SECOND = { source: "10.0.0.3", ifindex: 3 };

function view(rig: EngineRig, index: number, changes: Partial<InterfaceView> = {}): InterfaceView {
  return { ...rig.view, index, addresses: [{ address: ip("10.0.0.2"), length: 24 }], ...changes };
}

function rigged(): EngineRig {
  const rig = new EngineRig();
  rig.others.set("eth1", view(rig, 3));
  return rig;
}

const statusOf = (rig: EngineRig): InstanceStatus =>
  rig.engine.status(rig.now)[0] ?? assert.fail("no instance");
const said = (rig: EngineRig): string[] =>
  rig.events.flatMap((event) => (event.kind === "vrrp-second-path" ? [`${event.what} ${event.detail}`] : []));
const sources = (rig: EngineRig): string[] => rig.sent.splice(0).map(({ source }) => source);

test("an interface that is missing at the start or deleted later is no fault; made again, it is joined again", () => {
  const rig = new EngineRig();
  rig.engine.configure([FOUR], []);
  rig.takeOver();
  assert.equal(statusOf(rig).state, "master");
  assert.deepEqual(said(rig), ["unusable there is no interface eth1"]);
  assert.deepEqual(sources(rig), ["192.168.1.2"]);
  rig.others.set("eth1", view(rig, 3));
  rig.engine.interfacesChanged();
  rig.run(seconds(1));
  assert.deepEqual(sources(rig), ["192.168.1.2", "10.0.0.2"]);
  rig.others.delete("eth1");
  rig.engine.interfacesChanged();
  rig.others.set("eth1", view(rig, 7));
  rig.engine.interfacesChanged();
  assert.deepEqual(rig.joined, ["join 2 ipv4", "join 3 ipv4", "leave 3 ipv4", "join 7 ipv4"]);
  rig.hearFour({ ...ON_SECOND, ifindex: 3 });
  assert.equal(statusOf(rig).state, "master", "the old one is nobody's");
  rig.hearFour({ ...ON_SECOND, ifindex: 7 });
  assert.equal(statusOf(rig).state, "backup");
  assert.deepEqual(said(rig), [
    "unusable there is no interface eth1",
    "usable ",
    "unusable there is no interface eth1",
    "usable ",
  ]);
});

test("why it cannot be used is told for each reason, and the instance leaves its group when it ends", () => {
  const rig = rigged();
  rig.engine.configure([FOUR], []);
  for (const changes of [{ up: false }, { multicast: false }, { addresses: [] }]) {
    rig.others.set("eth1", view(rig, 3, changes));
    rig.engine.interfacesChanged();
  }
  assert.deepEqual(said(rig), [
    "unusable eth1 is down",
    "unusable eth1 has no multicast",
    "unusable eth1 has no IPv4 address to send from",
  ]);
  rig.engine.configure([], []);
  assert.deepEqual(rig.joined.slice(2), ["leave 3 ipv4", "leave 2 ipv4"]);
});

test("an upgrade hands over that the master is heard there alone, and it is not said again", () => {
  const before = rigged();
  before.engine.configure([FOUR], []);
  for (let i = 0; i < 8; i++) {
    before.run(milliseconds(900));
    before.hearFour(ON_SECOND);
  }
  assert.deepEqual(said(before), ["alone "]);
  const handed = before.engine.handOver(new Set(["web"]));
  const after = rigged();
  after.now = before.now;
  after.engine.prepare([FOUR]);
  after.engine.takeOver(structuredClone(handed));
  for (let i = 0; i < 8; i++) {
    after.run(milliseconds(900));
    after.hearFour(ON_SECOND);
  }
  const { state, second_path: second } = statusOf(after);
  assert.deepEqual([state, second?.alone, second?.adverts_received], ["backup", true, 16]);
  assert.deepEqual(said(after), []);
  after.hearFour();
  assert.deepEqual(said(after), ["both "]);
});

test("what a program without the option hands over is gone on with", () => {
  const before = rigged();
  before.engine.configure([instance()], []);
  before.takeOver();
  const handed = before.engine.handOver(new Set(["web"]));
  const after = rigged();
  after.now = before.now;
  after.engine.prepare([FOUR]);
  after.engine.takeOver(structuredClone(handed));
  assert.equal(statusOf(after).state, "master");
  after.run(seconds(1));
  assert.deepEqual(sources(after).slice(0, 2), ["192.168.1.2", "10.0.0.2"]);
});

test("two paths that somebody has joined bring our own adverts back, and nobody yields to himself", () => {
  const rig = rigged();
  rig.others.set("eth1", view(rig, 3, { addresses: [{ address: ip("192.168.1.200"), length: 24 }] }));
  rig.engine.configure([FOUR], []);
  rig.takeOver();
  for (let i = 0; i < 5; i++) {
    rig.run(seconds(1));
    rig.hearFour({ priority: 100, source: "192.168.1.200" });
    rig.hearFour({ priority: 100, source: "192.168.1.2", ifindex: 3 });
  }
  assert.equal(statusOf(rig).state, "master");
  rig.hearFour({ source: "192.168.1.3", ifindex: 3 });
  assert.equal(statusOf(rig).state, "backup", "somebody else's counts");
});

test("an advert that cannot be sent on the second path was sent, and the interface is named", () => {
  const rig = rigged();
  rig.engine.configure([FOUR], []);
  rig.takeOver();
  const { bytes } = rig.sent.at(-1) ?? assert.fail("nothing was sent");
  rig.engine.advertFailed(3, "ipv4", bytes, "ENETUNREACH");
  const { adverts_sent: sent, send_failed: failed, second_path: second } = statusOf(rig);
  assert.deepEqual([sent, failed, second?.adverts_sent], [1, 1, 0]);
  rig.engine.advertFailed(2, "ipv4", bytes, "ENETUNREACH");
  assert.equal(statusOf(rig).adverts_sent, 0);
});

test("what is said of a sender that is refused on both paths is of the path that is named", () => {
  const rig = rigged();
  rig.engine.configure([instance({ secondPath: "eth1", otherAddresses: "refuse" })], []);
  for (let i = 0; i < 2; i++) {
    rig.hearFour({ source: "10.0.0.3", addresses: ["10.0.0.8"] });
    rig.hearFour({ ...ON_SECOND, addresses: ["10.0.0.9"] });
  }
  rig.run(seconds(70));
  const refused = rig.events.flatMap((event) =>
    event.kind === "vrrp-rejected" ? [`${event.interface} ${event.count} ${event.detail}`] : [],
  );
  const [one, two] = [8, 9].map((last, i) => `eth${i} 1 the addresses 10.0.0.${last}, not 192.168.1.1`);
  assert.deepEqual(refused, [one, two, one, two]);
});

test("over IPv6 adverts come from the link-local address of the second interface", () => {
  const rig = rigged();
  rig.others.set("eth1", view(rig, 3, { addresses: [{ address: ip("fe80::b"), length: 64 }] }));
  rig.engine.configure(
    [instance({ family: "ipv6", addresses: [vip("fe80::1/64")], secondPath: "eth1" })],
    [],
  );
  rig.takeOver();
  assert.deepEqual(sources(rig), ["fe80::2", "fe80::b"]);
  rig.hear(150, { ifindex: 3 });
  assert.equal(statusOf(rig).state, "backup");
});

test("a number that was accepted on one path is a copy on the other, once, and an older one a repetition on both", () => {
  const clock = { utc: () => 1_900_000_000_000, sha256: hmacSha256 };
  const sender = new Authenticator(clock, hmac());
  const receiver = new Authenticator(clock, hmac());
  // The interfaces of VLANs have one link-local address.
  const source = ip("fe80::7");
  const message = Uint8Array.of(0x31, 51, 150, 1, 0, 100, 0, 0, ...new Array<number>(16).fill(1));
  const signed = (): Uint8Array => {
    const bytes = new Uint8Array(message.length + TRAILER_LENGTH);
    bytes.set(message);
    sender.sign(source, [bytes]);
    return bytes;
  };
  const judge = (bytes: Uint8Array, path: AdvertPath): string =>
    receiver.verify(bytes, source, path)?.kind ?? "accepted";
  const [one, two, three] = [signed(), signed(), signed()];
  assert.deepEqual([judge(one, "first"), judge(one, "second")], ["accepted", "accepted"]);
  assert.deepEqual([judge(one, "first"), judge(one, "second")], ["replay", "replay"]);
  assert.deepEqual(
    [judge(two, "second"), judge(two, "second"), judge(two, "first")],
    ["accepted", "replay", "accepted"],
  );
  assert.deepEqual(
    [judge(three, "first"), judge(two, "second"), judge(three, "second")],
    ["accepted", "replay", "accepted"],
  );
  const copy = three.slice();
  sender.signAgain(source, [copy]);
  assert.deepEqual(copy, three, "the second path's copy has the same number");
  const successor = new Authenticator(clock, hmac());
  successor.recall({ instance: "web", ...receiver.sequences() });
  assert.equal(successor.verify(three, source, "second")?.kind, "replay");
});
