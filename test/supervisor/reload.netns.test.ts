// A reload on real sockets: of many instances it touches those alone that it adds, removes or changes.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Capture } from "../lab/capture.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const INTERVAL = 200;
const instance = (id: number, more = ""): string =>
  `  web${id}: { interface: eth0, router-id: ${id}, advert-interval: ${INTERVAL}ms, addresses: [10.98.1.${id}/24]${more} }\n`;
const config = (...instances: readonly string[]): string =>
  `nodes:
  a: { address: 10.98.0.2, priority: 150 }
vrrp:
${instances.join("")}`;

test("a reload touches only the instances that it adds, removes or changes", async () => {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0");
    b.ip("address add 10.98.0.3/24 dev eth0");
    const path = lab.file("vipd.yaml", config(instance(1), instance(2), instance(3)));
    const daemon = startVipd(lab, a, path);
    for (const id of [1, 2, 3]) await daemon.waitFor(new RegExp(`web${id}: BACKUP -> MASTER`), seconds(20));
    const capture = await Capture.start(b, "eth0");
    const monitor = a.spawn(["ip", "-o", "monitor", "address"]);
    const changes = [
      [instance(1), instance(2, ", priority: 120"), instance(3)],
      [instance(1), instance(2, ", sync-group: both"), instance(3), instance(4, ", sync-group: both")],
      [instance(1), instance(2, ", track: [{ interface: lo, weight: -10 }]"), instance(4)],
      [instance(1), instance(5)],
    ];
    for (const instances of changes) {
      writeFileSync(path, config(...instances).replaceAll("sync-group", "group"));
      const { status, stderr } = vipdCommand(lab, a, "reload");
      assert.equal(status, 0, stderr);
      const before = capture.seen.length;
      await until(
        "adverts",
        seconds(20),
        () =>
          capture.seen.slice(before).filter((seen) => seen.kind === "advert" && seen.vrid === 1).length > 4,
      );
    }
    await daemon.waitFor(/web5: BACKUP -> MASTER/, seconds(20));
    const times = capture.adverts().filter(({ vrid }) => vrid === 1);
    assert.ok(times.every(({ priority }) => priority === 150));
    const span = (times.at(-1)?.at ?? 0) - (times[0]?.at ?? 0);
    assert.ok(times.length >= Math.floor(span / INTERVAL), `${times.length} adverts in ${span} ms`);
    assert.doesNotMatch(monitor.text, /10\.98\.1\.1\//);
    assert.doesNotMatch(daemon.text, /web1: MASTER ->/);
    // Its priority, its group and its track were changed: it stayed master until it was removed.
    assert.deepEqual(
      daemon.lines
        .filter(({ text }) => /web2: MASTER ->/.test(text))
        .map(({ text }) => /MASTER -> \S+/.exec(text)?.[0]),
      ["MASTER -> INITIALIZE:"],
    );
    await daemon.stop();
  } finally {
    lab.close();
  }
});
