#!/usr/bin/env node
// Runs the tests by layer: what each needs stands in LAYERS. Every layer says its name, what it could not run and
// why; a layer that can run here and looks at no file is a failure. The last line is the total, alone.
// In the layers that watch real time on a machine that others may use too, files with a failure run once more when all
// are through: what passes then is named as UNSTABLE and counts as passed, a defect fails twice.
//   usage: node tools/test.mjs [LAYER...] [--files PART]     (only files whose path contains PART)

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TOTAL } from "./test/reporter.mjs";

/** Seeds and packets by the million take longer than a test may otherwise. */
const isNightly = ["VIPD_SEEDS", "VIPD_PACKETS"].some((name) => process.env[name] !== undefined);
const isRoot = process.getuid() === 0;
const needsRoot = () => (isRoot ? undefined : "only root can make network namespaces");

function needsVm() {
  if (!isRoot) return "only root can boot the VM";
  if (existsSync("/proc/net/ip_vs") || spawnSync("modprobe", ["-n", "-q", "ip_vs"]).status === 0)
    return undefined;
  return existsSync("/usr/lib/qemu/virtiofsd")
    ? undefined
    : "neither IPVS in this kernel nor QEMU (tools/setup.sh installs it)";
}

/**
 * Order is the order they run in. `cannot` gives the reason why a layer cannot run here. `again`: it watches real time,
 * so that what fails gets a second chance.
 */
const LAYERS = {
  pure: {
    title: "pure tests",
    takes: () => true,
    cannot: () => undefined,
    concurrency: Math.min(availableParallelism(), 4),
    timeout: isNightly ? 3600 : 120,
  },
  // They load the machine and measure on it: one after the other.
  netns: {
    title: "network namespaces",
    takes: (file) => file.endsWith(".netns.test.js"),
    cannot: needsRoot,
    again: true,
    concurrency: 1,
    timeout: 180,
  },
  vm: {
    title: "kernel with IPVS",
    takes: (file) => file.endsWith(".vm.test.js"),
    cannot: needsVm,
    again: true,
    concurrency: 1,
    timeout: 600,
  },
  package: {
    title: "npm package",
    takes: (file) => file.startsWith("package/"),
    cannot: () => undefined,
    concurrency: 1,
    timeout: 600,
  },
};

function testFiles() {
  const root = "build/test";
  if (!existsSync(root)) return [];
  const files = readdirSync(root, { recursive: true }).filter((file) => file.endsWith(".test.js"));
  // What was compiled from a source that is gone is not a test any more.
  return files.filter((file) => existsSync(join("test", file.replace(/\.js$/, ".ts")))).sort();
}

function layerOf(file) {
  return ["package", "vm", "netns"].find((name) => LAYERS[name].takes(file)) ?? "pure";
}

