import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

// What the modules import at run time is asked of the loader itself: imports of types alone do not count.
const HOOK = `
import { register } from "node:module";
const refuse = "export async function resolve(name, context, next) {" +
  "if (/^(zod|js-yaml|winston|winston-transport)(\\\\/|$)/.test(name)) throw new Error('loads ' + name + ' for ' + context.parentURL);" +
  "return next(name, context); }";
register("data:text/javascript," + encodeURIComponent(refuse));
`;

test("what runs checks loads neither the reader of configurations nor the logger", () => {
  for (const module of [
    "checkers/registry.js",
    "director/checks.js",
    "linux/process-runner.js",
    "director/checks-process.js",
    "director/vrrp-process.js",
  ]) {
    const url = new URL(`../../src/${module}`, import.meta.url).href;
    const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
    const program = `await import(${JSON.stringify(url)}); console.log("loaded"); process.exit(0)`;
    const said = execFileSync(process.execPath, ["--import", hook, "--input-type=module", "-e", program], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    assert.equal(said, "loaded\n");
  }
});
