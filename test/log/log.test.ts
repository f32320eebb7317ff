// What the log promises: nothing is lost at any end of the process, nothing blocks it, repeats are counted.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { constants as osConstants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SYSLOG_FACILITIES, type SyslogFacility } from "../../src/config/model.js";
import { journalEntry, syslogSink } from "../../src/log/datagram-sinks.js";
import { fileSink } from "../../src/log/file-sink.js";
import type { LogConfig } from "../../src/config/model.js";
import { Log } from "../../src/log/logger.js";
import { formatJson, formatText, oneLine, type LogRecord } from "../../src/log/record.js";
import { Repeats } from "../../src/log/repeats.js";
import { counting, type Sink } from "../../src/log/sink.js";
import { stderrSink } from "../../src/log/stderr-sink.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-log-"));
after(() => rmSync(folder, { recursive: true }));

const at = new Date(2026, 10, 20, 23, 52, 1, 123).getTime();
const record = (text: string, time = at, subject = "vrrp web"): LogRecord => ({
  time,
  level: "notice",
  subject,
  text,
});

test("a line has its time with milliseconds, its level and its subject", () => {
  assert.equal(
    formatText(record("BACKUP -> MASTER")),
    "2026-11-20 23:52:01.123 notice vrrp web: BACKUP -> MASTER",
  );
});

test("the JSON form can be read back and carries the event", () => {
  const value = JSON.parse(
    formatJson({ ...record("stopped"), process: "vrrp", event: { kind: "stopped" } }),
  ) as Record<string, unknown>;
  assert.deepEqual(value, {
    time: new Date(at).toISOString(),
    level: "notice",
    subject: "vrrp web",
    text: "stopped",
    process: "vrrp",
    event: { kind: "stopped" },
  });
});

test("text from outside cannot start a line of its own or steer a terminal", () => {
  assert.equal(oneLine("a\nb\u001b[31m\tc\u0000"), "a\\nb\\x1b[31m c\\x00");
});

type Collected = {
  readonly lines: string[];
  readonly repeats: Repeats;
  /** Offers a line so many milliseconds after the begin. */
  readonly offer: (text: string, ms: number, subject?: string) => void;
  readonly flushDue: (ms: number) => void;
};

function collect(): Collected {
  const lines: string[] = [];
  let now = 0;
  const clocks = { wall: () => at + now, monotonic: () => now };
  const repeats = new Repeats(({ text }) => lines.push(text), clocks);
  return {
    lines,
    repeats,
    offer(text, ms, subject) {
      now = ms;
      repeats.offer(record(text, at + ms, subject));
    },
    flushDue(ms) {
      now = ms;
      repeats.flushDue();
    },
  };
}

test("a repeated line is counted and its count written when another line of the subject comes", () => {
  const { lines, offer } = collect();
  for (let i = 0; i < 42; i++) offer("down", i * 1000);
  offer("up", 60_000);
  assert.deepEqual(lines, ["down", "last message repeated 41 times in 41 s: down", "up"]);
});

test("the counts of repeats are written after a minute and at the end", () => {
  const { lines, repeats, offer, flushDue } = collect();
  offer("down", 0);
  offer("down", 1000);
  flushDue(30_000);
  assert.equal(lines.length, 1);
  flushDue(61_000);
  assert.deepEqual(lines.slice(1), ["last message repeated once in 1 s: down"]);
  offer("down", 62_000);
  repeats.flushAll();
  assert.equal(lines.length, 3);
});

test("a subject that alternates is told in full, and other subjects do not disturb a count", () => {
  const { lines, offer } = collect();
  for (const text of ["up", "down", "up", "down"]) offer(text, 0);
  assert.deepEqual(lines.splice(0), ["up", "down", "up", "down"]);
  offer("down", 0, "other");
  offer("down", 0);
  assert.deepEqual(lines, ["down"]);
});

test("a change of state is written each time, where it happened, and ends the count before it", () => {
  const { lines, repeats, offer } = collect();
  const transition = (time: number): LogRecord => ({
    ...record("INITIALIZE -> BACKUP: start", time),
    event: {
      kind: "vrrp-transition",
      instance: "web",
      from: "initialize",
      to: "backup",
      priority: 100,
      reason: { kind: "startup" },
      done: [],
    },
  });
  repeats.offer(transition(at));
  repeats.offer(transition(at + 1000));
  offer("note", 2000);
  offer("note", 3000);
  repeats.offer(transition(at + 4000));
  repeats.flushAll();
  const said = "INITIALIZE -> BACKUP: start";
  assert.deepEqual(lines, [said, said, "note", "last message repeated once in 1 s: note", said]);
});