function commandLine(name, files) {
  const { concurrency, timeout } = LAYERS[name];
  const node = [
    process.execPath,
    "--enable-source-maps",
    "--test",
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeout * 1000}`,
    "--test-reporter=./tools/test/reporter.mjs",
    "--test-reporter-destination=stdout",
    ...files.map((file) => join("build/test", file)),
  ];
  if (name !== "vm") return node;
  const passed = Object.keys(process.env).filter((key) => key.startsWith("VIPD_"));
  const environment = passed.flatMap((key) => ["--env", `${key}=${process.env[key]}`]);
  return [process.execPath, "tools/vm.mjs", "--timeout", "2700", ...environment, "--", ...node];
}

const countsOf = (found) => ({ pass: Number(found[1]), fail: Number(found[2]), skip: Number(found[3]) });

/** Streams what the layer says, and keeps the line with its total for us. */
function run(command) {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
    let rest = "";
    let total;
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const found = TOTAL.exec(line.trimEnd());
        if (found === null) process.stdout.write(`${line}\n`);
        else total = { ...countsOf(found), failedIn: found[4].split(" ").filter((file) => file !== "") };
      }
    });
    child.on("error", (error) => resolve({ problem: error.message }));
    child.on("close", (code, signal) => {
      if (rest !== "") process.stdout.write(`${rest}\n`);
      if (total === undefined) resolve({ problem: `ended with ${signal ?? code} before it gave a total` });
      else if (code !== 0 && total.fail === 0) resolve({ ...total, problem: `ended with ${signal ?? code}` });
      else resolve(total);
    });
  });
}

/** More files than this do not fail because of a busy machine. */
const MOST_AGAIN = 4;

async function runTwice(name, files) {
  const first = await run(commandLine(name, files));
  const failed = files.filter((file) => first.failedIn?.some((path) => sourceOf(path) === sourceOf(file)));
  if (!LAYERS[name].again || failed.length === 0 || failed.length > MOST_AGAIN) return first;
  console.log(`${name}: once more: ${failed.map(sourceOf).join(", ")}`);
  const second = await run(commandLine(name, failed));
  if (second.problem !== undefined || second.fail > 0 || second.pass < first.fail) return first;
  console.log(`  UNSTABLE: ${first.fail} of ${name} failed at first and passed at the second try; see above`);
  return { ...first, pass: first.pass + first.fail, fail: 0, problem: undefined };
}

/** Its sources may have come in with others' work since it was built; says nothing when it is current. */
function buildAddon() {
  const built = spawnSync(process.execPath, ["tools/build-native.mjs"], { stdio: "inherit" });
  if (built.status !== 0) process.exit(1);
}

/** "test/x.test.ts", "build/test/x.test.js" and "x.test.js" are the same file. */
const sourceOf = (path) => `test/${path.replace(/^(build\/)?test\//, "").replace(/\.js$/, ".ts")}`;

async function runLayer(name, files) {
  const { title, cannot } = LAYERS[name];
  const why = cannot();
  if (why !== undefined) {
    console.log(`${name} (${title}): NOT RUN, ${files.length} files skipped: ${why}`);
    return { pass: 0, fail: 0, skip: files.length };
  }
  if (files.length === 0) {
    console.log(`${name} (${title}): FAILED: looked at no file; is build/ there?`);
    return { pass: 0, fail: 1, skip: 0 };
  }
  console.log(`${name} (${title}): ${files.length} files`);
  const began = Date.now();
  const result = await runTwice(name, files);
  const { pass = 0, fail = 0, skip = 0 } = result;
  const problem = result.problem ?? (pass + fail + skip === 0 ? "its files contain no test" : undefined);
  if (problem !== undefined) console.log(`  FAILED: the layer ${problem}`);
  console.log(
    `  ${pass} passed, ${fail} failed, ${skip} skipped in ${((Date.now() - began) / 1000).toFixed(1)} s`,
  );
  return { pass, fail: fail + (problem === undefined ? 0 : 1), skip };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { files: { type: "string", default: "" } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(LAYERS, name));
if (unknown.length > 0) {
  console.error(`test: no layer ${unknown.join(", ")}; there are ${Object.keys(LAYERS).join(", ")}`);
  process.exit(2);
}

buildAddon();
const all = testFiles().filter((file) => file.includes(values.files));
const sum = { pass: 0, fail: 0, skip: 0 };
for (const name of Object.keys(LAYERS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const files = all.filter((file) => layerOf(file) === name);
  // With --files, a layer in which nothing matches was not asked for.
  if (values.files !== "" && files.length === 0) continue;
  const result = await runLayer(name, files);
  for (const key of Object.keys(sum)) sum[key] += result[key];
}
if (sum.pass + sum.fail + sum.skip === 0) {
  const where = positionals.length > 0 ? ` in ${positionals.join(", ")}` : "";
  console.log(`test: no test file${where} has "${values.files}" in its path; is build/ current?`);
  sum.fail = 1;
}
console.log(`${sum.pass} passed, ${sum.fail} failed, ${sum.skip} skipped`);
process.exitCode = sum.fail === 0 ? 0 : 1;
