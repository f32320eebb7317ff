// What the supervisor remembers of takeovers, whatever process tells of them and is started again.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { VipdEvent } from "../../src/control/event.js";
import type { ChecksStatus, InstanceStatus, VrrpStatus } from "../../src/control/ipc.js";
import { Takeovers } from "../../src/director/supervisor/takeovers.js";
import type { Vacancy } from "../../src/vrrp/reasons.js";

const SILENT: Vacancy = { kind: "silent", master: "192.168.1.3", at_most_ms: 3600 };
const KEPT: Vacancy = { kind: "kept" };
const FOUND = { sync: true, connections: { active: 12, inactive: 3 } };

const turned = (to: "master" | "backup", vacancy?: Vacancy): VipdEvent => ({
  kind: "vrrp-transition",
  instance: "web",
  from: "backup",
  to,
  priority: 150,
  done: [],
  reason: { kind: "no-master-heard", waited_ms: 3000 },
  ...(vacancy && { vacancy }),
});
const counted: VipdEvent = { kind: "vrrp-clients", instance: "web", vacancy: SILENT, ...FOUND };

function played(...events: readonly (readonly [time: number, event: VipdEvent])[]): Takeovers {
  const takeovers = new Takeovers();
  for (const [time, event] of events) takeovers.observe({ time, process: "vrrp", sequence: 1, event });
  return takeovers;
}
/** As a process says it that knows of nothing but itself. */
const vrrp = (own: Partial<InstanceStatus>): VrrpStatus => {
  const instance = { instance: "web", state: "master", since: 70, ...own } as InstanceStatus;
  return { instances: [instance] } as unknown as VrrpStatus;
};
const shown = (takeovers: Takeovers, own: Partial<InstanceStatus> = {}): unknown =>
  takeovers.inVrrp(vrrp(own))?.instances[0]?.takeover;
const foundBy = (takeovers: Takeovers): unknown =>
  takeovers.inChecks({ services: [] } as unknown as ChecksStatus)?.takeovers;

test("a process that goes on with addresses that stayed hides no takeover before it, and none of what was found", () => {
  const takeovers = played([10, turned("master", SILENT)], [11, counted], [50, turned("master", KEPT)]);
  const kept = { at: 50, until: null, vacancy: KEPT };
  assert.deepEqual(shown(takeovers, { takeover: kept }), { at: 10, until: null, vacancy: SILENT });
  assert.deepEqual(foundBy(takeovers), [{ instance: "web", ...FOUND }]);
  // One that came too late has listened first.
  const late = played([10, turned("master", SILENT)], [50, turned("backup")], [60, turned("master", KEPT)]);
  assert.deepEqual(shown(late), { at: 10, until: null, vacancy: SILENT });
  assert.deepEqual(shown(new Takeovers(), { takeover: kept }), kept, "of one before nothing is known");
});

test("it is over when another state comes, and the next takeover stands in its place", () => {
  const takeovers = played([10, turned("master", SILENT)], [11, counted], [40, turned("backup")]);
  assert.deepEqual(shown(takeovers, { state: "backup" }), { at: 10, until: 40, vacancy: SILENT });
  const lower: Vacancy = { kind: "preempted", master: "192.168.1.3", at_most_ms: 100 };
  takeovers.observe({ time: 90, process: "vrrp", sequence: 2, event: turned("master", lower) });
  assert.deepEqual(shown(takeovers), { at: 90, until: null, vacancy: lower });
  assert.equal(foundBy(takeovers), undefined, "what was found was found before");
  takeovers.observe({ time: 91, process: "checks", sequence: 3, event: counted });
  assert.equal(foundBy(takeovers), undefined, "what is told late is of the one before");
});

test("a successor is told, and what it has seen itself is later", () => {
  const before = played([10, turned("master", SILENT)], [11, counted]);
  const next = new Takeovers();
  next.recall(before.all);
  assert.deepEqual(shown(next), { at: 10, until: null, vacancy: SILENT });
  assert.deepEqual(foundBy(next), [{ instance: "web", ...FOUND }]);
  // It has given way before it was told.
  assert.deepEqual(shown(next, { state: "backup" }), { at: 10, until: 70, vacancy: SILENT });
  const own: Vacancy = { kind: "resigned", master: "192.168.1.3", at_most_ms: 20 };
  const other = played([80, turned("master", own)]);
  other.recall(before.all);
  assert.deepEqual(shown(other), { at: 80, until: null, vacancy: own });
});

test("instances that are configured no more are forgotten", () => {
  const takeovers = played([10, turned("master", SILENT)]);
  takeovers.keepOnly([{ name: "web" }]);
  assert.equal(takeovers.all.length, 1);
  takeovers.keepOnly([{ name: "other" }]);
  assert.deepEqual(takeovers.all, []);
  // A predecessor was configured otherwise.
  takeovers.recall(played([10, turned("master", SILENT)]).all);
  assert.deepEqual(takeovers.all, []);
});
