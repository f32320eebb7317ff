// Errors of a real kernel: the permission that is lost and comes back, and answers that are lost because nobody had room
// for them. Both are tried again and said, and neither is taken for a change made by somebody else.

import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import type { ServerId } from "../../src/ipvs/model.js";
import { SO, SOL } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";
import type { DataPlane } from "../../src/ports/data-plane.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import { noSettings } from "../ipvs/no-settings.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { planeOf } from "../lab/plane.js";

const SERVERS = ["10.1.0.4:80", "10.1.0.5:80"] as ServerId[];
const LAST = SERVERS[1] as ServerId;
const services = (many: number): ServiceConfig[] =>
  Array.from({ length: many }, (_, i) => ({
    name: `s${String(i)}`,
    service: {
      key: { kind: "address", protocol: "tcp", address: ip("10.0.0.1"), port: 1000 + i },
      scheduler: "wlc",
    },
    servers: SERVERS.map((id) => ({
      server: { address: ip(id.replace(":80", "")), port: 80, forwarding: "nat", weight: 1 },
      checks: [],
    })),
  }));

function directorOf(lab: Lab, plane: DataPlane, many: number) {
  const timers = new ManualTimers();
  const events: VipdEvent[] = [];
  const director = new IpvsDirector({
    openPlane: () => ({ ok: true, value: plane }),
    openSettings: noSettings,
    openOwnership: ownershipFile,
    timers,
    report: (event) => events.push(event),
  });
  const error = director.configure({
    runtimeDirectory: lab.directory,
    ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
    sync: null,
    masters: {},
    services: services(many),
  });
  assert.equal(error, null);
  events.splice(0);
  /** What was said of the table. */
  const told = (): VipdEvent[] =>
    events.splice(0).filter(({ kind }) => kind === "table-applied" || kind === "table-failed");
  return { director, timers, told };
}

const lines = (host: Host, server: ServerId): number =>
  ipvsadmTable(host)
    .split("\n")
    .filter((line) => line.includes(` -r ${server} `)).length;

test("with the permission lost, changes and looks are refused, said, tried again, and done when it is back", () => {
  const lab = new Lab();
  try {
    const host = lab.host("ours");
    const plane = planeOf(host);
    const { director, timers, told } = directorOf(lab, plane, 2);
    // An ordinary user has no capability in force; root may have them again.
    process.seteuid?.(65_534);
    try {
      director.setServer("s0", LAST, false);
      timers.pass(20_000);
    } finally {
      process.seteuid?.(0);
    }
    assert.equal(lines(host, LAST), 2);
    assert.equal(director.status().table?.in_order, false);
    const failed = told().map((event) => event.kind === "table-failed" && [event.command, event.error]);
    assert.equal(failed.length, 2);
    const [change, look] = failed;
    assert.match(String(change), /remove server 10\.1\.0\.5:80 .*EPERM.*CAP_NET_ADMIN is needed/);
    assert.match(String(look), /read the table of ipvs,list IPVS services: EPERM/);

    timers.pass(20_000);
    assert.equal(lines(host, LAST), 1);
    assert.deepEqual(
      told().map((event) => event.kind === "table-applied" && [event.why, event.changes]),
      [["retry", 1]],
    );
    const { table } = director.status();
    assert.deepEqual([table?.in_order, table?.repairs], [true, 0]);
    director.stop("remove");
    assert.equal(ipvsadmTable(host), "");
  } finally {
    lab.close();
  }
});

test("answers that the kernel could not deliver (ENOBUFS) are no failure, and what was not done is done", () => {
  const lab = new Lab();
  try {
    const host = lab.host("ours");
    const sockets = (): string[] =>
      readdirSync("/proc/self/fd").filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
        } catch {
          return false;
        }
      });
    const before = new Set(sockets());
    const plane = planeOf(host);
    const [fd, ...more] = sockets().filter((one) => !before.has(one));
    assert.deepEqual(more, []);
    const MANY = 60;
    let unknown = 0;
    const apply = plane.apply.bind(plane);
    const counting: DataPlane = {
      ...plane,
      apply: (commands) => {
        const results = apply(commands);
        unknown += results.filter((result) => !result.ok && result.isUnknown === true).length;
        return results;
      },
    };
    const { director, timers, told } = directorOf(lab, counting, MANY);
    assert.equal(lines(host, LAST), MANY);
    // As little room as there can be: two or three refusals.
    assert.equal(native.setsockopt(Number(fd), SOL.SOCKET, SO.RCVBUF, 1), 0);
    // The kernel answers nothing but refusals: what is to be removed has gone by another hand.
    const other = planeOf(host);
    other.apply(
      services(MANY)
        .filter((_, i) => i % 2 === 0)
        .flatMap(({ service, servers }) =>
          servers
            .slice(1)
            .map(({ server }) => ({ kind: "remove-server", key: service.key, server }) as const),
        ),
    );
    other.close();
    assert.equal(lines(host, LAST), MANY / 2);
    for (const { name } of services(MANY)) director.setServer(name, LAST, false);
    timers.pass(1);
    assert.ok(unknown > 0, "no answer was lost");
    assert.equal(lines(host, LAST), 0);
    assert.equal(lines(host, SERVERS[0] as ServerId), MANY);
    timers.pass(20_000);
    assert.deepEqual(
      told().map((event) => (event.kind === "table-applied" ? event.why : event.kind)),
      ["health"],
    );
    const { table } = director.status();
    assert.deepEqual([table?.in_order, table?.repairs], [true, 0]);
    director.stop("remove");
    assert.equal(ipvsadmTable(host), "");
  } finally {
    lab.close();
  }
});
