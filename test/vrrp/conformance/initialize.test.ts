// The state Initialize (I01 to I04).

import assert from "node:assert/strict";
import { milliseconds } from "../../../src/core/units.js";
import { nextDeadline, step } from "../../../src/vrrp/machine.js";
import { EngineRig } from "../../director/engine-rig.js";
import { instance, machineConfig, vip } from "../ip-packet.js";
import { advert, at, DEADLINE, INITIALIZE, kinds, STOP, T0 } from "../stepping.js";
import { item } from "./item.js";

item("I01", "advert, addresses, announcement, and the next advert an interval later", () => {
  const config = machineConfig({ priority: 255, advertInterval: milliseconds(1000) });
  const result = step(config, INITIALIZE, { kind: "start" }, T0);
  assert.equal(result.state.kind, "master");
  assert.deepEqual(kinds(result), ["send-advert", "add-addresses", "announce"]);
  assert.deepEqual(result.actions[0], { kind: "send-advert", priority: 255 });
  assert.deepEqual(result.reason, { kind: "owner-startup" });
  const due = nextDeadline(result.state)!;
  assert.ok(due > T0 && due <= at(1000));
});
item("I02", "it sends nothing, and is master after 3.609 s of silence", () => {
  const config = machineConfig();
  const result = step(config, INITIALIZE, { kind: "start" }, T0);
  assert.equal(result.state.kind, "backup");
  assert.deepEqual(result.actions, []);
  assert.equal(nextDeadline(result.state), at(3609.375));
  assert.equal(step(config, result.state, DEADLINE, at(3609.375)).state.kind, "master");
});
item(
  "I03",
  "the kernel joins the group as it takes the address, and only then the address is announced",
  () => {
    const rig = new EngineRig();
    const addresses = [vip("fe80::1/64"), vip("2001:db8::1/64")];
    rig.engine.configure([instance({ family: "ipv6", priority: 255, addresses })], []);
    assert.deepEqual(rig.log.slice(0, 3), ["advert 255", "add fe80::1 2001:db8::1", "announce"]);
  },
);
item("I04", "adverts, deadlines, links and a stop leave it as it is", () => {
  for (const event of [advert(0), advert(50), DEADLINE, STOP, { kind: "link-up" }] as const)
    assert.deepEqual(step(machineConfig(), INITIALIZE, event, T0), { state: INITIALIZE, actions: [] });
});
