// `accept: false` in the engine: the refusal is there before the addresses and goes after them; without it no mastership.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const VIPS = ["192.168.1.100", "192.168.1.101"];
const web = (accept: boolean, priority = 100) =>
  instance({ accept, priority, addresses: VIPS.map((one) => vip(`${one}/24`)) });

test("an instance that accepts has no table, and a predecessor's goes at the start", () => {
  const rig = new EngineRig();
  rig.isTableThere = true;
  rig.engine.configure([web(true)], []);
  rig.takeOver();
  rig.engine.stop(false);
  assert.deepEqual(
    rig.log.filter((line) => line.startsWith("refuse")),
    ["refuse nothing"],
  );
});

test("packets are refused before the addresses are there, until they are gone", () => {
  const rig = new EngineRig();
  rig.engine.configure([web(false)], []);
  rig.takeOver();
  rig.engine.configure([], []);
  const kinds = rig.log.filter((line) => /^(add|remove|refuse)/.test(line));
  assert.deepEqual(kinds, [
    `refuse ${VIPS.join(" ")}`,
    `add ${VIPS.join(" ")}`,
    `remove ${VIPS.join(" ")}`,
    "refuse nothing",
  ]);
});

test("the same at a stop; addresses that are to stay are still refused", () => {
  for (const keeps of [false, true]) {
    const rig = new EngineRig();
    rig.engine.configure([web(false)], []);
    rig.takeOver();
    rig.log.length = 0;
    rig.engine.stop(keeps);
    const kinds = rig.log.filter((line) => /^(add|remove|refuse)/.test(line));
    assert.deepEqual(kinds, keeps ? [] : [`remove ${VIPS.join(" ")}`, "refuse nothing"]);
  }
});

test("a reload that changes it changes the table alone", () => {
  const rig = new EngineRig();
  rig.engine.configure([web(true)], []);
  rig.takeOver();
  rig.log.length = 0;
  rig.engine.configure([web(false)], []);
  rig.engine.configure([web(true)], []);
  const changes = rig.log.filter((line) => !line.startsWith("advert"));
  assert.deepEqual(changes, [`refuse ${VIPS.join(" ")}`, "refuse nothing"]);
  assert.deepEqual(rig.states(), { web: "master" });
});

test("the owner accepts", () => {
  const rig = new EngineRig();
  rig.engine.configure([web(false, 255)], []);
  assert.ok(!rig.log.some((line) => line.startsWith("refuse 1")));
});

test("where packets cannot be refused the instance is in FAULT, and says so, until they can", () => {
  const rig = new EngineRig();
  rig.cannotRefuse = "EOPNOTSUPP: not supported";
  rig.engine.configure([web(false)], []);
  rig.takeOver();
  assert.deepEqual(rig.states(), { web: "fault" });
  const [fault] = rig.events.filter((event) => event.kind === "vrrp-transition");
  assert.deepEqual(fault?.reason, {
    kind: "cannot-refuse",
    interface: "eth0",
    error: "EOPNOTSUPP: not supported",
  });
  assert.ok(!rig.log.some((line) => line.startsWith("add")));
  rig.cannotRefuse = undefined;
  rig.run(seconds(2));
  assert.deepEqual(rig.states(), { web: "backup" });
});

test("a table that somebody removed is put back within a second or two, and it is said", () => {
  const rig = new EngineRig();
  rig.engine.configure([web(false)], []);
  rig.takeOver();
  rig.log.length = 0;
  rig.engine.rulesChanged();
  rig.run(seconds(2));
  assert.ok(!rig.log.some((line) => line.startsWith("refuse")), "nothing was amiss");
  rig.isTableWhole = false;
  rig.engine.rulesChanged();
  rig.run(seconds(2));
  assert.equal(rig.log.filter((line) => line === `refuse ${VIPS.join(" ")}`).length, 1);
  assert.ok(rig.events.some((event) => event.kind === "vrrp-note" && event.text.includes("inet vipd")));
  assert.deepEqual(rig.states(), { web: "master" });
});
