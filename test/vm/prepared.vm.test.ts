// A table that was made before, on a real kernel: sent ahead it is there, what is asked for then is not done twice, and
// when something else is asked for the table becomes that.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { prepareTable } from "../../src/director/prepare-table.js";
import { diff } from "../../src/ipvs/diff.js";
import { serviceId, type ServiceEntry, type ServiceId } from "../../src/ipvs/model.js";
import { serverId } from "../../src/ipvs/model.js";
import { Lab } from "../lab/lab.js";
import { planeOf } from "../lab/plane.js";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const services = (count: number): ServiceConfig[] =>
  numbers(count).map((n) => ({
    name: `s${n}`,
    service: {
      key: { kind: "address", protocol: "tcp", address: ip(`10.100.${n >> 8}.${n & 255}`), port: 80 },
      scheduler: "rr",
    },
    servers: numbers(10).map((m) => ({
      server: { address: ip(`10.200.${n & 255}.${m + 1}`), port: 80, forwarding: "nat", weight: 1 },
      checks: [],
    })),
  }));
const tableOf = (list: readonly ServiceConfig[]): Map<ServiceId, ServiceEntry> =>
  new Map(
    list.map(({ service, servers }) => [
      serviceId(service.key),
      { service, servers: new Map(servers.map(({ server }) => [serverId(server), server])) },
    ]),
  );

test("a table that was made before is in the kernel at once, and its commands find it as they would make it", () => {
  const lab = new Lab();
  try {
    const host = lab.host("a");
    const plane = planeOf(host);
    const list = services(300);
    const wanted = tableOf(list);
    plane.sendAhead(prepareTable(list, undefined).batches);
    assert.deepEqual(diff(plane.read(), wanted, new Set()), []);
    const results = plane.apply(diff(new Map(), wanted, new Set()));
    assert.equal(results.length, 3300);
    assert.ok(results.every(({ ok }) => ok));
    assert.deepEqual(diff(plane.read(), wanted, new Set()), []);
    plane.close();
  } finally {
    lab.close();
  }
});

test("other commands than those that were sent ahead are carried out, and find out about them", () => {
  const lab = new Lab();
  try {
    const host = lab.host("a");
    const plane = planeOf(host);
    const [list, others] = [services(3), services(3)];
    const [first = assert.fail()] = others;
    const [{ server } = assert.fail()] = first.servers;
    others[0] = { ...first, servers: [{ checks: [], server: { ...server, weight: 9 } }] };
    plane.sendAhead(prepareTable(list, undefined).batches);
    const results = plane.apply(diff(new Map(), tableOf(others), new Set()));
    assert.ok(results.every((result) => !result.ok && result.outOfStep));
    const repairs = diff(plane.read(), tableOf(others), new Set());
    assert.ok(plane.apply(repairs).every(({ ok }) => ok));
    assert.deepEqual(diff(plane.read(), tableOf(others), new Set()), []);
    plane.close();
  } finally {
    lab.close();
  }
});
