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
const { readSavedTable } = await import("../build/src/director/saved-config.js");

const PROGRAMS = {
  main: "main.js",
  // Loaded by others: the rest of the command line and of the supervisor, when a process of the daemon has been
  // started; what sends the table first of all, and what reads a new file for it; and what reads a configuration of which there is something to say (APART).
  cli: "cli/command-line.js",
  first: "director/supervisor/first-table.js",
  alike: "director/supervisor/first-reading.js",
  reader: "director/supervisor/config-reader.js",
  place: "config/place.js",
  config: "director/supervisor/config-worker.js",
  vrrp: "director/vrrp-process.js",
  checks: "director/checks-process.js",
  alerts: "director/supervisor/alert-worker.js",
};
const BIG = {
  main: /node_modules\//,
  cli: /node_modules\/(zod|js-yaml|nodemailer)\//,
  first: /node_modules\//,
  alike: /node_modules\/(zod|js-yaml|winston|nodemailer)\//,
  place: /node_modules\/(zod|winston|nodemailer)\//,
  config: /node_modules\/(zod|js-yaml|winston|nodemailer)\//,
  vrrp: /node_modules\/(zod|js-yaml|winston|nodemailer|node-cron)\//,
  checks: /node_modules\/(zod|js-yaml|winston|nodemailer|node-cron)\//,
};
/** What reads most configurations does without zod (src/config/zod-stand-in.ts). */
const STAND_IN = { zod: join(from, "config/zod-stand-in.js") };
const ALIASES = { config: STAND_IN, alike: STAND_IN };

/** A module that is a program of its own for whoever imports it only when it is needed. */
const APART = {
  name: "apart",
  setup({ onResolve }) {
    for (const [filter, path] of [
      [/\/config-reader\.js$/, "./reader.cjs"],
      [/\/config\/place\.js$/, "./place.cjs"],
      [/\/command-line\.js$/, "./cli.cjs"],
      [/\/first-table\.js$/, "./first.cjs"],
      [/\/first-reading\.js$/, "./alike.cjs"],
    ])
      onResolve({ filter }, ({ kind }) => (kind === "dynamic-import" ? { path, external: true } : undefined));
  },
};

/** Modules of Node.js that take long to load, and that most runs never need. */
const SLOW = /\b(import_node_\w+)\s*=\s*require\(("node:(?:http|https|net|tls|crypto|child_process|v8)")\)/g;
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

/** Each program runs as far as it gets, and writes down what V8 has compiled: its last run is the one that counts. */
const example = join(root, "conf/vipd.yaml");
const read = (request) => ({ kind: "read", node: "lb1", path: example, ...request });
const scratch = mkdtempSync(join(tmpdir(), "vipd-bundle-"));
const saved = { path: join(scratch, "saved-config"), id: "bundle" };
const config = join(scratch, "vipd.yaml");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** As the supervisor names it (saved-config.ts), so that it finds it. */
const savedFor = { program: `vipd ${version} ${hashes.config}`, path: config, node: "node lb1" };
const save = { ...saved, savedFor };
/** As large configurations are: many services that are written alike. */
const LARGE = Array.from({ length: 120 }, (_, n) => n + 1);
const large = `nodes: { lb1: { address: 192.168.1.2, priority: 150 }, lb2: { priority: 100 } }
vrrp: { web: { interface: eth0, router-id: 85, addresses: [${LARGE.map((n) => `192.0.2.${n}/24`).join(", ")}] } }
defaults: { check: { every: 1h, warm-up: 1h } }
services:
${LARGE.map((n) => `  s${n}: { address: 192.0.2.${n}:80, forwarding: nat, check: tcp, servers: [{ address: 198.51.100.${n}, weight: 1 }, 203.0.113.${n}] }\n`).join("")}`;
const small = (weight) =>
  `nodes: { lb1: {} }\nservices:\n  a: { address: 192.0.2.1:80, scheduler: rr, forwarding: nat, servers: [{ address: 198.51.100.1, weight: ${weight} }, 203.0.113.1] }\n`;
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

/** Of a kernel that is only pretended. */
const PRETENDING = {
  ...process.env,
  NODE_OPTIONS: `--require ${join(root, "tools/bundle/pretend-ipvs.cjs")}`,
};

run("main", { words: ["check", "--config", example] });
// Without the text everything is said; a warning needs its place in the file; most is read quickly.
run("config", { request: read({}) });
run("config", { request: read({ text: small(7) }) });
const { head, servicesText } = run("config", { request: read({ text: small(1) }), writes: false });
run("config", { request: read({ text: large, save, previous: { head, servicesText } }) });
run("vrrp");
const kept = readSavedTable(saved);
if (kept?.prepared === undefined) throw new Error("the reader has prepared no table of its example");
await takeTable(kept.services());
writeFileSync(config, large);
// Where it would write its pid it ends, with all modules loaded, when it has sent the table and taken it back: first of what
// was kept just now, then of a file that is new.
const start = {
  words: ["run", "--config", config, "--node", "lb1", "--runtime-dir", scratch],
  env: PRETENDING,
};
mkdirSync(join(scratch, "vipd.pid.new"));
run("main", start);
writeFileSync(config, `${large}  \n`);
run("main", start);
rmSync(scratch, { recursive: true });

/** Gives the answer to a request. */
function run(name, { words = [], request, writes = true, env = process.env } = {}) {
  const start = [join(to, "start.cjs"), ...(writes ? ["--write-cache"] : [])];
  const command = [...(flagsOf[name] ?? []), ...start, `${name}.cjs`, ...words];
  const done = spawnSync(process.execPath, command, {
    input: request === undefined ? "" : `${JSON.stringify(request)}\n`,
    encoding: "utf8",
    timeout: 60_000,
    env,
  });
  if (done.error !== undefined) throw done.error;
  if (request === undefined) return undefined;
  const answer = JSON.parse(done.stdout);
  if (!answer.ok) throw new Error(`the reader did not take its example: ${answer.report}`);
  return answer;
}

/** The checks process takes a configuration and a change, of a kernel that is only pretended (bundle/pretend-ipvs.cjs). */
function takeTable([first]) {
  const child = fork(join(to, "start.cjs"), ["--write-cache", "checks.cjs"], {
    execArgv: [...flagsOf.checks],
    env: PRETENDING,
    timeout: 60_000,
  });
  const orders = [
    { ...ORDER, runtimeDirectory: scratch, saved },
    { kind: "change", services: [{ ...first, servers: first.servers.slice(1) }] },
  ];
  child.on("message", (message) => {
    const isTaken = message.kind === "configured" && message.error === null;
    if (message.kind === "unreadable" || (message.kind === "configured" && !isTaken))
      throw new Error(`the checks process did not take an example: ${message.error}`);
    if (message.kind !== "hello" && !isTaken) return;
    const next = orders.shift();
    if (next === undefined) child.disconnect();
    else child.send(next);
  });
  return new Promise((done) => child.on("exit", done));
}
