// Who is told what, in which order, and what becomes of programs and readers that do not do their part.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotifyConfig, NotifyPrograms } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { TransitionReason } from "../../src/vrrp/reasons.js";
import { err, ok, type Result } from "../../src/core/result.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { MOST_LINES, type OpenFifo } from "../../src/director/notify/fifo.js";
import { Notifier } from "../../src/director/notify/notifier.js";
import { MOST_WAITING } from "../../src/director/notify/program-queue.js";
import type { Command, RunEnd } from "../../src/ports/runner.js";
import type { InstanceStateName } from "../../src/vrrp/instance.js";
import { World } from "../checkers/world.js";
import { instanceNamed } from "../supervisor/fakes.js";

const startup: TransitionReason = { kind: "startup" };
const became = (
  instance: string,
  to: InstanceStateName,
  reason: TransitionReason = startup,
  priority = 150,
): VipdEvent => ({ kind: "vrrp-transition", instance, from: "backup", to, priority, reason, done: [] });

const programs = (when: NotifyPrograms["when"], timeout = 1000): NotifyPrograms => ({
  when,
  timeout: milliseconds(timeout),
});
const any = programs({ any: ["/bin/any"] });

class Played {
  readonly world = new World();
  readonly events: VipdEvent[] = [];
  readonly commands: Command[] = [];
  /** How long each program takes; Infinity: it hangs. */
  takes: (command: Command) => number = () => 10;
  ends: (command: Command) => RunEnd = () => ({ kind: "exited", code: 0, stderr: "" });
  readonly lines: string[] = [];
  room = Infinity;
  fifo: Result<OpenFifo, string> = ok({
    write: (line) => {
      if (this.room <= 0) return false;
      this.room--;
      this.lines.push(line);
      return true;
    },
    close: () => undefined,
  });
  readonly notifier = new Notifier({
    timers: this.world,
    nextTurn: (work) => void this.world.wakeAt(this.world.now(), work),
    runner: {
      run: (command, cancel) => {
        this.commands.push(command);
        const end = new Promise<RunEnd>((resolve) => {
          const takes = this.takes(command);
          if (takes < Infinity) void this.world.after(takes).then(() => resolve(this.ends(command)));
          cancel.onCancel(() => resolve({ kind: "cancelled", stderr: "" }));
        });
        return { end, gone: end.then(() => undefined) };
      },
      probe: () => ok(null),
    },
    openFifo: () => this.fifo,
    report: (event) => this.events.push(event),
  });

  configure(notify: Partial<NotifyConfig>, members: Readonly<Record<string, string | undefined>> = {}): void {
    const groups: Readonly<Record<string, string | undefined>> = { web: undefined, ...members };
    const vrrp = Object.entries(groups).map(([name, group]) => ({
      ...instanceNamed(name),
      ...(group === undefined ? {} : { group }),
    }));
    this.notifier.configure({ node: "lb1", vrrp, notify: { instances: {}, groups: {}, ...notify } });
  }
  observe(...events: readonly VipdEvent[]): void {
    for (const event of events) this.notifier.observe(event);
  }
  get run(): string[] {
    return this.commands.splice(0).map(({ argv }) => argv.join(" "));
  }
  get warnings(): string[] {
    return this.events.splice(0).flatMap((event) => (event.kind === "warning" ? [event.text] : []));
  }
}

