// Starts the programs that serve pages and ask for them on hosts of the lab, and asks through the latter. Knows nothing
// of what lies between the two.

import { join } from "node:path";
import { seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { Question } from "./page-client.js";
import type { LabProcess } from "./process.js";

/** In an emulated machine on a busy host, a process needs seconds to begin. */
const PATIENCE = seconds(200);

/** `words`: what it serves, as page-server.ts takes it. Gives when all of it is there. */
export async function servePages(host: Host, name: string, ...words: readonly string[]): Promise<void> {
  const server = host.spawn([process.execPath, join(import.meta.dirname, "page-server.js"), name, ...words]);
  await server.waitFor(/^ready/, PATIENCE);
}

export class Client {
  readonly #process: LabProcess;

  private constructor(process: LabProcess) {
    this.#process = process;
  }

  static async start(host: Host): Promise<Client> {
    const process_ = host.spawn([process.execPath, join(import.meta.dirname, "page-client.js")]);
    await process_.waitFor(/^ready/, PATIENCE);
    return new Client(process_);
  }

  /** One question at a time. */
  async ask(question: Question): Promise<readonly string[]> {
    const seen = this.#process.lines.length;
    this.#process.write(`${JSON.stringify(question)}\n`);
    const line = await this.#process.waitFor(/^\[/, PATIENCE, seen);
    return JSON.parse(line.text) as readonly string[];
  }
}

/** The same place `times` times. */
export const often = (from: string, times: number): readonly string[] => Array<string>(times).fill(from);
