// What may stand under `tracks`, and under `track` of an instance: what instances follow beside their own
// interface, and what its state does to their priority. What the values mean together is checked in
// resolve-tracks.ts.

import { z } from "zod";

import { milliseconds, minutes } from "../core/units.js";
import type { CheckerSpec } from "./checker-spec.js";
import { entryName, interfacePerNode } from "./schema-names.js";
import { absolutePath, choice, duration, flag, integer, list, section, text } from "./values.js";

/** The kinds of track, as their keys are called. */
export const TRACK_KINDS = ["script", "process", "file"] as const;
export type TrackKind = (typeof TRACK_KINDS)[number];

const processName = () => text({ max: 15, pattern: /^[^/\n]+$/, what: "The name of a process" });

const processSchema = section({
  name: processName().describe(
    "What the kernel calls it (`ps -e -o comm`): mostly the name of the program's file, its first 15 characters.",
  ),
  arguments: text({ max: 1000, what: "A piece of a command line" })
    .optional()
    .describe("A piece of its command line (`ps -e -o args`); words are separated by one space."),
  quorum: integer({ min: 1, max: 10_000 }).prefault(1).describe("So many of them must live."),
});

const effectShape = () => ({
  weight: integer({ min: -254, max: 254, what: "A weight" })
    .optional()
    .meta({ otherwise: "none: down is a fault" })
    .describe(
      "Added to the priority while it is up (above 0), or subtracted while it is down (below 0). Of a file: added " +
        "as often as the number in it says. Without a weight, or with 0, an instance that follows it is in FAULT " +
        "while it is down.",
    ),
  reverse: flag()
    .optional()
    .meta({ default: false })
    .describe("With a weight: exchanges up and down; of a file, plus and minus."),
});

export function tracksSchema(checkers: readonly CheckerSpec[]) {
  const script = checkers.find(({ name }) => name === "script")?.options ?? section({});
  return section({
    script: script.optional().describe("Runs a program: up while it ends with exit code 0."),
    process: z
      .union([processName(), processSchema])
      .optional()
      .describe("Looks for processes on this host, by name or by a mapping: up while enough of them live."),
    file: absolutePath()
      .optional()
      .describe(
        "Reads a whole number from -254 to 254 from a file, at every change of it: up while it is 0. A file that " +
          "is not there, or is empty, counts as 0.",
      ),
    every: duration({ min: milliseconds(100), max: minutes(60) })
      .optional()
      .meta({ otherwise: "1s; of a process 500ms" })
      .describe("From the start of one look to the start of the next."),
    timeout: duration({ min: milliseconds(10), max: minutes(60) })
      .optional()
      .meta({ otherwise: "`every`" })
      .describe("Of a script: it must be done in this time. It may not be longer than `every`."),
    rise: integer({ min: 1, max: 100 })
      .optional()
      .meta({ default: 1 })
      .describe("Successes in a row that bring it up. Not of a file."),
    fall: integer({ min: 1, max: 100 })
      .optional()
      .meta({ default: 1 })
      .describe("Failures in a row that take it down. Not of a file."),
    initial: choice(["up", "down"])
      .optional()
      .meta({ otherwise: "its instances wait for the first result" })
      .describe("What it counts as until the first results are there. Not of a file."),
    ...effectShape(),
  }).superRefine((track, context) => {
    const given = TRACK_KINDS.filter((kind) => track[kind] !== undefined);
    if (given.length === 1) return;
    const message =
      given.length === 0
        ? `says nothing that could be followed\nAdd one of: ${TRACK_KINDS.join(", ")}.`
        : `has ${given.join(" and ")}\nA track is one of them: make another one.`;
    context.addIssue({ code: "custom", message });
  });
}

const followedSchema = section({
  name: entryName().optional().describe("One of `tracks`."),
  interface: interfacePerNode()
    .optional()
    .describe(
      "Instead of a name: an interface of this host, up while it has a link. One name for all nodes, or one for " +
        "each. It needs no entry in `tracks`.",
    ),
  ...effectShape(),
}).superRefine((followed, context) => {
  if ((followed.name === undefined) === (followed.interface === undefined))
    context.addIssue({
      code: "custom",
      message: "needs a name or an interface, and not both\nWrite { name: TRACK } or { interface: eth1 }.",
    });
});

export const followedListSchema = () => list(z.union([entryName(), followedSchema]), { max: 100 });
