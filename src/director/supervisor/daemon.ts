// `vipd run`: joins the supervisor with the real processes, files, signals, log and control socket.

import { resolve } from "node:path";
import type { LogConfig, LogLevel } from "../../config/model.js";
import { errnoText } from "../../linux/errno.js";
import { native } from "../../linux/native.js";
import { ok } from "../../core/result.js";
import { instant } from "../../core/units.js";
import { peerOf } from "../../linux/peer.js";
import { openRouteKernel } from "../../linux/route-kernel.js";
import { systemdNotifier, type SystemdNotifier } from "../../linux/sd-notify.js";
import { UnixDatagramSocket } from "../../linux/unix-datagram.js";
import { Log } from "../../log/logger.js";
import { toLogRecord, type LogRecord } from "../../log/record.js";
import { nodeTimers } from "../../linux/node-timers.js";
import { openFifo } from "../../linux/notify-fifo.js";
import { ProcessRunner } from "../../linux/process-runner.js";
import { Alerter } from "../alerts/alerter.js";
import { Notifier } from "../notify/notifier.js";
import { deliverByProcess } from "./alert-process.js";
import { savedConfigPath } from "../saved-config.js";
import { configLoader, type LoaderOptions } from "./config-process.js";
import { interfaceIndex, removeAddresses } from "./address-removal.js";
import { ControlServer } from "./control-server.js";
import { firstTable } from "./first-table-place.js";
import { heldAddresses } from "./held-addresses.js";
import { heldGoods, removeGoods } from "./held-goods.js";
import { keptFile } from "./kept-state.js";
import {
  collectGarbage,
  keepYoungGenerationSmall,
  optimizeSteadyWorkOnly,
  STEADY_AFTER_MS,
} from "./memory.js";
import { orderFile } from "./order-file.js";
import { savingProgram } from "./programs.js";
import { answerRequests } from "./requests.js";
import { claimRuntimeDirectory, controlSocketPath, inheritRuntimeDirectory } from "./runtime-directory.js";
import { spawner } from "./spawn.js";
import { Succession } from "./succession.js";
import { findPredecessor, ownCommand, successorSpawner } from "./successor-process.js";
import { Upgrades, type UpgradeOutcome } from "./upgrade.js";
import type { StopOrder } from "./stopping.js";
import { Supervisor } from "./supervisor.js";
import { missingCapabilities } from "./capabilities.js";
import { openStateDirectory } from "./state-directory.js";
import { StateLine } from "./state-line.js";

export type DaemonOptions = {
  readonly version: string;
  readonly configPath: string;
  readonly node?: string;
  readonly runtimeDirectory: string;
  /** Absent: by the rules of state-directory.ts. */
  readonly stateDirectory?: string;
  /** From the command line; wins over the configuration. */
  readonly logLevel?: LogLevel;
};

/** From a configuration to the collection of what its way through this process left behind. */
const TRIM_AFTER_MS = 5000;

/** Of a successor that was of no use; its predecessor has heard why. */
const EXIT_UNUSED = 1;

const EARLY_LOG: LogConfig = { level: "info", format: "text", targets: [{ kind: "stderr" }] };