test("programs of the instance come before those for all, the one for the state before the one for any", async () => {
  const played = new Played();
  played.configure({
    all: programs({ master: ["/bin/all-master", "x"], any: ["/bin/all-any"] }),
    instances: {
      web: programs({ master: ["/bin/own"], backup: ["/bin/own-backup"], any: ["/bin/own-any", "y"] }),
    },
  });
  played.observe(became("web", "master", { kind: "no-master-heard", waited_ms: 3000 }));
  await played.world.until(100);
  const [first] = played.commands;
  assert.deepEqual(played.run, [
    "/bin/own",
    "/bin/own-any y INSTANCE web MASTER 150",
    "/bin/all-master x",
    "/bin/all-any INSTANCE web MASTER 150",
  ]);
  const { PATH, LANG, ...told } = first?.environment ?? {};
  assert.ok(PATH !== undefined && LANG !== undefined);
  assert.deepEqual(told, {
    VIPD_NODE: "lb1",
    VIPD_TYPE: "INSTANCE",
    VIPD_NAME: "web",
    VIPD_FROM: "",
    VIPD_TO: "MASTER",
    VIPD_PRIORITY: "150",
    VIPD_REASON: "no-master-heard",
    VIPD_REASON_TEXT: "no advert from anybody for 3 s",
    VIPD_SEQUENCE: "1",
  });
});

test("changes are told in their order, each once, from the first to the last", async () => {
  const played = new Played();
  played.configure({ all: any, fifo: { path: "/run/fifo" } });
  played.observe(
    // A stop of what never began, a change of the configuration, and a process that goes on are no news.
    became("web", "initialize", { kind: "shutdown" }),
    became("web", "backup"),
    became("web", "backup", { kind: "reconfigured", what: "priority" }),
    became("web", "master"),
    became("web", "master", { kind: "resumed", pause_ms: 5 }),
    became("web", "fault"),
    became("web", "initialize", { kind: "shutdown" }),
  );
  await played.world.until(1000);
  const words = ["BACKUP", "MASTER", "FAULT", "STOP"];
  assert.deepEqual(
    played.commands.map(({ environment }) => [environment["VIPD_FROM"], environment["VIPD_SEQUENCE"]]),
    [
      ["", "1"],
      ["BACKUP", "2"],
      ["MASTER", "3"],
      ["FAULT", "4"],
    ],
  );
  assert.deepEqual(
    played.run,
    words.map((word) => `/bin/any INSTANCE web ${word} 150`),
  );
  assert.deepEqual(
    played.lines,
    words.map((word) => `INSTANCE "web" ${word} 150\n`),
  );
});

test("a program that hangs is ended at its limit, and holds up no other instance", async () => {
  const played = new Played();
  played.configure({ all: any }, { db: undefined });
  played.takes = ({ argv }) => (argv[2] === "web" && argv[3] === "BACKUP" ? Infinity : 10);
  played.observe(became("web", "backup"), became("web", "master"), became("db", "backup"));
  await played.world.until(900);
  assert.deepEqual(played.run, ["/bin/any INSTANCE web BACKUP 150", "/bin/any INSTANCE db BACKUP 150"]);
  await played.world.until(1100);
  assert.deepEqual(played.run, ["/bin/any INSTANCE web MASTER 150"]);
  const ended = played.events.flatMap((event) =>
    event.kind === "notified" ? [`${event.subject} ${event.state} ${event.result} ${event.waited_ms}`] : [],
  );
  assert.deepEqual(ended, [
    "db BACKUP exit code 0 0",
    "web BACKUP not done after 1 s: ended with TERM 0",
    "web MASTER exit code 0 1000",
  ]);
});

test("a program that cannot be run is an error that says why", async () => {
  const played = new Played();
  played.configure({ all: any });
  played.ends = () => ({ kind: "not-runnable", why: "/bin/any does not exist" });
  played.observe(became("web", "backup"));
  await played.world.until(100);
  const [event] = played.events;
  assert.ok(event?.kind === "notified" && !event.ok && event.result === "/bin/any does not exist");
});

test("of too many that wait the oldest give way, and that is said", async () => {
  const played = new Played();
  played.configure({ all: any });
  played.takes = () => Infinity;
  for (let i = 0; i < MOST_WAITING + 2; i++) {
    played.observe(became("web", i % 2 === 0 ? "master" : "backup"));
    await played.world.until(i);
  }
  assert.equal(played.warnings.length, 1);
});

