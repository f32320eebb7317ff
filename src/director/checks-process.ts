// The process that runs health checks and keeps the kernel's table. The supervisor tells it what to run and
// hears what it did, over the IPC channel; it never waits for an answer. When the supervisor is gone it ends
// and leaves the table as it is, so that traffic flows on; its successor takes the table over.

import type { VipdEvent } from "../control/event.js";
import type { FromChecks, ToChecks } from "../control/ipc.js";
import { seededRandom } from "../core/random.js";
import { milliseconds } from "../core/units.js";
import { monotonicNow } from "../linux/clock.js";
import { openIpvs } from "../linux/ipvs-kernel.js";
import { ipvsSettings } from "../linux/ipvs-settings.js";
import { nodeTimers } from "../linux/node-timers.js";
import { openFilesLimit } from "../linux/open-files.js";
import { ProcessRunner } from "../linux/process-runner.js";
import { ProcessTable } from "../linux/process-table.js";
import { trackFiles } from "../linux/track-files.js";
import { meansWith } from "./check-means.js";
import { Checks } from "./checks.js";
import { IpvsDirector } from "./ipvs-director.js";
import { ownershipFile } from "./ipvs-ownership.js";
import { Outbox } from "./outbox.js";
import { readSavedTable } from "./saved-config.js";
import {
  allowOptimizing,
  collectGarbage,
  optimizeSteadyWorkOnly,
  STEADY_AFTER_MS,
} from "./supervisor/memory.js";
import { TrackBoard } from "./track-board.js";

process.title = "vipd: checks";

/** Descriptors for everything that is not the socket of a check. */
const OTHER_FILES = 200;
/** Programs of the operator's at a time. */
const MOST_PROCESSES = 256;
const MOST_SOCKETS = 16_384;
/** Of the beginnings of checks. */
const GRAIN = milliseconds(50);
/** From a configuration to the collection of what its way through this process left behind. */
const TRIM_AFTER_MS = 5000;

/** Events wait for this long: what the table is to have goes there one millisecond after it was found out, and comes first. */
const EVENTS_WAIT_MS = 2;

const outbox = new Outbox({
  process: "checks",
  wallTime: () => Date.now(),
  send: sendNow,
  wait: (work) => void setTimeout(work, EVENTS_WAIT_MS),
});

function sendNow(message: FromChecks, done?: () => void): void {
  if (process.send === undefined || !process.connected) {
    done?.();
    return;
  }
  process.send(message, undefined, undefined, () => done?.());
}

const send = (message: FromChecks, done?: () => void): void => outbox.send(message, done);
const report = (event: VipdEvent): void => outbox.report(event);

const runner = new ProcessRunner();
const tracks = new TrackBoard({
  timers: nodeTimers,
  runner,
  processes: new ProcessTable(),
  files: trackFiles,
  wallTime: () => Date.now(),
  report,
  tell: (values) => send({ kind: "tracks", values }),
});
const checks = new Checks({
  means: meansWith(runner),
  timers: nodeTimers,
  grain: GRAIN,
  // Two directors must not check in step: each has its own chance.
  random: seededRandom(Math.floor(monotonicNow() * 1000) ^ process.pid),
  // Hung servers hold their connections until the deadline, and must not keep the others waiting for a place;
  // each script's program has a pipe.
  limits: {
    socket: Math.max(64, Math.min(MOST_SOCKETS, openFilesLimit() - OTHER_FILES - MOST_PROCESSES)),
    process: MOST_PROCESSES,
  },
  wallTime: () => Date.now(),
  isTrackDown: (id) => tracks.isDown(id),
  report,
  table: new IpvsDirector({
    openPlane: openIpvs,
    openOwnership: ownershipFile,
    openSettings: ipvsSettings,
    timers: nodeTimers,
    report,
  }),
});

function configure({ ahead, ...message }: Extract<ToChecks, { kind: "configure" }>): void {
  const { saved } = message;
  const found = saved === undefined ? undefined : readSavedTable(saved);
  if (saved !== undefined && found === undefined) return send({ kind: "unreadable" });
  if (found?.prepared !== undefined) checks.sendAhead(message, found.prepared, ahead);
  const error = checks.configure({ ...message, services: found?.services() ?? message.services });
  if (error === null) {
    // No program is started before the next turn of the loop.
    runner.policy = message.scripts;
    tracks.configure(message.tracks, message.knownTracks);
  }
  send({ kind: "configured", error });
}

/** Nothing is looked at any more. */
function rest(): void {
  checks.leave();
  tracks.stop();
}

function take(message: ToChecks): void {
  switch (message.kind) {
    case "configure": {
      configure(message);
      // Until the first collection V8 lets the heap grow far (programs.ts); from then on it keeps it small.
      setTimeout(() => {
        collectGarbage();
        allowOptimizing();
      }, TRIM_AFTER_MS).unref();
      setTimeout(optimizeSteadyWorkOnly, STEADY_AFTER_MS).unref();
      return;
    }
    case "master":
      checks.setMaster(message.instance, message.addresses, message.vacancy);
      return;
    case "change":
      send({ kind: "configured", error: checks.change(message.services) });
      return;
    case "status":
      send({
        kind: "status",
        id: message.id,
        status: { ...checks.status(process.pid, message.ordered), tracks: tracks.status() },
      });
      return;
    case "orders":
      checks.take(message.orders);
      return;
    case "ping":
      send({ kind: "pong", id: message.id });
      return;
    case "rest":
      rest();
      return;
    case "stop": {
      tracks.stop();
      // With anything but 0 the supervisor knows that something is left to do.
      const code = checks.stop(message.table) ? 0 : 1;
      send({ kind: "stopped" }, () => process.exit(code));
      return;
    }
  }
}

process.on("message", (message) => {
  take(message as ToChecks);
});
// Also after an error of our own: what was found out until then is told.
process.on("exit", outbox.sendEvents);
process.on("disconnect", () => {
  rest();
  process.exit(0);
});
// Only the supervisor decides what becomes of the table: it sends "stop", or its end is the "disconnect".
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
send({ kind: "hello", pid: process.pid });
