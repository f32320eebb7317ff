// The command line as a person meets it: help, wrong words, a daemon that is not there, one that is.

import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCommandLine } from "../../src/cli/command-line.js";
import { commands } from "../../src/cli/commands.js";
import { ago } from "../../src/cli/ago.js";
import { statusText } from "../../src/cli/status-text.js";
import { planText, type TablePlan } from "../../src/cli/plan.js";
import type { InstanceStatus, Status } from "../../src/control/ipc.js";
import { ip } from "../../src/core/address.js";
import type { ServerId, ServiceId } from "../../src/ipvs/model.js";
import { ControlServer } from "../../src/director/supervisor/control-server.js";
import type { StopOrder } from "../../src/director/supervisor/stopping.js";
import type { UpgradeOutcome } from "../../src/director/supervisor/upgrade.js";
import { answerRequests } from "../../src/director/supervisor/requests.js";
import { controlSocketPath } from "../../src/director/supervisor/runtime-directory.js";
import { World } from "../supervisor/fakes.js";
import { golden } from "./golden.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-cli-"));
after(() => rmSync(folder, { recursive: true }));

async function vipd(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = "";
  let err = "";
  const code = await runCommandLine(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

test("the help fits a screen, names every command, and is the same by all its names", async () => {
  const { code, out } = await vipd("--help");
  assert.equal(code, 0);
  assert.ok(out.split("\n").length <= 30);
  assert.ok(out.split("\n").every((line) => line.length <= 110));
  for (const { word } of commands) assert.match(out, new RegExp(`^  ${word} `, "m"));
  assert.equal((await vipd("help")).out, out);
  assert.equal((await vipd()).err, out);
  assert.equal((await vipd()).code, 2);
  golden("help.txt", out);
});

test("the help of each command names its options", async () => {
  let all = "";
  for (const { word, options } of commands) {
    const { code, out } = await vipd(word, "--help");
    assert.equal(code, 0);
    for (const { name } of options) assert.match(out, new RegExp(`--${name}`));
    assert.equal((await vipd("help", word)).out, out);
    all += out;
  }
  golden("help-commands.txt", all);
});

test("a wrong word, option or value lists the right ones and ends with exit code 2", async () => {
  for (const [args, wanted] of [
    [
      ["statsu"],
      /Did you mean "status"\?[^]*run, check, check-server, check-script, plan, status, events, ipvs, drain, undrain, disable, enable, reload, upgrade, stop/,
    ],
    [["status", "--jsno"], /no option --jsno\. Did you mean --json\? Options: --json, --runtime-dir/],
    [["status", "extra"], /options alone, and no "extra"\. Options: --json, --runtime-dir/],
    [["check", "extra.yaml"], /named with an option: vipd check --config extra\.yaml/],
    [["check", "-f", "extra.yaml"], /no option -f\. Did you mean --config\?/],
    [["check", "--config"], /--config needs what it is to be: --config FILE/],
    [["run", "--log-level", "loud"], /no log level "loud": one of error, warning, notice, info, debug/],
    [["events", "--last", "x"], /--last is a whole number/],
    [["stop", "--keep-table", "--remove-table"], /exclude each other/],
    [["stop", "--keep-vip", "--remove-table"], /--keep-vip and --remove-table exclude each other/],
    [["ipvs", "--stats", "--rate"], /--stats and --rate exclude each other/],
    [["ipvs", "--sort", "--nosort"], /exclude each other/],
    [["ipvs", "--restore", "-", "--save"], /--restore and --save exclude each other/],
  ] as const) {
    const { code, err } = await vipd(...args);
    assert.equal(code, 2);
    assert.match(err, wanted);
  }
});

test("without a daemon every client command says so and ends with exit code 3", async () => {
  for (const word of ["status", "events", "reload", "stop"]) {
    const { code, err } = await vipd(word, "--runtime-dir", join(folder, "nobody"));
    assert.equal(code, 3);
    assert.match(err, /no daemon runs here: there is no .*control\.sock/);
  }
});

test("a saved table with mistakes is not restored, and all of them are said with their lines", async () => {
  const path = join(folder, "table");
  writeFileSync(path, "-A -t 10.0.0.1:80 -s wlc\n-X\n\n-a -t 10.0.0.1:80\n");
  const { code, err } = await vipd("ipvs", "--restore", path, "--runtime-dir", join(folder, "nobody"));
  assert.equal(code, 1);
  assert.deepEqual(err.trimEnd().split("\n"), [
    `${path}:2: error: "-X" is no option of a saved table`,
    `${path}:4: error: a real server is missing: -r ADDRESS:PORT, for tcp 10.0.0.1:80`,
    "vipd ipvs: 2 lines cannot be read: nothing was added",
  ]);
  const missing = await vipd("ipvs", "--restore", join(folder, "none"));
  assert.equal(missing.code, 1);
  assert.match(missing.err, /none: ENOENT/);
});

test(
  "without IPVS in the kernel the listing says how to get it",
  { skip: existsSync("/proc/net/ip_vs") ? "this kernel has IPVS" : false },
  async () => {
    const { code, out, err } = await vipd("ipvs", "-n");
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /modprobe ip_vs$/m);
  },
);

test("check says all errors with their places and ends with exit code 1, or what is valid with 0", async () => {
  const path = join(folder, "bad.yaml");
  writeFileSync(path, "nodes: { lb1: { priority: 100 } }\nvrpp: {}\n");
  const bad = await vipd("check", "--config", path);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /bad\.yaml:2:1: error: .*vrpp[^]*vrrp/);
  const missing = await vipd("check", "--config", join(folder, "none.yaml"));
  assert.equal(missing.code, 1);
  assert.match(missing.err, /no such file/);
  const json = JSON.parse((await vipd("check", "--config", path, "--json")).out) as {
    ok: boolean;
    diagnostics: unknown[];
  };
  assert.equal(json.ok, false);
  assert.ok(json.diagnostics.length > 0);
});

