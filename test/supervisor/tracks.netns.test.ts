// What instances follow, end to end: two directors in namespaces, a script that fails, a process that ends, a file
// that changes, a link that goes. What a test waits for is bounded; no absolute times.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const VIP = "10.98.0.100";
type Pair = {
  readonly lab: Lab;
  readonly a: Host;
  readonly b: Host;
  readonly first: LabProcess;
  readonly second: LabProcess;
  readonly good: string;
};

/** Two directors with another name for their interfaces; the script of `a` succeeds while the file `good` is there. */
async function withPair(
  tracks: (lab: Lab) => string,
  track: string,
  run: (pair: Pair) => Promise<void>,
): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "ens3");
    a.ip(
      "address add 10.98.0.2/24 dev eth0",
      "link add eth1 type veth peer name eth2",
      "link set eth1 up",
      "link set eth2 up",
    );
    b.ip(
      "address add 10.98.0.3/24 dev ens3",
      "link add eth1 type veth peer name eth2",
      "link set eth1 up",
      "link set eth2 up",
    );
    const good = lab.file("good", "");
    const path = lab.file(
      "vipd.yaml",
      `nodes:
  a: { address: 10.98.0.2, priority: 150 }
  b: { address: 10.98.0.3, priority: 100 }
tracks:
${tracks(lab)}
vrrp:
  web:
    interface: { a: eth0, b: ens3 }
    router-id: 85
    advert-interval: 300ms
    addresses: [${VIP}/24]
    track: ${track}
`,
    );
    const [first, second] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await first.waitFor(/BACKUP -> MASTER/, seconds(20));
    await run({ lab, a, b, first, second, good });
    await Promise.all([first.stop(), second.stop()]);
  } finally {
    lab.close();
  }
}

const holds = (host: Host): boolean => host.run("ip", "-o", "address", "show").includes(`${VIP}/24`);
const onlyOn = (where: Host, other: Host): Promise<unknown> =>
  until("the address on one alone", seconds(15), () => holds(where) && !holds(other));

function script(lab: Lab, name: string, body: string): string {
  const path = lab.file(name, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

test("a script that fails lowers the priority, the peer takes over, and the sum is told; and back", () =>
  withPair(
    (lab) =>
      // Both directors run it: the peer's succeeds always.
      `  haproxy: { script: { command: [${script(lab, "look", `test -e ${lab.directory}/good || ip -o link show ens3`)}] }, every: 200ms, fall: 2, weight: -60 }`,
    "[haproxy]",
    async ({ lab, a, b, first, second, good }) => {
      rmSync(good);
      await second.waitFor(/BACKUP -> MASTER/, seconds(20));
      await onlyOn(b, a);
      await first.waitFor(/priority 150 -> 90 \(\w+\): 150 base - 60 script haproxy = 90/);
      await first.waitFor(
        /warning track haproxy: script fails: script-failed: exit code 1.* 2 times in a row/,
      );
      const text = vipdCommand(lab, a, "status").stdout;
      assert.match(text, /own priority 150 base - 60 script haproxy = 90/);
      assert.match(text, /track haproxy: DOWN, script script-failed: exit code 1/);
      assert.match(vipdCommand(lab, b, "status").stdout, /track haproxy: up, script ok/);
      writeFileSync(good, "");
      await first.waitFor(/priority 90 -> 150/, seconds(20));
      await onlyOn(a, b);
    },
  ));

test("a file's number counts, an interface that is down is a fault, and what is known outlives the check process", () =>
  withPair(
    (lab) => `  load: { file: ${join(lab.directory, "load")}, weight: -1 }`,
    "[load, { interface: eth1 }]",
    async ({ lab, a, b, first, second }) => {
      lab.file("load", "30\n");
      await first.waitFor(/150 base - 30 file load = 120/);
      const pid = /checks process: pid (\d+)/.exec(vipdCommand(lab, a, "status").stdout)?.[1];
      process.kill(Number(pid), "SIGKILL");
      await first.waitFor(/check process started \(pid \d+, restart number 1\)/);
      assert.match(vipdCommand(lab, a, "status").stdout, /150 base - 30 file load = 120/);
      a.ip("link set eth1 down");
      await second.waitFor(/BACKUP -> MASTER/, seconds(20));
      await first.waitFor(/error vrrp web: MASTER -> FAULT: interface eth1 is down/);
      await onlyOn(b, a);
      a.ip("link set eth1 up");
      await first.waitFor(/FAULT -> BACKUP: interface eth1 is up again/);
      await onlyOn(a, b);
      assert.doesNotMatch(first.text, /priority 120 -> 150/);
    },
  ));

test("a script that others may change is a failure that names the folder", () =>
  withPair(
    (lab) => {
      const folder = join(lab.directory, "open");
      mkdirSync(folder);
      const path = script(lab, "open/look", "exit 0");
      chmodSync(folder, 0o777);
      return `  look: { script: { command: ${path} }, every: 200ms, initial: up }`;
    },
    "[{ name: look, weight: -20 }]",
    async ({ lab, a, first }) => {
      await first.waitFor(
        new RegExp(`track look: script fails: .* others may write to ${lab.directory}/open: chmod go-w`),
      );
      assert.match(vipdCommand(lab, a, "status").stdout, /150 base - 20 script look = 130/);
    },
  ));
