// Two masters: a switch that keeps two directors apart for a while and not from a third host, and what is seen, said
// and told of it when they hear each other again.

import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Capture } from "../lab/capture.js";
import { startVipd } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(30);
const VIP = "10.98.0.100";
const config = (lab: Lab): string => `nodes:
  a: { address: 10.98.0.2, priority: 150 }
  b: { address: 10.98.0.3, priority: 100 }
notify: { master: ["${lab.directory}/told.sh"] }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 200ms, addresses: [${VIP}/24] }
`;

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(` ${VIP}/24 `);
const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();

test("after a split the better one announces again, says who the other was, and tells its programs", async () => {
  const lab = new Lab();
  try {
    const [a, b, observer] = lab.hosts("a", "b", "o");
    const bridge = lab.bridge("br");
    lab.plug(
      bridge,
      [a, b, observer].map((host, i) => ({
        host,
        interface: "eth0",
        addresses: [`10.98.0.${String([2, 3, 9][i])}/24`],
      })),
    );
    const told = join(lab.directory, "told");
    chmodSync(lab.file("told.sh", `#!/bin/sh\necho "$VIPD_NODE $VIPD_FROM" >> ${told}\n`), 0o755);
    const path = lab.file("vipd.yaml", config(lab));
    const first = startVipd(lab, a, path);
    await first.waitFor(/BACKUP -> MASTER/, PATIENCE);
    const second = startVipd(lab, b, path);
    await second.waitFor(/INITIALIZE -> BACKUP/, PATIENCE);
    const split = (state: "on" | "off"): void => {
      for (const host of [a, b])
        bridge.run("bridge", "link", "set", "dev", `${host.name}-eth0`, "isolated", state);
    };
    split("on");
    await second.waitFor(/BACKUP -> MASTER/, PATIENCE);
    assert.ok(holds(a) && holds(b));
    await until(
      "the neighbour is led to the worse one",
      PATIENCE,
      () =>
        observer.run("ip", "neighbour", "show", VIP).includes(macOf(b)) ||
        void observer.try("ping", "-c1", "-W1", VIP),
    );
    const capture = await Capture.start(observer, "eth0");
    const lines = first.lines.length;
    split("off");
    await second.waitFor(/MASTER -> BACKUP: 10\.98\.0\.2 .*priority 150, ours is 100/, PATIENCE);
    await first.waitFor(/web: .*10\.98\.0\.3.*master/, PATIENCE, lines);
    await until("announcements of the better one", PATIENCE, () =>
      capture.gratuitousArps(VIP).some(({ mac }) => mac === macOf(a)),
    );
    await until("its neighbour is led to it", PATIENCE, () =>
      observer.run("ip", "neighbour", "show", VIP).includes(macOf(a)),
    );
    await until("one holder", PATIENCE, () => holds(a) && !holds(b));
    assert.doesNotMatch(first.text, /MASTER ->/);
    await until(
      "its programs are told again",
      PATIENCE,
      () => existsSync(told) && readFileSync(told, "utf8").includes("a MASTER"),
    );
    await Promise.all([first.stop(), second.stop()]);
  } finally {
    lab.close();
  }
});
