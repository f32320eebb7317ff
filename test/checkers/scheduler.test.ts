import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fail, ok, type CheckResult, type PreparedCheck, type Settle } from "../../src/checkers/checker.js";
import { seededRandom } from "../../src/core/random.js";
import { instant, milliseconds, seconds, type Milliseconds } from "../../src/core/units.js";
import { CheckHeap } from "../../src/director/check-heap.js";
import { CheckScheduler, type CheckJob, type CheckRun } from "../../src/director/check-scheduler.js";
import { HoldUps } from "../../src/director/hold-ups.js";
import { World } from "./world.js";

type Log = { readonly starts: number[]; readonly results: { at: number; result: CheckResult }[] };

function setUp(limits = { socket: 1000, process: 1000 }) {
  const world = new World();
  const scheduler = new CheckScheduler({ timers: world, random: seededRandom(1), limits });
  const logs = new Map<string, Log>();
  const job = (key: string, change: Partial<CheckJob> = {}, takes = 1): CheckJob => {
    const log = logs.get(key) ?? { starts: [], results: [] };
    logs.set(key, log);
    const { run, ...rest } = change;
    return {
      key,
      every: seconds(5),
      timeout: seconds(3),
      cost: "socket",
      onResult: (result) => log.results.push({ at: world.now(), result }),
      ...rest,
      run: (context) => {
        log.starts.push(world.now());
        return run?.(context) ?? world.after(takes).then(() => ok("fine"));
      },
    };
  };
  const log = (key: string): Log => logs.get(key) ?? { starts: [], results: [] };
  return { world, scheduler, job, log };
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - times[i]!);

/** A check that never answers by itself; settles at its cancellation, as checkers must. */
const hangs = ({ cancel }: CheckRun): Promise<CheckResult> =>
  new Promise((resolve) => {
    cancel.onCancel(() => resolve({ ok: false, reason: "read-timeout", detail: "", phases: {} }));
  });

test("a new check runs within a second, then within its interval, then in a rhythm without drift", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("slow", { every: seconds(60) }), job("quick", { every: milliseconds(300) })]);
  await world.until(600_000);
  const { starts } = log("slow");
  assert.ok(starts[0]! <= 1000);
  const [first, ...rest] = gaps(starts);
  assert.ok(first! > 0 && first! <= 60_000);
  for (const gap of rest) assert.ok(Math.abs(gap - 60_000) < 1e-6, String(gap));
  assert.ok(log("quick").starts[0]! <= 300);
});

test("many checks use one timer, and are spread over their interval after the first run", async () => {
  const { world, scheduler, job, log } = setUp();
  const keys = Array.from({ length: 500 }, (_, i) => `check ${i}`);
  scheduler.configure(keys.map((key) => job(key, { run: () => Promise.resolve(ok("")) })));
  await world.until(20_000);
  assert.equal(world.timers, 1);
  const perSecond = [0, 0, 0, 0, 0];
  for (const key of keys) perSecond[Math.floor(log(key).starts.at(-1)! / 1000) % 5]!++;
  for (const count of perSecond) assert.ok(count > 50 && count < 150, perSecond.join(" "));
});

test("a check never runs twice at once, and a slow one leaves out the points it missed", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("a", { every: seconds(1), timeout: seconds(10) }, 2500)]);
  await world.until(60_000);
  const { starts, results } = log("a");
  assert.ok(results.every(({ at }, i) => starts[i + 1] === undefined || starts[i + 1]! >= at));
  for (const gap of gaps(starts).slice(1)) assert.ok(Math.abs(gap - 3000) < 1e-6, String(gap));
});

test("a check is cancelled at its deadline, and its verdict is there at that moment", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("a", { run: hangs })]);
  await world.until(5000);
  const { starts, results } = log("a");
  assert.equal(results[0]!.at, starts[0]! + 3000);
});

test("a check that does not end when told to counts as failed, and the next run comes all the same", async () => {
  const { world, scheduler, job, log } = setUp({ socket: 1, process: 1 });
  scheduler.configure([job("a", { run: () => new Promise(() => undefined) })]);
  await world.until(60_000);
  const { starts, results } = log("a");
  assert.ok(starts.length > 5);
  assert.ok(results.every(({ result }) => !result.ok && result.reason === "internal"));
});

