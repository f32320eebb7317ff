// What a configuration would run, and cannot on this machine (unrunnable.ts), each at its place in the file.

import { placeFinder } from "../../config/check-place.js";
import { pathText, placer, type Diagnostic } from "../../config/diagnostic.js";
import { findUnrunnable, type Probed } from "./unrunnable.js";

export function placedUnrunnable(file: string, text: string, config: Probed): Diagnostic[] {
  const found = findUnrunnable(config);
  if (found.length === 0) return [];
  const [locate, diagnosticAt] = [placeFinder(text), placer(file, text)];
  return found.map(({ what, at, why }) => {
    const { path, span } = locate(at);
    const message = `${pathText(path)}: ${what} cannot run: ${why}`;
    return diagnosticAt(span, { severity: "warning", code: "check-cannot-run", message });
  });
}
