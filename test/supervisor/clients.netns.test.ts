// What clients lost at a takeover, as the new master says it, against what somebody else on the link has seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { seconds } from "../../src/core/units.js";
import type { Status } from "../../src/control/ipc.js";
import { Capture } from "../lab/capture.js";
import { startVipd, upgradeVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(40);
const VIP = "10.97.0.100";
const CONFIG = `nodes:
  a: { address: 10.97.0.2, priority: 150 }
  b: { address: 10.97.0.3, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 500ms, addresses: [${VIP}/24] }
`;

test("a new master says how long there was none at most: of one that was killed, and of one that was stopped", async () => {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.97.0.2/24 dev eth0");
    b.ip("address add 10.97.0.3/24 dev eth0");
    const path = lab.file("vipd.yaml", CONFIG);
    const asked = (host: Host): Status =>
      JSON.parse(vipdCommand(lab, host, "status", "--json").stdout) as Status;
    const capture = await Capture.start(b, "eth0");
    /** Of what passed since `from`: the last advert of a, and the first announcement of b after it. */
    const gap = async (from: number): Promise<number> => {
      const passed = () => capture.seen.slice(from);
      await until("b's announcement", PATIENCE, () => passed().some(({ kind }) => kind === "gratuitous-arp"));
      const first = passed().find(({ kind }) => kind === "gratuitous-arp")!.at;
      const adverts = passed().filter((seen) => seen.kind === "advert" && seen.source === "10.97.0.2");
      return first - adverts.findLast(({ at }) => at < first)!.at;
    };

    const second = startVipd(lab, b, path);
    await second.waitFor(/not known how long there was no master: none was heard in \d/, PATIENCE);
    for (const way of ["killed", "stopped"] as const) {
      const first = startVipd(lab, a, path);
      await first.waitFor(
        /-> MASTER: preempted .*; clients: no pause known: 10\.97\.0\.3 was heard/,
        PATIENCE,
      );
      await until("b is backup", PATIENCE, () => asked(b).vrrp?.instances[0]?.state === "backup");
      // It remembers the time before, and that it is over.
      assert.notEqual(asked(b).vrrp?.instances[0]?.takeover?.until, null);
      await until("a was heard", PATIENCE, () => asked(b).vrrp?.instances[0]?.master != null);
      const { pid, processes } = asked(a);
      const began = capture.seen.length;
      const next = (): number =>
        capture.seen.findLastIndex(
          (seen, i) => i >= began && seen.kind === "advert" && seen.source === "10.97.0.2",
        );
      // The capture tells of it some time after b has heard it.
      await until("an advert of a", PATIENCE, () => next() >= 0);
      const from = next();
      if (way === "stopped") assert.equal(vipdCommand(lab, a, "stop").status, 0);
      else {
        // All at once, as nearly as it can be: a VRRP process that outlives its supervisor takes its leave.
        process.kill(pid, "SIGSTOP");
        for (const one of [...processes.map((child) => child.pid), pid]) process.kill(one!, "SIGKILL");
      }
      await first.exited();
      await until("b is master", PATIENCE, () => asked(b).vrrp?.instances[0]?.state === "master");
      const { vacancy, until: end } = asked(b).vrrp?.instances[0]?.takeover ?? {};
      assert.equal(end, null);
      const kind = way === "killed" ? "silent" : "resigned";
      assert.ok(vacancy?.kind === kind, JSON.stringify(vacancy));
      assert.equal(vacancy.master, "10.97.0.2");
      const seen = await gap(from);
      // The wire saw the advert before b's process did.
      const { at_most_ms: bound } = vacancy;
      assert.ok(bound > seen - 100 && bound < seen + 3000, `at most ${bound} ms, ${seen} ms on the wire`);
      if (way === "killed") assert.ok(bound > 1500, `three intervals at least: ${bound} ms`);
      const [, line] = vipdCommand(lab, b, "status").stdout.split("\n");
      assert.match(
        line!,
        way === "killed"
          ? /^took over \d+ s ago \(web\); clients: no master for at most [\d.]+ s$/
          : /^took over \d+ s ago \(web\); clients: no master for at most .+, since 10\.97\.0\.2 resigned$/,
      );
      if (way === "killed") a.ip(`address del ${VIP}/24 dev eth0`);
    }

    // Who goes on with addresses that stayed has taken nothing over, and remembers who did.
    const known = (): unknown => asked(b).vrrp?.instances[0]?.takeover;
    const before = known();
    process.kill(asked(b).vrrp!.pid, "SIGKILL");
    const goesOn = (): boolean => asked(b).vrrp?.instances[0]?.reason.kind === "resumed";
    await until("another VRRP process", PATIENCE, goesOn);
    assert.deepEqual(known(), before);
    await upgradeVipd(lab, b, PATIENCE);
    await second.exited(PATIENCE);
    await until("its successor", PATIENCE, () => asked(b).vrrp?.instances[0]?.state === "master");
    await until("what it was told", PATIENCE, () => isDeepStrictEqual(known(), before));
    assert.equal(vipdCommand(lab, b, "stop", "--keep-vip").status, 0);
    const third = startVipd(lab, b, path);
    await third.waitFor(/is ready as node b/, PATIENCE);
    await until("b is master", PATIENCE, () => asked(b).vrrp?.instances[0]?.state === "master");
    assert.deepEqual(known(), before);
    await third.stop();
  } finally {
    lab.close();
  }
});