test("check names the place of a script that cannot be run, wherever its check is written", async () => {
  const path = join(folder, "scripts.yaml");
  const script = (name: string): string => `{ script: { command: [${folder}/${name}] }, every: 5s }`;
  writeFileSync(join(folder, "plain"), "#!/bin/sh\n");
  writeFileSync(
    path,
    `nodes: { lb1: { priority: 100 } }
defaults:
  service: { forwarding: nat }
services:
  a: { address: 10.0.0.1:80, check: ${script("shared")}, servers: [10.0.0.4, 10.0.0.5] }
  b:
    address: 10.0.0.2:80
    check: [tcp, ${script("plain")}]
    servers:
      - 10.0.0.4
      - { address: 10.0.0.5, check: ${script("own")} }
`,
  );
  const { code, err } = await vipd("check", "--config", path);
  assert.equal(code, 0);
  const lines = err.split("\n").filter((line) => line.includes("check-cannot-run"));
  assert.deepEqual(
    lines.map((line) => line.slice(folder.length + 1).replaceAll(`${folder}/`, "")),
    [
      "scripts.yaml:5:47: warning: services.a.check.script: the check of a cannot run: shared does not exist [check-cannot-run]",
      "scripts.yaml:8:28: warning: services.b.check[1].script: the check of b cannot run: plain is not executable: chmod +x plain [check-cannot-run]",
      "scripts.yaml:11:47: warning: services.b.servers[1].check.script: the check of b cannot run: own does not exist [check-cannot-run]",
    ],
  );
});

test("the commands talk to a daemon: status, events, reload, stop", async () => {
  const world = new World();
  await world.supervisor.start();
  let stopped: StopOrder | undefined;
  let upgraded: UpgradeOutcome = { ok: true, from: "0.1.0", to: "0.2.0", pid: 4712, pause_ms: 1.8 };
  const server = await ControlServer.open(
    controlSocketPath(folder),
    answerRequests({
      supervisor: world.supervisor,
      reload: () => world.supervisor.reload(),
      upgrade: () => Promise.resolve(upgraded),
      stop: async (_why, order) => {
        stopped = order;
        await world.supervisor.stop("vipd stop");
        server.close();
      },
    }),
  );
  const done = await vipd("upgrade", "--runtime-dir", folder);
  assert.deepEqual(
    [done.code, done.out],
    [0, "upgraded: vipd 0.1.0 -> 0.2.0, pid 4712; VRRP paused for 1.8 ms\n"],
  );
  upgraded = { ok: false, problem: "the new program ended" };
  const failed = await vipd("upgrade", "--runtime-dir", folder);
  assert.deepEqual(
    [failed.code, failed.err],
    [1, "not upgraded, everything goes on as before: the new program ended\n"],
  );
  const events = await vipd("events", "--last", "3", "--runtime-dir", folder);
  assert.match(events.out, /notice config: loaded [^]*notice vipd: vipd 0\.0\.0 is ready as node lb1\n$/);
  const reloaded = await vipd("reload", "--runtime-dir", folder);
  assert.deepEqual([reloaded.code, reloaded.out], [0, "reloaded: nothing changed\n"]);
  world.outcome = { ok: false, problems: ["f:1:1: error: x"], report: "f:1:1: error: x" };
  const refused = await vipd("reload", "--runtime-dir", folder);
  assert.deepEqual([refused.code, refused.err], [1, "not reloaded:\nf:1:1: error: x\n"]);
  const stop = await vipd("stop", "--keep-table", "--runtime-dir", folder);
  assert.deepEqual([stop.code, stopped], [0, { table: "keep" }]);
});

