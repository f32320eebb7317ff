// What a service makes of its servers, option by option, with the whole daemon on a kernel with IPVS: after each change the
// table is what `ipvsadm -Sn` reads back. Sorry servers, inhibition, servers that nothing is known of yet, slow starts, and
// weights that agents and scripts say.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ServiceStatus } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { request, statusOf } from "../lab/control.js";
import { startVipd } from "../lab/directors.js";
import { ipvsadmServers, ipvsadmTable, procServers, watchTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { buildNat, DIRECTOR, realServer, VIP } from "../lab/nat.js";
import { Switched } from "../lab/switched.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(200);
const OPEN_AT = { 80: [4, 5], 81: [14, 15], 82: [24], 83: [34], 84: [44], 85: [54, 55] } as const;
const AGENT = 3333;
const FLIPS = 4;

const at = (last: number, more = ""): string => `{ address: ${realServer(last)}${more} }`;
/** `added`: servers that a reload adds. */
const config = (exit: string, added: boolean): string => `nodes: { d: { address: ${DIRECTOR} } }
scripts: { security: false }
ipvs: { mass-failure: { share: 100 } }
defaults:
  service: { forwarding: nat, scheduler: wrr }
  check: { every: 1s, timeout: 900ms, rise: 1, fall: 2 }
services:
  sorry:
    address: ${VIP}:80
    check: tcp
    quorum: 3
    hysteresis: 1
    sorry-server: [${at(9, ", port: 8080, weight: 7")}, ${at(10, ", forwarding: tunnel")}]
    servers: [${at(4, ", weight: 2, forwarding: direct-routing")}, ${at(5, ", weight: 3")}]
  inhibit:
    address: ${VIP}:81
    check: tcp
    sorry-server: ${realServer(9)}
    sorry-server-inhibit: true
    servers: [${at(14, ", weight: 4, inhibit-on-failure: true")}, ${at(15)}]
  wait:
    address: ${VIP}:82
    check: { tcp: {}, warm-up: 15s }
    before-first-check: wait
    servers: [${at(24)}, ${at(25)}]
  serve:
    address: ${VIP}:83
    check: { tcp: {}, warm-up: 15s }
    before-first-check: serve
    servers: [${at(34)}${added ? `, ${at(35)}` : ""}]
  alpha:
    address: ${VIP}:84
    check: tcp
    servers: [${at(44)}${added ? `, ${at(45)}` : ""}]
  slow:
    address: ${VIP}:85
    check: tcp
    slow-start: 10s
    servers: [${at(54, ", weight: 64")}, ${at(55)}]
  load: { address: "${VIP}:86", check: { agent: { port: ${AGENT} } }, servers: [${at(64, ", weight: 100")}] }
  every-load:
    address: ${VIP}:87
    check: { agent: { port: ${AGENT} } }
    weight-hysteresis: 0
    servers: [${at(64, ", weight: 100")}]
  dynamic:
    address: ${VIP}:88
    check: { script: { command: "exit $(cat ${exit})", shell: true, dynamic: true }, every: 6s, timeout: 5900ms, fall: 1 }
    servers: [${at(74, ", weight: 10")}]
`;

test("quorum, sorry servers, inhibition, first checks, slow starts and loads, as ipvsadm -Sn reads them back", async (t) => {
  const lab = new Lab();
  try {
    const lasts = [4, 5, 9, 10, 14, 15, 24, 25, 34, 35, 44, 45, 54, 55, 64, 74];
    const { director, servers } = buildNat(lab, lasts);
    const real = await Switched.start(servers);
    const set = async (isOpen: boolean, port: number, ...which: readonly number[]): Promise<void> => {
      for (const last of which)
        await (isOpen ? real.open(realServer(last), port) : real.shut(realServer(last), port));
    };
    for (const [port, open] of Object.entries(OPEN_AT)) await set(true, Number(port), ...open);
    await real.say(realServer(64), AGENT, "ready");
    const exit = join(lab.directory, "exit");
    writeFileSync(exit, "0");

    /** "4:80 -m -w 1, 5:80 -m -w 1": the servers of a service as ipvsadm has them, by the ends of their addresses. */
    const table = (port: number): string =>
      ipvsadmServers(director, `-t ${VIP}:${String(port)}`)
        .map((line) => line.replace("10.96.1.", ""))
        .toSorted()
        .join(", ");
    const becomes = async (port: number, wanted: string): Promise<void> => {
      let now = "";
      const what = (): string => `"${wanted}" at :${String(port)} (there is "${now}")`;
      await until(what, PATIENCE, () => (now = table(port)) === wanted, seconds(0.1));
    };
    const path = lab.file("vipd.yaml", config(exit, false));
    const daemon = startVipd(lab, director, path);
    await daemon.waitFor(/is ready as node d/, PATIENCE);
    // Nothing serves that waits for its first check.
    await daemon.waitFor(/service wait: quorum LOST: weight 0 of 2, .*; 0 of 2 servers serve/, PATIENCE);
    const serviceOf = async (name: string): Promise<ServiceStatus | undefined> =>
      (await statusOf(lab, director))?.checks?.services.find((one) => one.name === name);

    await t.test(
      "a quorum of weights, its hysteresis, and two sorry servers of their own kinds",
      async () => {
        const all = "4:80 -g -w 2, 5:80 -m -w 3";
        const sorry = "10:80 -i -w 1 --tun-type ipip, 9:8080 -m -w 7";
        await becomes(80, all);
        await set(false, 80, 4);
        await becomes(80, "5:80 -m -w 3");
        await set(false, 80, 5);
        await becomes(80, sorry);
        await set(true, 80, 4);
        await until("the first one up", PATIENCE, async () => (await serviceOf("sorry"))?.alive === 1);
        assert.equal(table(80), sorry, "2 is less than 3 and 1");
        await set(true, 80, 5);
        await becomes(80, all);
      },
    );

    await t.test(
      "the kernel never has a table without a server that serves while sorry servers come and go",
      async () => {
        await set(false, 80, 4);
        await becomes(80, "5:80 -m -w 3");
        const watch = await watchTable(director, VIP, 80);
        for (let flip = 0; flip < FLIPS; flip++) {
          await set(false, 80, 5);
          await becomes(80, "10:80 -i -w 1 --tun-type ipip, 9:8080 -m -w 7");
          await set(true, 80, 4, 5);
          await becomes(80, "4:80 -g -w 2, 5:80 -m -w 3");
          await set(false, 80, 4);
          await becomes(80, "5:80 -m -w 3");
        }
        watch.stop();
        const seen = watch.seen();
        assert.ok(seen.filter((text) => text === "10=1 9=7").length >= FLIPS, seen.join("; "));
        assert.deepEqual(
          seen.filter((text) => !/=[1-9]/.test(text)),
          [],
          seen.join("; "),
        );
        await set(true, 80, 4);
      },
    );

    await t.test("what is inhibited stays with weight 0: one server, and the sorry server", async () => {
      const all = "14:81 -m -w 4, 15:81 -m -w 1, 9:81 -m -w 0";
      await becomes(81, all);
      await set(false, 81, 14);
      await becomes(81, "14:81 -m -w 0, 15:81 -m -w 1, 9:81 -m -w 0");
      await set(false, 81, 15);
      await becomes(81, "14:81 -m -w 0, 9:81 -m -w 1");
      await set(true, 81, 14, 15);
      await becomes(81, all);
    });

    await t.test(
      "servers of a start and of a reload wait for their first check, or serve before it",
      async () => {
        await becomes(82, "24:82 -m -w 1");
        assert.equal(table(83), "34:83 -m -w 1");
        assert.equal(table(84), "44:84 -m -w 1");
        writeFileSync(path, config(exit, true));
        await request(lab, director, { request: "reload" });
        assert.equal(table(83), "34:83 -m -w 1, 35:83 -m -w 1");
        assert.equal(table(84), "44:84 -m -w 1");
        await becomes(83, "34:83 -m -w 1");
        await daemon.waitFor(/10\.96\.1\.45:84: tcp fails/, PATIENCE);
        assert.equal(table(84), "44:84 -m -w 1");
        await set(true, 84, 45);
        await becomes(84, "44:84 -m -w 1, 45:84 -m -w 1");
        assert.equal(table(82), "24:82 -m -w 1");
      },
    );

    await t.test("a slow start doubles from a thirty-second", async () => {
      assert.equal(table(85), "54:85 -m -w 64, 55:85 -m -w 1");
      await set(false, 85, 54);
      await becomes(85, "55:85 -m -w 1");
      await set(true, 85, 54);
      const weights: number[] = [];
      await until("the whole weight", PATIENCE, () => {
        const now = procServers(director).find(({ server }) => server === `${realServer(54)}:85`)?.weight;
        if (now !== undefined && now !== weights.at(-1)) weights.push(now);
        return now === 64;
      });
      // On a busy machine a step may not be seen; all of them are told.
      assert.ok(
        weights.length > 1 && weights.every((one, i) => one === 64 >> (weights.length - 1 - i)),
        weights.join(),
      );
      for (const step of ["64 -> 2", "2 -> 4", "4 -> 8", "8 -> 16", "16 -> 32", "32 -> 64"])
        await daemon.waitFor(new RegExp(`10\\.96\\.1\\.54:85 weight ${step}: `), PATIENCE);
    });

    await t.test(
      "the words of an agent, with a hysteresis and without, and it is asked once for both",
      async () => {
        const is = (weight: number): string => (weight < 0 ? "" : String(weight));
        for (const [word, steady, exact] of [
          ["40%", 40, 40],
          ["45%", 40, 45],
          ["75%", 75, 75],
          ["drain", 0, 0],
          ["up 100%", 100, 100],
          ["300%", 256, 256],
          ["maint", -1, -1],
          ["up", 100, 100],
          ["1%", 1, 1],
          ["down # for the night", -1, -1],
          ["ready", 100, 100],
          ["no word for it", -1, -1],
          ["ready", 100, 100],
        ] as const) {
          await real.say(realServer(64), AGENT, word);
          const line = (port: number, weight: number): string =>
            weight < 0 ? "" : `64:${String(port)} -m -w ${is(weight)}`;
          await becomes(87, line(87, exact));
          await becomes(86, line(86, steady));
        }
        await daemon.waitFor(/10\.96\.1\.64:86 weight 100 -> 40: 100 configured x 40 % agent/, PATIENCE);
        await daemon.waitFor(/10\.96\.1\.64:87 weight 40 -> 45/, PATIENCE);
        const runs = async (): Promise<number> => {
          const both = await Promise.all(["load", "every-load"].map(serviceOf));
          const [one, other] = both.map((service) => service?.servers[0]?.checks[0]?.runs ?? 0);
          assert.ok(
            one !== undefined && other !== undefined && Math.abs(one - other) <= 1,
            `${one} and ${other}`,
          );
          return one;
        };
        const [before, runsBefore] = [await real.asked(realServer(64), AGENT), await runs()];
        await until("more runs", PATIENCE, async () => (await runs()) >= runsBefore + 5, seconds(0.5));
        const ran = (await runs()) - runsBefore;
        const asked = (await real.asked(realServer(64), AGENT)) - before;
        assert.ok(asked >= ran - 2 && asked <= ran + 2, `${asked} connections for ${ran} runs of each`);
      },
    );

    await t.test(
      "a script's exit codes: 0 the configured weight, 1 a failure, from 2 on weights",
      async () => {
        assert.equal(table(88), "74:88 -m -w 10");
        for (const [code, weight] of [
          [2, 0],
          [3, 1],
          [22, 20],
          [255, 253],
          [1, -1],
          [0, 10],
        ] as const) {
          writeFileSync(exit, String(code));
          await becomes(88, weight < 0 ? "" : `74:88 -m -w ${String(weight)}`);
        }
        await daemon.waitFor(/10\.96\.1\.74:88 weight 20 -> 253/, PATIENCE);
      },
    );

    daemon.kill("SIGTERM");
    assert.equal(await daemon.exited(PATIENCE), 0);
    assert.equal(ipvsadmTable(director), "");
  } finally {
    lab.close();
  }
});
