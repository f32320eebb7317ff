// The interop matrix: vipd with Debian's keepalived and with FRR's vrrpd, every version, family and transport they
// share, both roles, and four things that befall the master. All cells of a role come from one lab (matrix.ts).

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { cellKey, EVENTS, MatrixRun, ROLES, type MatrixEvent, type Role } from "./matrix.js";
import { INTERVAL, nameOf, PAIRINGS } from "./pairings.js";

/** Why vipd takes over, or gives way, by its role and by what befalls the master. */
const REASONS: Readonly<Record<Role, Readonly<Record<MatrixEvent, RegExp>>>> = {
  master: {
    "priority change": /^higher-priority$/,
    "link down": /^interface-down$/,
    "clean stop": /^none/,
    kill: /^none/,
  },
  backup: {
    "priority change": /^preempted-lower$/,
    "link down": /^master-silent$/,
    "clean stop": /^master-resigned$/,
    kill: /^master-silent$/,
  },
};

const runs = Object.fromEntries(ROLES.map((role) => [role, new MatrixRun(role)])) as Record<Role, MatrixRun>;

describe("interop matrix", () => {
  let results: Record<Role, Awaited<ReturnType<MatrixRun["run"]>>>;
  before(async () => {
    const [master, backup] = await Promise.all([runs.master.run(), runs.backup.run()]);
    results = { master, backup };
  });

  for (const role of ROLES) {
    for (const pairing of PAIRINGS)
      for (const event of EVENTS)
        test(`${nameOf(pairing)}: we are ${role}, ${event} of the master: takeover and back`, () => {
          const cell = results[role].cells.get(cellKey(event, pairing));
          assert.ok(cell !== undefined);
          const { away, back } = cell;
          assert.ok(away.done, "one master, the other one, and the observer's neighbour entry is led to it");
          assert.match(away.reason, REASONS[role][event]);
          assert.ok(back.done, "the first master is it again, alone, and has the observer's neighbour entry");
          for (const { overlap } of [away, back])
            assert.ok(overlap <= INTERVAL, `two masters for ${overlap.toFixed(0)} ms`);
        });

    test(`we are ${role}: no advert of keepalived's or FRR's is refused`, () => {
      assert.deepEqual(results[role].rejected, {});
    });
  }
});