test("a sync group is master when all its members are, and in fault when one is", async () => {
  const played = new Played();
  const groups = { both: any };
  played.configure({ groups, fifo: { path: "/run/fifo" } }, { web: "both", db: "both" });
  played.observe(
    became("web", "backup"),
    became("db", "backup"),
    became("web", "master"),
    became("db", "master"),
  );
  played.observe(became("db", "fault"), became("web", "fault"));
  await played.world.until(1000);
  assert.deepEqual(played.run, [
    "/bin/any GROUP both BACKUP 0",
    "/bin/any GROUP both MASTER 0",
    "/bin/any GROUP both FAULT 0",
  ]);
  assert.deepEqual(
    played.lines.filter((line) => line.startsWith("GROUP")),
    ['GROUP "both" BACKUP 0\n', 'GROUP "both" MASTER 0\n', 'GROUP "both" FAULT 0\n'],
  );
});

test("what a predecessor was at an upgrade is known, and no news", async () => {
  const played = new Played();
  for (const instance of ["in", "out"])
    played.notifier.observe({ kind: "vrrp-taken-over", instance, state: "master", pause_ms: 2 });
  played.configure({ all: any }, { in: "pair", out: "pair" });
  played.observe(became("in", "master"), became("in", "fault"));
  await played.world.until(1000);
  assert.deepEqual(played.run, ["/bin/any INSTANCE in FAULT 150", "/bin/any GROUP pair FAULT 0"]);
});

test("an instance in both families speaks once for both", async () => {
  const played = new Played();
  played.configure({ instances: { dual: any } }, { "dual/ipv4": "dual", "dual/ipv6": "dual" });
  played.observe(became("dual/ipv4", "master"), became("dual/ipv6", "master"));
  await played.world.until(1000);
  assert.deepEqual(played.run, ["/bin/any INSTANCE dual BACKUP 150", "/bin/any INSTANCE dual MASTER 150"]);
});

test("a master that had to assert itself says so again", async () => {
  const played = new Played();
  played.configure({ all: programs({ master: ["/bin/take"] }), fifo: { path: "/run/fifo" } });
  const second: VipdEvent = {
    kind: "vrrp-second-master",
    instance: "web",
    sender: "10.0.0.3",
    sender_priority: 100,
    own_priority: 150,
    count: 1,
  };
  played.observe(second, became("web", "master"), second);
  await played.world.until(1000);
  assert.equal(played.commands[1]?.environment["VIPD_FROM"], "MASTER");
  assert.match(played.commands[1].environment["VIPD_REASON_TEXT"] ?? "", /10\.0\.0\.3 says it is master too/);
  assert.deepEqual(played.run, ["/bin/take", "/bin/take"]);
  assert.equal(played.lines[1], 'INSTANCE "web" MASTER_RX_LOWER_PRI 150\n');
});

test("an instance that a reload removes is told by the programs it had", async () => {
  const played = new Played();
  played.configure({ instances: { web: programs({ stop: ["/bin/gone"], any: ["/bin/any"] }) } });
  played.observe(became("web", "backup"));
  played.notifier.configure({ node: "lb1", vrrp: [], notify: { instances: {}, groups: {} } });
  played.observe(became("web", "initialize", { kind: "deleted" }));
  await played.world.until(1000);
  assert.deepEqual(played.run.slice(1), ["/bin/gone", "/bin/any INSTANCE web DELETED 150"]);
});

test("at a stop the last notifications have their time, and no more", async () => {
  const played = new Played();
  played.configure({ all: programs({ any: ["/bin/any"] }, 60_000) }, { db: undefined });
  played.takes = ({ argv }) => (argv[2] === "web" ? Infinity : 100);
  played.observe(became("web", "backup"), became("db", "backup"));
  played.observe(
    became("web", "initialize", { kind: "shutdown" }),
    became("db", "initialize", { kind: "shutdown" }),
  );
  let isOver = false;
  void played.notifier.finish(seconds(5)).then(() => (isOver = true));
  await played.world.until(4990);
  assert.ok(!isOver);
  assert.equal(played.commands.length, 3);
  await played.world.until(5010);
  assert.ok(isOver);
});

