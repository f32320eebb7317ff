// Runs the operator's programs: in a process group and session of their own, with the environment given and
// no other, as the user named (all supplementary groups dropped), and with nothing left behind. Fails closed:
// whatever keeps a program from running is an outcome that says so.

import { spawn, type ChildProcess } from "node:child_process";

import type { ScriptPolicy } from "../config/model.js";
import { err, ok, type Result } from "../core/result.js";
import { milliseconds, type Milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import type { Command, Run, RunEnd, Runner } from "../ports/runner.js";
import { notRunnable, spawnFailure } from "./program-file.js";
import { findUser } from "./users.js";

/** What is kept of stderr; the rest is read and dropped, so that the program does not block on a full pipe. */
export const STDERR_LIMIT = 4096;
/** After the program's own end, for its last words to arrive. */
const DRAIN = milliseconds(200);
/** How long a killed group is watched before it is given up as stuck in the kernel. */
const WATCH = milliseconds(5000);
/** A program killed by a stranger may be the first sign that everything is stopped: time for word of that to come. */
const WORD = milliseconds(1000);

export class ProcessRunner implements Runner {
  policy: ScriptPolicy;

  constructor(policy: ScriptPolicy = { security: true }) {
    this.policy = policy;
  }

  run(given: Command, cancel: Cancel): Run {
    const command = this.asWhom(given);
    const problem = notRunnable(command, this.policy.security);
    if (problem !== undefined) return never(problem);
    const user = command.user === undefined ? undefined : findUser(command.user);
    if (user?.ok === false) return never(user.error);
    const [program, ...rest] = command.argv;
    const child = spawn(program, rest, {
      cwd: "/",
      env: command.environment,
      // A session, and so a process group, of its own: signals go to all of it.
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      // libuv calls setgroups(0) before it changes the group and the user.
      ...(user === undefined ? {} : { uid: user.value.uid, gid: user.value.gid }),
    });
    return watch(child, command, cancel);
  }

  probe(given: Pick<Command, "argv" | "user">): Result<null, string> {
    const command = this.asWhom(given);
    const problem = notRunnable(command, this.policy.security);
    if (problem !== undefined) return err(problem);
    const user = command.user === undefined ? undefined : findUser(command.user);
    return user?.ok === false ? user : ok(null);
  }

  private asWhom<C extends Pick<Command, "user">>(command: C): C {
    const { user } = this.policy;
    return command.user !== undefined || user === undefined ? command : { ...command, user };
  }
}

function never(why: string): Run {
  return { end: Promise.resolve({ kind: "not-runnable", why }), gone: Promise.resolve() };
}

function watch(child: ChildProcess, command: Command, cancel: Cancel): Run {
  let gone: () => void = () => undefined;
  let settle: (end: RunEnd) => void = () => undefined;
  const run: Run = {
    end: new Promise((resolve) => (settle = resolve)),
    gone: new Promise((resolve) => (gone = resolve)),
  };
  const { pid } = child;
  const stderr = collect(child);
  child.on("error", (error) => {
    // Without a process id nothing was started; otherwise "exit" says the rest.
    if (pid !== undefined) return;
    settle({ kind: "not-runnable", why: spawnFailure(error, command) });
    gone();
  });
  if (pid === undefined) return run;

  let killer: NodeJS.Timeout | undefined;
  const forget = cancel.onCancel(() => {
    signalGroup(pid, "SIGTERM");
    killer = setTimeout(() => signalGroup(pid, "SIGKILL"), command.grace);
    settle({ kind: "cancelled", stderr: stderr() });
  });
  child.once("exit", (code, signal) => {
    forget();
    clearTimeout(killer);
    // What it left in its group would pile up with every run.
    const leftovers = signalGroup(pid, "SIGKILL");
    const finish = (): void => {
      clearTimeout(drained);
      settle(
        signal === null
          ? { kind: "exited", code: code ?? -1, stderr: stderr() }
          : { kind: "killed", signal, stderr: stderr() },
      );
      child.stderr?.destroy();
    };
    const drained = setTimeout(finish, signal === null ? DRAIN : WORD);
    if (signal === null) child.once("close", finish);
    if (leftovers) untilGroupGone(pid, WATCH, gone);
    else gone();
  });
  return run;
}

function collect(child: ChildProcess): () => string {
  const kept: Buffer[] = [];
  let room = STDERR_LIMIT;
  child.stderr?.on("data", (chunk: Buffer) => {
    if (room <= 0) return;
    kept.push(chunk.subarray(0, room));
    room -= chunk.length;
  });
  child.stderr?.on("error", () => undefined);
  return () => Buffer.concat(kept).toString("utf8").trimEnd() + (room < 0 ? " [more was written]" : "");
}

/** False when no process of the group is left (or none that we may signal). */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

function untilGroupGone(pid: number, patience: Milliseconds, done: () => void): void {
  const pause = 20;
  let left = Math.ceil(patience / pause);
  const timer = setInterval(() => {
    left--;
    if (left > 0 && signalGroup(pid, 0)) return;
    clearInterval(timer);
    done();
  }, pause);
}