const at = new Date(2026, 10, 20, 23, 52, 1).getTime();
const status: Status = {
  version: "0.1.0",
  node: "lb2",
  pid: 100,
  started_at: at - 100_000,
  processes: [
    { process: "vrrp", pid: 101, restarts: 0, since: at },
    { process: "checks", pid: 102, restarts: 1, since: at },
  ],
  config: { path: "/etc/vipd/vipd.yaml", loaded_at: at - 100_000, instances: 2, services: 1 },
  nodes: [
    { name: "lb1", address: ip("192.168.1.2"), priority: 150 },
    { name: "lb2", address: ip("192.168.1.3"), priority: 100 },
  ],
  vrrp: {
    pid: 101,
    realtime: "SCHED_FIFO 50",
    lateness_ms: { p50: 0.05, p99: 0.2, max: 1.2, histogram: [] },
    instances: [
      {
        instance: "web",
        state: "backup",
        since: at - 60_000,
        interface: "eth0",
        virtual_router_id: 51,
        version: 3,
        unicast: null,
        auth: "none",
        priority: 100,
        addresses: ["192.168.1.1/24"],
        sum: { base: 150, terms: [{ label: "script haproxy", amount: -50 }] },
        awaited: [],
        reason: { kind: "startup" },
        master: { address: "192.168.1.2", priority: 150, last_advert_ms_ago: 412 },
        adverts_sent: 0,
        send_failed: 0,
        send_error: null,
        adverts_received: 1234,
        oddities: ["192.168.1.2 advertises 192.168.1.7, we have 192.168.1.1"],
        rejected: { ttl: 2 },
        rejected_now: [],
        second_master: null,
        transitions: 1,
        second_path: {
          interface: "eth1",
          trouble: null,
          adverts_sent: 0,
          adverts_received: 1230,
          last_advert_ms_ago: 400,
          alone: true,
        },
      },
      {
        instance: "db",
        state: "master",
        since: at - 3_700_000,
        interface: "eth1",
        virtual_router_id: 52,
        version: 2,
        unicast: ["10.0.0.2", "10.0.0.3"],
        auth: "password",
        priority: 100,
        addresses: ["10.0.0.1/24"],
        reason: { kind: "master-silent", master: "10.0.0.2", master_priority: 150, silence_ms: 3609 },
        sum: { base: 100, terms: [] },
        awaited: [],
        master: null,
        adverts_sent: 3700,
        send_failed: 12,
        send_error: "ENETUNREACH: network is unreachable",
        adverts_received: 3,
        oddities: [],
        rejected: {},
        rejected_now: [
          { kind: "interval", sender: "10.0.0.2", count: 7, detail: "advert interval 2 s, not 1 s" },
        ],
        second_master: { address: "10.0.0.9", priority: 50, last_advert_ms_ago: 20 },
        transitions: 2,
        takeover: {
          at: at - 3_700_000,
          until: null,
          vacancy: { kind: "silent", master: "10.0.0.2", at_most_ms: 3611 },
        },
        second_path: {
          interface: "eth2",
          trouble: "eth2 is down",
          adverts_sent: 7,
          adverts_received: 0,
          last_advert_ms_ago: null,
          alone: false,
        },
      },
    ],
  },
  checks: {
    pid: 102,
    takeovers: [{ instance: "db", sync: true, connections: { active: 1200, inactive: 4 } }],
    tracks: [
      {
        track: "haproxy",
        check: "script",
        up: false,
        since: at - 5000,
        reason: "script-failed",
        detail: "exit code 1",
        took_ms: 9,
        runs: 7,
        past: [],
      },
      {
        track: "load",
        check: "file",
        up: false,
        value: 20,
        since: at - 9000,
        reason: "file-not-zero",
        detail: "/run/load says 20",
        took_ms: 0,
        runs: 9,
        past: [],
      },
      {
        track: "ntp",
        check: "process",
        up: null,
        since: at,
        reason: "not-run-yet",
        detail: "",
        took_ms: 0,
        runs: 0,
        past: [],
      },
    ],
    services: [
      {
        name: "http",
        service: "tcp 192.168.1.1:80",
        scheduler: "wlc",
        alive: 1,
        quorum: { up: true, weight: 2, quorum: 2, hysteresis: 1 },
        sorry: [{ server: "192.168.1.9:80", serves: false }],
        checked: true,
        mass_failure: false,
        held: 0,
        servers: [
          {
            server: "192.168.1.4:80",
            up: true,
            since: at - 90_000,
            why: "it serves until a check says otherwise",
            availability: { total: 100, day: 100 },
            weight: 5,
            weighing: {
              effective: 2,
              configured: 5,
              terms: [{ kind: "percent", percent: 40, label: "agent" }],
            },
            place: "serves",
            wanted: true,
            in_kernel: true,
            checks: [
              {
                check: "http",
                up: true,
                since: at - 90_000,
                reason: "ok",
                detail: "status 200",
                took_ms: 3,
                runs: 20,
                past: [],
              },
            ],
          },
          {
            server: "192.168.1.15:80",
            up: false,
            since: at - 5000,
            why: "http bad-status: status 503, expected 200",
            availability: { total: 94.44, day: 94.44 },
            weight: 5,
            weighing: { effective: 5, configured: 5, terms: [] },
            place: "inhibited",
            wanted: false,
            in_kernel: false,
            left_with: { active: 37, inactive: 0 },
            order: {
              action: "drain",
              from: "operator",
              by: "alice",
              since: at - 60_000,
              until: at + 3_600_000,
              deadline: null,
              connections: 12,
              drain: {
                left: { active: 3, inactive: 4, persistent: 1 },
                rate: 0.4,
                time_left_ms: 20_000,
                done: null,
              },
            },
            checks: [
              {
                check: "http",
                up: false,
                since: at - 5000,
                reason: "bad-status",
                detail: "status 503, expected 200",
                took_ms: 3,
                runs: 20,
                past: [
                  { time: at - 10_000, reason: "ok", took_ms: 2.5 },
                  { time: at - 5000, reason: "bad-status", took_ms: 3 },
                ],
              },
            ],
          },
        ],
      },
    ],
    sync: [
      { role: "master", running: true, interface: "eth1", id: 51 },
      { role: "backup", running: false, interface: "eth1", id: 51 },
    ],
    table: { in_order: true, checked_ms_ago: 1500, repairs: 1 },
  },
};

