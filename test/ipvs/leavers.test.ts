// The connections of servers that are taken out of the table are told with it, and known until they are back.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { serverId, serviceId, type ServerId } from "../../src/ipvs/model.js";
import { CHECK, directorWorld } from "./director-world.js";

const key = { kind: "address", protocol: "tcp", address: ip("192.168.1.1"), port: 80 } as const;
const web = (count: number): ServiceConfig => ({
  name: "web",
  service: { key, scheduler: "wlc" },
  servers: Array.from({ length: count }, (_, i) => ({
    server: {
      address: ip(`192.168.${2 + Math.floor(i / 200)}.${1 + (i % 200)}`),
      port: 80,
      forwarding: "nat",
      weight: 1,
    },
    checks: [CHECK],
  })),
});

function world(count: number) {
  const made = directorWorld();
  const { plane, timers, director, configure, told } = made;
  assert.equal(configure([web(count)]), null);
  told();
  const ids = web(count).servers.map(({ server }) => serverId(server));
  const turn = (server: ServerId, up: boolean): unknown => {
    director.setServer("web", server, up);
    timers.pass(1);
    const [event] = told().filter(({ kind }) => kind === "table-applied");
    return event?.kind === "table-applied" ? event.cut : event;
  };
  const carry = (server: ServerId, active: number, inactive: number): void => {
    const of = plane.table.get(serviceId(key))!.servers;
    of.set(server, { ...of.get(server)!, active, inactive });
  };
  return { ...made, ids, turn, carry };
}

test("what a server had is said when it goes, and forgotten when it is back", () => {
  const { director, ids, turn, carry } = world(3);
  const [one, two] = ids as [ServerId, ServerId];
  carry(one, 37, 2);
  assert.equal(director.leftWith("web", one), undefined);
  assert.deepEqual(turn(one, false), { active: 37, inactive: 2 });
  assert.deepEqual(turn(two, false), { active: 0, inactive: 0 });
  assert.deepEqual(director.leftWith("web", one), { active: 37, inactive: 2 });
  assert.deepEqual(director.leftWith("web", two), { active: 0, inactive: 0 });
  assert.equal(turn(one, true), undefined);
  assert.equal(director.leftWith("web", one), undefined);
});

test("a server that has left and is configured no more is forgotten, by a whole reload and by one of its service", () => {
  for (const quick of [true, false]) {
    const { director, configure, ids, turn, carry } = world(3);
    const last = ids[2] as ServerId;
    carry(last, 7, 0);
    turn(last, false);
    assert.deepEqual(director.leftWith("web", last), { active: 7, inactive: 0 });
    const take = (count: number): void => {
      if (quick) assert.ok(director.change([web(count)]));
      else assert.equal(configure([web(count)]), null);
    };
    take(3);
    assert.deepEqual(director.leftWith("web", last), { active: 7, inactive: 0 }, "it is still configured");
    take(2);
    take(3);
    assert.equal(director.leftWith("web", last), undefined);
  }
  const { director, configure, ids, turn, carry } = world(2);
  carry(ids[0]!, 7, 0);
  turn(ids[0]!, false);
  assert.equal(configure([]), null);
  assert.equal(configure([web(2)]), null);
  assert.equal(director.leftWith("web", ids[0]!), undefined);
});

test("a service with very many servers is not listed for it: then it is not known, and not said to be none", (t) => {
  const { director, plane, ids, turn, carry } = world(600);
  const [one] = ids as [ServerId];
  carry(one, 37, 2);
  const listed = t.mock.method(plane, "servers");
  assert.equal(turn(one, false), undefined);
  assert.equal(listed.mock.callCount(), 0);
  assert.equal(director.leftWith("web", one), undefined);
});

test("a table that cannot be listed keeps no server in it", (t) => {
  const { plane, ids, turn, director } = world(2);
  t.mock.method(plane, "servers", () => {
    throw new Error("list IPVS servers: EPERM");
  });
  assert.equal(turn(ids[0]!, false), undefined);
  assert.equal(director.inKernel("web", ids[0]!), false);
});
