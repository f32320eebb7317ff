// How late this machine wakes a real-time process that does nothing else: what no VRRP program can do better than.
// Where that is longer than the protocol waits, a false takeover says nothing of the program.

import { spawn } from "node:child_process";

/** Microseconds between two wake-ups of each of its threads, one a core. */
const EVERY = 2000;
/** Above the directors, so that they are not what it waits for. */
const PRIORITY = 60;

export type Witness = {
  /** Ends it; the longest that a wake-up came after its time, in ms. */
  worst(): Promise<number>;
};

/** Watches by cyclictest (Debian: rt-tests) until `worst` is asked for. Throws there when it saw nothing. */
export function watchMachine(): Witness {
  const words = ["-q", "-S", "-p", String(PRIORITY), "-i", String(EVERY)];
  const child = spawn("cyclictest", words, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (said += String(chunk)));
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", (error) => {
      said += error.message;
      resolve();
    });
  });
  return {
    async worst() {
      child.kill("SIGINT");
      await ended;
      const longest = Array.from(said.matchAll(/Max:\s*(\d+)/g), ([, micros]) => Number(micros) / 1000);
      if (longest.length === 0) throw new Error(`cyclictest: ${said.trim() || "said nothing"}`);
      return Math.max(...longest);
    },
  };
}