test("lines wait while the FIFO is full or not there, and what is lost is counted", async () => {
  const played = new Played();
  const opened = played.fifo;
  played.fifo = err("/run/fifo cannot be opened as a FIFO: ENOENT");
  played.configure({ fifo: { path: "/run/fifo" } });
  played.observe(became("web", "backup"));
  assert.deepEqual(played.warnings, ["/run/fifo cannot be opened as a FIFO: ENOENT"]);
  played.fifo = opened;
  await played.world.until(1001);
  assert.equal(played.lines.length, 1);
  played.room = 0;
  for (let i = 0; i < MOST_LINES + 3; i++) played.observe(became("web", i % 2 === 0 ? "master" : "backup"));
  assert.deepEqual(played.warnings, [
    "/run/fifo is full: nobody reads it",
    "/run/fifo is not read: notifications are lost, the oldest first",
  ]);
  played.room = Infinity;
  await played.world.until(2100);
  assert.equal(played.lines.length, 1 + MOST_LINES);
  assert.deepEqual(played.warnings, ["/run/fifo is read again: 3 notifications were lost"]);
});

test("the reader of the FIFO is started with its path, and again when it ends, ever later", async () => {
  const played = new Played();
  played.configure({ fifo: { path: "/run/fifo", reader: { argv: ["/bin/read", "-x"] } } });
  await played.world.until(3500);
  assert.deepEqual(played.run, [
    "/bin/read -x /run/fifo",
    "/bin/read -x /run/fifo",
    "/bin/read -x /run/fifo",
  ]);
  assert.match(
    played.warnings[0] ?? "",
    /the reader of \/run\/fifo has ended: exit code 0; starting it again in 1 s/,
  );
  await played.notifier.finish(seconds(1));
  await played.world.until(60_000);
  assert.deepEqual(played.run, []);
});

const server = (up: boolean, alive: number, id = "10.0.1.4:80", service = "http"): VipdEvent => ({
  ...{ kind: "server-changed", service, key: "tcp 10.0.0.1:80", server: id, up, weight: 5 },
  ...{ cause: up ? "tcp: connected" : "tcp refused", alive, total: 2 },
});
const quorum = (up: boolean, first = false): VipdEvent => ({
  ...{ kind: "quorum-changed", service: "http", key: "tcp 10.0.0.1:80", up, weight: up ? 5 : 0 },
  ...{ total_weight: 10, quorum: 3, hysteresis: 0, serving: up ? 1 : 0, total: 2, sorry: [] },
  ...{ first, why: "health" },
});
const own = (
  when: Readonly<Record<string, readonly [string, ...string[]]>>,
): { readonly when: typeof when; readonly timeout: ReturnType<typeof seconds> } => ({
  when,
  timeout: seconds(1),
});

