// What becomes an alert, and when it is sent: what happens together in one message, again after a failure, a reminder of
// what stays wrong, and never more than there is room for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ALERT_KINDS, ALERT_STATUS, type AlertTargetConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { err, ok, type Result } from "../../src/core/result.js";
import { minutes, seconds } from "../../src/core/units.js";
import { Alerter } from "../../src/director/alerts/alerter.js";
import { jsonOf, mailOf, MOST_LINES } from "../../src/director/alerts/message.js";
import { MOST_ALERTS, MOST_TRIES, type Batch } from "../../src/director/alerts/target.js";
import { World } from "../checkers/world.js";
import { instanceNamed } from "../supervisor/fakes.js";

const target = (change: Partial<AlertTargetConfig> = {}): AlertTargetConfig => ({
  ...{ name: "ops", by: { kind: "webhook", url: "http://x/" }, kinds: ALERT_KINDS, status: ALERT_STATUS },
  ...{ collect: seconds(10), timeout: seconds(30) },
  ...change,
});
const server = (n: number, up: boolean): VipdEvent => ({
  ...{
    kind: "server-changed",
    service: "http",
    key: "tcp 10.0.0.1:80",
    server: `10.0.1.${n}:80`,
    up,
    weight: 1,
  },
  ...{ cause: up ? "tcp: connected" : "tcp refused", alive: 1, total: 2 },
});
const quorum = (up: boolean, first = false): VipdEvent => ({
  ...{ kind: "quorum-changed", service: "http", key: "tcp 10.0.0.1:80", up, weight: up ? 5 : 0 },
  ...{ total_weight: 10, quorum: 3, hysteresis: 0, serving: up ? 1 : 0, total: 2, sorry: [] },
  ...{ first, why: "health" },
});
const fault: VipdEvent = {
  ...{ kind: "vrrp-transition", instance: "web", from: "backup", to: "fault", priority: 100, done: [] },
  reason: { kind: "interface-down", interface: "eth0" },
};

class Played {
  readonly world = new World();
  readonly batches: Batch[] = [];
  readonly said: string[] = [];
  answer: () => Result<string | null, string> | "never" = () => ok(null);
  readonly alerter = new Alerter({
    timers: this.world,
    wallTime: () => 1_800_000_000_000,
    report: (event) => this.said.push(event.kind === "alerted" ? event.text : event.kind),
    deliver: (_node, _target, batch) => {
      this.batches.push(batch);
      const answer = this.answer();
      let cancel: () => void = () => undefined;
      const done = new Promise<Result<string | null, string>>((resolve) => {
        if (answer !== "never") void this.world.after(5).then(() => resolve(answer));
        cancel = () => resolve(err("ended"));
      });
      return { done, cancel };
    },
  });
  constructor(...targets: readonly AlertTargetConfig[]) {
    this.alerter.configure({ node: "lb1", vrrp: [instanceNamed("web")], alerts: targets });
  }
  observe(...events: readonly VipdEvent[]): void {
    for (const event of events) this.alerter.observe(event);
  }
  get texts(): string[][] {
    return this.batches
      .splice(0)
      .map(({ alerts }) => alerts.map(({ subject, status }) => `${subject} ${status}`));
  }
}

test("what happens together is one message, a thousand servers too", async () => {
  const played = new Played(target());
  for (let n = 0; n < 1000; n++) played.observe(server(n, false));
  played.observe(quorum(false), fault);
  await played.world.until(9999);
  assert.equal(played.batches.length, 0);
  await played.world.until(60_000);
  assert.equal(played.batches.length, 1);
  const batch = played.batches[0]!;
  assert.equal(batch.alerts.length, 1002);
  const mail = mailOf("lb1", batch);
  assert.equal(mail.subject, "vipd lb1: 1002 changes, 1002 of them bad");
  const lines = mail.text.trimEnd().split("\n");
  assert.equal(lines.length, MOST_LINES + 1);
  assert.match(
    lines[0] ?? "",
    /^2027-\S+Z service http 10\.0\.1\.0:80: 10\.0\.1\.0:80 DOWN: tcp refused; 1 of 2 servers up$/,
  );
  assert.equal(lines.at(-1), "... and 802 more");
  const json = JSON.parse(jsonOf("lb1", batch)) as { node: string; alerts: Record<string, unknown>[] };
  assert.equal(json.alerts.length, 1002);
  assert.deepEqual(json.alerts.at(-1), {
    ...{
      time: "2027-01-15T08:00:00.000Z",
      kind: "vrrp",
      subject: "instance web",
      status: "fault",
      bad: true,
    },
    text: "FAULT: interface eth0 is down",
  });
  assert.match(played.said[0] ?? "", /^sent 1002 alerts/);
});

test("only what is asked for is sent, and the first quorum is no news", async () => {
  const played = new Played(target({ kinds: ["quorum", "vrrp"], status: ["down", "fault"] }));
  played.observe(quorum(true, true), server(1, false), quorum(false), quorum(true), fault);
  await played.world.until(20_000);
  assert.deepEqual(played.texts, [["service http down", "instance web fault"]]);
});

test("what cannot be sent is kept, tried again ever more rarely, and joined by what is new", async () => {
  const played = new Played(target({ collect: seconds(1) }));
  played.answer = () => err("no route");
  played.observe(server(1, false));
  await played.world.until(100_000);
  // After 1 s, then 5, 10, 20 and 40 s after each failure.
  assert.equal(played.batches.length, 5);
  assert.deepEqual(played.said.splice(0), [
    "no route; 1 alert kept, next try in 5 s",
    "no route; 1 alert kept, next try in 10 s",
    "no route; 1 alert kept, next try in 40 s",
  ]);
  played.answer = () => ok(null);
  played.observe(server(2, false));
  played.batches.length = 0;
  await played.world.until(400_000);
  assert.deepEqual(played.texts, [["service http 10.0.1.1:80 down", "service http 10.0.1.2:80 down"]]);
  assert.match(played.said[0] ?? "", /^sent 2 alerts .*, at try 6$/);
});

