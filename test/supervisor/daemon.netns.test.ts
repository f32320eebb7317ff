// The whole daemon on real sockets: two directors in namespaces, their processes killed, frozen and stopped,
// their configuration reloaded, their log rotated. What a test waits for is bounded; no absolute times.

import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { runtimeDirectory, startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";
import { NotifySocket } from "./notify-socket.js";

const VIP = "10.98.0.100";
const config = (priority = 150, more = ""): string => `nodes:
  a: { address: 10.98.0.2, priority: ${priority} }
  b: { address: 10.98.0.3, priority: 100 }
${more}vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 300ms, addresses: [${VIP}/24] }
`;

type Pair = { readonly lab: Lab; readonly a: Host; readonly b: Host; readonly path: string };

async function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0");
    b.ip("address add 10.98.0.3/24 dev eth0");
    await run({ lab, a, b, path: lab.file("vipd.yaml", config()) });
  } finally {
    lab.close();
  }
}

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(`${VIP}/24`);
const statusOf = (lab: Lab, host: Host): Status =>
  JSON.parse(vipdCommand(lab, host, "status", "--json").stdout) as Status;
const pidOf = (lab: Lab, host: Host, name: "vrrp" | "checks"): number =>
  statusOf(lab, host).processes.find((child) => child.process === name)?.pid ?? 0;
const ready = (daemon: LabProcess): Promise<unknown> => daemon.waitFor(/is ready as node/, seconds(20));

test("the higher priority is master, tells why, and hands over at a clean stop", () =>
  withPair(async ({ lab, a, b, path }) => {
    const [first, second] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await Promise.all([ready(first), ready(second)]);
    await first.waitFor(/notice vrrp web: BACKUP -> MASTER: .*sent advert, added 10\.98\.0\.100\/24 to eth0/);
    await until("the address on one alone", seconds(10), () => holds(a) && !holds(b));
    const text = vipdCommand(lab, b, "status").stdout;
    assert.match(text, /vrrp web: BACKUP since/);
    assert.match(text, /master: 10\.98\.0\.2 \(a\), priority 150/);
    assert.equal(vipdCommand(lab, a, "stop").status, 0);
    assert.equal(await first.exited(), 0);
    assert.ok(!holds(a));
    await until("its last words", seconds(5), () =>
      /MASTER -> INITIALIZE: vipd is stopping.*\n[^]*notice vipd: stopped$/.test(first.text),
    );
    await second.waitFor(/BACKUP -> MASTER: 10\.98\.0\.2 resigned/);
    assert.equal(await second.stop(), 0);
    assert.ok(!holds(b));
    assert.equal(vipdCommand(lab, b, "status").status, 3);
  }));

test("a killed VRRP process or check process is replaced without a change of master", () =>
  withPair(async ({ lab, a, b, path }) => {
    // A long interval, so that a slow machine too has the next process up in time.
    writeFileSync(path, config().replace("300ms", "1s"));
    const [first, second] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await Promise.all([ready(first), ready(second)]);
    await first.waitFor(/BACKUP -> MASTER/);
    for (const name of ["vrrp", "checks"] as const) {
      const pid = pidOf(lab, a, name);
      process.kill(pid, "SIGKILL");
      await until("the next process", seconds(10), () => {
        const next = pidOf(lab, a, name);
        return next !== 0 && next !== pid && statusOf(lab, a)[name] !== null;
      });
    }
    await first.waitFor(
      /INITIALIZE -> MASTER: the VRRP process was away for .*, too short for the peer to notice/,
    );
    assert.ok(holds(a) && !holds(b));
    assert.doesNotMatch(second.text, /-> MASTER/);
    assert.deepEqual(
      statusOf(lab, a).processes.map(({ restarts }) => restarts),
      [1, 1],
    );
    await Promise.all([first.stop(), second.stop()]);
  }));

test("a frozen VRRP process is killed, its addresses are removed, and it comes back", () =>
  withPair(async ({ lab, a, b, path }) => {
    const [first, second] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await Promise.all([ready(first), ready(second)]);
    await first.waitFor(/BACKUP -> MASTER/);
    process.kill(pidOf(lab, a, "vrrp"), "SIGSTOP");
    await first.waitFor(/VRRP process .* did not answer for .* killed by SIGKILL/);
    await first.waitFor(/warning vrrp web: the VRRP process is not back after .*: removed 1 address/);
    await first.waitFor(/INITIALIZE -> BACKUP: the VRRP process was away/);
    await until("one master again", seconds(10), () => holds(a) && !holds(b));
    await Promise.all([first.stop(), second.stop()]);
  }));