test("status answers who is master, why and since when, and which servers are down and why", () => {
  golden("status.txt", statusText(status, at));
  golden(
    "status-bare.txt",
    statusText(
      {
        ...status,
        vrrp: null,
        checks: null,
        processes: [{ process: "vrrp", pid: null, restarts: 3, since: null }],
      },
      at,
    ),
  );
});

test("of instances that took over together the one is named first whose clients waited longest", () => {
  const [backup, master] = status.vrrp!.instances as [InstanceStatus, InstanceStatus];
  const text = (...instances: InstanceStatus[]): string =>
    statusText({ ...status, vrrp: { ...status.vrrp!, instances } }, at).split("\n")[1]!;
  const after = (instance: string, ms: number, at_most_ms: number): InstanceStatus => ({
    ...master,
    instance,
    takeover: {
      at: master.since + ms,
      until: null,
      vacancy: { kind: "resigned", master: "10.0.0.2", at_most_ms },
    },
  });
  assert.match(text(backup), /^vipd /);
  assert.match(
    text(after("b", -20_000, 9000), after("c", 3, 800), after("d", 0, 600)),
    /^took over 1 h 1 min ago \(c, the longest of 2\); clients: no master for at most 800 ms, since 10\.0\.0\.2 resigned$/,
  );
  const unheard: InstanceStatus = {
    ...master,
    takeover: { at: master.since, until: null, vacancy: { kind: "unheard", listened_ms: 3000 } },
  };
  assert.match(text(after("c", 3, 800), unheard), /not known how long .* in 3 s; 1204 connections/);
  // A restarted process goes on as master: what the table had at the takeover before says nothing of that.
  const kept: InstanceStatus = {
    ...master,
    takeover: { at: master.since, until: null, vacancy: { kind: "kept" } },
  };
  assert.match(text(kept), /clients: the addresses were here all the time$/);
  // The other one is master again, and asked is this one.
  const over: InstanceStatus = {
    ...backup,
    takeover: { ...after("web", 0, 800).takeover!, until: master.since + 180_000 },
  };
  assert.match(
    text(over),
    /^took over 1 h 1 min ago, for 3 min \(web\); clients: no master for at most 800 ms/,
  );
  assert.match(
    statusText({ ...status, vrrp: { ...status.vrrp!, instances: [over] } }, at),
    /^ {2}clients when it took over 1 h 1 min ago, for 3 min: no master for at most 800 ms/m,
  );
});

