// Notifications end to end: real programs and a real FIFO beside a daemon in a namespace. What a test waits for is
// bounded; no absolute times.

import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

type Scene = {
  readonly lab: Lab;
  readonly a: Host;
  readonly daemon: LabProcess;
  readonly path: string;
  readonly text: string;
  /** The lines that programs have written to a file of the lab. */
  readonly lines: (name: string) => string[];
};

async function withDaemon(
  notify: (lab: Lab, script: (name: string, body: string) => string) => string,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0");
    const script = (name: string, body: string): string => {
      const path = lab.file(name, `#!/bin/sh\n${body}\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const instance = (id: number): string =>
      `{ interface: eth0, router-id: ${id}, advert-interval: 100ms, addresses: [10.98.0.1${id}/24] }`;
    const text = `nodes: { a: { priority: 150 } }
notify: ${notify(lab, script)}
vrrp:
  web: ${instance(85)}
  db: ${instance(52)}
`;
    const path = lab.file("vipd.yaml", text);
    const daemon = startVipd(lab, a, path);
    const lines = (name: string): string[] => {
      const file = join(lab.directory, name);
      return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
    };
    await run({ lab, a, daemon, path, text, lines });
  } finally {
    lab.close();
  }
}

test("programs are called in order with arguments and environment, up to the stop, and their failures are said", () =>
  withDaemon(
    (lab, script) => {
      const any = script(
        "any",
        `echo "$* $VIPD_FROM-$VIPD_TO $VIPD_SEQUENCE $VIPD_REASON" >>${lab.directory}/told`,
      );
      const master = script("master", "echo no luck >&2; exit 3");
      return `{ any: ${any}, master: ${master}, backup: /no/such/program }`;
    },
    async ({ lab, a, daemon, lines }) => {
      const web = (): string[] => lines("told").filter((line) => line.startsWith("INSTANCE web "));
      await until("two changes of web", seconds(20), () => web().length === 2);
      await daemon.waitFor(/error notify web: MASTER: \S+\/master: exit code 3: no luck/);
      await daemon.waitFor(
        /error notify web: BACKUP: \/no\/such\/program: \/no\/such\/program does not exist/,
      );
      a.ip("link set eth0 down");
      await until("a fault", seconds(10), () => web().length === 3);
      assert.equal(vipdCommand(lab, a, "stop").status, 0);
      await daemon.exited();
      assert.deepEqual(
        web().map((line) => line.replace(/ \d+ (\S+)$/, " $1")),
        [
          "INSTANCE web BACKUP 150 -BACKUP startup",
          "INSTANCE web MASTER 150 BACKUP-MASTER no-master-heard",
          "INSTANCE web FAULT 150 MASTER-FAULT interface-down",
          "INSTANCE web STOP 150 FAULT-STOP shutdown",
        ],
      );
      const numbers = lines("told").map((line) => Number(/ (\d+) \S+$/.exec(line)?.[1]));
      assert.equal(new Set(numbers).size, numbers.length);
    },
  ));

test("a program that hangs is killed at its limit, and delays neither adverts nor the other instance", () =>
  withDaemon(
    (lab, script) => {
      const any = script(
        "any",
        `echo "$2 $3" >>${lab.directory}/told\n[ "$2" = db ] || { trap '' TERM; sleep 1000; }`,
      );
      return `{ any: ${any}, timeout: 1s }`;
    },
    async ({ daemon, lines, lab, a }) => {
      await daemon.waitFor(/error notify web: BACKUP: .* not done after 1 s: ended with TERM/, seconds(30));
      await until("both of web", seconds(20), () => lines("told").includes("web MASTER"));
      const told = lines("told");
      assert.ok(told.indexOf("db MASTER") < told.indexOf("web MASTER"));
      assert.match(daemon.text, /vrrp web: BACKUP -> MASTER/);
      const status = vipdCommand(lab, a, "status", "--json").stdout;
      const { lateness_ms } = (JSON.parse(status) as { vrrp: { lateness_ms: { p99: number } } }).vrrp;
      assert.ok(lateness_ms.p99 < 100, `adverts were late by ${lateness_ms.p99} ms`);
      await daemon.stop();
    },
  ));

test("the FIFO says what keepalived's says, to a reader that vipd starts", () =>
  withDaemon(
    (lab, script) => {
      const reader = script("reader", `exec cat "$1" >>${lab.directory}/read`);
      return `{ fifo: ${lab.directory}/fifo, fifo-reader: ${reader} }`;
    },
    async ({ daemon, lines, path, text }) => {
      await until("four lines", seconds(20), () => lines("read").length >= 4);
      assert.deepEqual(
        lines("read").filter((line) => line.includes("web")),
        ['INSTANCE "web" BACKUP 150', 'INSTANCE "web" MASTER 150'],
      );
      writeFileSync(path, text.replace(/^ {2}db:.*\n/m, ""));
      daemon.kill("SIGHUP");
      await until("the end of db", seconds(10), () => lines("read").includes('INSTANCE "db" DELETED 150'));
      await daemon.stop();
    },
  ));

test("a program that others could exchange is not run as root, and the part of its path is named", () =>
  withDaemon(
    (lab, script) => {
      const master = script("open", `touch ${lab.directory}/ran`);
      chownSync(master, 65534, 65534);
      return `{ master: ${master} }`;
    },
    async ({ lab, daemon }) => {
      await daemon.waitFor(
        /warning config: .*vipd\.yaml:\d+:\d+: warning: notify\.master: the program cannot run: .* belongs to user 65534/,
        seconds(20),
      );
      await daemon.waitFor(
        /error notify web: MASTER: .*\/open belongs to user 65534: chown root/,
        seconds(20),
      );
      assert.ok(!existsSync(join(lab.directory, "ran")));
      await daemon.stop();
    },
  ));