/** Resolves when the daemon has ended: true after a clean stop. */
export async function runDaemon(options: DaemonOptions): Promise<boolean> {
  const withLevel = (log: LogConfig): LogConfig =>
    options.logLevel === undefined ? log : { ...log, level: options.logLevel };
  const missing = missingCapabilities(native.effectiveCapabilities());
  if (missing.length > 0) {
    complain(
      `vipd needs ${missing.join(" and ")}: run it as root, or by packaging/vipd.service, which grants exactly what is needed`,
    );
    return false;
  }
  const path = resolve(options.runtimeDirectory);
  const command = ownCommand();
  const predecessor = findPredecessor();
  const inherited = predecessor && inheritRuntimeDirectory(path);
  const directory =
    inherited === undefined ? await claimRuntimeDirectory(path, firstTable()?.claim(path)) : ok(inherited);
  if (!directory.ok) {
    complain(directory.error);
    return false;
  }
  const state = openStateDirectory(options.stateDirectory, path);
  // First of all, whatever may refuse below: a predecessor that was killed with its children did not take them away.
  const held = heldAddresses(path, removeAddresses, interfaceIndex);
  const goods = heldGoods(path);
  const keeping = keptFile(path);
  const kept = predecessor === undefined ? keeping.take(instant(native.now())) : undefined;
  const isInPlace = predecessor !== undefined || kept !== undefined;
  if (isInPlace) goods.inherit();
  const left = isInPlace ? [] : [goods.release(), held.release()];
  process.title = "vipd: supervisor";
  keepYoungGenerationSmall();
  const datagrams = new UnixDatagramSocket();
  const log = new Log(withLevel(EARLY_LOG), {
    sendDatagram: (path, data) => datagrams.send(path, data),
    describeErrno: errnoText,
    now: Date.now,
  });
  const early = new EarlyLines((records) => log.write(records));
  process.once("exit", () => {
    early.giveUp();
    log.close();
  });
  const runner = new ProcessRunner();
  const programs = new Notifier({
    runner,
    timers: nodeTimers,
    nextTurn: (work) => void setImmediate(work),
    openFifo,
    report: (event) => supervisor.emit(event),
  });
  const alerter = new Alerter({
    timers: nodeTimers,
    wallTime: Date.now,
    deliver: deliverByProcess,
    report: (event) => supervisor.emit(event),
  });
  const notifier = systemdNotifier(process.env, process.pid);
  const table = firstTable();
  const supervisor = new Supervisor(
    {
      ...(table === undefined ? {} : { firstTable: table }),
      spawn: spawner((name, line) =>
        supervisor.emit({ kind: "warning", subject: "vipd", text: `${name} process said: ${line}` }),
      ),
      loadConfig: configLoader({
        ...savedConfig(options.version, state.path),
        warn: (text) => supervisor.emit({ kind: "warning", subject: "config", text }),
      }),
      removeAddresses: (addresses) => held.remove(addresses).errors,
      recordAddresses: (addresses) => held.record(addresses),
      releaseAddresses: () => held.release().errors,
      keep: (state) => keeping.write(state),
      removeTable: async () => {
        // Hardly ever needed, and half of what the check process is made of.
        const { removeTable } = await import("./table-removal.js");
        return removeTable(path, (event) => supervisor.emit(event));
      },
      orders: orderFile(state.path),
      goods: {
        record: (list) => goods.record(list),
        release: () => goods.release().errors,
        remove: (list) => removeGoods(list).errors,
        open: openRouteKernel,
      },
      configureLog: (config) => {
        log.configure(withLevel(config));
        early.release();
      },
      notifier: {
        configure: (config) => {
          runner.policy = config.scripts;
          programs.configure(config);
          alerter.configure(config);
        },
        observe: (event) => {
          programs.observe(event);
          alerter.observe(event);
        },
        finish: async (within) => {
          await Promise.all([programs.finish(within), alerter.finish(within)]);
        },
      },
      monotonic: () => instant(native.now()),
      wall: Date.now,
    },
    { ...options, configPath: resolve(options.configPath), runtimeDirectory: path },
  );
  const stateLine = new StateLine();
  const succession = predecessor && new Succession(predecessor, supervisor, () => process.exit(EXIT_UNUSED));
  supervisor.events.listen((records) => {
    early.take(records.map(toLogRecord));
    if (records.some(({ event }) => event.kind === "config-loaded")) {
      setTimeout(collectGarbage, TRIM_AFTER_MS).unref();
      setTimeout(optimizeSteadyWorkOnly, STEADY_AFTER_MS).unref();
    }
    const ofState = records.filter(({ event }) => stateLine.observe(event));
    // To the words of a successor that is not in charge yet the service manager does not listen.
    if (ofState.length > 0 && succession?.isOwner !== false) notifier.status(stateLine.text());
  });
  if (state.problem !== undefined) supervisor.emit({ kind: "warning", subject: "vipd", text: state.problem });
  if (kept !== undefined) supervisor.recall(kept);
  const found = left
    .flatMap(({ removed }) => removed)
    .map((text) => `removed ${text}: a predecessor left it behind`);
  for (const text of [...found, ...left.flatMap(({ errors }) => errors)])
    supervisor.emit({ kind: "warning", subject: "vrrp", text });

  const upgrades = new Upgrades(supervisor, {
    spawn: successorSpawner(command),
    announce: (pid) => notifier.mainProcess(pid) >= 0,
  });
  const ended = new Promise<void>((done) => {
    const stop = async (why: string, order?: StopOrder): Promise<void> => {
      if (succession?.isWaiting === true) return succession.giveUp(why);
      // One that has gone through has ended this daemon already.
      if (await upgrades.end(why)) return;
      notifier.stopping();
      return supervisor.stop(why, order).then((isDone) => {
        if (!isDone) process.exitCode = 1;
        done();
      }, done);
    };
    const reloadUnlessReplaced = async (): ReturnType<Supervisor["reload"]> =>
      upgrades.isRunning
        ? { ok: false, changes: [], problems: ["an upgrade is under way: try again"] }
        : reload(supervisor, notifier, stateLine, alerter);
    onSignals(
      (why) => void stop(why),
      () =>
        void reloadUnlessReplaced().catch((error: unknown) =>
          log.say("error", "vipd", `not reloaded: internal error: ${String(error)}`),
        ),
      () => log.reopen(),
    );
    // Not before: a signal that has come, and was not told of yet, would be lost.
    table?.hearsSignals();
    process.on("uncaughtException", (error) => {
      log.say("error", "vipd", `internal error: ${error.stack ?? String(error)}`);
      process.exitCode = 1;
      // The kernel's table serves on; the next run takes it over.
      void stop("internal error", { table: "keep" });
    });
    const upgrade = async (): Promise<UpgradeOutcome> => {
      const outcome = await upgrades.run();
      // After the answer; those who follow the events go on with the successor.
      if (outcome.ok) setImmediate(done);
      return outcome;
    };
    const handler = answerRequests({ supervisor, reload: reloadUnlessReplaced, upgrade, stop });
    const socketPath = controlSocketPath(path);
    const service = { supervisor, notifier, stateLine, stop, log };
    const serving =
      inherited === undefined
        ? ControlServer.open(socketPath, handler, peerOf).then(() => serve(service))
        : succession?.run(async () => {
            inherited.take();
            await ControlServer.replace(socketPath, handler, peerOf);
            feedWatchdog(notifier);
            notifier.ready(stateLine.text());
          });
    void serving?.catch((error: unknown) => {
      complain(`control socket: ${(error as Error).message}`);
      process.exitCode = 1;
      void stop("no control socket");
    });
  });
  await ended;
  directory.value.release();
  early.giveUp();
  log.close();
  datagrams.close();
  // A connection of a waiting `vipd stop` ends with the process, not before.
  const code = process.exitCode ?? 0;
  process.exit(code);
}

