// What a plan does to connections that are there: those of servers that go end, others live on.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { diff } from "../../src/ipvs/diff.js";
import { impactOf, impactText, totalImpact, totalTexts, type Impact } from "../../src/ipvs/impact.js";
import {
  serverId,
  serviceId,
  type ListedServer,
  type ListedTable,
  type RealServer,
  type ServiceKey,
  type Table,
} from "../../src/ipvs/model.js";

const key = (port: number): ServiceKey => ({
  kind: "address",
  protocol: "tcp",
  address: ip("10.0.0.1"),
  port,
});
const server = (last: number, change: Partial<RealServer> = {}): RealServer => ({
  ...{ address: ip(`10.0.1.${String(last)}`), port: 80, forwarding: "nat" as const, weight: 1 },
  ...change,
});
const busy = (one: RealServer, active: number, inactive: number): ListedServer => ({
  ...one,
  active,
  inactive,
});

function table<S extends ListedServer>(services: Readonly<Record<number, readonly S[]>>) {
  return new Map(
    Object.entries(services).map(([port, servers]) => [
      serviceId(key(Number(port))),
      {
        service: { key: key(Number(port)), scheduler: "wlc" as const },
        servers: new Map(servers.map((one) => [serverId(one), one])),
      },
    ]),
  );
}

function impacts(actual: ListedTable, wanted: Table): readonly (Impact | undefined)[] {
  return diff(actual, wanted, new Set(actual.keys())).map((command) => impactOf(command, actual));
}

test("connections of servers that go would end, with a service all of them; others live on", () => {
  const actual = table({
    80: [busy(server(1), 500, 7), busy(server(2), 12, 1), busy(server(3), 5, 0), busy(server(4), 9, 9)],
    81: [busy(server(1), 300, 30), busy(server(2), 12, 0)],
    82: [busy(server(1), 1000, 1000)],
    83: [],
  });
  const wanted = table({
    80: [server(2, { weight: 0 }), server(3, { forwarding: "tunnel" }), server(4, { weight: 3 }), server(5)],
    82: [server(1)],
  });
  const found = impacts(actual, wanted);
  assert.deepEqual(
    found.filter((one) => one !== undefined),
    [
      { kind: "old-method", servers: 1, active: 5, inactive: 0 },
      { kind: "drain", servers: 1, active: 12, inactive: 1 },
      { kind: "end", servers: 1, active: 500, inactive: 7 },
      { kind: "end", servers: 2, active: 312, inactive: 30 },
    ],
  );
  assert.deepEqual(totalTexts(totalImpact(found)), [
    "removes 3 real servers; 812 active and 37 inactive connections would end",
    "gives 1 real server weight 0; 12 active and 1 inactive connection would go on, and no new ones come",
    "changes the forwarding of 1 real server; 5 active connections would go on by the old method",
  ]);
});

test("what only adds, or gives a server at weight 0 its weight back, touches no connection", () => {
  const actual = table({ 80: [busy(server(1, { weight: 0 }), 5, 5)] });
  const found = impacts(actual, table({ 80: [server(1), server(2)], 81: [server(1)] }));
  assert.deepEqual([...new Set(found)], [undefined]);
  assert.deepEqual(totalTexts(totalImpact(found)), []);
  const text = (active: number, inactive: number): string =>
    impactText({ kind: "end", servers: 1, active, inactive });
  assert.equal(text(1, 1), "1 active and 1 inactive connection would end");
  assert.equal(text(0, 2), "2 inactive connections would end");
  assert.equal(text(0, 0), "0 active connections would end");
});
