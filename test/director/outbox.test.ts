// What the checks process says reaches the supervisor in its order, none of it lost, and many events in few messages.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { VipdEvent } from "../../src/control/event.js";
import type { FromChecks } from "../../src/control/ipc.js";
import { Outbox } from "../../src/director/outbox.js";

const note = (n: number): VipdEvent => ({ kind: "warning", subject: "checks", text: String(n) });

function setUp() {
  const sent: FromChecks[] = [];
  const waiting: (() => void)[] = [];
  const outbox = new Outbox({
    process: "checks",
    wallTime: () => 42,
    send(message, done) {
      sent.push(message);
      done?.();
    },
    wait: (work) => waiting.push(work),
  });
  const pass = (): void => {
    for (const work of waiting.splice(0)) work();
  };
  return { outbox, sent, pass };
}

const texts = (message: FromChecks | undefined): string[] =>
  message?.kind === "events"
    ? message.records.map(
        ({ sequence, event }) => `${sequence} ${event.kind === "warning" ? event.text : ""}`,
      )
    : [];

test("events of one moment are one message, in their order", () => {
  const { outbox, sent, pass } = setUp();
  for (const n of [1, 2, 3]) outbox.report(note(n));
  assert.equal(sent.length, 0);
  pass();
  outbox.report(note(4));
  pass();
  assert.deepEqual(sent.map(texts), [["1 1", "2 2", "3 3"], ["4 4"]]);
  pass();
  assert.equal(sent.length, 2, "nothing is said where nothing has happened");
});

test("any other message goes at once, and what was said before it comes before it", () => {
  const { outbox, sent, pass } = setUp();
  let isDone = false;
  outbox.report(note(1));
  outbox.send({ kind: "stopped" }, () => (isDone = true));
  assert.deepEqual(
    sent.map(({ kind }) => kind),
    ["events", "stopped"],
  );
  assert.ok(isDone);
  pass();
  assert.equal(sent.length, 2);
});

test("of very many events no message becomes long, and none is lost", () => {
  const { outbox, sent, pass } = setUp();
  for (let n = 1; n <= 10_000; n++) outbox.report(note(n));
  pass();
  assert.ok(sent.length > 30 && sent.length < 100, String(sent.length));
  const all = sent.flatMap(texts);
  assert.deepEqual(
    all,
    Array.from({ length: 10_000 }, (_, i) => `${i + 1} ${i + 1}`),
  );
});