test("nothing is tried for ever, and nothing grows without end", async () => {
  const played = new Played(target({ collect: seconds(1) }));
  played.answer = () => err("no route");
  for (let n = 0; n < MOST_ALERTS + 7; n++) played.observe(server(n, false));
  await played.world.until(100_000);
  assert.equal(played.batches.at(-1)?.alerts.length, MOST_ALERTS);
  assert.equal(played.batches.at(-1)?.leftOut, 7);
  assert.match(
    mailOf("lb1", played.batches.at(-1)!).text,
    /\n7 older ones are left out: there were too many\n$/,
  );
  await played.world.until(24 * 3_600_000);
  assert.equal(played.batches.length, MOST_TRIES);
  assert.equal(played.said.at(-1), `no route; gave up after ${MOST_TRIES} tries: ${MOST_ALERTS} alerts lost`);
});

test("what stays wrong is said again, until it is right", async () => {
  const played = new Played(target({ collect: seconds(0), repeat: minutes(60) }));
  played.observe(server(1, false), server(2, false), quorum(false));
  await played.world.until(3_700_000);
  assert.deepEqual(
    played.batches.map(({ reminder, alerts }) => [reminder, alerts.length]),
    [
      [false, 3],
      [true, 3],
    ],
  );
  assert.equal(mailOf("lb1", played.batches[1]!).subject, "vipd lb1: still wrong: 3 subjects");
  played.batches.length = 0;
  played.observe(server(1, true), quorum(true));
  await played.world.until(7_400_000);
  assert.deepEqual(
    played.batches.map(({ reminder, alerts }) => [reminder, alerts.length]),
    [
      [false, 2],
      [true, 1],
    ],
  );
  played.observe(server(2, true));
  played.batches.length = 0;
  await played.world.until(24 * 3_600_000);
  assert.equal(played.batches.length, 1);
});

test("nobody is reminded of what a reload has taken away, and a reload that wants reminders gets them", async () => {
  const played = new Played(target({ collect: seconds(0) }));
  const failed: VipdEvent = {
    ...{ kind: "mass-failure", service: "http", over: false, total: 2, down: 2, together: 2 },
    ...{ reaction: "hold", held: 1 },
  };
  played.observe(server(1, false), server(2, false), quorum(false), failed, fault);
  await played.world.until(1000);
  played.batches.length = 0;
  const configure = (change: Partial<AlertTargetConfig>): void =>
    played.alerter.configure({
      ...{ node: "lb1", vrrp: [instanceNamed("web")] },
      alerts: [target({ collect: seconds(0), ...change })],
    });
  const reminded = async (): Promise<unknown> => {
    await played.world.until(played.world.now() + 3_700_000);
    return played.texts;
  };
  configure({ repeat: minutes(60) });
  const [one, two] = ["service http 10.0.1.1:80 down", "service http 10.0.1.2:80 down"];
  const whole = ["service http down", "service http as a whole down", "instance web fault"];
  assert.deepEqual(await reminded(), [[one, two, ...whole]]);
  assert.ok(played.alerter.hasTroubles);
  const keep = (...services: readonly object[]): void =>
    played.alerter.keep(services as Parameters<Alerter["keep"]>[0]);
  keep({ name: "http", servers: [{ server: "10.0.1.2:80" }] });
  assert.deepEqual(await reminded(), [[two, ...whole]]);
  configure({ repeat: minutes(60), kinds: ["server", "vrrp"] });
  assert.deepEqual(await reminded(), [[two, "instance web fault"]]);
  keep();
  assert.deepEqual(await reminded(), [["instance web fault"]]);
  configure({});
  assert.deepEqual(await reminded(), []);
});

test("at a stop what waits is sent at once, and what hangs is ended and said", async () => {
  const played = new Played(target(), target({ name: "other" }));
  played.observe(server(1, false));
  const sent = played.alerter.finish(seconds(5));
  await played.world.until(10);
  await sent;
  assert.deepEqual(played.texts, [["service http 10.0.1.1:80 down"], ["service http 10.0.1.1:80 down"]]);

  const hung = new Played(target());
  hung.answer = () => "never";
  hung.observe(server(1, false));
  await hung.world.until(20_000);
  hung.observe(server(2, false));
  const ended = hung.alerter.finish(seconds(5));
  await hung.world.until(30_000);
  await ended;
  assert.deepEqual(hung.said, ["vipd stops: 1 alert lost", "ended; vipd stops: 1 alert lost"]);
});

test("a reload keeps what waits for a target that stays, and says what it loses of one that goes", async () => {
  const played = new Played(target(), target({ name: "other" }));
  played.observe(server(1, false));
  played.alerter.configure({ node: "lb1", vrrp: [], alerts: [target()] });
  assert.deepEqual(played.said, ["the target was removed: 1 alert lost"]);
  await played.world.until(20_000);
  assert.deepEqual(played.texts, [["service http 10.0.1.1:80 down"]]);
});

test("what a server says of itself begins no line of its own", () => {
  const alert = {
    kind: "server",
    subject: "s",
    status: "down",
    bad: true,
    text: "x\r\nBcc: y\u0007",
    at: 0,
  } as const;
  const mail = mailOf("lb1", { alerts: [alert], leftOut: 0, reminder: false });
  assert.deepEqual(mail, { subject: "vipd lb1: s: DOWN", text: "1970-01-01T00:00:00.000Z s: x??Bcc: y?\n" });
});
