// Two directors with two links, of which a switch cuts the first between them without taking anybody's carrier: two
// masters without `second-path`, one with it, on the wire and with real sockets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(30);
const VIP = "10.98.0.100";
const SIX = "fe80::100";
const INTERVAL = 200;
const config = (lab: Lab, name: string, more: string): string =>
  lab.file(
    `${name}.yaml`,
    `nodes:
  a: { address: 10.98.0.2, priority: 150 }
  b: { address: 10.98.0.3, priority: 100 }
vrrp:
  web:
    interface: eth0
    router-id: 85
    advert-interval: ${INTERVAL}ms
    addresses: [${VIP}/24, "${SIX}/64"]
    auth: { hmac: { keys: [{ id: 1, key: "0123456789abcdef0123456789abcdef" }] } }${more}
`,
  );

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(` ${VIP}/24 `);

for (const isThere of [false, true])
  test(`a cut of the first link alone makes ${isThere ? "one master with" : "two masters without"} second-path, and heals`, async () => {
    const lab = new Lab();
    try {
      const [a, b] = lab.hosts("a", "b");
      const bridge = lab.bridge("br", "br0", "br1");
      for (const [i, link] of ["eth0", "eth1"].entries())
        lab.plug(
          bridge,
          [a, b].map((host, n) => ({
            host,
            interface: link,
            addresses: [`10.9${8 + i}.0.${n + 2}/24`, `fe80::${i + 1}${n + 2}/64`],
          })),
          `br${i}`,
        );
      const path = config(lab, "vipd", isThere ? "\n    second-path: eth1" : "");
      const first = startVipd(lab, a, path);
      await first.waitFor(/web\/ipv4: BACKUP -> MASTER/, PATIENCE);
      const second = startVipd(lab, b, path);
      await second.waitFor(/web\/ipv4: INITIALIZE -> BACKUP/, PATIENCE);
      const split = (state: "on" | "off"): void => {
        for (const host of [a, b])
          bridge.run("bridge", "link", "set", "dev", `${host.name}-eth0`, "isolated", state);
      };
      split("on");
      if (isThere) {
        for (const family of ["ipv4", "ipv6"])
          await second.waitFor(
            new RegExp(
              `web/${family}: hears the master on the second path alone: .* on eth1, and nothing on eth0`,
            ),
            PATIENCE,
          );
        await pause(10 * INTERVAL);
        assert.ok(holds(a) && !holds(b));
        assert.match(vipdCommand(lab, b, "status").stdout, /the master is heard on eth1 alone/);
        split("off");
        for (const family of ["ipv4", "ipv6"])
          await second.waitFor(new RegExp(`web/${family}: hears the master on eth0 again`), PATIENCE);
        assert.doesNotMatch(second.text, /-> MASTER|ignored/);
        assert.doesNotMatch(first.text, /MASTER ->|could not send/);
        // The second interface goes, and the instance goes on; it comes back and is used again.
        const lines = second.lines.length;
        b.ip("link set eth1 down");
        await second.waitFor(/no second path: eth1 is down/, PATIENCE, lines);
        b.ip("link set eth1 up", "address replace fe80::23/64 dev eth1 nodad");
        await second.waitFor(/the second path is there again/, PATIENCE, lines);
        // The first link of the master dies: its last word leaves by the second one.
        a.ip("link set eth0 down");
        await first.waitFor(/MASTER -> FAULT: .*sent advert with priority 0/, PATIENCE);
        await second.waitFor(/BACKUP -> MASTER: .*resigned|BACKUP -> MASTER: .*left/, PATIENCE, lines);
      } else {
        await second.waitFor(/web\/ipv4: BACKUP -> MASTER/, PATIENCE);
        assert.ok(holds(a) && holds(b));
        split("off");
        await second.waitFor(/web\/ipv4: MASTER -> BACKUP/, PATIENCE);
        await until("one holder", PATIENCE, () => holds(a) && !holds(b));
      }
      await Promise.all([first.stop(), second.stop()]);
    } finally {
      lab.close();
    }
  });
