// The two supervisors of an upgrade, with a successor that the test plays: what is undone, and in which order.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FromSuccessor, Handed, ToSuccessor } from "../../src/control/handover.js";
import type { VipdEvent } from "../../src/control/event.js";
import { instant, milliseconds } from "../../src/core/units.js";
import { Upgrade, type SuccessorListener, type UpgradePorts } from "../../src/director/supervisor/upgrade.js";

const HANDED: Handed = { at: instant(1), instances: [], tracks: {}, sequences: [] };
const PREPARED: FromSuccessor = { kind: "prepared", version: "2", keeps: ["web"], vrrp: 77 };
const TAKEN: FromSuccessor = { kind: "taken", pause: milliseconds(3) };

type Answers = Partial<Record<ToSuccessor["kind"], FromSuccessor | "dies">>;

function rig(answers: Answers, handed: Handed | null = HANDED): { upgrade: Upgrade; log: string[] } {
  const log: string[] = [];
  const emit = (event: VipdEvent): void => void log.push(event.kind);
  const supervisor: UpgradePorts["supervisor"] = {
    version: "1",
    inheritance: { protocol: 1, instances: [], statics: { config: noStatics, ours: [] } },
    handOver: (keeps) => {
      log.push(`hand over ${keeps.join()}`);
      return Promise.resolve(handed);
    },
    takeBack: () => void log.push("take back"),
    leave: () => Promise.resolve(void log.push("leave")),
    emit,
    events: { last: () => [] } as unknown as UpgradePorts["supervisor"]["events"],
    takeovers: [{ instance: "web", at: 5, until: null, vacancy: { kind: "unheard", listened_ms: 1000 } }],
  };
  const spawn = (listener: SuccessorListener): ReturnType<UpgradePorts["spawn"]> => ({
    pid: 42,
    send: (message) => {
      const { kind } = message;
      const more = message.kind === "own" ? ` ${message.takeovers?.map((one) => one.instance).join()}` : "";
      log.push(`told to ${kind}${more}`);
      const answer = answers[kind];
      setImmediate(() => {
        if (answer === "dies") listener.exit("exit code 9");
        else if (answer !== undefined) listener.message(answer);
      });
    },
    kill: () => void log.push("kill"),
    letGo: () => void log.push("let go"),
  });
  const kill = (pid: number): void => void log.push(`kill ${pid}`);
  const announce = (pid: number): boolean => log.push(`announce ${pid}`) > 0;
  return { upgrade: new Upgrade({ supervisor, spawn, kill, announce }), log };
}
const noStatics = { addresses: [], routes: [], rules: [] };

test("an upgrade hands over, leaves, and only then gives the rest away", async () => {
  const { upgrade, log } = rig({ prepare: PREPARED, take: TAKEN, own: { kind: "owns" } });
  const outcome = await upgrade.run();
  assert.deepEqual(outcome, { ok: true, from: "1", to: "2", pid: 42, pause_ms: 3 });
  assert.deepEqual(log, [
    "upgrading",
    "told to prepare",
    "hand over web",
    "told to take",
    "leave",
    "upgraded",
    "announce 42",
    "told to own web",
    "let go",
  ]);
});

for (const [what, answers, why] of [
  ["refuses", { prepare: { kind: "failed", why: "no such file" } }, /no such file/],
  ["dies before it is ready", { prepare: "dies" }, /exit code 9/],
] as const)
  test(`a successor that ${what} stops nothing`, async () => {
    const { upgrade, log } = rig(answers);
    const outcome = await upgrade.run();
    assert.match(outcome.ok ? "" : outcome.problem, why);
    assert.deepEqual(log, ["upgrading", "told to prepare", "kill", "upgrade-failed"]);
  });

for (const [what, take] of [
  ["dies", "dies"],
  ["fails", { kind: "failed", why: "cannot" }],
  ["says nothing", undefined],
] as const)
  test(`when a successor ${what} at the hand-over, it ends before the old process goes on`, async () => {
    const { upgrade, log } = rig({ prepare: PREPARED, ...(take !== undefined && { take }) });
    assert.equal((await upgrade.run()).ok, false);
    assert.deepEqual(log.slice(3), [
      "told to take",
      "kill 77",
      "kill",
      "take back",
      "kill",
      "upgrade-failed",
    ]);
  });

test("a VRRP process that does not hand over ends the upgrade", async () => {
  const { upgrade, log } = rig({ prepare: PREPARED }, null);
  assert.equal((await upgrade.run()).ok, false);
  assert.ok(!log.includes("told to take"));
});

test("a stop ends an upgrade that waits", async () => {
  const { upgrade, log } = rig({});
  const running = upgrade.run();
  upgrade.cancel("SIGTERM");
  assert.deepEqual(await running, { ok: false, problem: "SIGTERM" });
  assert.ok(log.includes("kill"));
});
