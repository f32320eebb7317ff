// A stop that leaves the addresses in place, and the start after it: how long the others wait, and when what was left
// goes after all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import type { Event, State } from "../../src/vrrp/state.js";
import { machineConfig, vip } from "./ip-packet.js";
import { advert, at, DEADLINE, INITIALIZE, kinds, M, master, PEER, sent, STOP, T0 } from "./stepping.js";

const config = machineConfig({ priority: 150 });
const back = (ms: number): ReturnType<typeof step> =>
  step(config, INITIALIZE, { kind: "resume", deadAt: T0, kept: true }, at(ms));
/** Back after four seconds, when the peer may be master. */
const listening = (): State => back(4000).state;

test("the last word of a master that leaves its addresses is an advert like any other", () => {
  const stop = step(config, master(config), { ...STOP, keepAddresses: true }, M);
  assert.deepEqual([kinds(stop), sent(stop.actions)], [["send-advert"], [150]]);
});

test("one that is back before the others can have given up goes on as master", () => {
  const soon = back(2749);
  assert.equal(soon.state.kind, "master");
  assert.deepEqual(soon.reason, { kind: "resumed", pause_ms: 2749, kept: true });
  assert.deepEqual(kinds(soon), ["send-advert", "add-addresses", "announce"]);
  const owner = machineConfig({ priority: 255 });
  const late = step(owner, INITIALIZE, { kind: "resume", deadAt: T0, kept: true }, at(60_000));
  assert.equal(late.state.kind, "master");
});

test("one that is late touches nothing, listens for an interval, and is master when nobody else is", () => {
  const late = back(4000);
  assert.deepEqual(late.actions, []);
  assert.deepEqual(late.reason, { kind: "resume-too-late", pause_ms: 4000, limit_ms: 2750, kept: true });
  const due = nextDeadline(late.state)!;
  assert.equal(due, at(5414.0625));
  const resigned = step(config, late.state, advert(0), at(4100));
  assert.deepEqual(resigned.actions, [], "whoever leaves is no master");
  const alone = step(config, late.state, DEADLINE, due);
  assert.equal(alone.state.kind, "master");
  assert.deepEqual(kinds(alone), ["send-advert", "add-addresses", "announce"]);
});

for (const priority of [100, 150, 200])
  test(`the first advert of another master, of priority ${priority}, takes the addresses away, once`, () => {
    const heard = step(config, listening(), advert(priority), at(4200));
    assert.deepEqual(heard.actions, [
      { kind: "remove-addresses", addresses: config.addresses },
      { kind: "report-left", master: { address: PEER, priority } },
    ]);
    assert.equal(heard.state.kind, "backup");
    assert.deepEqual(step(config, heard.state, advert(priority), at(5200)).actions, []);
  });

test("whatever else keeps it from being master takes them away, too; another stop may leave them again", () => {
  const down = { kind: "interface-down", interface: "eth0" } as const;
  const events: Event[] = [
    { kind: "link-down", cause: down },
    { kind: "group-yield", group: "g", member: "m" },
    STOP,
  ];
  for (const event of events)
    assert.deepEqual(kinds(step(config, listening(), event, at(4200))), ["remove-addresses"], event.kind);
  assert.deepEqual(step(config, listening(), { ...STOP, keepAddresses: true }, at(4200)).actions, []);
  const previous = { ...config, addresses: [vip("192.168.1.9/24")] };
  const changed = step(config, listening(), { kind: "reconfigure", previous }, at(4200));
  assert.deepEqual(changed.actions, [{ kind: "remove-addresses", addresses: previous.addresses }]);
  const until = at(6000);
  const waits = step(config, listening(), { kind: "group-waits", until }, at(4200));
  assert.deepEqual([waits.actions, nextDeadline(waits.state)], [[], until]);
});

test("without that order nothing is different", () => {
  const late = step(config, INITIALIZE, { kind: "resume", deadAt: T0 }, at(1750));
  assert.deepEqual(kinds(late), ["remove-addresses"]);
  assert.equal(nextDeadline(late.state), at(1750 + 3414.0625));
  assert.equal(seconds(1), config.advertInterval);
});