test("a checker that throws counts as failed", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("a", { run: () => Promise.reject(new Error("a bug")) })]);
  await world.until(2000);
  const [first] = log("a").results;
  assert.ok(first?.result.ok === false && first.result.reason === "internal");
  assert.match(first.result.detail, /a bug/);
});

test("a check whose server is silent is over once the time this process lost is made up for", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("a", { run: hangs }), job("tick", { every: milliseconds(100) })]);
  await world.until(1500);
  world.skip(2500);
  await world.until(20_000);
  const { starts, results } = log("a");
  const took = results.map(({ at }, i) => at - starts[i]!);
  assert.ok(took[0]! > 3800 && took[0]! < 4100, String(took[0]));
  assert.equal(took[1], 3000);
});

test("a check of one step is given a look at what has come, and time only where the machine stood still", async () => {
  for (const [heldUp, least, most] of [
    [80, 3000, 3090],
    [400, 3290, 3500],
  ] as const) {
    const { world, scheduler, job } = setUp();
    const { prepare } = prepared(world, 1e9);
    const took = new Map<string, number>();
    const silent = (key: string, isOneStep: boolean): CheckJob =>
      job(key, {
        every: seconds(20),
        prepare: () => (isOneStep ? { ...prepare(), isOneStep } : prepare()),
        onResult: (_result, ms) => took.set(key, ms),
      });
    scheduler.configure([
      silent("one", true),
      silent("more", false),
      job("tick", { every: milliseconds(100) }),
    ]);
    // Both begin within a second.
    await world.until(1500);
    world.skip(1500 + heldUp);
    await world.until(2500);
    if (heldUp < 100) world.skip(2500 + heldUp);
    await world.until(10_000);
    const [one, more] = [took.get("one")!, took.get("more")!];
    assert.ok(one >= least && one < most, `${heldUp}: ${one}`);
    assert.ok(more > 3000 + heldUp - 100 && more >= one - 1, `${heldUp}: ${more}`);
    if (heldUp < 100) assert.ok(more > one + 20, `${one} ${more}`);
  }
});

test("one hold-up is counted once, however many wake-ups were due in it", () => {
  const holdUps = new HoldUps();
  holdUps.note(instant(1000), instant(1010));
  assert.equal(holdUps.all, 0);
  holdUps.note(instant(1100), instant(1200));
  holdUps.note(instant(1150), instant(1210));
  holdUps.note(instant(1180), instant(1240));
  assert.deepEqual([holdUps.all, holdUps.long], [130, 0]);
  holdUps.note(instant(2000), instant(2400));
  assert.deepEqual([holdUps.all, holdUps.long], [530, 400]);
});

test("an answer that came while this process was held up is no timeout", async () => {
  const { world, scheduler, job, log } = setUp();
  let answer: () => void = () => undefined;
  const run = (context: CheckRun): Promise<CheckResult> =>
    Promise.race([
      hangs(context),
      new Promise<CheckResult>((resolve) => (answer = () => resolve(ok("in time")))),
    ]);
  scheduler.configure([job("a", { run })]);
  await world.until(1500);
  world.skip(20_000);
  // The timer comes first, as in the event loop; the answer is read just after it.
  world.wakeAt(instant(20_005), () => answer());
  await world.until(20_100);
  assert.equal(log("a").results[0]?.result.ok, true);
});

test("what waits for a place gets it in order, and hung checks of one kind do not hold up the other", async () => {
  const { world, scheduler, job, log } = setUp({ socket: 2, process: 1 });
  const hung = ["p1", "p2", "p3"].map((key) => job(key, { cost: "process", run: hangs }));
  scheduler.configure([...hung, ...["s1", "s2", "s3", "s4"].map((key) => job(key, {}, 10))]);
  await world.until(1200);
  for (const key of ["s1", "s2", "s3", "s4"]) assert.ok(log(key).results.length >= 1, key);
  await world.until(20_000);
  for (const key of ["p1", "p2", "p3"]) assert.ok(log(key).starts.length >= 2, key);
});

test("the next run waits for what the last one left behind", async () => {
  const { world, scheduler, job, log } = setUp();
  const run = (context: CheckRun): Promise<CheckResult> => {
    context.linger(world.after(7000));
    return Promise.resolve(ok(""));
  };
  scheduler.configure([job("a", { every: seconds(1), run })]);
  await world.until(60_000);
  for (const gap of gaps(log("a").starts)) assert.ok(gap >= 7000 && gap <= 8001, String(gap));
  assert.equal(log("a").results.length, log("a").starts.length);
});

