// How late this machine wakes a real-time process that does nothing else: what no VRRP program can do better than.
// Where that is longer than the protocol waits, a false takeover says nothing of the program.

import { spawn } from "node:child_process";

/** Microseconds between two wake-ups of each of its threads, one a core. */
const EVERY = 2000;
/** Above the directors, so that they are not what it waits for. */
const PRIORITY = 60;
/** Microseconds up to which it counts each by itself; what was longer counts as the longest. */
const COUNTED = 20_000;

/** How late wake-ups came, in ms. */
export type Waits = { readonly p99: number; readonly worst: number };
export type Witness = {
  /** Ends it. */
  waits(): Promise<Waits>;
};

/** Watches by cyclictest (Debian: rt-tests) until `waits` is asked for. Throws there when it saw nothing. */
export function watchMachine(): Witness {
  const words = ["-q", "-S", "-p", String(PRIORITY), "-i", String(EVERY), "-h", String(COUNTED)];
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
    async waits() {
      child.kill("SIGINT");
      await ended;
      const worst = Math.max(...numbersAfter(said, "# Max Latencies:")) / 1000;
      if (worst <= 0) throw new Error(`cyclictest: ${said.trim().slice(-500) || "said nothing"}`);
      return { p99: p99Of(said) ?? worst, worst };
    },
  };
}

const numbersAfter = (text: string, title: string): number[] => {
  const line = text.split("\n").find((one) => one.startsWith(title)) ?? "";
  return line.slice(title.length).split(" ").map(Number);
};

/** Of all cores together; undefined where it lies beyond what was counted. */
function p99Of(text: string): number | undefined {
  // 000123 000004	000007: so many microseconds, and how often on each core.
  const rows = Array.from(text.matchAll(/^(\d{6}) ([\d\t ]+)$/gm), ([, micros, counts = ""]) => ({
    micros: Number(micros),
    count: sum(counts.split(/\s+/).map(Number)),
  }));
  const all = sum(rows.map(({ count }) => count)) + sum(numbersAfter(text, "# Histogram Overflows:"));
  let below = 0;
  return (rows.find(({ count }) => (below += count) >= 0.99 * all)?.micros ?? NaN) / 1000 || undefined;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
