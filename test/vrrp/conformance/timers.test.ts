// Parameters and timers (T01 to T11).

import assert from "node:assert/strict";
import { after, milliseconds, seconds } from "../../../src/core/units.js";
import { nextDeadline, step } from "../../../src/vrrp/machine.js";
import type { BackupState, Event, State } from "../../../src/vrrp/state.js";
import { masterDownInterval, skewTime } from "../../../src/vrrp/timing.js";
import { codes, good } from "../../config/load.js";
import { machineConfig } from "../ip-packet.js";
import { advert, at, backup, DEADLINE, INITIALIZE, kinds, M, master, PEER, T0 } from "../stepping.js";
import { item } from "./item.js";

const file = (node: string, own = "192.168.1.2"): string =>
  `nodes: { lb1: { address: ${own}${node} } }\nvrrp: { web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24] } }\n`;

item(
  "T01",
  "a priority must be written: a default would be the same on both; 255 is for who owns the address",
  () => {
    assert.deepEqual(codes(file("")), ["priority-missing"]);
    assert.deepEqual(codes(file(", priority: 255")), ["owner"]);
    assert.deepEqual(codes(file(", priority: 255", "192.168.1.1")), []);
  },
);
item("T02", "1 s, in both versions", () => {
  assert.equal(good(file(", priority: 100")).vrrp[0]?.advertInterval, 1000);
  assert.equal(
    good(`defaults: { vrrp: { version: 2 } }\n${file(", priority: 100")}`).vrrp[0]?.advertInterval,
    1000,
  );
});
item("T03", "a backup counts with its own until it hears one; version 2 keeps its own", () => {
  assert.equal(backup(machineConfig()).masterInterval, 1000);
  const state = backup(machineConfig(), advert(150, PEER, seconds(10)));
  assert.equal(state.masterInterval, 10_000);
  assert.equal(backup(machineConfig({ version: 2 }), advert(150, PEER, seconds(10))).masterInterval, 1000);
});
item("T04", "the longer the interval the longer the skew, and the lower the priority", () => {
  assert.equal(skewTime(3, 100, seconds(10)), 6093.75);
  assert.equal(skewTime(3, 255, seconds(1)), 1000 / 256);
  assert.equal(skewTime(3, 1, seconds(1)), (255 * 1000) / 256);
});
item("T05", "it is the same at every interval", () => {
  for (const interval of [1, 10, 255]) assert.equal(skewTime(2, 100, seconds(interval)), 609.375);
});
item("T06", "in both versions", () => {
  assert.equal(masterDownInterval(3, 100, seconds(10)), 30_000 + 6093.75);
  assert.equal(masterDownInterval(2, 100, seconds(10)), 30_000 + 609.375);
});
item(
  "T07",
  "it is on in a file that does not say, and an owner that is told not to does all the same",
  () => {
    assert.equal(good(file(", priority: 100")).vrrp[0]?.preempt, true);
    const owner = machineConfig({ priority: 255, preempt: false });
    const waiting: BackupState = { ...backup(machineConfig()), masterDownAt: at(500) };
    assert.equal((step(owner, waiting, advert(254), T0).state as BackupState).masterDownAt, at(500));
  },
);
item(
  "T08",
  "every master puts its addresses on the interface, so the kernel accepts what is sent to them",
  () => {
    const config = machineConfig({ priority: 100 });
    const result = step(config, { ...backup(config), masterDownAt: M }, DEADLINE, M);
    assert.deepEqual(result.actions[1], { kind: "add-addresses", addresses: config.addresses });
  },
);
item(
  "T09",
  "each state has its own deadlines, none is left over in the next state, and Initialize has none",
  () => {
    const config = machineConfig();
    const deadlines = (state: State): string[] =>
      Object.keys(state).filter((key) => key === "masterDownAt" || key === "nextAdvertAt");
    assert.deepEqual(deadlines(backup(config)), ["masterDownAt"]);
    assert.deepEqual(deadlines(master(config)), ["nextAdvertAt"]);
    assert.deepEqual(deadlines(step(config, master(config), advert(200), M).state), ["masterDownAt"]);
    assert.equal(nextDeadline(INITIALIZE), undefined);
    const fault: Event = { kind: "link-down", cause: { kind: "interface-down", interface: "eth0" } };
    assert.equal(nextDeadline(step(config, master(config), fault, M).state), undefined);
  },
);
item("T10", "with all the digits, not in whole hundredths of a second", () => {
  assert.equal(skewTime(3, 100, seconds(1)), 609.375);
  assert.equal(masterDownInterval(3, 100, seconds(1)), 3609.375);
});
item("T11", "30.078 ms, and a backup that is asked before that does nothing", () => {
  const config = machineConfig({ priority: 254, advertInterval: milliseconds(10) });
  assert.equal(skewTime(3, 254, milliseconds(10)), 0.078125);
  const state = backup(config);
  assert.equal(nextDeadline(state), after(T0, milliseconds(30.078125)));
  assert.deepEqual(kinds(step(config, state, DEADLINE, at(30.07))), []);
});
