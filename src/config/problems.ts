// From zod's issues to problems for people: the place, the words, the nearest known key. One issue of zod may
// be several problems (unknown keys), and of a value that may have several forms the nearest form is spoken of.

import { z } from "zod";

import { isSecret, KEYS_HERE, pathText, type Path, type Problem } from "./diagnostic.js";
import { shown } from "./shown.js";
import { keyRemedy, suggestKey } from "./suggest.js";

/** A problem of the shape, and which value is to blame. */
export type ShapeProblem = Problem & {
  /** Where that value stands, or would stand if it were there. */
  readonly about: Path;
  /** Of a key that is not known: the one that was probably meant. */
  readonly near?: string | undefined;
  /** It is another program's word, and what stands under it is meant for that one. */
  readonly isForeign?: boolean;
};

/** `tree` is what was given to the schema, as it stands in the file. */
export function schemaProblems(
  schema: z.ZodType,
  issues: readonly z.core.$ZodIssue[],
  tree: unknown,
): ShapeProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], schema, tree));
}

/** A misspelt key is one mistake: not also a missing key, nor a mapping without what it needs. */
export function withoutEchoes(problems: readonly ShapeProblem[]): ShapeProblem[] {
  const mappings = new Set<string>();
  const meant = new Set<string>();
  for (const { code, path, near } of problems) {
    if (code !== "unknown-key") continue;
    mappings.add(pathText(path.slice(0, -1)));
    if (near !== undefined) meant.add(pathText([...path.slice(0, -1), near]));
  }
  return problems.filter(
    ({ code, path, about }) =>
      !(code === "value" && mappings.has(pathText(path))) &&
      !(code === "missing-key" && meant.has(pathText(about))),
  );
}

function problemsOf(issue: z.core.$ZodIssue, base: Path, schema: z.ZodType, tree: unknown): ShapeProblem[] {
  const path: Path = [...base, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- zod's other codes say what is wrong in their message.
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key, keysAt(schema, path)));
    case "invalid_union":
      return nearestForm(issue.errors).flatMap((inner) => problemsOf(inner, path, schema, tree));
    case "invalid_key":
      return [keyProblem(path, issue.issues[0]?.message ?? "is not a name")];
    case "invalid_type":
      return [typeProblem(path, issue.expected, schema, tree)];
    default:
      return issue.message === "is missing" ? [missing(path, schema)] : [said(path, issue.message)];
  }
}

/** The messages of value types: the first line is the problem, the second one the remedy. */
function said(path: Path, message: string): ShapeProblem {
  const [problem = "", ...remedy] = message.split("\n");
  return {
    severity: "error",
    path,
    about: path,
    at: "value",
    code: "value",
    message: `${pathText(path)}: ${problem}`,
    ...(remedy.length === 0 ? {} : { hint: remedy.join("\n") }),
  };
}

function keyProblem(path: Path, message: string): ShapeProblem {
  return { ...said(path, message), at: "key", code: "name" };
}

function unknownKey(path: Path, key: string, known: readonly string[]): ShapeProblem {
  const near = suggestKey(key, known);
  const keys = known.length === 0 ? "No keys are known here." : `${KEYS_HERE}${known.join(", ")}.`;
  const remedy = keyRemedy(key, known);
  return {
    severity: "error",
    path: [...path, key],
    about: [...path, key],
    at: "key",
    code: "unknown-key",
    message: `${pathText(path)}: ${near === undefined ? `there is no key "${key}" here` : `there is no key "${key}" here, did you mean "${near}"?`}`,
    hint: remedy === undefined ? keys : `${remedy}\n${keys}`,
    near,
    isForeign: remedy !== undefined,
  };
}

function missing(path: Path, schema: z.ZodType): ShapeProblem {
  const key = path.at(-1) ?? "";
  const description = schemasAt(schema, path)
    .map((found) => found.description)
    .find((text) => text !== undefined);
  return {
    severity: "error",
    path: path.slice(0, -1),
    at: "key",
    code: "missing-key",
    message: `${pathText(path.slice(0, -1))}: "${key}" is missing`,
    about: path,
    ...(description === undefined ? {} : { hint: `${key}: ${description}` }),
  };
}

const SHAPES: Readonly<Record<string, string>> = {
  object: "a mapping of keys and values",
  record: "a mapping of names",
  array: "a list",
  string: "text",
};

function typeProblem(path: Path, expected: string, schema: z.ZodType, tree: unknown): ShapeProblem {
  const given = valueAt(tree, path);
  if (given === undefined && path.length > 0) return missing(path, schema);
  // One value, or one for each node.
  const isEither = expected === "record" && schemasAt(schema, path).flatMap(forms).length > 1;
  const wanted = isEither ? "a single value or a mapping by name" : (SHAPES[expected] ?? expected);
  const got = given === null ? "has no value" : `${isSecret(path) ? "this" : shown(given)} is not ${wanted}`;
  const hint =
    expected === "array"
      ? "Write a list: [a, b], or a line with a dash for each."
      : isEither
        ? "Write one value, or one for each name: { lb1: ..., lb2: ... }."
        : expected === "object" || expected === "record"
          ? `Write ${wanted}: { key: value }, or indented lines below; {} when there is nothing to set.`
          : undefined;
  return {
    severity: "error",
    path,
    about: path,
    at: "value",
    code: "type",
    message: `${pathText(path)}: ${got}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

/**
 * Of the forms a value may have, the one that the writer meant: a form that fits as a whole and has wrong
 * parts before one that does not fit; among those, a value type, whose words are for people.
 */
function nearestForm(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const distance = (issues: readonly z.core.$ZodIssue[]): number => {
    const whole = issues.filter((issue) => issue.path.length === 0 && issue.code !== "unrecognized_keys");
    if (whole.length === 0) return 0;
    if (whole.some((issue) => issue.code === "invalid_type")) return 3;
    // "… is not text" from a value type that was given a list or mapping is no help.
    return whole.some((issue) => issue.code === "custom" && /^[[{]/.test(issue.message)) ? 4 : 1;
  };
  let best: readonly z.core.$ZodIssue[] = [];
  for (const form of forms) if (best.length === 0 || distance(form) < distance(best)) best = form;
  return best;
}

/** The keys known at a place, of every form it may have. */
export function keysAt(schema: z.ZodType, path: Path): string[] {
  const keys = schemasAt(schema, path)
    .flatMap(forms)
    .flatMap((found) => (found instanceof z.ZodObject ? Object.keys(found.shape) : []));
  return [...new Set(keys)];
}

/** The schemas of a place, one for each form that what is around it may have. */
export function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  let found = [schema];
  for (const step of path)
    found = found.flatMap(forms).flatMap((form): z.ZodType[] => {
      if (form instanceof z.ZodObject) {
        const inner = (form.shape as Record<string, z.ZodType | undefined>)[String(step)];
        return inner === undefined ? [] : [inner];
      }
      if (form instanceof z.ZodRecord) return [form.valueType as z.ZodType];
      return form instanceof z.ZodArray && typeof step === "number" ? [form.element as z.ZodType] : [];
    });
  return found;
}

/** A schema without its wrappers; all the members of a union. */
export function forms(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault)
    return forms(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).flatMap(forms);
  return [schema];
}

export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