test("a reload does not write the counts of repeats", () => {
  const path = join(folder, "reloads.log");
  const config: LogConfig = { level: "info", format: "text", targets: [{ kind: "file", path }] };
  let now = at;
  const clocks = { now: () => now, monotonic: () => now };
  const log = new Log(config, { sendDatagram: () => -2, describeErrno: String, ...clocks });
  for (let i = 0; i < 20; i++) {
    log.configure(config);
    log.write([record("loaded", (now += 1000), "config")]);
  }
  log.close();
  assert.deepEqual(
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(line.indexOf("config: "))),
    ["config: loaded", "config: last message repeated 19 times in 19 s: loaded"],
  );
});

test("a count of lines that a reload has made too low takes no other line with it", () => {
  const path = join(folder, "raised.log");
  const config: LogConfig = { level: "info", format: "text", targets: [{ kind: "file", path }] };
  const log = new Log(config, { sendDatagram: () => -2, describeErrno: String, now: () => at });
  for (let i = 0; i < 3; i++) log.say("info", "test", "routine");
  log.configure({ ...config, level: "warning" });
  log.say("error", "test", "it burns");
  log.close();
  assert.deepEqual(
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(line.indexOf("test: ") + 6)),
    ["routine", "it burns"],
  );
});

test("any number of subjects is remembered in bounded memory without losing a count", () => {
  const { lines, offer } = collect();
  offer("down", 0, "first");
  offer("down", 0, "first");
  for (let i = 0; i < 2000; i++) offer("x", 0, `subject ${i}`);
  assert.ok(lines.some((line) => line.startsWith("last message repeated once")));
});

test("a wall clock that is set back or forth changes neither counts nor the look at moved files", (t) => {
  // The log looks for counts that are due when its timer says so: here, whenever time has passed.
  let look = (): void => undefined;
  t.mock.method(globalThis, "setInterval", (run: () => void) => {
    look = run;
    return { unref: () => undefined };
  });
  const path = join(folder, "stepped.log");
  let wall = at;
  let monotonic = 0;
  const pass = (ms: number): void => {
    wall += ms;
    monotonic += ms;
    look();
  };
  const log = new Log(
    { level: "info", format: "text", targets: [{ kind: "file", path }] },
    { sendDatagram: () => -2, describeErrno: String, now: () => wall, monotonic: () => monotonic },
  );
  const lines = (end = ""): string[] =>
    readFileSync(path + end, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(line.indexOf("test: ") + 6));
  log.say("notice", "test", "down");
  wall += 86_400_000;
  log.say("notice", "test", "down");
  pass(30_000);
  assert.deepEqual(lines(), ["down"]);
  wall -= 10 * 86_400_000;
  log.say("notice", "test", "down");
  pass(40_000);
  assert.deepEqual(lines(), ["down", "last message repeated 2 times in 30 s: down"]);
  renameSync(path, `${path}.1`);
  pass(2000);
  log.say("notice", "test", "up");
  assert.deepEqual(lines(), ["up"]);
  log.close();
});

test("a file that was moved away is opened anew, by order and by itself", () => {
  const path = join(folder, "rotated.log");
  let now = 0;
  const sink = fileSink(
    path,
    ({ text }) => text,
    () => now,
  );
  sink.write([record("one")]);
  renameSync(path, `${path}.1`);
  sink.reopen();
  sink.write([record("two")]);
  renameSync(path, `${path}.2`);
  now += 2000;
  sink.write([record("three")]);
  sink.close();
  assert.deepEqual(
    [".1", ".2", ""].map((end) => readFileSync(path + end, "utf8")),
    ["one\n", "two\n", "three\n"],
  );
});