test("a new configuration leaves the rhythm of the checks it keeps, and ends the ones it drops", async () => {
  const { world, scheduler, job, log } = setUp();
  let cancelled = 0;
  const watched = (context: CheckRun): Promise<CheckResult> => {
    context.cancel.onCancel(() => cancelled++);
    return hangs(context);
  };
  scheduler.configure([job("kept"), job("dropped", { run: watched })]);
  await world.until(7000);
  const rhythm = log("kept").starts.at(-1)! % 5000;
  const before = log("dropped").results.length;
  await world.until(log("dropped").starts.at(-1)! > 5000 ? 7001 : 7000);
  for (let i = 0; i < 10; i++) scheduler.configure([job("kept")]);
  await world.until(60_000);
  for (const start of log("kept").starts.slice(2)) assert.ok(Math.abs((start % 5000) - rhythm) < 1e-6);
  assert.equal(log("dropped").results.length, before);
  assert.ok(cancelled >= 1);
  scheduler.stop();
  assert.equal(world.timers, 0);
});

test("a check that falls due later than its turn is counted as late", async () => {
  const { world, scheduler, job } = setUp();
  scheduler.configure([job("a")]);
  await world.until(10_000);
  scheduler.takeLateness();
  world.skip(60_000);
  await world.until(60_001);
  assert.ok(scheduler.takeLateness() > 40_000);
  assert.equal(scheduler.takeLateness(), 0);
});

test("the heap gives the earliest first, whatever was moved or taken out", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(20), fc.option(fc.nat(100), { nil: undefined })), { maxLength: 200 }),
      (steps) => {
        const heap = new CheckHeap<{ at: number; place: number; id: number }>();
        const items = Array.from({ length: 21 }, (_, id) => ({ at: 0, place: -1, id }));
        const wanted = new Map<number, number>();
        for (const [id, at] of steps) {
          if (at === undefined) {
            heap.remove(items[id]!);
            wanted.delete(id);
          } else {
            heap.set(items[id]!, at);
            wanted.set(id, at);
          }
          assert.equal(heap.first?.at, wanted.size === 0 ? undefined : Math.min(...wanted.values()));
        }
      },
    ),
  );
});

test("a check that fails runs in its own rhythm for that, until it succeeds", async () => {
  const { world, scheduler, job, log } = setUp();
  let isGood = true;
  const run = (): Promise<CheckResult> => Promise.resolve(isGood ? ok("") : fail("bad-reply", ""));
  scheduler.configure([job("a", { run, everyFailing: milliseconds(500) })]);
  await world.until(20_000);
  isGood = false;
  await world.until(40_000);
  isGood = true;
  await world.until(60_000);
  const steps = gaps(log("a").starts).slice(1);
  assert.deepEqual([...new Set(steps.map(Math.round))], [5000, 500]);
  const failing = steps.filter((gap) => Math.round(gap) === 500).length;
  assert.ok(failing >= 30 && failing <= 40, String(failing));
});

test("a new check waits for its warm-up, and is spread over its interval then; a known one goes on", async () => {
  const { world, scheduler, job, log } = setUp();
  const keys = Array.from({ length: 50 }, (_, i) => `check ${i}`);
  const jobs = keys.map((key) => job(key, { warmUp: seconds(30) }));
  scheduler.configure(jobs);
  await world.until(40_000);
  const first = keys.map((key) => log(key).starts[0]!);
  assert.ok(Math.min(...first) >= 30_000 && Math.max(...first) <= 35_000);
  assert.ok(Math.max(...first) - Math.min(...first) > 3000);
  scheduler.configure(jobs);
  await world.until(46_000);
  for (const key of keys) assert.ok(log(key).starts.at(-1)! > 40_000);
});

test("jitter makes runs begin later by chance, and does not make the rhythm drift", async () => {
  const { world, scheduler, job, log } = setUp();
  scheduler.configure([job("a", { every: seconds(10), jitter: 0.2 })]);
  await world.until(1_000_000);
  const starts = log("a").starts.slice(1);
  const phase = starts.map((start) => start % 10_000);
  const widest = Math.max(...phase) - Math.min(...phase);
  // The points lie anywhere in ten seconds, and so may the border between two of them.
  const around = phase.map((at) => (at + 5000) % 10_000);
  const width = Math.min(widest, Math.max(...around) - Math.min(...around));
  assert.ok(width > 1000 && width <= 2000, String(width));
  assert.ok(starts.length >= 97 && starts.length <= 100, String(starts.length));
});

