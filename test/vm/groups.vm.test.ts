// Services with several keys, from their file to a real kernel: they are what ipvsadm makes of a line for each key,
// also after a server has failed, and nothing is left when they go.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { VipdEvent } from "../../src/control/event.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import type { ServerId } from "../../src/ipvs/model.js";
import { good, PAIR } from "../config/load.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import { noSettings } from "../ipvs/no-settings.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { ipvsadmRestore, planeOf } from "../lab/plane.js";

const FILE = `${PAIR}
services:
  range: { addresses: ["10.0.0.1-4:80,443"], scheduler: mh, forwarding: direct-routing, check: tcp, servers: [10.1.0.1, 10.1.0.2, 10.1.0.3] }
  mapped: { addresses: ["10.0.0.9:80,443"], fwmarks: [7], scheduler: wlc, forwarding: nat, servers: [10.1.0.1:8080] }
  both: { addresses: ["10.0.0.8:53", "[2001:db8::8-9]:53"], protocol: udp, scheduler: rr, forwarding: tunnel, persistence: 5m, servers: [10.1.0.1] }
`;

/** The orders of the first service with so many servers. */
const range = (servers: number): string[] =>
  [1, 2, 3, 4].flatMap((last) =>
    [80, 443].flatMap((port) => [
      `-A -t 10.0.0.${last}:${port} -s mh`,
      ...Array.from(
        { length: servers },
        (_, i) => `-a -t 10.0.0.${last}:${port} -r 10.1.0.${i + 1}:${port} -g -w 1`,
      ),
    ]),
  );
const OTHERS = [
  ...["-t 10.0.0.9:80", "-t 10.0.0.9:443", "-f 7"].flatMap((key) => [
    `-A ${key} -s wlc`,
    `-a ${key} -r 10.1.0.1:8080 -m -w 1`,
  ]),
  ...["10.0.0.8:53", "[2001:db8::8]:53", "[2001:db8::9]:53"].flatMap((key) => [
    `-A -u ${key} -s rr -p 300`,
    `-a -u ${key} -r 10.1.0.1:53 -i -w 1`,
  ]),
];

test("a range and two ports equal what ipvsadm makes of a line for each, and follow the health of the servers", () => {
  const lab = new Lab();
  try {
    const [ours, all, two] = lab.hosts("ours", "all", "two");
    ipvsadmRestore(all, `${[...range(3), ...OTHERS].join("\n")}\n`);
    ipvsadmRestore(two, `${[...range(2), ...OTHERS].join("\n")}\n`);
    const timers = new ManualTimers();
    const events: VipdEvent[] = [];
    const director = new IpvsDirector({
      openPlane: () => ({ ok: true, value: planeOf(ours) }),
      openSettings: noSettings,
      openOwnership: ownershipFile,
      timers,
      report: (event) => events.push(event),
    });
    const configure = (text: string): void => {
      const { services } = good(text);
      const error = director.configure({
        runtimeDirectory: lab.directory,
        ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
        sync: null,
        masters: {},
        services,
      });
      assert.equal(error, null);
    };
    configure(FILE);
    assert.equal(ipvsadmTable(ours), ipvsadmTable(all));
    director.setServer("range", "10.1.0.3:80" as ServerId, false);
    timers.pass(1);
    assert.equal(ipvsadmTable(ours), ipvsadmTable(two));
    // A look at the table finds nothing to put right.
    events.splice(0);
    timers.pass(60_000);
    assert.deepEqual(
      events.filter(({ kind }) => kind === "table-applied" || kind === "table-failed"),
      [],
    );
    configure(FILE.replace("10.0.0.1-4:80,443", "10.0.0.1-2:80"));
    const left = ours.run("ipvsadm", "-Sn").split("\n");
    assert.deepEqual(left.filter((line) => line.startsWith("-A -t 10.0.0.") && line.endsWith("mh")).sort(), [
      "-A -t 10.0.0.1:80 -s mh",
      "-A -t 10.0.0.2:80 -s mh",
    ]);
    assert.equal(director.stop("remove"), true);
    assert.equal(ours.run("ipvsadm", "-Sn").trim(), "");
  } finally {
    lab.close();
  }
});