test("a full disk loses lines, says how many when there is room again, and throws nothing", () => {
  const sink = fileSink(
    "/dev/full",
    ({ text }) => text,
    () => 0,
  );
  const loss = sink.write([record("one"), record("two")]);
  assert.match(loss?.why ?? "", /ENOSPC/);
  assert.equal(loss?.lines, 2);
  sink.close();

  const lines: string[] = [];
  let full = true;
  const flaky: Sink = {
    name: "file x",
    write(records) {
      if (full) return { lines: records.length, why: "ENOSPC" };
      lines.push(...records.map(({ text }) => text));
      return undefined;
    },
    reopen: () => undefined,
    close: () => undefined,
  };
  const counted = counting(flaky, () => undefined);
  counted.write([record("one")]);
  counted.write([record("two"), record("three")]);
  full = false;
  counted.write([record("four"), record("five")]);
  assert.deepEqual(lines, ["3 lines were lost here (file x): ENOSPC", "four", "five"]);
});

test("lines that are said together are one write, in their order, each with its own repeats and level", (t) => {
  const path = join(folder, "together.log");
  const log = new Log(
    { level: "notice", format: "text", targets: [{ kind: "file", path }] },
    { sendDatagram: () => -2, describeErrno: String, now: () => at },
  );
  const { mock } = t.mock.method(fs, "writeSync");
  syncBuiltinESMExports();
  log.write([
    record("one", at, "a"),
    record("one", at, "a"),
    { ...record("hidden"), level: "info" },
    record("two", at, "a"),
    { ...record("three", at, "b"), level: "error" },
  ]);
  assert.equal(mock.callCount(), 1);
  mock.restore();
  syncBuiltinESMExports();
  log.close();
  assert.deepEqual(
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(24)),
    ["notice a: one", "notice a: last message repeated once in 1 s: one", "notice a: two", "error b: three"],
  );
});

test("of lines that are said together those are counted as lost that are not whole in the file", (t) => {
  const path = join(folder, "cut.log");
  const sink = fileSink(
    path,
    ({ text }) => text,
    () => 0,
  );
  // The disk is full after the first line and a part of the second one.
  let room = 6;
  const { writeSync } = fs;
  const { mock } = t.mock.method(fs, "writeSync", (fd: number, bytes: Buffer, from = 0): number => {
    const part = bytes.subarray(from, from + room);
    if (part.length === 0) throw new Error("ENOSPC");
    room -= part.length;
    return writeSync(fd, part);
  });
  syncBuiltinESMExports();
  assert.deepEqual(sink.write(["one", "two", "three"].map((text) => record(text))), {
    lines: 2,
    why: "ENOSPC",
  });
  room = 100;
  assert.equal(sink.write([record("four"), record("five")]), undefined);
  mock.restore();
  syncBuiltinESMExports();
  sink.close();
  assert.equal(readFileSync(path, "utf8"), "one\ntw\nfour\nfive\n");
});

test("of datagrams one that is refused loses no other one", () => {
  const sent: string[] = [];
  const sink = syslogSink(
    "daemon",
    (_path, data) => {
      const text = Buffer.from(data).toString();
      if (text.endsWith("two")) return -90;
      sent.push(text.slice(-5));
      return data.length;
    },
    () => "EMSGSIZE",
  );
  const loss = sink.write(["one", "two", "three"].map((text) => record(text)));
  assert.deepEqual(loss, { lines: 1, why: "/dev/log: EMSGSIZE" });
  assert.deepEqual(sent, [": one", "three"]);
});

test("datagrams that their reader has no room for wait in their order, up to a limit", async () => {
  const sent: string[] = [];
  let room = 2;
  const noRoom = -osConstants.errno.EAGAIN;
  const send = (_path: string, data: Uint8Array): number => {
    if (room === 0) return noRoom;
    room--;
    sent.push(Buffer.from(data).toString().replace(/.*: /, ""));
    return data.length;
  };
  const sink = syslogSink("daemon", send, String);
  assert.equal(sink.write(["1", "2", "3"].map((text) => record(text))), undefined);
  assert.equal(sink.write([record("4")]), undefined);
  assert.deepEqual(sent, ["1", "2"]);
  room = 2;
  for (let i = 0; i < 500 && sent.length < 4; i++) await setTimeout(10);
  assert.deepEqual(sent, ["1", "2", "3", "4"], "without another line");
  sink.write([record("5")]);
  room = 10;
  sink.close();
  assert.deepEqual(sent.splice(0), ["1", "2", "3", "4", "5"], "at the end, too");

  room = 0;
  const full = syslogSink("daemon", send, String);
  const many = Array.from({ length: 3000 }, () => record("x".repeat(1000)));
  const loss = full.write(many);
  assert.equal(loss?.why, "its reader does not read");
  room = 10_000;
  full.close();
  assert.equal(sent.length + loss.lines, many.length);
  assert.ok(sent.length > 900, String(sent.length));
});

