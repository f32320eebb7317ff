// Mends a tree of which parts are wrong, so that the rest can be looked at as a whole: keys that are misspelt get
// their right names, and what cannot be read is taken out or gets a stand-in. There are many ways to mend a tree; what
// is wrong in one is wrong for certain only when it is in all of them (whatever-is-meant.ts).

import type { z } from "zod";

import { Breakage, type Lost } from "./breakage.js";
import { pathId, type Path } from "./diagnostic.js";
import { Draft } from "./draft.js";
import { keysAt, schemasAt, valueAt, withoutEchoes, type ShapeProblem } from "./problems.js";
import { standIns } from "./stand-ins.js";

/** Gives what is wrong with the shape of a tree. */
export type Look = (tree: unknown) => readonly ShapeProblem[];

export type Spelt = {
  /** With the right names. */
  readonly tree: unknown;
  /** What is wrong, at the right names. */
  readonly problems: readonly ShapeProblem[];
  /** The way to a place, with the names that are written there. */
  readonly written: (path: Path) => Path;
};

/** Of a key that may be meant and is not there. */
const VALUES_OF_A_KEY = 3;
/** So many times other names and numbers: one that somebody has written already is one way's alone. */
const TURNS = 3;
/** As deep as keys can be misspelt under keys that are misspelt. */
const MOST_ROUNDS = 8;

/** Names misspelt keys as they were meant, where what stands under them confirms it. */
export function spellRight(tree: unknown, lookAt: Look, before: Breakage): Spelt {
  const draft = new Draft(tree);
  const told: ShapeProblem[] = [];
  const names = new Map<string, string>();
  // What is to be said of a part that was lost, was said.
  const look: Look = (value) =>
    lookAt(value).filter(
      ({ about, code }) => !before.contains(about) && !(code === "value" && before.isGap(about)),
    );
  let problems = look(tree);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const misspelt = problems.filter(
      ({ code, about, near, isForeign }) =>
        code === "unknown-key" &&
        near !== undefined &&
        isForeign !== true &&
        valueAt(draft.root, [...about.slice(0, -1), near]) === undefined,
    );
    if (misspelt.length === 0) break;
    const renamed = new Set<string>();
    for (const problem of misspelt) {
      const { about, near = "" } = problem;
      const right = pathId([...about.slice(0, -1), near]);
      if (renamed.has(right)) continue;
      renamed.add(right);
      told.push(problem);
      names.set(right, String(about.at(-1)));
      draft.rename(about, near);
    }
    problems = look(draft.root).filter(({ about }) => !renamed.has(pathId(about)));
  }
  const written = (path: Path): Path =>
    names.size === 0 ? path : path.map((step, i) => names.get(pathId(path.slice(0, i + 1))) ?? step);
  return { tree: draft.root, problems: withoutEchoes([...told, ...problems]), written };
}

/** What was lost before there was a tree: values that nobody can know, and mappings without some of their entries. */
export function breakageBefore(
  schema: z.ZodType,
  tree: unknown,
  unread: readonly Path[],
  gaps: readonly Path[],
): Breakage {
  return new Breakage([
    ...unread.map((path): Lost => ({ kind: "value", path })),
    ...gaps.map((path): Lost =>
      isMapping(valueAt(tree, path)) ? absentAt(schema, tree, path) : { kind: "value", path },
    ),
  ]);
}

/** All that cannot be read. */
export function breakageOf(schema: z.ZodType, { tree, problems }: Spelt, before: Breakage): Breakage {
  return new Breakage([
    ...before.lost,
    ...problems.flatMap(({ code, about, near, isForeign }): readonly Lost[] => {
      const mapping = about.slice(0, -1);
      if (code === "name") return [{ kind: "entries", path: mapping }];
      if (code !== "unknown-key") return [{ kind: "value", path: about }];
      if (near === undefined) return [absentAt(schema, tree, mapping)];
      return isForeign === true ? [{ kind: "value", path: [...mapping, near] }] : [];
    }),
  ]);
}

function absentAt(schema: z.ZodType, tree: unknown, path: Path): Lost {
  const keys = keysAt(schema, path);
  if (keys.length === 0) return { kind: "entries", path };
  return {
    ...{ kind: "keys", path },
    absent: keys.filter((key) => valueAt(tree, [...path, key]) === undefined),
  };
}

const isMapping = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export type Mended = { readonly tree: unknown; readonly hidden: readonly ShapeProblem[] };

/** Mends one tree in ways that have a number. */
export class Mender {
  private readonly schema: z.ZodType;
  private readonly spelt: Spelt;
  private readonly breakage: Breakage;
  private readonly look: Look;

  constructor(schema: z.ZodType, spelt: Spelt, breakage: Breakage, look: Look) {
    this.schema = schema;
    this.spelt = spelt;
    this.breakage = breakage;
    this.look = look;
  }

  /** How many ways there are that differ. */
  get ways(): number {
    const sizes = this.breakage.lost.map((one) =>
      one.kind === "keys"
        ? VALUES_OF_A_KEY * one.absent.length
        : one.kind === "value"
          ? this.choicesAt(one.path, 0).length + 1
          : 0,
    );
    return 1 + sizes.reduce((most, size) => Math.max(most, size), 2);
  }

  /** In way 0 what cannot be read is not there. Undefined: this way leads nowhere. */
  mend(way: number): Mended | undefined {
    const draft = new Draft(this.spelt.tree);
    const tries = new Map<string, number>();
    for (const { code, about } of this.spelt.problems)
      if (code === "name" || code === "unknown-key") draft.remove(about);
    for (const [i, one] of this.breakage.lost.entries()) this.treat(draft, one, i, way);
    const hidden: ShapeProblem[] = [];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const problems = this.look(draft.root);
      if (problems.length === 0) return { tree: draft.root, hidden };
      for (const problem of problems) {
        if (!this.breakage.contains(problem.about)) hidden.push(problem);
        if (!this.repair(draft, problem, way, tries)) return undefined;
      }
    }
    return undefined;
  }

  private treat(draft: Draft, one: Lost, i: number, way: number): void {
    if (one.kind === "value") {
      // What stands in a list has a place by its number, which the others are to keep.
      if (way === 0 && typeof one.path.at(-1) === "string") draft.remove(one.path);
      else this.put(draft, one.path, way === 0 ? 0 : way - 1 + i, way);
    } else if (one.kind === "keys") {
      const key = way === 0 ? undefined : one.absent[(way - 1) % one.absent.length];
      const choice = Math.floor((way - 1) / one.absent.length);
      if (key !== undefined) this.put(draft, [...one.path, key], choice, way);
    }
  }

  /** False: it cannot be. */
  private repair(
    draft: Draft,
    { code, about }: ShapeProblem,
    way: number,
    tries: Map<string, number>,
  ): boolean {
    if (code === "name" || code === "unknown-key") {
      draft.remove(about);
      return true;
    }
    for (let path = about; path.length > 0; path = path.slice(0, -1)) {
      const text = pathId(path);
      const tried = tries.get(text) ?? 0;
      tries.set(text, tried + 1);
      if (tried < 2 && this.put(draft, path, way + tried, way)) return true;
    }
    return false;
  }

  private put(draft: Draft, path: Path, choice: number, way: number): boolean {
    const choices = this.choicesAt(path, way);
    if (choices.length === 0) return false;
    draft.set(path, choices[choice % choices.length]);
    return true;
  }

  private choicesAt(path: Path, way: number): readonly unknown[] {
    return schemasAt(this.schema, path).flatMap((schema) => standIns(schema, way % TURNS));
  }
}
