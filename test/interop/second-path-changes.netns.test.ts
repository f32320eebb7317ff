// `second-path` that comes, changes and goes while adverts are on their way: by a reload, with an upgrade, and with
// either transport. The master stays, its adverts go on, and no other instance is touched.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Capture } from "../lab/capture.js";
import { startVipd, upgradeVipd, vipdCommand } from "../lab/directors.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(40);
const INTERVAL = 300;
const LINKS = ["eth0", "eth1", "eth2"] as const;

for (const transport of ["native", "raw-socket"] as const)
  test(`a reload and an upgrade of a master with a second path touch nothing else (${transport})`, async () => {
    const lab = new Lab();
    try {
      const [a, b] = lab.hosts("a", "b");
      const bridge = lab.bridge("br", "br0", "br1", "br2");
      for (const [i, link] of LINKS.entries())
        lab.plug(
          bridge,
          [a, b].map((host, n) => ({ host, interface: link, addresses: [`10.9${7 + i}.0.${n + 2}/24`] })),
          `br${i}`,
        );
      const config = (more: string): string => `nodes:
  a: { address: 10.97.0.2, priority: 150 }
  b: { address: 10.97.0.3, priority: 100 }
process: { transport: ${transport} }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: ${INTERVAL}ms, addresses: [10.97.0.100/24]${more} }
  db: { interface: eth0, router-id: 86, advert-interval: ${INTERVAL}ms, addresses: [10.97.0.101/24] }
`;
      const path = lab.file("vipd.yaml", config(""));
      const first = startVipd(lab, a, path);
      for (const name of ["web", "db"])
        await first.waitFor(new RegExp(`vrrp ${name}: BACKUP -> MASTER`), PATIENCE);
      const second = startVipd(lab, b, path);
      for (const name of ["web", "db"])
        await second.waitFor(new RegExp(`vrrp ${name}: INITIALIZE -> BACKUP`), PATIENCE);
      const captures = await Promise.all(LINKS.map((link) => Capture.start(b, link)));
      const monitor = a.spawn(["ip", "-o", "monitor", "address"]);
      const heard = (link: number): number =>
        captures[link]!.adverts().filter(
          ({ vrid, source }) => vrid === 85 && source === `10.9${7 + link}.0.2`,
        ).length;
      const from = { a: first.lines.length, b: second.lines.length };
      /** Adverts leave on these links, and have ceased on the others. */
      const leaveOn = (...links: readonly number[]): Promise<unknown> =>
        until(`adverts on ${links.join()} alone`, PATIENCE, async () => {
          const before = LINKS.map((_, link) => heard(link));
          await until(`adverts on ${links.join()}`, PATIENCE, () =>
            links.every((link) => heard(link) >= before[link]! + 3),
          );
          return LINKS.every((_, link) => links.includes(link) || heard(link) === before[link]);
        });
      const reload = async (more: string, ...links: readonly number[]): Promise<void> => {
        writeFileSync(path, config(more));
        for (const host of [a, b]) assert.equal(vipdCommand(lab, host, "reload").status, 0);
        await leaveOn(...links);
      };
      await leaveOn(0);
      await reload(", second-path: eth1", 0, 1);
      await reload(", second-path: eth2", 0, 2);
      for (const host of [a, b]) await upgradeVipd(lab, host, PATIENCE);
      await leaveOn(0, 2);
      // What it is for: the first link alone is cut between them, without anybody's carrier.
      const split = (state: "on" | "off"): void => {
        for (const host of [a, b])
          bridge.run("bridge", "link", "set", "dev", `${host.name}-eth0`, "isolated", state);
      };
      const holds = (): boolean => a.run("ip", "-o", "address").includes(" 10.97.0.100/24 ");
      const isAlone = (): boolean =>
        /the master is heard on eth2 alone/.test(vipdCommand(lab, b, "status").stdout);
      for (const { text } of [first, second])
        assert.doesNotMatch(text.slice(text.indexOf("changed:")), /vrrp db: [A-Z]/);
      split("on");
      await until("the master on the second path alone", PATIENCE, isAlone);
      assert.ok(holds() && !b.run("ip", "-o", "address").includes(" 10.97.0.100/24 "));
      split("off");
      await until("the first path again", PATIENCE, () => !isAlone());
      await reload("", 0);
      assert.doesNotMatch(vipdCommand(lab, a, "status", "--json").stdout, /second_path/);
      // The other instance had no second path, and lost its peer for a while.
      const told = (text: readonly { readonly text: string }[], after: number): string =>
        text
          .slice(after)
          .map((line) => line.text)
          .filter((line) => line.includes("vrrp web"))
          .join("\n");
      assert.doesNotMatch(told(first.lines, from.a) + told(second.lines, from.b), /[A-Z] -> [A-Z]/);
      assert.doesNotMatch(monitor.text, /10\.97\.0\.100/);
      assert.ok(
        captures.every((capture) =>
          capture.adverts().every(({ vrid, priority }) => vrid !== 85 || priority === 150),
        ),
      );
      for (const host of [a, b]) assert.equal(vipdCommand(lab, host, "stop").status, 0);
    } finally {
      lab.close();
    }
  });
