// When maintenance windows are open: at their edges, when clocks change, when they overlap, and after a clock was set.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { minutes, seconds, type Milliseconds } from "../../src/core/units.js";
import { scheduleOf } from "../../src/linux/cron.js";
import { lookAgain, lookBack, nextLook, openWindow, type Opening } from "../../src/services/maintenance.js";

const HOUR = minutes(60);
const at = (text: string): number => Date.parse(text);
const openAt = (cron: string, lasts: Milliseconds, now: string, zone = "UTC"): string | undefined => {
  const { open } = lookBack(scheduleOf(cron, zone), lasts, at(now));
  return open && new Date(open.since).toISOString();
};

test("a window is open from its first millisecond to its last, however late it is looked at", () => {
  for (const [now, is] of [
    ["2026-11-29T01:59:59.999Z", false],
    ["2026-11-29T02:00:00.000Z", true],
    ["2026-11-29T02:00:59.999Z", true],
    ["2026-11-29T02:59:59.999Z", true],
    ["2026-11-29T03:00:00.000Z", false],
    ["2026-11-28T02:30:00.000Z", false],
  ] as const)
    assert.equal(openAt("0 2 * * 0", HOUR, now), is ? "2026-11-29T02:00:00.000Z" : undefined, now);
});

test("one that is open for days is found from its last minute, over months and years", () => {
  const week = minutes(7 * 24 * 60);
  assert.equal(openAt("30 2 31 12 *", week, "2027-01-07T02:29:59Z"), "2026-12-31T02:30:00.000Z");
  assert.equal(openAt("30 2 31 12 *", week, "2027-01-07T02:30:00Z"), undefined);
  assert.equal(openAt("@weekly", week, "2026-11-28T23:59:59Z"), "2026-11-15T00:00:00.000Z");
});

test("names, last days and numbered days of the week are understood", () => {
  const day = minutes(24 * 60);
  assert.equal(openAt("0 0 L * *", day, "2026-02-28T12:00:00Z"), "2026-02-28T00:00:00.000Z");
  assert.equal(openAt("0 0 * * 5#2", day, "2026-11-13T12:00:00Z"), "2026-11-13T00:00:00.000Z");
  assert.equal(openAt("0 0 * * 5#2", day, "2026-11-06T12:00:00Z"), undefined);
  assert.equal(openAt("0 0 * nov sat,sun", day, "2026-11-28T12:00:00Z"), "2026-11-28T00:00:00.000Z");
  assert.equal(openAt("0 0 * nov sun", day, "2026-11-28T12:00:00Z"), undefined);
  assert.equal(
    openAt("0 0 * * fri-mon", minutes(13 * 60), "2026-11-29T12:00:00Z"),
    "2026-11-29T00:00:00.000Z",
  );
  assert.equal(openAt("0 0 * * fri-mon", minutes(13 * 60), "2026-12-01T12:00:00Z"), undefined);
  // Of both kinds of days both must fit.
  assert.equal(openAt("0 0 1 * tue", day, "2026-12-01T12:00:00Z"), "2026-12-01T00:00:00.000Z");
  assert.equal(openAt("0 0 1 * mon", day, "2026-12-01T12:00:00Z"), undefined);
});

test("looking back and looking minute by minute find the same", () => {
  for (const [cron, lasts, zone] of [
    ["*/20 1-3 * * *", 7, "Europe/Berlin"],
    ["*/20 1-3 * * *", 35, "Australia/Lord_Howe"],
    ["17 * * * 6,0", 20, "Asia/Kathmandu"],
    ["@hourly", 61, "America/St_Johns"],
  ] as const) {
    const schedule = scheduleOf(cron, zone);
    // Clocks change in this night in Europe.
    const start = at("2026-10-24T22:00:20Z");
    let opening = lookBack(schedule, minutes(lasts), start);
    for (let now = start; now < start + 6 * HOUR; now += 60_000) {
      opening = lookAgain(opening, schedule, minutes(lasts), now);
      const anew = lookBack(schedule, minutes(lasts), now);
      const when = `${cron} ${new Date(now).toISOString()}`;
      assert.equal(opening.open?.until, anew.open?.until, when);
      // What opened longer ago than a window lasts makes no difference: every deadline is over.
      const age = (open: Opening["open"]): number => Math.min(now - (open?.since ?? now), minutes(lasts));
      assert.equal(age(opening.open), age(anew.open), when);
    }
  }
});

test("when clocks go forward a time that is left out does not open; when they go back a time that comes twice opens twice", () => {
  const berlin = (now: string): string | undefined => openAt("30 2 * * *", minutes(30), now, "Europe/Berlin");
  assert.equal(berlin("2026-03-28T01:40:00Z"), "2026-03-28T01:30:00.000Z");
  for (const minute of ["00:30", "01:00", "01:30", "02:00"])
    assert.equal(berlin(`2026-03-29T${minute}:00Z`), undefined, minute);
  assert.equal(berlin("2026-10-25T00:45:00Z"), "2026-10-25T00:30:00.000Z");
  assert.equal(berlin("2026-10-25T01:10:00Z"), undefined);
  assert.equal(berlin("2026-10-25T01:45:00Z"), "2026-10-25T01:30:00.000Z");
  // It lasts as long as ever, by a clock that does not change.
  assert.equal(
    openAt("0 1 * * *", HOUR, "2026-03-29T00:59:59Z", "Europe/Berlin"),
    "2026-03-29T00:00:00.000Z",
  );
  assert.equal(openAt("0 1 * * *", HOUR, "2026-03-29T01:00:00Z", "Europe/Berlin"), undefined);
});