test("real servers and quorums are told of: by the server's program, or the service's, or that for all", async () => {
  const played = new Played();
  played.configure({
    services: {
      all: own({ up: ["/bin/all-up"], down: ["/bin/all-down"] }),
      own: {
        http: {
          ...own({
            down: ["/bin/own-down", "x"],
            "quorum-down": ["/bin/lost"],
            "quorum-up": ["/bin/gained"],
          }),
          servers: { "10.0.1.5:80": own({ down: ["/bin/five-down"] }) },
        },
      },
    },
  });
  played.observe(
    quorum(true, true),
    server(false, 1),
    server(false, 0, "10.0.1.5:80"),
    quorum(false),
    server(true, 1, "10.0.1.5:80"),
    server(false, 1, "10.0.1.4:80", "__proto__"),
  );
  await played.world.until(1000);
  const [first, second] = played.commands;
  assert.deepEqual(played.run.sort(), [
    "/bin/all-down",
    "/bin/all-up",
    "/bin/five-down",
    "/bin/gained",
    "/bin/lost",
    "/bin/own-down x",
  ]);
  const told = (environment: Readonly<Record<string, string>> = {}): Record<string, string> =>
    Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith("VIPD_")));
  assert.deepEqual(told(first?.environment), {
    ...{ VIPD_NODE: "lb1", VIPD_TYPE: "VS", VIPD_NAME: "http", VIPD_SERVICE: "tcp 10.0.0.1:80" },
    ...{ VIPD_SERVER: "", VIPD_FROM: "", VIPD_TO: "UP", VIPD_REASON: "health" },
    VIPD_REASON_TEXT: "quorum UP: weight 5 of 10, quorum 3; 1 of 2 servers serve",
    ...{ VIPD_ALIVE: "1", VIPD_TOTAL: "2", VIPD_WEIGHT: "5", VIPD_QUORUM: "3", VIPD_SEQUENCE: "1" },
  });
  assert.deepEqual(told(second?.environment), {
    ...{ VIPD_NODE: "lb1", VIPD_TYPE: "RS", VIPD_NAME: "http", VIPD_SERVICE: "tcp 10.0.0.1:80" },
    ...{ VIPD_SERVER: "10.0.1.4:80", VIPD_FROM: "UP", VIPD_TO: "DOWN", VIPD_REASON: "check-failed" },
    VIPD_REASON_TEXT: "10.0.1.4:80 DOWN: tcp refused; 1 of 2 servers up",
    ...{ VIPD_ALIVE: "1", VIPD_TOTAL: "2", VIPD_WEIGHT: "", VIPD_QUORUM: "", VIPD_SEQUENCE: "2" },
  });
});

test("of one server one program runs at a time, in order, and one that hangs holds up no other", async () => {
  const played = new Played();
  played.configure({ services: { all: own({ up: ["/bin/up"], down: ["/bin/down"] }), own: {} } });
  played.takes = ({ environment }) => (environment["VIPD_SERVER"] === "10.0.1.4:80" ? Infinity : 10);
  played.observe(server(false, 1), server(true, 2), server(false, 1, "10.0.1.5:80"));
  await played.world.until(500);
  assert.deepEqual(played.run, ["/bin/down", "/bin/down"]);
  await played.world.until(1500);
  assert.deepEqual(played.run, ["/bin/up"]);
  const [event] = played.events.flatMap((one) => (one.kind === "notified" && !one.ok ? [one] : []));
  assert.deepEqual(
    [event?.subject, event?.state, event?.result],
    ["service http 10.0.1.4:80", "DOWN", "not done after 1 s: ended with TERM"],
  );
});

test("the FIFO has keepalived's lines for servers and services", async () => {
  const played = new Played();
  played.configure({ fifo: { path: "/run/fifo" } });
  const six = { ...server(false, 1), key: "udp [fd00::1]:53", server: "[fd00::4]:53" } as VipdEvent;
  const mark = { ...server(true, 1), key: "fwmark 7 ipv4" } as VipdEvent;
  played.observe(server(false, 1), quorum(false), six, mark, {
    ...quorum(true),
    key: "fwmark 7 ipv4",
  } as VipdEvent);
  await played.world.until(100);
  assert.deepEqual(played.lines, [
    "RS [10.0.1.4]:tcp:80 [10.0.0.1]:tcp:80 DOWN\n",
    "VS [10.0.0.1]:tcp:80 DOWN\n",
    "RS [fd00::4]:udp:53 [fd00::1]:udp:53 DOWN\n",
    "RS [10.0.1.4]:tcp:80 FWM 7 UP\n",
    "VS FWM 7 UP\n",
  ]);
});
