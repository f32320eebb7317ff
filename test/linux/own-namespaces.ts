// Two network namespaces joined by veth pairs, for the tests of the raw sockets. This process enters them by the
// addon, so a socket belongs to the namespace in which it was opened, and both ends live in one test.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { openSync } from "node:fs";
import { native } from "../../src/linux/native.js";

/** False when they can be made here; otherwise why a test is skipped. */
export const cannotMakeNamespaces: string | false =
  process.getuid?.() === 0 ? false : "needs root for network namespaces";

export type NamespacePair = {
  /** As `ip -n` takes it. */
  readonly nameA: string;
  readonly nameB: string;
  /** Runs `work` inside; sockets it opens stay there. */
  readonly inA: <T>(work: () => T) => T;
  readonly inB: <T>(work: () => T) => T;
  /** Runs ip(8) inside. */
  readonly ipA: (...words: readonly string[]) => string;
  readonly ipB: (...words: readonly string[]) => string;
  readonly remove: () => void;
};

/** Joins a and b by `links` veth pairs: link i is v<i> in both, with 10.77.<i>.1/24 in a and 10.77.<i>.2/24 in b. */
export function makeNamespacePair(label: string, links: number): NamespacePair {
  const names = { a: `vn${label}${process.pid}a`, b: `vn${label}${process.pid}b` };
  const ip = (...words: readonly string[]): string => execFileSync("ip", words, { encoding: "utf8" });
  const batch = (namespace: string, lines: readonly string[]): void => {
    execFileSync("ip", ["-n", namespace, "-batch", "-"], { input: lines.join("\n") });
  };
  for (const name of Object.values(names)) ip("netns", "add", name);
  const indexes = Array.from({ length: links }, (_, i) => i);
  batch(names.a, [
    "link set lo up",
    ...indexes.map((i) => `link add v${i} type veth peer name v${i} netns ${names.b}`),
  ]);
  for (const [name, host] of [
    [names.a, 1],
    [names.b, 2],
  ] as const)
    batch(name, [
      "link set lo up",
      ...indexes.flatMap((i) => [`address add 10.77.${i}.${host}/24 dev v${i}`, `link set v${i} up`]),
    ]);
  return {
    nameA: names.a,
    nameB: names.b,
    inA: (work) => inNamespace(names.a, work),
    inB: (work) => inNamespace(names.b, work),
    ipA: (...words) => ip("-n", names.a, ...words),
    ipB: (...words) => ip("-n", names.b, ...words),
    remove: () => {
      for (const name of Object.values(names)) ip("netns", "del", name);
    },
  };
}

/** Runs `work` inside a namespace; sockets it opens stay there. */
export function inNamespace<T>(name: string, work: () => T): T {
  const back = homeDescriptor();
  // The namespace of the thread, not of the process, is what setns changes; main thread and process agree here.
  assert.equal(native.setNetns(`/run/netns/${name}`), 0);
  try {
    return work();
  } finally {
    assert.equal(native.setNetns(back), 0);
  }
}

let homePath: string | undefined;
/** A path that still means the first namespace after this thread has left it. */
function homeDescriptor(): string {
  homePath ??= `/proc/self/fd/${openSync(`/proc/${process.pid}/ns/net`, "r")}`;
  return homePath;
}
