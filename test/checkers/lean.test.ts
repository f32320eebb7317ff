// What each process must not load, because it would take memory or time that it has not got.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

// What the modules import at run time is asked of the loader itself: imports of types alone do not count.
const hookFor = (packages: string): string => `
import { register } from "node:module";
const refuse = "export async function resolve(name, context, next) {" +
  "if (/^(${packages})(\\\\/|$)/.test(name)) throw new Error('loads ' + name + ' for ' + context.parentURL);" +
  "return next(name, context); }";
register("data:text/javascript," + encodeURIComponent(refuse));
`;

function loadedWithout(packages: string, module: string, words = ""): string {
  const url = new URL(`../../src/${module}`, import.meta.url).href;
  const hook = `data:text/javascript,${encodeURIComponent(hookFor(packages))}`;
  const program = `const own = await import(${JSON.stringify(url)}); ${words} console.log("loaded"); process.exit(0)`;
  return execFileSync(process.execPath, ["--import", hook, "--input-type=module", "-e", program], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("what runs checks loads neither the reader of configurations nor the logger", () => {
  for (const module of [
    "checkers/registry.js",
    "director/checks.js",
    "linux/process-runner.js",
    "director/checks-process.js",
    "director/vrrp-process.js",
  ])
    assert.equal(loadedWithout("zod|js-yaml|winston|winston-transport|node-cron", module), "loaded\n");
});

test("cron expressions cost nothing where there are no windows: neither the daemon nor its quick reader has the package", () => {
  for (const [module, words] of [
    ["director/supervisor/supervisor.js", ""],
    [
      "director/supervisor/quick-reading.js",
      'await own.quickReading("x", "nodes: { lb1: {} }\\nvrrp: { a: { interface: lo, router-id: 1, addresses: [192.0.2.1/32] } }\\n", "lb1");',
    ],
  ] as const)
    assert.equal(loadedWithout("node-cron", module, words), "loaded\n");
  assert.throws(() => loadedWithout("node-cron", "linux/cron.js"), /loads node-cron/);
});