test("a reload while the VRRP process is dead leaves nothing of the old configuration behind", () =>
  withPair(async ({ lab, a, b, path }) => {
    // A long interval: what is not removed by the reload would stay for a while.
    const other = (vip: string): string => config().replace("300ms", "2s").replace(VIP, vip);
    writeFileSync(path, other(VIP));
    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/BACKUP -> MASTER/, seconds(30));
    await until("the address", seconds(5), () => holds(a));
    const reloadWithout = async (text: string): Promise<void> => {
      writeFileSync(path, text);
      const isMaster = (): boolean => statusOf(lab, a).vrrp?.instances[0]?.state === "master";
      const killed = pidOf(lab, a, "vrrp");
      process.kill(killed, "SIGKILL");
      // The second time there is a pause before the restart: the reload falls into it.
      await until("its successor", seconds(20), () => pidOf(lab, a, "vrrp") !== killed && isMaster());
      process.kill(pidOf(lab, a, "vrrp"), "SIGKILL");
      assert.equal(vipdCommand(lab, a, "reload").status, 0);
      await until("no old address", seconds(20), () => !a.run("ip", "-o", "address").includes(`${VIP}/24`));
    };
    // Another address, then no instance at all; nobody else is master meanwhile.
    await reloadWithout(other("10.98.0.101"));
    await until("the other address", seconds(20), () =>
      a.run("ip", "-o", "address").includes("10.98.0.101/24"),
    );
    writeFileSync(path, other(VIP));
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    await until("the address again", seconds(20), () => holds(a));
    await reloadWithout("nodes: { a: { priority: 150 } }\n");
    assert.ok(!holds(b));
    await daemon.stop();
  }));

test("when the supervisor is killed its children go, and the address with them", () =>
  withPair(async ({ lab, a, path }) => {
    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/BACKUP -> MASTER/, seconds(20));
    await until("the address", seconds(5), () => holds(a));
    daemon.kill("SIGKILL");
    await daemon.exited();
    await until("no address", seconds(10), () => !holds(a));
    await until("no process", seconds(10), () => a.pids().length === 0);
    // What it left in the runtime directory does not keep the next one out.
    const next = startVipd(lab, a, path);
    await ready(next);
    await next.stop();
  }));

test("when all processes are killed at once, the next start takes the address away, whatever the file is by then", () =>
  withPair(async ({ lab, a, path }) => {
    const killed = async (): Promise<void> => {
      const daemon = startVipd(lab, a, path);
      await daemon.waitFor(/BACKUP -> MASTER/, seconds(20));
      await until("the address", seconds(5), () => holds(a));
      assert.equal(vipdCommand(lab, a, "release").status, 1);
      const pids = a.pids();
      // Stopped first, so that none of them hears of the end of another.
      for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of pids) process.kill(pid, signal);
      await daemon.exited();
      await until("no process", seconds(10), () => a.pids().length === 0);
      assert.ok(holds(a));
    };
    await killed();
    const released = vipdCommand(lab, a, "release");
    assert.deepEqual([released.status, released.stdout], [0, `removed ${VIP}/24 from eth0\n`]);
    assert.ok(!holds(a));
    await killed();
    writeFileSync(path, "nodes: 1\n");
    const next = startVipd(lab, a, path);
    assert.equal(await next.exited(), 1);
    assert.ok(!holds(a));
    await until("why", seconds(5), () =>
      next.text.includes(`removed ${VIP}/24 from eth0: a predecessor left it`),
    );
    assert.equal(vipdCommand(lab, a, "release").status, 0);
  }));

test("a reload applies a good file without giving up mastership, and refuses a bad one with its reasons", () =>
  withPair(async ({ lab, a, path }) => {
    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/BACKUP -> MASTER/, seconds(20));
    writeFileSync(path, config(160));
    const good = vipdCommand(lab, a, "reload");
    assert.deepEqual([good.status, good.stdout], [0, "reloaded:\n  vrrp web: priority 150 -> 160\n"]);
    writeFileSync(path, config().replace("router-id", "ruoter-id"));
    const bad = vipdCommand(lab, a, "reload");
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /not reloaded:\n.*vipd\.yaml:5:\d+: error: .*ruoter-id[^]*router-id/);
    await daemon.waitFor(/error config: .* was rejected, nothing changed: /);
    writeFileSync(path, config(170));
    daemon.kill("SIGHUP");
    await daemon.waitFor(/changed: vrrp web: priority 160 -> 170/);
    assert.equal(statusOf(lab, a).vrrp?.instances[0]?.priority, 170);
    assert.ok(holds(a));
    assert.doesNotMatch(daemon.text, /MASTER ->/);
    await daemon.stop();
  }));

