// The words of one line of a saved table: which options ipvsadm knows there, by their short and long names, and
// their values as text. What the values mean is saved-parse.ts's.

import { err, ok, type Result } from "../core/result.js";

/** By its long name: how it is written shortly, and whether a value follows. */
const OPTIONS = {
  "add-service": { short: "A" },
  "add-server": { short: "a" },
  "tcp-service": { short: "t", value: "must" },
  "udp-service": { short: "u", value: "must" },
  "sctp-service": { value: "must" },
  "fwmark-service": { short: "f", value: "must" },
  ipv6: { short: "6" },
  scheduler: { short: "s", value: "must" },
  persistent: { short: "p", value: "may" },
  netmask: { short: "M", value: "must" },
  pe: { value: "must" },
  ops: { short: "o" },
  "sched-flags": { short: "b", value: "must" },
  "real-server": { short: "r", value: "must" },
  gatewaying: { short: "g" },
  ipip: { short: "i" },
  masquerading: { short: "m" },
  weight: { short: "w", value: "must" },
  "u-threshold": { short: "x", value: "must" },
  "l-threshold": { short: "y", value: "must" },
  "tun-type": { value: "must" },
  "tun-port": { value: "must" },
  "tun-nocsum": {},
  "tun-csum": {},
  "tun-remcsum": {},
} as const satisfies Record<string, { short?: string; value?: "must" | "may" }>;

export type OptionName = keyof typeof OPTIONS;
const optionOf = (name: OptionName): { readonly short?: string; readonly value?: "must" | "may" } =>
  OPTIONS[name];
/** The options of a line; those without a value have an empty one. */
export type LineOptions = ReadonlyMap<OptionName, string>;

const BY_SHORT: ReadonlyMap<string, OptionName> = new Map(
  Object.entries(OPTIONS).flatMap(([name, option]) =>
    "short" in option ? [[option.short, name as OptionName] as const] : [],
  ),
);

export const shown = (name: OptionName): string => {
  const { short } = optionOf(name);
  return short === undefined ? `--${name}` : `-${short}`;
};

type Word = { readonly name: OptionName; readonly attached: string | undefined };

/** "-w 7", "-w7", "--weight 7" and "--weight=7" are one. */
export function lineOptions(line: string): Result<LineOptions, string> {
  const options = new Map<OptionName, string>();
  const words = line.split(/\s+/).filter((word) => word !== "");
  for (let i = 0; i < words.length; i++) {
    const text = words[i] as string;
    const word = readWord(text);
    if (word === undefined) return err(`${JSON.stringify(text)} is no option of a saved table`);
    if (options.has(word.name)) return err(`${shown(word.name)} stands there twice`);
    const option = optionOf(word.name);
    let value = word.attached;
    if (option.value === undefined && value !== undefined) return err(`${shown(word.name)} takes no value`);
    if (option.value !== undefined && value === undefined) {
      const next = words[i + 1];
      // Marks from 2^31 on are written as negative numbers.
      const isValue =
        !(next ?? "-").startsWith("-") || (option.value === "must" && /^-\d+$/.test(next ?? ""));
      if (isValue) value = words[++i];
      else if (option.value === "must") return err(`a value is missing after ${shown(word.name)}`);
    }
    options.set(word.name, value ?? "");
  }
  return ok(options);
}

function readWord(text: string): Word | undefined {
  const long = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/.exec(text);
  if (long !== null) {
    const name = long[1] as string;
    return Object.hasOwn(OPTIONS, name) ? { name: name as OptionName, attached: long[2] } : undefined;
  }
  const short = /^-([A-Za-z0-9])(.*)$/.exec(text);
  const name = short === null ? undefined : BY_SHORT.get(short[1] as string);
  if (name === undefined) return undefined;
  return { name, attached: short?.[2] === "" ? undefined : short?.[2] };
}
