// An instance of priority 255 says that the addresses are this host's own: what is said where they are not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const warnings = ({ events }: EngineRig): string[] =>
  events.flatMap((event) =>
    event.kind === "vrrp-note" && event.level === "warning" ? [`${event.instance}: ${event.text}`] : [],
  );

test("an owner whose interface does not have the address at the start is doubted, and is master all the same", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance({ priority: 255 })], []);
  assert.deepEqual(warnings(rig), [
    "web: priority 255 says that 192.168.1.1 is this host's own, and eth0 does not have it: it is added, and taken from " +
      "any other master whatever `preempt` says; use a priority from 1 to 254 unless it is",
  ]);
  assert.deepEqual(rig.states(), { web: "master" });
});

test("one whose interface has it is not, nor is a director that claims to own nothing", () => {
  const owner = new EngineRig();
  owner.view.addresses.push({ address: ip("192.168.1.1"), length: 24 });
  owner.engine.configure([instance({ priority: 255 })], []);
  assert.deepEqual([warnings(owner), owner.states()], [[], { web: "master" }]);
  const other = new EngineRig();
  other.engine.configure([instance({ priority: 254, addresses: [vip("192.168.1.9/24")] })], []);
  assert.deepEqual([warnings(other), other.states()], [[], { web: "backup" }]);
});
