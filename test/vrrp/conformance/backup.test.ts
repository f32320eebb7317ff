// The state Backup (B01 to B13). What a host answers for an address it does not have is the kernel's matter: these
// tests show that a backup has none of its addresses, wire.netns.test.ts that the kernel then is silent.

import assert from "node:assert/strict";
import { ipFromBytes } from "../../../src/core/address.js";
import { toHex } from "../../../src/core/bytes.js";
import { seconds } from "../../../src/core/units.js";
import { nextDeadline, step } from "../../../src/vrrp/machine.js";
import type { BackupState, MachineConfig, Step } from "../../../src/vrrp/state.js";
import { EngineRig } from "../../director/engine-rig.js";
import { instance, machineConfig, vip } from "../ip-packet.js";
import { advert, at, backup, DEADLINE, INITIALIZE, kinds, M, master, PEER, STOP } from "../stepping.js";
import { item } from "./item.js";

const SIX = { family: "ipv6", addresses: [vip("fe80::1/64"), vip("2001:db8::1/64")] } as const;

/** All that a backup does while it hears a master. */
function whileBackup(config: MachineConfig): string[] {
  let state: Step["state"] = backup(config);
  const done: string[] = [];
  for (let ms = 0; ms < 20_000; ms += 500) {
    for (const event of [advert(150), DEADLINE]) {
      const result = step(config, state, event, at(ms));
      state = result.state;
      done.push(...kinds(result));
    }
  }
  assert.equal(state.kind, "backup");
  return done;
}

item("B01", "a master that becomes backup gives its addresses up, and a backup never takes one", () => {
  const yielded = step(machineConfig(), master(machineConfig()), advert(200), M);
  const { addresses } = machineConfig();
  assert.deepEqual(yielded.actions.at(-1), { kind: "remove-addresses", addresses });
  assert.deepEqual(whileBackup(machineConfig()), []);
});
item("B02", "a master that becomes backup gives its IPv6 addresses up, and a backup never takes one", () => {
  const config = machineConfig(SIX);
  const yielded = step(config, master(config), advert(200), M);
  assert.deepEqual(yielded.actions.at(-1), { kind: "remove-addresses", addresses: SIX.addresses });
  assert.deepEqual(whileBackup(config), []);
});
item("B03", "a backup sends no frame at all, and no state sends a router advertisement", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance(SIX)], []);
  rig.hear(150);
  assert.deepEqual(rig.frames, []);
  rig.takeOver();
  const types = new Set(rig.frames.map(({ bytes }) => bytes[54]));
  assert.deepEqual([...types], [136, 135], "neighbour advertisements and solicitations alone");
});
item("B05", "none of them is a local address of a backup: it never takes one", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance(SIX), instance({ name: "four" })], []);
  rig.hear(150);
  assert.deepEqual(rig.log, []);
});
item("B06", "no advert, no timer, Initialize", () => {
  const result = step(machineConfig(), backup(machineConfig()), STOP, at(0));
  assert.deepEqual(result.state, INITIALIZE);
  assert.deepEqual(result.actions, []);
  assert.equal(nextDeadline(result.state), undefined);
});
item("B07", "not a moment earlier; advert first, then the addresses, then the announcement of each", () => {
  const config = machineConfig();
  const state = backup(config, advert(150));
  assert.equal(step(config, state, DEADLINE, at(3609.37)).state, state);
  const result = step(config, state, DEADLINE, at(3609.375));
  assert.deepEqual(result.actions, [
    { kind: "send-advert", priority: 100 },
    { kind: "add-addresses", addresses: config.addresses },
    { kind: "announce", addresses: config.addresses, repeat: 5 },
  ]);
  assert.equal(result.state.kind, "master");
  assert.deepEqual(result.reason, {
    kind: "master-silent",
    master: PEER,
    master_priority: 150,
    silence_ms: 3609.375,
  });
});
item(
  "B08",
  "the address comes first, with it the group; then to ff02::1 for each address, with the MAC address",
  () => {
    const rig = new EngineRig();
    rig.engine.configure([instance(SIX)], []);
    rig.takeOver();
    assert.deepEqual(rig.log.slice(0, 3), ["advert 100", "add fe80::1 2001:db8::1", "announce"]);
    const [first, second] = rig.frames.map(({ bytes }) => bytes.subarray(38));
    for (const [bytes, target] of [
      [first, "fe80::1"],
      [second, "2001:db8::1"],
    ] as const) {
      assert.ok(bytes);
      assert.equal(ipFromBytes(bytes.subarray(0, 16)), "ff02::1");
      assert.equal(bytes[16], 136);
      assert.equal(toHex(bytes.subarray(20, 24)), "a0000000");
      assert.equal(ipFromBytes(bytes.subarray(24, 40)), target);
      assert.equal(toHex(bytes.subarray(40, 48)), "0201020000000001");
    }
  },
);
item("B09", "and more of them do not prolong it", () => {
  const config = machineConfig();
  const resigned = step(config, backup(config, advert(150)), advert(0), at(100)).state as BackupState;
  assert.equal(resigned.masterDownAt, at(100 + 609.375));
  const again = step(config, resigned, advert(0), at(300)).state;
  assert.equal(nextDeadline(again), at(100 + 609.375));
  const result = step(config, again, DEADLINE, at(709.375));
  assert.deepEqual(result.reason, { kind: "master-resigned", master: PEER, waited_ms: 409.375 });
});
item("B10", "equal, higher, and the owner's; version 2 keeps its own interval", () => {
  for (const priority of [100, 101, 255]) {
    const heard = step(machineConfig(), backup(machineConfig()), advert(priority, PEER, seconds(2)), at(500));
    assert.equal(nextDeadline(heard.state), at(500 + 3 * 2000 + 2 * 609.375));
  }
  const two = machineConfig({ version: 2 });
  assert.equal(nextDeadline(step(two, backup(two), advert(100), at(500)).state), at(4109.375));
});
item("B11", "even of priority 1", () => {
  const config = machineConfig({ preempt: false });
  assert.equal(nextDeadline(step(config, backup(config), advert(1), at(500)).state), at(4109.375));
});
item("B12", "and at its end the lower master is preempted", () => {
  const config = machineConfig();
  const heard = step(config, backup(config), advert(99), at(500)).state;
  assert.equal(nextDeadline(heard), at(3609.375));
  const result = step(config, heard, DEADLINE, at(3610));
  assert.deepEqual(result.reason, {
    kind: "preempted-lower",
    master: PEER,
    master_priority: 99,
    own_priority: 100,
  });
});
item("B13", "from 1 s to 10 s, and back", () => {
  const config = machineConfig();
  let state: Step["state"] = backup(config, advert(150));
  assert.equal(nextDeadline(state), at(3609.375));
  state = step(config, state, advert(150, PEER, seconds(10)), at(1000)).state;
  assert.equal(nextDeadline(state), at(1000 + 36_093.75));
  state = step(config, state, advert(150), at(11_000)).state;
  assert.equal(nextDeadline(state), at(11_000 + 3609.375));
});
