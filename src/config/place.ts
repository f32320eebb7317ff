// From problems to where they stand in the text.

import { inOrder, isSecret, placer, type Diagnostic, type Placer, type Problem } from "./diagnostic.js";
import { readAnyYaml, type YamlTree } from "./yaml.js";

export const place = (
  at: Placer,
  tree: Pick<YamlTree, "locate">,
  problems: readonly Problem[],
): Diagnostic[] =>
  problems.map(({ path, at: part, severity, code, message, hint }) =>
    at(tree.locate(path, part), {
      severity,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(isSecret(path) ? { secret: true } : {}),
    }),
  );

/** Of a text that was read without a tree of places (quick-load.ts). Loaded when there is something to place. */
export function placeIn(path: string, text: string, problems: readonly Problem[]): readonly Diagnostic[] {
  const { tree } = readAnyYaml(text);
  if (tree === undefined) throw new Error("a text that was read cannot be read");
  return inOrder(place(placer(path, text), tree, problems));
}
