// Packets as a host of the lab sees them, in a file, and what tshark reads in them afterwards.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { Lab } from "./lab.js";
import type { LabProcess } from "./process.js";

/** PI_WARN of Wireshark's epan/proto.h. */
const EXPERT_WARNING = 0x00400000;

export class Trace {
  readonly path: string;
  private readonly tcpdump: LabProcess;

  private constructor(path: string, tcpdump: LabProcess) {
    this.path = path;
    this.tcpdump = tcpdump;
  }

  /**
   * What the host sees of what fits the filter. `on` "any": what comes in on each of its interfaces, which on a switch
   * is everything. `flags`: more of them for tcpdump. `before`: what starts it, for one that must not wait for others.
   */
  static async start(
    lab: Lab,
    host: Host,
    filter: string,
    on = "eth0",
    flags: readonly string[] = [],
    before: readonly string[] = [],
  ): Promise<Trace> {
    const path = `${lab.directory}/trace.pcap`;
    // With room for packets of any length, the kernel's buffer holds eight, and loses what comes together.
    const words = ["-s", "2000", "-i", on, "-n", "-U", "-Z", "root", "--immediate-mode", "-w", path];
    const direction = on === "any" ? ["-Q", "in"] : [];
    const tcpdump = host.spawn(["env", ...before, "tcpdump", ...words, ...direction, ...flags, filter]);
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

  /** What tshark finds wrong, or worth a warning: the number of each packet and the sentence. */
  warnings(host: Host): string[][] {
    const filter = `_ws.expert.severity >= ${String(EXPERT_WARNING)}`;
    return this.rows(host, filter, "frame.number", "_ws.expert.message");
  }
}