test("a missing syslog socket is an error of the line, not of the program", () => {
  const sink = syslogSink(
    "daemon",
    () => -2,
    () => "ENOENT",
  );
  assert.deepEqual(sink.write([record("x"), record("y")]), { lines: 2, why: "/dev/log: ENOENT" });
});

test("syslog gets facility and severity, journald its fields", () => {
  let sent = "";
  syslogSink(
    "local0",
    (_path, data) => (sent = Buffer.from(data).toString()).length,
    () => "",
  ).write([record("hello")]);
  assert.equal(sent, `<${16 * 8 + 5}>Nov 20 23:52:01 vipd[${process.pid}]: vrrp web: hello`);
  const entry = journalEntry(record("a\nb"));
  assert.match(
    entry,
    /^MESSAGE=vrrp web: a\\nb\nPRIORITY=5\nSYSLOG_IDENTIFIER=vipd\nVIPD_SUBJECT=vrrp web\n/,
  );
});

test("every facility that may be configured has a number of its own", () => {
  const sent = new Map<string, string>();
  for (const facility of Object.keys(SYSLOG_FACILITIES) as SyslogFacility[])
    syslogSink(
      facility,
      (_path, data) => {
        sent.set(facility, Buffer.from(data).toString().split(">")[0]!);
        return data.length;
      },
      () => "",
    ).write([record("hello")]);
  assert.equal(new Set(sent.values()).size, sent.size);
  assert.equal(sent.get("ftp"), `<${11 * 8 + 5}`);
});

test("a reader that does not read stops nobody: lines are kept up to a limit, then lost and counted", () => {
  const path = join(folder, "pipe");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  // Opened for both, a pipe takes 64 kB and nobody reads them.
  const fd = openSync(path, constants.O_RDWR);
  const sink = stderrSink({ format: ({ text }) => text, severityPrefix: true, fd });
  const outcomes = Array.from({ length: 3000 }, () => sink.write([record("x".repeat(1000))]));
  assert.equal(outcomes[0], undefined);
  assert.deepEqual(outcomes.at(-1), { lines: 1, why: "its reader does not read" });
  const buffer = Buffer.alloc(1004);
  readSync(fd, buffer);
  assert.equal(buffer.toString(), `<5>${"x".repeat(1000)}\n`);
  sink.close();
  closeSync(fd);
});

/** Runs a small program that logs `count` lines to a file and then ends in the given way. */
function logAndEnd(ending: string, target: string): { readonly lines: number; readonly stderr: string } {
  const path = join(folder, `${ending.replaceAll(/\W/g, "")}-${target}.log`);
  const module = fileURLToPath(new URL("../../src/log/logger.js", import.meta.url));
  const program = `
    const { Log } = await import(${JSON.stringify(module)});
    const log = new Log({ level: "info", format: "text", targets: [${target === "file" ? `{ kind: "file", path: ${JSON.stringify(path)} }` : '{ kind: "stderr" }'}] },
      { sendDatagram: () => -2, describeErrno: String, now: Date.now });
    process.once("exit", () => log.close());
    for (let i = 0; i < 5000; i++) log.say("notice", "test", "line " + i);
    ${ending}`;
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const run = spawnSync(process.execPath, [file], { encoding: "utf8", maxBuffer: 1e8 });
  const text = target === "file" ? readFileSync(path, "utf8") : run.stderr;
  return {
    lines: text.split("\n").filter((line) => line.includes("notice test: line")).length,
    stderr: run.stderr,
  };
}

for (const [how, ending] of [
  ["process.exit", "process.exit(0);"],
  ["an uncaught exception", "throw new Error('on purpose');"],
  ["SIGKILL", "process.kill(process.pid, 'SIGKILL'); await new Promise((r) => setTimeout(r, 10000));"],
] as const) {
  test(`a file has every line after ${how}`, () => assert.equal(logAndEnd(ending, "file").lines, 5000));
  test(`standard error has every line after ${how}`, () => {
    // A pipe holds 64 kB; what its reader had not taken yet is lost with a SIGKILL only.
    const { lines } = logAndEnd(ending, "stderr");
    if (how === "SIGKILL") assert.ok(lines > 0);
    else assert.equal(lines, 5000);
  });
}