test("times ago are told roughly", () => {
  assert.deepEqual([0, 42_000, 180_000, 7_500_000, 7_200_000, 360_000_000].map(ago), [
    "0 s",
    "42 s",
    "3 min",
    "2 h 5 min",
    "2 h",
    "4 d 4 h",
  ]);
});

test("without services there is no table to speak of", () => {
  const bare = { pid: 102, tracks: [], services: [], sync: [], table: null };
  const text = statusText({ ...status, checks: bare }, at);
  assert.match(text, /\n\nno services\n$/);
  const broken = { ...bare, table: { in_order: false, checked_ms_ago: 5, repairs: 0 } };
  assert.match(statusText({ ...status, checks: broken }, at), /\nno services\nKERNEL TABLE NOT IN ORDER\n$/);
});

test("a plan shows what would be added, removed and kept", () => {
  const nothing: TablePlan = {
    ...{ health: "daemon", modules: [], commands: [], sync: [], settings: [], takeovers: [] },
    problem: null,
  };
  golden(
    "plan.txt",
    planText(
      "lb1",
      [
        { instance: "web", address: "192.168.1.1/24", interface: "eth0", change: "add" },
        { instance: "web", address: "192.168.1.9/24", interface: "eth0", change: "keep" },
        { instance: "db", address: "10.0.0.1/24", interface: "eth7", change: "fault" },
        { instance: "old", address: "10.0.0.9/24", interface: "eth0", change: "remove" },
      ],
      {
        ...{ health: "assumed", modules: ["ip_vs", "ip_vs_mh"] },
        sync: [
          { kind: "replace", role: "master", interface: "eth1", id: 51 },
          { kind: "stop", role: "backup", interface: "eth1", id: 51 },
        ],
        commands: [
          {
            ...{ kind: "remove-service", key: { kind: "fwmark", mark: 7, family: "ipv4" }, servers: 2 },
            impact: { kind: "end", servers: 2, active: 812, inactive: 3 },
          },
          {
            kind: "remove-server",
            key: { kind: "fwmark", mark: 8, family: "ipv4" },
            server: { address: ip("10.0.0.4"), port: 0, forwarding: "nat", weight: 1 },
            impact: { kind: "end", servers: 1, active: 8, inactive: 1 },
          },
        ],
        settings: [],
        takeovers: [
          { service: "tcp 10.0.0.9:80" as ServiceId, servers: ["10.0.0.4:80", "10.0.0.5:80"] as ServerId[] },
        ],
        problem: null,
      },
    ) +
      planText("lb1", [], { ...nothing, problem: "the kernel has no ip_vs: modprobe ip_vs" }) +
      planText("lb1", [], nothing) +
      planText("lb1", [], {
        ...nothing,
        settings: [
          { name: "conntrack", from: "0", to: "1" },
          { name: "timeout.tcp", from: "900", to: "600" },
        ],
      }),
  );
});

test("a plan names the addresses that a running master would let go, and touches none of them", async (t) => {
  const running: Status = {
    ...status,
    vrrp: {
      ...status.vrrp!,
      instances: status.vrrp!.instances.map((instance) => ({
        ...instance,
        interface: "lo",
        addresses: instance.state === "master" ? ["127.0.0.1/8", "10.99.98.97/32"] : ["127.0.0.1/8"],
      })),
    },
  };
  const directory = mkdtempSync(join(folder, "running-"));
  const server = await ControlServer.open(controlSocketPath(directory), (_request, client) => {
    client.reply({ reply: "status", status: running });
    client.reply({ reply: "end" });
    return Promise.resolve();
  });
  t.after(() => server.close());
  const path = join(directory, "vipd.yaml");
  const write = (address: string): void =>
    writeFileSync(
      path,
      `nodes: { lb1: { priority: 100 } }\nvrrp: { web: { interface: eth0, router-id: 1, addresses: [{ address: ${address}, interface: lo }] } }\n`,
    );
  const run = async (): Promise<{ readonly code: number; readonly lines: readonly string[] }> => {
    const { code, out } = await vipd(
      ...["plan", "--config", path, "--node", "lb1", "--runtime-dir", directory],
    );
    return { code, lines: out.split("\n").filter((line) => line.includes(" on lo ")) };
  };
  write("10.99.98.96/32");
  assert.deepEqual(await run(), {
    code: 4,
    lines: [
      "+ 10.99.98.96/32 on lo for web",
      // The other one of the master's addresses is not in the kernel, and the backup holds none.
      "- 127.0.0.1/8 on lo for db (held by the daemon that runs)",
    ],
  });
  server.close();
  assert.deepEqual(await run(), { code: 4, lines: ["+ 10.99.98.96/32 on lo for web"] });
});
