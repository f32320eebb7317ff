// The look at a table that nobody has changed reads none of it, and whatever somebody changes is found all the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerConfig, ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { AppliedTable } from "../../src/director/ipvs-applied.js";
import {
  serverId,
  serviceId,
  type ListedEntry,
  type ListedServer,
  type ServerId,
} from "../../src/ipvs/model.js";
import type { DataPlane, Fingerprint } from "../../src/ports/data-plane.js";
import { CHECK, directorWorld } from "./director-world.js";
import { FakePlane } from "./fake-plane.js";

const server = (last: number, weight = 1): ServerConfig => ({
  server: { address: ip(`192.168.1.${last}`), port: 80, forwarding: "nat", weight },
  checks: [CHECK],
});
const web = (...servers: readonly ServerConfig[]): ServiceConfig => ({
  name: "web",
  service: {
    key: { kind: "address", protocol: "tcp", address: ip("192.168.1.1"), port: 80 },
    scheduler: "wlc",
  },
  servers,
});
const ID = serviceId(web().service.key);
const FOUR = "192.168.1.4:80" as ServerId;

function quietWorld() {
  const made = directorWorld();
  const { plane, timers, configure } = made;
  assert.equal(configure([web(server(4), server(5))]), null);
  const looks: ("read" | "as known")[] = [];
  const ask = plane.serversUnless.bind(plane);
  plane.serversUnless = (...of: Parameters<DataPlane["serversUnless"]>) => {
    const list = ask(...of);
    looks.push(list === "as known" ? list : "read");
    return list;
  };
  const look = (): readonly string[] => {
    timers.pass(seconds(10));
    return looks.splice(0);
  };
  assert.deepEqual(look(), ["read"], "what we made ourselves is read once");
  made.told();
  return { ...made, look };
}

const change = (plane: FakePlane, of: (servers: Map<ServerId, ListedServer>) => void): void =>
  of(plane.table.get(ID)!.servers);
const fourWith = (part: Partial<ListedServer>) => (plane: FakePlane) =>
  change(plane, (servers) => void servers.set(FOUR, { ...servers.get(FOUR)!, ...part }));

test("nothing is read while nothing but connections comes and goes", () => {
  const { plane, look, told } = quietWorld();
  assert.deepEqual(look(), ["as known"]);
  fourWith({ active: 17, inactive: 4, persistent: 2 })(plane);
  assert.deepEqual(look(), ["as known"]);
  assert.deepEqual(told(), []);
});

const FOREIGN: Readonly<Record<string, (plane: FakePlane) => void>> = {
  "another weight": fourWith({ weight: 9 }),
  "another forwarding method": fourWith({ forwarding: "direct-routing" }),
  "a threshold": fourWith({ upper: 10 }),
  "a server that is gone": (plane) => change(plane, (servers) => void servers.delete(FOUR)),
  "all servers gone": (plane) => change(plane, (servers) => servers.clear()),
  "a server more": (plane) =>
    change(plane, (servers) => {
      const more = { ...server(9).server, active: 0, inactive: 0 };
      servers.set(serverId(more), more);
    }),
  "another scheduler": (plane) => {
    const entry = plane.table.get(ID)!;
    entry.service = { ...entry.service, scheduler: "rr" };
  },
  "the service gone": (plane) => void plane.table.delete(ID),
};
for (const [what, spoil] of Object.entries(FOREIGN))
  test(`${what} is found by the next look, and nothing is left to find after it`, () => {
    const { plane, look, told, director } = quietWorld();
    look();
    for (let i = 0; i < 3; i++) {
      spoil(plane);
      look();
      const [event] = told();
      assert.ok(event?.kind === "table-applied" && event.why === "repair", event?.kind);
      look();
      assert.deepEqual(told(), []);
    }
    assert.equal(director.status().table?.repairs, 3);
    look();
    assert.deepEqual(look(), ["as known"]);
  });

test("what is wanted anew is not taken for what was there, also when the kernel refuses it", () => {
  const { plane, look, told, configure } = quietWorld();
  plane.refuse = () => true;
  configure([web(server(4, 7), server(5))]);
  assert.equal(plane.table.get(ID)?.servers.get(FOUR)?.weight, 1);
  plane.refuse = () => false;
  look();
  assert.equal(plane.table.get(ID)?.servers.get(FOUR)?.weight, 7);
  told();
  configure([web(server(4), server(5))]);
  assert.equal(plane.table.get(ID)?.servers.get(FOUR)?.weight, 1);
  look();
  assert.deepEqual(look(), ["as known"]);
});

test("a server whose removal was refused is not taken for one that is wanted", () => {
  const { plane, look, director, timers } = quietWorld();
  look();
  plane.refuse = () => true;
  director.setServer("web", FOUR, false);
  timers.pass(1);
  assert.ok(plane.table.get(ID)?.servers.has(FOUR));
  plane.refuse = () => false;
  look();
  assert.ok(!plane.table.get(ID)?.servers.has(FOUR));
});

test("what is believed to be otherwise, or was refused, is read whatever its fingerprint", () => {
  const entry = {
    service: web().service,
    servers: new Map([[FOUR, { ...server(4).server, active: 0, inactive: 0 }]]),
  };
  const empty: ListedEntry = { service: web().service, servers: new Map() };
  const applied = new AppliedTable({ table: new Map([[ID, entry]]) });
  const [good, other] = [1, 2] as const;
  const known = (): Fingerprint | undefined => applied.knownAt(ID, web().service);
  assert.ok(applied.compare(ID, entry, good));
  assert.equal(known(), good);
  // Somebody took a server out: should he put it back himself, that is to be found out, and not mended.
  assert.ok(!applied.compare(ID, empty, other));
  assert.equal(known(), undefined);
  assert.ok(applied.compare(ID, entry, good));
  applied.refused.add(ID);
  assert.equal(known(), undefined);
});
