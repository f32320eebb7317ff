// The runtime directory: who holds it, and the files in it. One vipd at a time; a second one is refused with
// the pid of the first.

import { connect } from "node:net";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { err, ok, type Result } from "../../core/result.js";
import { claimFile, inheritClaim } from "./claim-file.js";

export const DEFAULT_RUNTIME_DIRECTORY = "/run/vipd";

export const controlSocketPath = (directory: string): string => join(directory, "control.sock");
const claimPath = (directory: string): string => join(directory, "vipd.lock");
const pidFilePath = (directory: string): string => join(directory, "vipd.pid");

/** The longest path of a unix socket (sys/un.h: sun_path, with its final NUL). */
const LONGEST_SOCKET_PATH = 107;

export type RuntimeDirectory = {
  readonly path: string;
  /** Gives the directory back: removes the pid file and the socket. */
  release(): void;
};

/**
 * The first half of a claim, of which nobody else can have one: what ends it. Whether one without a claim answers on
 * the socket is not known yet. The error is a sentence for people.
 */
export function beginClaim(path: string): Result<() => void, string> {
  const socket = controlSocketPath(path);
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH)
    return err(
      `runtime directory ${path}: its name is too long for a unix socket in it (${LONGEST_SOCKET_PATH} bytes)`,
    );
  try {
    makeDirectory(path);
    if (!statSync(path).isDirectory()) return err(`runtime directory ${path}: not a directory`);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    return err(
      `runtime directory ${path} is not usable: ${(error as Error).message}. Give another with --runtime-dir`,
    );
  }
  try {
    // Of two that start at once, both would find that nobody answers.
    const claim = claimFile(claimPath(path));
    return claim.ok ? claim : inUse(path, claim.error === 0 ? undefined : claim.error);
  } catch (error) {
    return notWritable(path, error);
  }
}

/** `begun`: the first half is done already. The error is a sentence for people. */
export async function claimRuntimeDirectory(
  path: string,
  begun = beginClaim(path),
): Promise<Result<RuntimeDirectory, string>> {
  if (!begun.ok) return begun;
  const giveBack = begun.value;
  const socket = controlSocketPath(path);
  if (await answers(socket)) {
    giveBack();
    return inUse(path, readPid(path));
  }
  try {
    rmSync(socket, { force: true });
    writePid(path);
  } catch (error) {
    giveBack();
    return notWritable(path, error);
  }
  return ok({ path, release: () => release(path, giveBack) });
}

const inUse = (path: string, pid: number | undefined): Result<never, string> =>
  err(
    `control socket ${controlSocketPath(path)} is in use by ${pid === undefined ? "another vipd" : `pid ${pid}`}. ` +
      `Stop it ("vipd stop --runtime-dir ${path}") or give another --runtime-dir`,
  );

const notWritable = (path: string, error: unknown): Result<never, string> =>
  err(
    `runtime directory ${path} is not writable: ${(error as Error).message}. Give another with --runtime-dir`,
  );

/** The directory of a predecessor, which has it until `take` is called. Throws when that cannot write. */
export function inheritRuntimeDirectory(path: string): RuntimeDirectory & { take(): void } {
  let giveBack = (): void => undefined;
  return {
    path,
    take() {
      giveBack = inheritClaim(claimPath(path));
      writePid(path);
    },
    release: () => release(path, giveBack),
  };
}

function release(path: string, giveBack: () => void): void {
  if (readPid(path) === process.pid) {
    rmSync(controlSocketPath(path), { force: true });
    rmSync(pidFilePath(path), { force: true });
  }
  giveBack();
}

/** Written aside and renamed: a reader sees a whole number or none. */
function writePid(path: string): void {
  const fresh = `${pidFilePath(path)}.new`;
  writeFileSync(fresh, `${process.pid}\n`, { mode: 0o644 });
  renameSync(fresh, pidFilePath(path));
}

/** Node's own recursive form never returns where a file system refuses with ENOENT, as /proc does. */
export function makeDirectory(path: string, mode = 0o755): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    const parent = dirname(path);
    if (code !== "ENOENT" || existsSync(parent)) throw error;
    makeDirectory(parent);
    mkdirSync(path, { mode });
  }
}

export function readPid(directory: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFilePath(directory), "utf8").trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether somebody listens on the socket; a socket left by a crash refuses. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