test("a check that is held when it is due is not run, and goes on in its rhythm", async () => {
  const { world, scheduler, job, log } = setUp();
  let isHeld = true;
  scheduler.configure([job("a", { isHeld: () => isHeld })]);
  await world.until(20_000);
  assert.deepEqual(log("a"), { starts: [], results: [] });
  isHeld = false;
  await world.until(26_000);
  assert.ok(log("a").results.length >= 1);
});

test("a server that begins to hang among a thousand is found out as soon, whatever the others do", async () => {
  for (const others of [0, 500, 999]) {
    const { world, scheduler, job, log } = setUp({ socket: 16_384, process: 256 });
    const well = (): Promise<CheckResult> => Promise.resolve(ok(""));
    const jobs = Array.from({ length: 999 }, (_, i) => job(`${i}`, { run: i < others ? hangs : well }));
    let victimHangs = false;
    scheduler.configure([...jobs, job("victim", { run: (run) => (victimHangs ? hangs(run) : well()) })]);
    await world.until(20_000);
    victimHangs = true;
    await world.until(30_000);
    const found = log("victim").results.find(({ result }) => !result.ok)?.at ?? Infinity;
    const began = log("victim").starts.find((start) => start >= 20_000) ?? Infinity;
    assert.ok(began <= 25_000, `its next run begins when it is due, with ${others} that hang`);
    assert.ok(Math.abs(found - began - 3000) < 1e-6, `and ends at its timeout, with ${others} that hang`);
    scheduler.stop();
  }
});

/** What is prepared for a job: settles after a while, or at its cancellation; and how often it was made ready. */
function prepared(world: World, takes: number) {
  const made = { count: 0, runs: 0 };
  const prepare = (): PreparedCheck => {
    made.count++;
    let settle: Settle | undefined;
    const end = (result: CheckResult): void => {
      const told = settle;
      settle = undefined;
      told?.(result, world.now());
    };
    return {
      start: (next) => {
        made.runs++;
        settle = next;
        void world.after(takes).then(() => end(ok("fine")));
      },
      cancel: () => end(fail("read-timeout", "cancelled")),
    };
  };
  return { made, prepare };
}

test("a prepared check is made ready once, keeps the rhythm of any other, and is made anew with a new job", async () => {
  const { world, scheduler, job, log } = setUp();
  const { made, prepare } = prepared(world, 5);
  scheduler.configure([job("a", { prepare })]);
  await world.until(60_000);
  assert.equal(log("a").starts.length, 0, "nothing else runs for it");
  assert.deepEqual([made.count, made.runs], [1, log("a").results.length]);
  const [, ...rhythm] = gaps(log("a").results.map(({ at }) => at));
  for (const gap of rhythm) assert.ok(Math.abs(gap - 5000) < 1e-6, String(gap));
  scheduler.configure([job("a", { prepare })]);
  await world.until(70_000);
  assert.equal(made.count, 2);
  scheduler.stop();
  const { length } = log("a").results;
  await world.until(100_000);
  assert.equal(log("a").results.length, length);
});

test("a check that cannot be prepared is asked for that once, and runs as any other", async () => {
  const { world, scheduler, job, log } = setUp();
  let asked = 0;
  const prepare = (): undefined => {
    asked++;
  };
  scheduler.configure([job("a", { prepare })]);
  await world.until(60_000);
  assert.ok(log("a").results.length > 5);
  assert.equal(asked, 1);
});

test("a check that cannot be made ready for want of descriptors has failed, and is made ready at a later run", async () => {
  const { world, scheduler, job, log } = setUp();
  const { prepare } = prepared(world, 5);
  let asked = 0;
  const wanting = (): PreparedCheck => {
    if (++asked <= 2) throw new Error("create epoll set: EMFILE");
    return prepare();
  };
  scheduler.configure([job("a", { prepare: wanting })]);
  await world.until(30_000);
  const { results } = log("a");
  assert.deepEqual(
    results.slice(0, 3).map(({ result }) => (result.ok ? "ok" : result.reason)),
    ["internal", "internal", "ok"],
  );
});

