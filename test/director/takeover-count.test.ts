// What a takeover finds in the kernel's table: of the services at its addresses alone, a slice at a time, once.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { Vacancy } from "../../src/vrrp/reasons.js";
import { ip } from "../../src/core/address.js";
import { TakeoverCount } from "../../src/director/takeover-count.js";
import type { ListedServer, ServiceKey } from "../../src/ipvs/model.js";
import { ManualTimers } from "../ipvs/manual-timers.js";

const VACANCY: Vacancy = { kind: "silent", master: "10.0.0.3", at_most_ms: 3600 };
const at = (last: number): ServiceKey => ({
  kind: "address",
  protocol: "tcp",
  address: ip(`10.0.0.${last}`),
  port: 80,
});
const service = (name: string, key: ServiceKey): ServiceConfig => ({
  name,
  service: { key, scheduler: "wlc" },
  servers: [],
});
const MARK: ServiceKey = { kind: "fwmark", mark: 7, family: "ipv4" };

function world(services: readonly ServiceConfig[], sync: boolean | null = true, work = 0) {
  const timers = new ManualTimers();
  const events: VipdEvent[] = [];
  const asked: string[] = [];
  const unreadable = new Set<string>();
  const count = new TakeoverCount({
    timers,
    report: (event) => events.push(event),
    services: () => services,
    sync: () => sync,
    connections: (name) => {
      asked.push(name);
      timers.work(work);
      const one = { active: 100, inactive: 1 } as ListedServer;
      return unreadable.has(name) ? undefined : new Map([1, 2].map((i) => [i, one]));
    },
  });
  return { timers, count, asked, unreadable, told: () => events.splice(0) };
}

test("the services at the addresses that were taken over are counted, and no others", () => {
  const { timers, count, asked, told } = world([
    service("a", at(1)),
    service("b", at(2)),
    service("m", MARK),
  ]);
  count.taken("web", [ip("10.0.0.1"), ip("10.0.0.9")], VACANCY);
  assert.deepEqual([told(), asked], [[], []], "the takeover's own work comes first");
  timers.pass(100);
  assert.deepEqual(asked, ["a", "m"]);
  const found = { sync: true, connections: { active: 400, inactive: 4 } };
  assert.deepEqual(told(), [{ kind: "vrrp-clients", instance: "web", vacancy: VACANCY, ...found }]);
});

test("instances that take over together are counted in one pass", () => {
  const { timers, count, asked, told } = world([service("a", at(1)), service("b", at(2))], null);
  for (const last of [1, 2, 3]) count.taken(`i${last}`, [ip(`10.0.0.${last}`)], VACANCY);
  timers.pass(100);
  assert.deepEqual(asked, ["a", "b"]);
  assert.deepEqual(
    told().map((event) => event.kind === "vrrp-clients" && [event.instance, event.connections?.active]),
    [
      ["i1", 200],
      ["i2", 200],
    ],
    "of one without a service nothing is said",
  );
});

test("a slow table is read a few milliseconds at a time, and what ends meanwhile is not told", () => {
  const { timers, count, asked, told } = world(
    Array.from({ length: 10 }, (_, i) => service(`s${i}`, at(1))),
    true,
    3,
  );
  count.taken("web", [ip("10.0.0.1")], VACANCY);
  timers.pass(20);
  assert.ok(asked.length === 2, `${asked.length} in the first slice`);
  count.lost("web");
  timers.pass(100);
  assert.equal(asked.length, 10);
  assert.deepEqual(told(), []);
  count.taken("web", [ip("10.0.0.1")], VACANCY);
  timers.pass(100);
  assert.equal(told().length, 1);
});

test("a table that cannot be read is not an empty one", () => {
  const { timers, count, unreadable, told } = world([service("a", at(1))], false);
  unreadable.add("a");
  count.taken("web", [ip("10.0.0.1")], VACANCY);
  timers.pass(100);
  const [event] = told();
  assert.ok(event?.kind === "vrrp-clients");
  assert.deepEqual([event.connections, event.sync], [null, false]);
});
