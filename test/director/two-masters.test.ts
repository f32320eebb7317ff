// When two are master, why: nobody was heard, or somebody was who was not listened to, or one of lower priority is. Each of
// these stands in the status, in a log line and in an event.

import assert from "node:assert/strict";
import { test } from "node:test";
import { statusText } from "../../src/cli/status-text.js";
import { describe } from "../../src/control/describe.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { InstanceStatus } from "../../src/control/ipc.js";
import { milliseconds } from "../../src/core/units.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { EngineRig } from "./engine-rig.js";

const INTERVAL = 1000;
const SIX = instance({
  name: "web",
  family: "ipv6",
  addresses: [vip("2001:db8::1/64"), vip("fe80::1/64")],
});

type Told = {
  readonly status: InstanceStatus;
  /** What `vipd status` prints. */
  readonly text: string;
  readonly events: readonly VipdEvent[];
  readonly log: string;
};

/** A director that becomes master while `meanwhile` happens once an interval, and what is told of it then. */
function master(meanwhile: (rig: EngineRig) => void): Told {
  const rig = new EngineRig();
  rig.engine.configure([SIX], []);
  for (let i = 0; i < 6; i++) {
    rig.run(milliseconds(INTERVAL));
    meanwhile(rig);
  }
  const [status] = rig.engine.status(rig.now);
  assert.ok(status);
  assert.equal(status.state, "master");
  const vrrp = {
    pid: 1,
    realtime: "",
    instances: [status],
    lateness_ms: { p50: 0, p99: 0, max: 0, histogram: [] },
  };
  const whole = {
    version: "",
    node: "b",
    pid: 1,
    started_at: 0,
    processes: [],
    nodes: [],
    checks: null,
    vrrp,
  };
  const config = { path: "", loaded_at: 0, instances: 1, services: 0 };
  return {
    status,
    text: statusText({ ...whole, config }, rig.now),
    events: rig.events,
    log: rig.events.map((event) => describe(event).text).join("\n"),
  };
}

const becameMaster = ({ events }: Told): Extract<VipdEvent, { kind: "vrrp-transition" }> => {
  const found = events.findLast((event) => event.kind === "vrrp-transition");
  return found?.to === "master" ? found : assert.fail("no transition to master");
};

test("nobody is heard: status, log and event say so, and name nobody", () => {
  const told = master(() => undefined);
  const { reason } = becameMaster(told);
  assert.ok(reason.kind === "no-master-heard" && reason.rejected === undefined);
  assert.match(told.log, /BACKUP -> MASTER: no advert from anybody for \d/);
  assert.match(told.text, /why: no advert from anybody for \d/);
  const { reason: why, adverts_received, rejected_now, second_master } = told.status;
  assert.deepEqual([why, adverts_received, rejected_now, second_master], [reason, 0, [], null]);
  assert.match(told.text, /hears: no other master$/m);
});

test("somebody is heard and not listened to: why, whom and how often is in all three", () => {
  const told = master((rig) => rig.hear(200, { ttl: 64 }));
  const { reason } = becameMaster(told);
  assert.ok(reason.kind === "no-master-heard");
  const [before] = reason.rejected ?? [];
  assert.deepEqual(
    [before?.kind, before?.sender, before?.detail],
    ["ttl", "fe80::3", "hop limit 64, not 255: it may have crossed a router"],
  );
  assert.ok((before?.count ?? 0) >= 3);
  assert.match(told.log, /but \d adverts from fe80::3 were ignored: hop limit 64, not 255/);
  const each = told.events.find((event) => event.kind === "vrrp-rejected");
  assert.ok(each?.sender === "fe80::3" && each.reject === "ttl" && each.count === 1);
  assert.deepEqual(told.status.rejected, { ttl: 6 });
  assert.deepEqual(
    told.status.rejected_now.map(({ kind, sender }) => `${kind} ${sender}`),
    ["ttl fe80::3"],
  );
  assert.match(told.text, /hears: \d adverts from fe80::3 were ignored: hop limit 64, not 255/);
  assert.match(told.text, /rejected: 6 ttl/);
});

test("one of lower priority is master too: who and of which priority is in all three", () => {
  const told = master((rig) => rig.hear(50));
  const { reason } = becameMaster(told);
  assert.deepEqual(reason, {
    kind: "preempted-lower",
    master: "fe80::3",
    master_priority: 50,
    own_priority: 100,
  });
  const second = told.events.find((event) => event.kind === "vrrp-second-master");
  assert.deepEqual(
    [second?.sender, second?.sender_priority, second?.own_priority, second?.count],
    ["fe80::3", 50, 100, 1],
  );
  assert.match(told.log, /fe80::3 .*master.*50/);
  assert.deepEqual(
    [told.status.second_master?.address, told.status.second_master?.priority],
    ["fe80::3", 50],
  );
  assert.match(told.text, /hears: fe80::3 is master too, with priority 50, last advert .* ago/);
});