test("openings that overlap are one window, open since the first and until the last is over", () => {
  const schedule = scheduleOf("*/30 * * * *", "UTC");
  const start = at("2026-11-28T12:00:00Z");
  let opening: Opening = { open: undefined, askedAt: start - 1000 };
  for (let now = start; now <= start + 90 * 60_000; now += 60_000)
    opening = lookAgain(opening, schedule, HOUR, now);
  assert.deepEqual(opening.open, { since: start, until: start + 150 * 60_000 });
});

test("a restart between openings that overlap finds the first of them", () => {
  assert.equal(openAt("0,20,40 1 * * *", HOUR, "2026-11-28T01:59:59Z"), "2026-11-28T01:00:00.000Z");
  assert.equal(openAt("0,20,40 1 * * *", minutes(19), "2026-11-28T01:41:00Z"), "2026-11-28T01:40:00.000Z");
  // Also where one opens in the minute in which the one before is over.
  assert.equal(openAt("0,20,40 1 * * *", minutes(20), "2026-11-28T01:41:00Z"), "2026-11-28T01:20:00.000Z");
  // With odd seconds there is a gap, even where the one before opened in the last minute that is looked at.
  assert.equal(openAt("*/2 * * * *", seconds(90), "2026-11-28T12:02:10Z"), "2026-11-28T12:02:00.000Z");
  // That one may be further back than a window lasts: the one in between was not over.
  const week = minutes(7 * 24 * 60);
  assert.equal(openAt("0 0 1,7 * *", week, "2026-11-09T12:00:00Z"), "2026-11-01T00:00:00.000Z");
});

test("of openings without an end one is found that is older than any deadline, in a few questions", () => {
  let asked = 0;
  const schedule = { opensAt: () => ++asked > 0, mayOpenInHourOf: () => true };
  const { open } = lookBack(schedule, minutes(10), at("2026-11-28T12:00:20Z"));
  assert.deepEqual(open, { since: at("2026-11-28T11:50:00Z"), until: at("2026-11-28T12:10:00Z") });
  assert.equal(asked, 3);
});

test("several openings between two looks are one window with what was open", () => {
  const schedule = scheduleOf("* * * * *", "UTC");
  const start = at("2026-11-28T12:00:00Z");
  const before: Opening = { open: { since: start, until: start + 120_000 }, askedAt: start };
  const { open } = lookAgain(before, schedule, minutes(2), start + 300_000);
  assert.deepEqual(open, { since: start, until: start + 420_000 });
});

test("after a clock that was set or a sleep everything is asked anew", () => {
  const schedule = scheduleOf("0 2 * * *", "UTC");
  const before = lookBack(schedule, HOUR, at("2026-11-28T01:00:00Z"));
  const open = (now: string): number | undefined => lookAgain(before, schedule, HOUR, at(now)).open?.since;
  assert.equal(open("2026-11-28T02:30:00Z"), at("2026-11-28T02:00:00Z"), "slept over the opening");
  assert.equal(open("2026-11-27T02:30:00Z"), at("2026-11-27T02:00:00Z"), "set back into a window");
  assert.equal(open("2026-11-28T03:30:00Z"), undefined, "slept over all of it");
});

test("the next look is at the next minute, or where a window closes before that", () => {
  const now = at("2026-11-28T12:00:20Z");
  const closes = (until: number): Opening => ({ open: { since: 0, until }, askedAt: now });
  assert.equal(nextLook([closes(now + HOUR)], now), now + 40_000);
  assert.equal(nextLook([closes(now + HOUR), closes(now + 15_000)], now), now + 15_000);
});

test("a drain's deadline counts from the opening", () => {
  const window = {
    ...{ name: "n", targets: ["web"], at: "@daily", lasts: HOUR },
    action: "drain" as const,
    deadline: minutes(10),
  };
  assert.deepEqual(openWindow(window, { since: 1000, until: 1000 + HOUR }), {
    ...{ window: "n", action: "drain", targets: ["web"], since: 1000, until: 1000 + HOUR },
    deadline: 601_000,
  });
});

test("an hour that cannot have an opening costs one question, not sixty", () => {
  const asked = { opens: 0, hours: 0 };
  const schedule = {
    opensAt: () => ++asked.opens < 0,
    mayOpenInHourOf: () => ++asked.hours < 0,
  };
  lookBack(schedule, minutes(7 * 24 * 60), at("2026-11-28T12:00:00Z"));
  assert.deepEqual(asked, { opens: 0, hours: 7 * 24 * 4 + 1 });
});

/** What lookBack finds, minute by minute. */
function slowly(opens: (minute: number) => boolean, lasts: number, now: number): Opening["open"] {
  let open: Opening["open"];
  let after = now - lasts;
  for (let minute = now - (now % 60_000); minute > after; minute -= 60_000) {
    if (!opens(minute)) continue;
    open = { since: minute, until: open?.until ?? minute + lasts };
    if (minute <= now - lasts) break;
    after = minute - lasts - 1;
  }
  return open;
}

test("however openings lie, the same is found as minute by minute", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 25 }),
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: 0, max: 60 * 60_000 }),
      (openings, halfMinutes, offset) => {
        const start = at("2026-11-28T12:00:00Z");
        const minuteSet = new Set(openings.map((minute) => start + minute * 60_000));
        const opensAt = (minute: number): boolean => minuteSet.has(minute);
        const lasts = (halfMinutes * 30_000) as Milliseconds;
        const { open } = lookBack({ opensAt, mayOpenInHourOf: () => true }, lasts, start + offset);
        assert.deepEqual(open, slowly(opensAt, lasts, start + offset));
      },
    ),
  );
});
