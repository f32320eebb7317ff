// Every kind of check against Debian's nginx, exim and dnsmasq (and programs, files and the kernel) in every state that a
// server can be in. What is looked for stands in matrix.ts. Needs root for exim, and a machine that does nothing else.

import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { seconds } from "../../src/core/units.js";
import { root } from "../config/load.js";
import { until } from "../lab/wait.js";
import { check } from "./harness.js";
import { cannotServe, relayed, relayedDatagrams, startServers, type Servers } from "./matrix-servers.js";
import { checkerOf, FORMS, MATRIX, STATES, type Cell, type Form, type Look } from "./matrix.js";

const skip = cannotServe;
let servers: Servers;

const SCRIPTS = {
  good: "exit 0",
  bad: "exit 1",
  slow: "sleep 1",
  hung: "sleep 60",
  killed: "echo half; kill -9 $$",
};
const FILES = { zero: "0\n", one: "1\n", half: "" };

before(async () => {
  if (skip !== false) return;
  servers = await startServers();
  for (const [name, text] of Object.entries(SCRIPTS)) {
    writeFileSync(join(servers.folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(servers.folder, name), 0o755);
  }
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(servers.folder, name), text);
  for (const name of ["http", "smtp", "smtp with TLS", "dns", "agent"] as const)
    for (const look of looksOf(MATRIX[name].up))
      await until(`${name} to be up`, seconds(30), async () => (await see(name, look)).ok);
});
after(async () => {
  if (skip === false) await servers.end();
});

const looksOf = (cell: Cell): readonly Look[] => (Array.isArray(cell) ? (cell as readonly Look[]) : []);

function see(form: Form, { at, options, timeout, cut }: Look): Promise<CheckResult> {
  const name = checkerOf(form);
  const read = JSON.parse(JSON.stringify(options).replaceAll("FOLDER", servers.folder)) as object;
  const port = servers.ports[at];
  const ask = (where: number): Promise<CheckResult> =>
    check(name, name === "agent" ? { port: where, ...read } : read, where, timeout);
  if (cut === undefined) return ask(port);
  const isDatagram = name === "udp" || (name === "dns" && !("protocol" in options));
  return isDatagram ? relayedDatagrams(port, cut.after, ask) : relayed(port, cut, ask);
}

for (const name of FORMS)
  for (const state of STATES) {
    const cell = MATRIX[name][state];
    if ("none" in cell) continue;
    if ("file" in cell) {
      test(`${name}, ${state}: there is the test "${cell.test}"`, () => {
        const text = readFileSync(join(root, "test", cell.file), "utf8");
        assert.ok(text.includes(`"${cell.test}"`), cell.file);
      });
      continue;
    }
    test(`${name}, ${state}`, { skip }, async () => {
      if (state === "hung") servers.signal("SIGSTOP");
      try {
        for (const look of cell) {
          const result = await see(name, look);
          const [wanted, detail] = look.sees;
          const seen = result.ok ? "up" : result.reason;
          const warning = result.ok ? (result.warning ?? "") : "";
          assert.match(warning, look.warns ?? /^$/);
          assert.deepEqual(
            [seen, detail.test(result.detail)],
            [wanted, true],
            `${JSON.stringify(look)}: ${seen}: ${result.detail}`,
          );
        }
      } finally {
        servers.signal("SIGCONT");
      }
    });
  }