test("a second daemon on one runtime directory is refused, and the first one is not disturbed", () =>
  withPair(async ({ lab, a, path }) => {
    const daemon = startVipd(lab, a, path);
    await ready(daemon);
    const second = startVipd(lab, a, path);
    assert.equal(await second.exited(), 1);
    await until("why", seconds(5), () => second.text.includes(`control.sock is in use by pid ${daemon.pid}`));
    assert.equal(vipdCommand(lab, a, "status").status, 0);
    await daemon.stop();
    assert.ok(!existsSync(join(runtimeDirectory(lab, a), "control.sock")));
  }));

test("SIGUSR1 opens the log file anew, and does not open a debugger", () =>
  withPair(async ({ lab, a, path }) => {
    const log = join(lab.directory, "a.log");
    writeFileSync(path, config(150, `log: { targets: [{ file: ${log} }] }\n`));
    const daemon = startVipd(lab, a, path);
    await until(
      "the first lines",
      seconds(20),
      () => existsSync(log) && /BACKUP -> MASTER/.test(readFileSync(log, "utf8")),
    );
    renameSync(log, `${log}.1`);
    daemon.kill("SIGUSR1");
    // The next line opens it. Two signals sent together may come in any order, so that the stop has to wait.
    let priority = 150;
    await until("the new file", seconds(20), () => {
      writeFileSync(path, config(++priority, `log: { targets: [{ file: ${log} }] }\n`));
      assert.equal(vipdCommand(lab, a, "reload").status, 0);
      return existsSync(log);
    });
    assert.equal(await daemon.stop(), 0);
    assert.match(readFileSync(log, "utf8"), /stopping: SIGTERM[^]*notice vipd: stopped\n$/);
    assert.equal(daemon.text, "");
  }));

test("a start without a configuration, without rights or with another host's name says what to do, and nothing else", () =>
  withPair(async ({ lab, a, path }) => {
    const missing = startVipd(lab, a, join(lab.directory, "none.yaml"));
    assert.equal(await missing.exited(), 1);
    await until("why", seconds(5), () =>
      /^vipd: .*none\.yaml:1:1: error: there is no such file/.test(missing.text),
    );
    const stranger = startVipd(lab, a, path, { node: "c" });
    assert.equal(await stranger.exited(), 1);
    await until("why", seconds(5), () => stranger.text.includes("The nodes are: a, b."));
    const weak = a.try(
      "setpriv",
      "--bounding-set",
      "-net_raw",
      "--inh-caps",
      "-net_raw",
      process.execPath,
      join(import.meta.dirname, "../../../bin/vipd"),
      "run",
      "--config",
      path,
    );
    assert.equal(weak.status, 1);
    assert.match(weak.stderr, /^vipd needs CAP_NET_RAW: run it as root, or by packaging\/vipd\.service/);
  }));

test("systemd hears that the daemon is ready, alive, reloading and stopping", () =>
  withPair(async ({ lab, a, path }) => {
    const manager = new NotifySocket(join(lab.directory, "notify"));
    const daemon = startVipd(lab, a, path, { env: { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "400000" } });
    await manager.hears(/^READY=1\nSTATUS=/);
    await manager.hears(/^STATUS=master of web$/);
    await manager.hears(/^WATCHDOG=1$/);
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    await manager.hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await daemon.stop();
    await manager.hears(/^STOPPING=1$/);
    // The children do not speak for the daemon: only it was told of the socket.
    assert.equal(manager.heard.filter((text) => text.startsWith("READY=1")).length, 2);
    manager.close();
  }));

const withoutIpvs = !existsSync("/proc/net/ip_vs");
test(
  "services on a kernel without IPVS are refused with the remedy",
  { skip: withoutIpvs ? false : "this kernel has IPVS" },
  () =>
    withPair(async ({ lab, a, path }) => {
      const service = `services:\n  web: { address: ${VIP}:80, forwarding: nat, check: none, servers: [10.98.0.9] }\n`;
      writeFileSync(path, config() + service);
      const daemon = startVipd(lab, a, path);
      assert.equal(await daemon.exited(), 1);
      await until("why", seconds(5), () =>
        /^vipd: .*modprobe ip_vs; or remove `services`.* VRRP alone needs no ip_vs/m.test(daemon.text),
      );
      assert.doesNotMatch(daemon.text, /-> BACKUP/);
    }),
);
