// Many servers that fail at once, with the whole daemon on a kernel with IPVS and with every number written otherwise than
// by default: what a service holds, what goes on, what the director as a whole makes of it, and that each is said once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd } from "../lab/directors.js";
import { ipvsadmServers, ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { buildNat, DIRECTOR, realServer, VIP } from "../lab/nat.js";
import { Switched } from "../lab/switched.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(200);
const WITHIN_S = 10;
/** By the port of their service: 19 machines in all, of which more than 60 % are 12. */
const SERVERS = {
  80: [4, 5, 6, 7, 8],
  81: [34, 35, 36, 37],
  82: [24, 25, 26, 27],
  83: [44, 45, 46, 47],
  84: [14, 15],
} as const;
type Port = keyof typeof SERVERS;

const service = (name: string, port: Port, more = ""): string =>
  `  ${name}: { address: "${VIP}:${String(port)}", ${more}check: tcp, servers: [${SERVERS[port].map(realServer).join(", ")}] }\n`;
const CONFIG = `nodes: { d: { address: ${DIRECTOR} } }
ipvs: { mass-failure: { share: 60, within: ${String(WITHIN_S)}s, at-least: 4, keep: 40 } }
defaults:
  service: { forwarding: nat, scheduler: rr }
  check: { every: 1s, timeout: 900ms, rise: 1, fall: 2 }
services:
${service("five", 80)}${service("goes-on", 81, "mass-failure: go-on, ")}${service("sorry", 82, `sorry-server: ${realServer(9)}, `)}${service(
  "held",
  83,
  `sorry-server: ${realServer(9)}, mass-failure: hold, `,
)}${service("small", 84)}`;

test("servers that fail together are held, or not, as the file says, and it is said once", async () => {
  const lab = new Lab();
  try {
    const { director, servers } = buildNat(lab, [9, ...Object.values(SERVERS).flat()]);
    const real = await Switched.start(servers);
    const open = async (port: Port, which: readonly number[] = SERVERS[port]): Promise<void> => {
      for (const last of which) await real.open(realServer(last), port);
    };
    const shut = async (port: Port, which: readonly number[] = SERVERS[port]): Promise<void> => {
      for (const last of which) await real.shut(realServer(last), port);
    };
    const PORTS = Object.keys(SERVERS).map((port) => Number(port) as Port);
    for (const port of PORTS) await open(port);
    const daemon = startVipd(lab, director, lab.file("vipd.yaml", CONFIG));
    await daemon.waitFor(/is ready as node d/, PATIENCE);

    const table = (port: Port): readonly string[] => ipvsadmServers(director, `-t ${VIP}:${String(port)}`);
    const lines = (port: Port, which: readonly number[] = SERVERS[port]): readonly string[] =>
      which.map((last) => `${realServer(last)}:${String(port)} -m -w 1`).toSorted();
    const becomes = async (port: Port, wanted: readonly string[]): Promise<void> => {
      const what = (): string => `"${wanted.join()}" at :${String(port)} (there is "${table(port).join()}")`;
      await until(what, PATIENCE, () => table(port).join() === wanted.join(), seconds(0.1));
    };
    const number = async (port: Port, wanted: number): Promise<void> => {
      const what = (): string =>
        `${String(wanted)} servers at :${String(port)} (there is "${table(port).join()}")`;
      await until(what, PATIENCE, () => table(port).length === wanted, seconds(0.1));
    };
    const down = (name: string, left: string): Promise<unknown> =>
      daemon.waitFor(new RegExp(`service ${name}: .* DOWN: .*; ${left} servers up`), PATIENCE);
    const told = (pattern: RegExp): number => daemon.lines.filter(({ text }) => pattern.test(text)).length;
    const HELD = / error service five: mass failure: /;

    // 60 % is not more than 60 %.
    await shut(80, [4, 5, 6]);
    await becomes(80, lines(80, [7, 8]));
    await open(80, [4, 5, 6]);
    await becomes(80, lines(80));
    assert.equal(told(HELD), 0);

    // 40 % of five servers are two: the one that is up, and one that is not. Then two that are not.
    await shut(80, [4, 5, 6, 7]);
    await down("five", "1 of 5");
    await number(80, 2);
    assert.ok(table(80).includes(lines(80, [8])[0] ?? ""));
    await shut(80, [8]);
    await down("five", "0 of 5");
    await number(80, 2);
    await open(80);
    await becomes(80, lines(80));
    await daemon.waitFor(/service five: mass failure over/, PATIENCE);
    assert.equal(told(HELD), 1);

    // Two are no sign of anything, and those that fail one by one are taken at their word.
    await shut(84);
    await becomes(84, []);
    await open(84);
    await becomes(84, lines(84));
    for (const last of SERVERS[83]) {
      await shut(83, [last]);
      await until("its end", PATIENCE, () => !table(83).includes(lines(83, [last])[0] ?? ""));
      await new Promise((resolve) => setTimeout(resolve, (WITHIN_S + 1) * 1000));
    }
    const sorry = (port: Port): readonly string[] => [`${realServer(9)}:${String(port)} -m -w 1`];
    await becomes(83, sorry(83));
    await open(83);
    await becomes(83, lines(83));

    // Everything: each service by its own word, and the small one as the director as a whole has failed.
    for (const port of PORTS) await shut(port);
    for (const [name, total] of [
      ["five", 5],
      ["goes-on", 4],
      ["sorry", 4],
      ["held", 4],
      ["small", 2],
    ] as const)
      await down(name, `0 of ${String(total)}`);
    await becomes(81, []);
    await becomes(82, sorry(82));
    await number(80, 2);
    await number(83, 2);
    assert.ok(!table(83).includes(sorry(83)[0] ?? ""));
    await number(84, 1);
    assert.equal(told(/ error services: mass failure: \d+ of 19 machines/), 1, daemon.text);
    for (const port of PORTS) await open(port);
    for (const port of PORTS) await becomes(port, lines(port));
    daemon.kill("SIGTERM");
    assert.equal(await daemon.exited(PATIENCE), 0);
    assert.equal(ipvsadmTable(director), "");
  } finally {
    lab.close();
  }
});
