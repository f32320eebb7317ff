// Packets as a host of the lab sees them, in a file, and what tshark reads in them afterwards.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { Lab } from "./lab.js";
import type { LabProcess } from "./process.js";

export class Trace {
  readonly path: string;
  private readonly tcpdump: LabProcess;

  private constructor(path: string, tcpdump: LabProcess) {
    this.path = path;
    this.tcpdump = tcpdump;
  }

  /** What the host sees on eth0 of what fits the filter. */
  static async start(lab: Lab, host: Host, filter: string): Promise<Trace> {
    const path = `${lab.directory}/trace.pcap`;
    const command = [
      "tcpdump",
      "-i",
      "eth0",
      "-n",
      "-U",
      "-Z",
      "root",
      "--immediate-mode",
      "-w",
      path,
    ] as const;
    const tcpdump = host.spawn([...command, filter]);
    await tcpdump.waitFor(/listening on/, seconds(30));
    return new Trace(path, tcpdump);
  }

  async stop(): Promise<void> {
    // What the kernel still holds for tcpdump is written out first.
    await pause(milliseconds(200));
    await this.tcpdump.stop();
  }

  /** One row for each packet that fits the filter. */
  rows(host: Host, filter: string, ...fields: readonly string[]): string[][] {
    const words = fields.flatMap((field) => ["-e", field]);
    const text = host.run("tshark", "-r", this.path, "-Y", filter, "-T", "fields", ...words);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("\t"));
  }
}