test("a prepared check that hangs settles at its deadline, goes on, and ends without a result when it is dropped", async () => {
  const { world, scheduler, job, log } = setUp({ socket: 1, process: 1 });
  const { made, prepare } = prepared(world, 1e9);
  scheduler.configure([job("a", { prepare }), job("b", { prepare })]);
  await world.until(100_000);
  for (const key of ["a", "b"]) {
    const { results } = log(key);
    assert.ok(results.length > 5, "a place is given back at the deadline");
    for (const { result } of results) assert.equal(result.detail, "cancelled");
  }
  // One of them is at it now, and the other waits for its place.
  const [before, runs] = [log("a").results.length + log("b").results.length, made.runs];
  scheduler.stop();
  await world.until(200_000);
  assert.deepEqual([log("a").results.length + log("b").results.length, made.runs], [before, runs]);
});

test("with a grain runs begin together, at most a hundredth of their interval late, and without drift", async () => {
  const world = new World();
  const limits = { socket: 1000, process: 1000 };
  const scheduler = new CheckScheduler({
    timers: world,
    random: seededRandom(1),
    limits,
    grain: milliseconds(50),
  });
  const starts = new Map<string, number[]>();
  const job = (key: string, every: Milliseconds): CheckJob => ({
    key,
    every,
    timeout: milliseconds(100),
    cost: "socket",
    run: () => {
      starts.get(key)?.push(world.now());
      return Promise.resolve(ok("fine"));
    },
    onResult: () => undefined,
  });
  const jobs = Array.from({ length: 500 }, (_, i) => job(`slow ${i}`, seconds(5)));
  for (const { key } of jobs) starts.set(key, []);
  starts.set("quick", []);
  scheduler.configure([...jobs, job("quick", milliseconds(250))]);
  await world.until(600_000);
  const moments = new Set(jobs.flatMap(({ key }) => starts.get(key) ?? []));
  assert.ok(moments.size <= 600_000 / 50, String(moments.size));
  for (const [key, times] of starts) {
    const [every, step] = key === "quick" ? [250, 2.5] : [5000, 50];
    const rhythm = times.slice(1);
    for (const time of times) assert.ok(Math.abs(time / step - Math.round(time / step)) < 1e-6, String(time));
    rhythm.forEach((time, i) => assert.ok(Math.abs(time - rhythm[0]! - i * every) <= step + 1e-6, key));
  }
});

test("what is over time is told of before others begin, also by checks that began a little late", async () => {
  const world = new World();
  const said: string[] = [];
  const scheduler = new CheckScheduler({
    timers: world,
    random: seededRandom(1),
    limits: { socket: 1000, process: 1000 },
    grain: milliseconds(50),
    onTimeouts: () => {
      said.push(`${world.now()} told`);
      // To take servers out of a table takes time, too; less than would make a check late.
      world.skip(world.now() + 8);
    },
  });
  const prepare = (): PreparedCheck => {
    let settle: Settle | undefined;
    return {
      start: (by) => {
        settle = by;
        said.push(`${world.now()} begins`);
      },
      cancel: () => {
        said.push(`${world.now()} over`);
        settle?.(fail("read-timeout", ""), world.now());
      },
    };
  };
  const hanging = (key: number): CheckJob => ({
    key: `${key}`,
    every: seconds(5),
    timeout: seconds(2),
    cost: "socket",
    run: () => assert.fail("it is prepared"),
    prepare,
    onResult: () => undefined,
  });
  scheduler.configure(Array.from({ length: 500 }, (_, key) => hanging(key)));
  await world.until(40_000);
  const times = said.map((line) => parseFloat(line));
  let together = 0;
  for (const [i, line] of said.entries()) {
    if (!line.endsWith("told")) continue;
    const at = times[i]!;
    // The wake-up is the one of those that begin then.
    assert.equal(at % 50, 0);
    assert.match(said[i - 1]!, /over/);
    if (said[i + 1]?.endsWith("begins") === true && times[i + 1] === at + 8) together++;
    assert.ok(!said.slice(0, i).some((before) => before === `${at} begins`), line);
  }
  assert.ok(together > 100, String(together));
});

test("a check that begins late has its whole timeout all the same", async () => {
  const { world, scheduler, job } = setUp();
  const { prepare } = prepared(world, 1e9);
  const took: number[] = [];
  scheduler.configure([job("a", { prepare, onResult: (_result, ms) => took.push(ms) })]);
  await world.until(3_900);
  world.skip(20_000);
  await world.until(40_000);
  assert.ok(took.length > 3 && took.every((ms) => ms >= 3000), took.join(" "));
});
