// The one way from the text of a file to a configuration: read, check the shape, resolve, place every problem
// in the text. Of a file of which something cannot be read the rest is looked at all the same. Pure: who read the
// file, and what the machine is called, comes in as arguments.

import type { z } from "zod";

import type { CheckerSpec } from "./checker-spec.js";
import { hasErrors, inOrder, placer, type Diagnostic, type Problem } from "./diagnostic.js";
import { place } from "./place.js";
import { breakageBefore, breakageOf, Mender, spellRight } from "./mend.js";
import type { Config } from "./model.js";
import { schemaProblems, type ShapeProblem } from "./problems.js";
import { quickReader, WRONG } from "./quick.js";
import { collect, type Report } from "./report.js";
import { findNode, resolveConfig, type Identity, type Readers } from "./resolve.js";
import { fileSchema, type WrittenFile } from "./schema.js";
import { problemsBesides } from "./whatever-is-meant.js";
import { readYaml, type ReadYaml, type YamlTree } from "./yaml.js";

export type LoadRequest = Readers & {
  /** As the operator named it; only for messages. */
  readonly path: string;
  readonly text: string;
  readonly checkers: readonly CheckerSpec[];
  readonly identity: Identity;
};

export type Loaded = {
  /** Absent when a diagnostic is an error. */
  readonly config?: Config;
  /** In the order of the file; warnings do not stop anything. */
  readonly diagnostics: readonly Diagnostic[];
  /** Where each service begins in the text, and where the last one ends; absent when they cannot be told apart. */
  readonly starts?: readonly number[];
};

/** The configuration of the director that `identity` says. */
export function loadConfig(request: LoadRequest): Loaded {
  const resolve = (file: WrittenFile, report: Report): Config => {
    const names = Object.keys(file.nodes);
    const node = findNode(names, request.identity, report);
    // Without a node the rest is checked all the same, as the first one sees it.
    return resolveConfig(file, node ?? names[0] ?? "", request.checkers, request, report);
  };
  const { tree, value, diagnostics } = readAs(request, resolve);
  if (value === undefined || tree === undefined) return { diagnostics };
  const starts = tree.entriesOf("services");
  return starts?.length === value.services.length + 1
    ? { config: value, diagnostics, starts }
    : { config: value, diagnostics };
}

export type Checked = {
  /** The configuration of each node that has one; empty when a diagnostic is an error. */
  readonly configs: readonly Config[];
  readonly diagnostics: readonly Diagnostic[];
};

/** What every director of the file would run; what is wrong is said once, whomever it concerns. */
export function checkConfig(request: Omit<LoadRequest, "identity">): Checked {
  const resolve = (file: WrittenFile, report: Report): readonly Config[] => {
    const names = Object.keys(file.nodes);
    return (names.length === 0 ? [""] : names).map((node) =>
      resolveConfig(file, node, request.checkers, request, report),
    );
  };
  const { value = [], diagnostics } = readAs(request, resolve);
  return { configs: value, diagnostics };
}

type Text = Pick<LoadRequest, "path" | "text" | "checkers">;
type Resolve<T> = (file: WrittenFile, report: Report) => T;
type ReadAs<T> = {
  readonly tree?: YamlTree;
  /** Absent when a diagnostic is an error. */
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
};

function readAs<T>(request: Text, resolve: Resolve<T>): ReadAs<T> {
  const { path, text } = request;
  const at = placer(path, text);
  if (!/^[ \t]*[^\s#]/m.test(text)) return { diagnostics: [at({ offset: 0, length: 1 }, EMPTY)] };
  const read = readYaml(text);
  const unread = read.problems.map(({ offset, length, ...what }) =>
    at({ offset, length }, { severity: "error", ...what }),
  );
  if (read.tree === undefined) return { diagnostics: inOrder(unread) };
  const { tree } = read;
  const { schema, parse } = shapeWith(request.checkers);
  const file = parse(tree.value);
  if ("issues" in file || unread.length > 0) {
    const problems = allProblems(schema, parse, { ...read, tree }, resolve).filter(
      // What could not be read may be all there is to do.
      ({ code }) => unread.length === 0 || code !== "nothing-to-do",
    );
    return { diagnostics: inOrder([...unread, ...place(at, tree, problems)]) };
  }
  const problems: Problem[] = [];
  const value = inspect(file.data, collect(problems), resolve);
  const diagnostics = inOrder(place(at, tree, problems));
  return hasErrors(diagnostics) ? { diagnostics } : { tree, value, diagnostics };
}

type FileSchema = ReturnType<typeof fileSchema>;
type Parse = (
  tree: unknown,
) => { readonly data: WrittenFile } | { readonly issues: readonly z.core.$ZodIssue[] };

type Shape = { readonly schema: FileSchema; readonly parse: Parse };

/** Made once for a list of checkers; with the list it goes. */
const shapes = new WeakMap<readonly CheckerSpec[], Shape>();

function shapeWith(checkers: readonly CheckerSpec[]): Shape {
  const known = shapes.get(checkers);
  if (known !== undefined) return known;
  const schema = fileSchema(checkers);
  const shape = { schema, parse: parser(schema) };
  shapes.set(checkers, shape);
  return shape;
}

function parser(schema: FileSchema): Parse {
  const quick = quickReader(schema);
  return (tree) => {
    const data = quick(tree);
    if (data !== WRONG) return { data: data as WrittenFile };
    const parsed = schema.safeParse(tree);
    return parsed.success ? parsed : { issues: parsed.error.issues };
  };
}

/** Of a file of which something cannot be read. */
function allProblems(
  schema: FileSchema,
  parse: Parse,
  { tree, unread, gaps }: ReadYaml & { readonly tree: YamlTree },
  resolve: Resolve<unknown>,
): readonly Problem[] {
  const look = (value: unknown): readonly ShapeProblem[] => {
    const parsed = parse(value);
    return "data" in parsed ? [] : schemaProblems(schema, parsed.issues, value);
  };
  const before = breakageBefore(schema, tree.value, unread, gaps);
  const spelt = spellRight(tree.value, look, before);
  const breakage = breakageOf(schema, spelt, before);
  const mender = new Mender(schema, spelt, breakage, look);
  const others = problemsBesides(mender, breakage, sizeOf(spelt.tree), (value, report) => {
    const file = parse(value);
    if ("data" in file) inspect(file.data, report, resolve);
  });
  return [...spelt.problems, ...others].map((problem) => ({
    ...problem,
    path: spelt.written(problem.path),
  }));
}

/** How many values there are in it. */
function sizeOf(tree: unknown): number {
  if (typeof tree !== "object" || tree === null) return 1;
  return Object.values(tree).reduce<number>((sum, inner) => sum + sizeOf(inner), 1);
}

function inspect<T>(file: WrittenFile, report: Report, resolve: Resolve<T>): T {
  if (Object.keys(file.nodes).length === 0 && !report.lacksNames(["nodes"]))
    report.error(
      ["nodes"],
      "no-nodes",
      "is empty",
      "Name each director by its host name: { lb1: { priority: 150 }, lb2: { priority: 100 } }.",
    );
  return resolve(file, report);
}

const EMPTY = {
  severity: "error",
  code: "empty",
  message: "the file is empty",
  hint: "Begin with an example: conf/vipd.yaml, where vipd is installed.",
} as const;
