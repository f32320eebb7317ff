// The one way from the text of a file to a configuration: read, check the shape, resolve, place every problem
// in the text. Pure: who read the file, and what the machine is called, comes in as arguments.

import type { z } from "zod";

import type { CheckerSpec } from "./checker-spec.js";
import { hasErrors, inOrder, isSecret, placer, type Diagnostic, type Problem } from "./diagnostic.js";
import type { Config } from "./model.js";
import { schemaProblems } from "./problems.js";
import { quickReader, WRONG } from "./quick.js";
import { collect } from "./report.js";
import { findNode, resolveConfig, type Identity, type Readers } from "./resolve.js";
import { fileSchema, type WrittenFile } from "./schema.js";
import { readYaml, type YamlTree } from "./yaml.js";

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
  const shaped = shapeOf(request);
  if ("diagnostics" in shaped) return shaped;
  const problems: Problem[] = [];
  const report = collect(problems);
  const names = Object.keys(shaped.file.nodes);
  const node = findNode(names, request.identity, report);
  // Without a node the rest is checked all the same, as the first one sees it.
  const config = resolveConfig(shaped.file, node ?? names[0] ?? "", request.checkers, request, report);
  const diagnostics = place(request, shaped.tree, problems);
  if (hasErrors(diagnostics)) return { diagnostics };
  const starts = shaped.tree.entriesOf("services");
  return starts?.length === config.services.length + 1
    ? { config, diagnostics, starts }
    : { config, diagnostics };
}

export type Checked = {
  /** The configuration of each node that has one; empty when a diagnostic is an error. */
  readonly configs: readonly Config[];
  readonly diagnostics: readonly Diagnostic[];
};

/** What every director of the file would run; what is wrong is said once, whomever it concerns. */
export function checkConfig(request: Omit<LoadRequest, "identity">): Checked {
  const shaped = shapeOf(request);
  if ("diagnostics" in shaped) return { configs: [], diagnostics: shaped.diagnostics };
  const problems: Problem[] = [];
  const report = collect(problems);
  const configs = Object.keys(shaped.file.nodes).map((node) =>
    resolveConfig(shaped.file, node, request.checkers, request, report),
  );
  const diagnostics = place(request, shaped.tree, problems);
  return { configs: hasErrors(diagnostics) ? [] : configs, diagnostics };
}

function shapeOf(
  request: Pick<LoadRequest, "path" | "text" | "checkers">,
): { readonly tree: YamlTree; readonly file: WrittenFile } | { readonly diagnostics: readonly Diagnostic[] } {
  const { path, text, checkers } = request;
  if (!/^[ \t]*[^\s#]/m.test(text))
    return {
      diagnostics: [
        placer(path, text)(
          { offset: 0, length: 1 },
          {
            severity: "error",
            code: "empty",
            message: "the file is empty",
            hint: "Begin with an example: conf/vipd.yaml.",
          },
        ),
      ],
    };
  const read = readYaml(text);
  if ("problems" in read) {
    const at = placer(path, text);
    return {
      diagnostics: inOrder(
        read.problems.map(({ offset, length, ...what }) =>
          at({ offset, length }, { severity: "error", ...what }),
        ),
      ),
    };
  }
  const schema = fileSchema(checkers);
  const parsed = parse(schema, read.tree.value);
  const problems = parsed.success ? [] : schemaProblems(schema, parsed.error.issues, read.tree.value);
  if (parsed.success && Object.keys(parsed.data.nodes).length === 0)
    problems.push({
      severity: "error",
      path: ["nodes"],
      at: "value",
      code: "no-nodes",
      message: "nodes: is empty",
      hint: "Name each director by its host name: { lb1: { priority: 150 }, lb2: { priority: 100 } }.",
    });
  return parsed.success && problems.length === 0
    ? { tree: read.tree, file: parsed.data }
    : { diagnostics: place(request, read.tree, problems) };
}

type FileSchema = ReturnType<typeof fileSchema>;

function parse(schema: FileSchema, value: unknown): z.ZodSafeParseResult<WrittenFile> {
  const quick = quickReader(schema)(value);
  return quick === WRONG ? schema.safeParse(value) : { success: true, data: quick as WrittenFile };
}

function place(
  request: { readonly path: string; readonly text: string },
  tree: YamlTree,
  problems: readonly Problem[],
): Diagnostic[] {
  if (problems.length === 0) return [];
  const at = placer(request.path, request.text);
  return inOrder(
    problems.map(({ path, at: part, severity, code, message, hint }) =>
      at(tree.locate(path, part), {
        severity,
        code,
        message,
        ...(hint === undefined ? {} : { hint }),
        ...(isSecret(path) ? { secret: true } : {}),
      }),
    ),
  );
}
