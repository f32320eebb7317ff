#!/usr/bin/env node
// Makes one file of each program of build/src, in build/bundle, and V8's code cache beside it. A program that is one
// file starts in a fraction of the time that a hundred small modules take. bin/vipd uses the bundles while they are
// newer than what the compiler wrote. Refuses a bundle of a small process that has the big libraries in it.

import { fork, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const from = join(root, "build/src");
const to = join(root, "build/bundle");
const { flagsOf } = await import("../build/src/director/supervisor/programs.js");

const PROGRAMS = {
  main: "main.js",
  // Loaded by others: the rest of the command line and of the supervisor, when a process of the daemon has been
  // started; and what reads a configuration of which there is something to say (APART).
  cli: "cli/command-line.js",
  reader: "director/supervisor/config-reader.js",
  config: "director/supervisor/config-worker.js",
  vrrp: "director/vrrp-process.js",
  checks: "director/checks-process.js",
  alerts: "director/supervisor/alert-worker.js",
};
const BIG = {
  main: /node_modules\//,
  cli: /node_modules\/(zod|js-yaml|nodemailer)\//,
  config: /node_modules\/(zod|js-yaml|winston|nodemailer)\//,
  vrrp: /node_modules\/(zod|js-yaml|winston|nodemailer|node-cron)\//,
  checks: /node_modules\/(zod|js-yaml|winston|nodemailer|node-cron)\//,
};
/** What reads most configurations does without zod (src/config/zod-stand-in.ts). */
const ALIASES = { config: { zod: join(from, "config/zod-stand-in.js") } };

/** A module that is a program of its own for whoever imports it only when it is needed. */
const APART = {
  name: "apart",
  setup({ onResolve }) {
    for (const [filter, path] of [
      [/\/config-reader\.js$/, "./reader.cjs"],
      [/\/command-line\.js$/, "./cli.cjs"],
    ])
      onResolve({ filter }, ({ kind }) => (kind === "dynamic-import" ? { path, external: true } : undefined));
  },
};

/** Modules of Node.js that take long to load, and that most runs never need. */
const SLOW = /\b(import_node_\w+)\s*=\s*require\(("node:(?:http|https|tls|crypto|child_process|v8)")\)/g;
const LAZY =
  "const lazyModule=(name)=>{let loaded;return new Proxy({},{get:(_,key)=>(loaded??=require(name))[key]})};";

/** They are loaded at their first use. */
const lazily = (text) => LAZY + text.replaceAll(SLOW, "$1=lazyModule($2)");

rmSync(to, { recursive: true, force: true });
const hashes = {};
for (const [name, module] of Object.entries(PROGRAMS)) {
  const { metafile, outputFiles } = await build({
    entryPoints: [join(from, module)],
    outfile: join(to, `${name}.cjs`),
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    charset: "ascii",
    // Names stay, for the traces in an operator's log.
    minifyWhitespace: true,
    minifySyntax: true,
    define: { "import.meta.url": "bundleUrl" },
    external: ["raw-socket"],
    alias: ALIASES[name] ?? {},
    plugins: [APART],
    supported: { "dynamic-import": false },
    // Saved configurations are known by what made them: that is the one and the other.
    ...(name === "config" ? { footer: { js: `//${hashes.reader}` } } : {}),
    logLevel: "error",
  });
  const big = Object.keys(metafile.inputs).filter((input) => BIG[name]?.test(input));
  if (big.length > 0) throw new Error(`the ${name} process would load ${big[0]}`);
  const text = lazily(outputFiles[0].text);
  // The loader knows by the first line which code cache belongs to this text: V8 itself compares lengths alone.
  const hash = (hashes[name] = createHash("sha256").update(text).digest("hex").slice(0, 32));
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, `${name}.cjs`), `//${hash}\n${text}`);
}
copyFileSync(join(root, "tools/bundle/start.cjs"), join(to, "start.cjs"));

/** Each program runs as far as it gets, and writes down what V8 has compiled. */
const example = join(root, "conf/vipd.yaml");
const read = (request) => `${JSON.stringify({ kind: "read", node: "lb1", path: example, ...request })}\n`;
const scratch = mkdtempSync(join(tmpdir(), "vipd-bundle-"));
const saved = { path: join(scratch, "saved-config"), id: "bundle" };
const ORDER = {
  kind: "configure",
  scripts: { user: null, secure: true },
  tracks: [],
  knownTracks: {},
  ipvs: { onStop: "keep", reconcileEvery: 60_000 },
  sync: null,
  masters: {},
  services: [],
};
const RUNS = [
  { name: "main", words: ["check", "--config", example] },
  // Ends where it would claim its runtime directory, with all modules loaded.
  { name: "main", words: ["run", "--runtime-dir", "/dev/null/vipd"] },
  // Without the text everything is said, with it it is read quickly.
  { name: "config", request: read({}) },
  {
    name: "config",
    request: read({
      text: readFileSync(example, "utf8"),
      save: { ...saved, savedFor: { program: "", path: example, node: "" } },
    }),
  },
  // For the checks process below; of the reader's cache the run before is to be seen.
  { name: "config", request: `${JSON.stringify({ kind: "prepare", saved })}\n`, writes: false },
  { name: "vrrp" },
];
for (const { name, words = [], request = "", writes = true } of RUNS) {
  const start = [join(to, "start.cjs"), ...(writes ? ["--write-cache"] : [])];
  const command = [...(flagsOf[name] ?? []), ...start, `${name}.cjs`, ...words];
  const run = spawnSync(process.execPath, command, {
    input: request,
    encoding: "utf8",
    timeout: 60_000,
  });
  if (run.error !== undefined) throw run.error;
}
await takeTable();
rmSync(scratch, { recursive: true });

/** The checks process takes a configuration, with a kernel that is only pretended (bundle/pretend-ipvs.cjs). */
function takeTable() {
  const child = fork(join(to, "start.cjs"), ["--write-cache", "checks.cjs"], {
    execArgv: [...flagsOf.checks],
    env: { ...process.env, NODE_OPTIONS: `--require ${join(root, "tools/bundle/pretend-ipvs.cjs")}` },
    timeout: 60_000,
  });
  child.on("message", (message) => {
    if (message.kind === "hello") child.send({ ...ORDER, runtimeDirectory: scratch, saved });
    const isTaken = message.kind === "configured" && message.error === null;
    if (message.kind === "unreadable" || (message.kind === "configured" && !isTaken))
      throw new Error(`the checks process did not take ${example}: ${message.error}`);
    if (isTaken) child.disconnect();
  });
  return new Promise((done) => child.on("exit", done));
}
