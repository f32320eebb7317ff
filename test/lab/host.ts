// One host of the lab: a network namespace of its own. Runs programs in it and reads what its kernel knows.
// Refuses to know how hosts are wired (lab.ts) and what the programs are.

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { LabProcess } from "./process.js";

export type Finished = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type SpawnOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

export class Host {
  readonly name: string;
  readonly namespace: string;
  #anchor: ChildProcess | undefined;

  constructor(name: string, namespace: string) {
    this.name = name;
    this.namespace = namespace;
  }

  /** Runs to the end and gives everything, whatever the status. */
  try(...command: readonly string[]): Finished {
    const { status, stdout, stderr } = spawnSync("ip", ["netns", "exec", this.namespace, ...command], {
      encoding: "utf8",
      timeout: 60_000,
    });
    return { status, stdout, stderr };
  }

  /** Runs to the end and gives its output; any status but 0 throws. */
  run(...command: readonly string[]): string {
    const { status, stdout, stderr } = this.try(...command);
    if (status !== 0)
      throw new Error(
        `${this.name}: ${command.join(" ")}: ${stderr.trim() || `ended with ${String(status)}`}`,
      );
    return stdout;
  }

  /** Several `ip` commands in one process: much quicker in the VM than one process for each. */
  ip(...commands: readonly string[]): void {
    ipBatch(commands, this.namespace);
  }

  spawn(command: readonly [string, ...string[]], options: SpawnOptions = {}): LabProcess {
    const child = spawn("ip", ["netns", "exec", this.namespace, ...command], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    return new LabProcess(child, `${this.name}: ${command[0]}`);
  }

  /** `net.ipv4.ip_forward` and the like, given as path or with dots. */
  sysctl(settings: Readonly<Record<string, string | number>>): void {
    const words = Object.entries(settings).map(([key, value]) => `${key}=${String(value)}`);
    this.run("sysctl", "-q", "-w", ...words);
  }

  /** A file below /proc/net as this host sees it, without starting a process for each look. */
  procNet(file: string): string {
    if (this.#anchor === undefined) {
      this.#anchor = spawn("ip", ["netns", "exec", this.namespace, "sleep", "infinity"], { stdio: "ignore" });
      this.#anchor.unref();
      // The process is in the namespace only once it runs the program it was started for.
      const command = `/proc/${String(this.#anchor.pid)}/comm`;
      for (let i = 0; i < 1000 && readFileSync(command, "utf8").trim() !== "sleep"; i++)
        spawnSync("sleep", ["0.01"]);
    }
    return readFileSync(`/proc/${String(this.#anchor.pid)}/net/${file}`, "utf8");
  }

  /** The process that `procNet` looks through, if there is one; it is no part of what runs on the host. */
  get anchorPid(): number | undefined {
    return this.#anchor?.pid;
  }

  /** Every process in this namespace, whoever started it. */
  pids(): number[] {
    const { stdout } = spawnSync("ip", ["netns", "pids", this.namespace], { encoding: "utf8" });
    return stdout.split("\n").filter(Boolean).map(Number);
  }

  /**
   * Ends all processes of this host at once, as a power failure does. The youngest first: a child that outlives its
   * parent for a moment would use it to say good-bye to its peers.
   */
  killAll(pids: readonly number[] = this.pids()): void {
    this.#anchor = undefined;
    for (const pid of [...pids].sort((a, b) => b - a)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in the meantime: as wanted.
      }
    }
  }
}

export function ipBatch(commands: readonly string[], namespace?: string): void {
  const where = namespace === undefined ? [] : ["-n", namespace];
  const { status, stderr } = spawnSync("ip", [...where, "-batch", "-"], {
    input: `${commands.join("\n")}\n`,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`ip: ${stderr.trim()}\n  of: ${commands.join("; ")}`);
}
