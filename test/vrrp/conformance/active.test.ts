// The state Master, Active in RFC 9568 (A01 to A14). What the kernel does for an address it has, and for frames to
// a MAC address, is shown in wire.netns.test.ts.

import assert from "node:assert/strict";
import { ip } from "../../../src/core/address.js";
import { after, milliseconds, seconds } from "../../../src/core/units.js";
import { nextDeadline, step } from "../../../src/vrrp/machine.js";
import type { BackupState, MasterState, State } from "../../../src/vrrp/state.js";
import { machineConfig } from "../ip-packet.js";
import {
  advert,
  at,
  backup,
  DEADLINE,
  INITIALIZE,
  kinds,
  LOWER_PEER,
  M,
  master,
  sent,
  STOP,
} from "../stepping.js";
import { item } from "./item.js";

item("A05", "a master that does not own its addresses has them like its own, so it accepts", () => {
  const config = machineConfig();
  const result = step(config, { ...backup(config), masterDownAt: M }, DEADLINE, M);
  assert.deepEqual(result.actions[1], { kind: "add-addresses", addresses: config.addresses });
});
item(
  "A06",
  "then its addresses go, and it is in Initialize; one that is to be back at once leaves them, unsaid",
  () => {
    const config = machineConfig();
    const result = step(config, master(config), STOP, M);
    assert.deepEqual(kinds(result), ["send-advert", "remove-addresses"]);
    assert.deepEqual(sent(result.actions), [0]);
    assert.deepEqual(result.state, INITIALIZE);
    const kept = step(config, master(config), { ...STOP, keepAddresses: true }, M);
    assert.deepEqual(kinds(kept), ["send-advert"]);
    assert.deepEqual(sent(kept.actions), [100], "no resignation: it is to be back before anybody misses it");
  },
);
item("A07", "on the eighth of an interval that all instances share, never later than the interval", () => {
  const config = machineConfig();
  const state = master(config);
  const due = state.nextAdvertAt;
  assert.equal(due % 125, 0);
  assert.ok(due > M + 875 && due <= M + 1000);
  const result = step(config, state, DEADLINE, after(due, milliseconds(3)));
  assert.deepEqual(result.actions, [{ kind: "send-advert", priority: 100 }]);
  assert.equal((result.state as MasterState).nextAdvertAt, due + 1000, "lateness does not add up");
  const late = step(config, state, DEADLINE, after(due, milliseconds(1500))).state as MasterState;
  assert.equal(late.nextAdvertAt, due + 2000, "missed adverts are not made up for");
});
item("A08", "at once, and the next one an interval later", () => {
  const config = machineConfig();
  const result = step(config, master(config), advert(0), at(10_500));
  assert.deepEqual(result.actions, [{ kind: "send-advert", priority: 100 }]);
  const due = nextDeadline(result.state)!;
  assert.ok(due > at(11_375) && due <= at(11_500));
});
item(
  "A09",
  "preemption or not; its addresses go, and a last advert tells the winner that there were two",
  () => {
    const config = machineConfig({ preempt: false });
    const result = step(config, master(config), advert(101, LOWER_PEER, seconds(2)), at(10_100));
    assert.deepEqual(kinds(result), ["send-advert", "remove-addresses"]);
    assert.deepEqual(sent(result.actions), [100]);
    assert.equal((result.state as BackupState).masterInterval, 2000);
    assert.equal(nextDeadline(result.state), at(10_100 + 3 * 2000 + 2 * 609.375));
    assert.deepEqual(result.reason, {
      kind: "higher-priority",
      master: LOWER_PEER,
      master_priority: 101,
      own_priority: 100,
    });
  },
);
item("A10", ".100 wins over .99, and IPv6 addresses are compared with all their bits", () => {
  for (const [own, greater, smaller] of [
    ["192.168.1.99", "192.168.1.100", "192.168.1.98"],
    ["10.0.0.1", "200.0.0.1", "9.255.255.255"],
    ["fe80::9:0:0:1", "fe80::10:0:0:0", "fe80::9:0:0:0"],
    ["fe80::ffff", "fe80::1:0", "fe80::fffe"],
  ] as const) {
    const family = own.includes(":") ? "ipv6" : "ipv4";
    const config = machineConfig({ family, sourceAddress: ip(own) });
    const yielded = step(config, master(config), advert(100, ip(greater)), M);
    assert.equal(yielded.reason?.kind, "equal-priority-higher-address", greater);
    assert.equal(step(config, master(config), advert(100, ip(smaller)), M).state.kind, "master", smaller);
  }
});
item(
  "A11",
  "an equal one from a smaller address too; the second master is reported, the addresses announced again",
  () => {
    const config = machineConfig();
    for (const rival of [advert(99), advert(100, LOWER_PEER)]) {
      const result = step(config, master(config), rival, at(11_200));
      assert.deepEqual(kinds(result), ["send-advert", "report-second-master", "announce"]);
      assert.deepEqual((result.state as MasterState).announcement, { at: at(16_200), repeat: 5 });
    }
    const goodbye = step(config, master(config), advert(99), at(10_200));
    assert.deepEqual(kinds(goodbye), ["send-advert"], "of the master that was just preempted");
  },
);
item("A12", "no action, and the same state", () => {
  const config = machineConfig();
  const state = master(config);
  assert.deepEqual(step(config, state, advert(100, config.sourceAddress), M), { state, actions: [] });
});
item("A13", "a hundred adverts a second are answered with two, and with one announcement a second", () => {
  const config = machineConfig();
  let state: State = master(config);
  let adverts = 0;
  let bursts = 0;
  for (let ms = 10_000; ms < 20_000; ms += 10) {
    const result = step(config, state, advert(99), at(ms));
    state = result.state;
    adverts += sent(result.actions).length;
    bursts += kinds(result).filter((kind) => kind === "announce").length;
  }
  assert.equal(adverts, 20);
  assert.equal(bursts, 9);
});
item("A14", "a burst, a second one, and refreshes", () => {
  const config = machineConfig({
    announce: { repeat: 5, delay: seconds(5), refresh: seconds(60), refreshRepeat: 2 },
  });
  let state: State = master(config);
  const announced: [number, number][] = [];
  for (let now = M; now < at(140_000); now = nextDeadline(state)!) {
    const result = step(config, state, DEADLINE, now);
    assert.equal(result.state.kind, "master");
    state = result.state;
    for (const action of result.actions)
      if (action.kind === "announce") announced.push([now - M, action.repeat]);
  }
  assert.deepEqual(announced, [
    [5000, 5],
    [65_000, 2],
    [125_000, 2],
  ]);
});