/** Only what names itself exactly may believe what it kept. */
function savedConfig(version: string, stateDirectory: string): Pick<LoaderOptions, "saved"> {
  const program = savingProgram(version);
  return program === undefined ? {} : { saved: { path: savedConfigPath(stateDirectory), program } };
}

type Service = {
  readonly supervisor: Supervisor;
  readonly notifier: SystemdNotifier;
  readonly stateLine: StateLine;
  readonly stop: (why: string) => Promise<void>;
  readonly log: Log;
};

async function serve({ supervisor, notifier, stateLine, stop, log }: Service): Promise<void> {
  feedWatchdog(notifier);
  const started = await supervisor.start();
  if (started.ok) {
    notifier.ready(stateLine.text());
    return;
  }
  // Stopped while it started, as it was told to.
  if (started.report === null) return;
  process.exitCode = 1;
  // Standard error is where the person who starts it looks; the log may lead elsewhere.
  if (supervisor.isConfigured)
    log.say("error", "vipd", `not started: ${started.report.split("\n")[0] ?? ""}`);
  complain(started.report);
  await stop("could not start");
}

function feedWatchdog(notifier: SystemdNotifier): void {
  if (notifier.watchdogEvery !== undefined) setInterval(() => notifier.watchdog(), notifier.watchdogEvery);
}

async function reload(
  supervisor: Supervisor,
  notifier: SystemdNotifier,
  stateLine: StateLine,
  alerter: Alerter,
): ReturnType<Supervisor["reload"]> {
  notifier.reloading();
  try {
    const outcome = await supervisor.reload();
    if (outcome.changes.length > 0 && (stateLine.hasDown || alerter.hasTroubles)) {
      const { checks } = await supervisor.status();
      if (checks !== null) for (const one of [stateLine, alerter]) one.keep(checks.services);
    }
    return outcome;
  } finally {
    notifier.ready(stateLine.text());
  }
}

function onSignals(stop: (why: string) => void, reload: () => void, reopen: () => void): void {
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGHUP", reload);
  process.on("SIGUSR1", reopen);
}

/** Holds lines back until the configuration says where they go. */
class EarlyLines {
  private lines: LogRecord[] | undefined = [];
  private readonly write: (records: readonly LogRecord[]) => void;

  constructor(write: (records: readonly LogRecord[]) => void) {
    this.write = write;
  }
  take(records: readonly LogRecord[]): void {
    if (this.lines === undefined) this.write(records);
    else this.lines.push(...records);
  }
  release(): void {
    const { lines = [] } = this;
    this.lines = undefined;
    this.write(lines);
  }
  /** There will be no configuration: what is routine is not said, what went wrong is. */
  giveUp(): void {
    this.lines = this.lines?.filter(({ level }) => level === "error" || level === "warning");
    this.release();
  }
}

const complain = (text: string): void =>
  void process.stderr.write(`${text.startsWith("vipd") ? "" : "vipd: "}${text.trimEnd()}\n`);
