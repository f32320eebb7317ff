// The npm package as users get it: what the tarball holds, and that it installs and runs on a machine without a
// compiler, on every supported Node.js. Needs the npm registry; without an answer from it the installs are skipped.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "vipd-package-"));
const own = process.versions.node.split(".")[0] as string;
const versions = ["20", "22", "24"];

/** <linux/elf-em.h>, at byte 18 of an ELF file. */
const MACHINES = { "linux-x64": 62, "linux-arm64": 183 };

type Packed = { readonly filename: string; readonly files: readonly { readonly path: string }[] };

let packed: Packed;
let npmCli = "";
let skipInstalls: string | false = false;

/** npm as a script, so that it runs under whichever Node.js is meant. */
function findNpm(): string {
  const found = execFileSync("sh", ["-c", 'readlink -f "$(command -v npm)"'], { encoding: "utf8" }).trim();
  assert.ok(existsSync(found), "npm is installed");
  return found;
}

const npm = (
  cwd: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  node = process.execPath,
): string =>
  execFileSync(node, [npmCli, ...args], {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 240_000,
  });

function registryAnswers(): boolean {
  const args = ["view", "yaml", "version", "--fetch-retries=0", "--fetch-timeout=15000"];
  return spawnSync(process.execPath, [npmCli, ...args], { stdio: "ignore", timeout: 60_000 }).status === 0;
}

before(() => {
  npmCli = findNpm();
  // Without scripts: the tests run after a build, and must not build under each other's feet.
  const json = npm(root, ["pack", "--json", "--ignore-scripts", "--pack-destination", work]);
  [packed] = JSON.parse(json) as [Packed];
  if (!registryAnswers()) skipInstalls = "the npm registry does not answer";
});
after(() => {
  rmSync(work, { recursive: true, force: true });
});

test("the tarball holds both prebuilt addons, their source, the program and its examples", () => {
  const paths = packed.files.map((file) => file.path);
  for (const wanted of [
    "bin/vipd",
    "build/src/main.js",
    "native/vipd.c",
    "package.json",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
  ])
    assert.ok(paths.includes(wanted), `${wanted} is in the package`);
  for (const [platform, machine] of Object.entries(MACHINES)) {
    const path = `prebuilds/${platform}/vipd.node`;
    assert.ok(paths.includes(path), `${path} is in the package`);
    const elf = readFileSync(join(root, path));
    assert.equal(elf.readUInt32BE(0), 0x7f454c46, `${path} is an ELF file`);
    assert.equal(elf.readUInt16LE(18), machine, `${path} is for its machine`);
  }
  for (const start of ["conf/", "docs/", "packaging/"])
    assert.ok(
      paths.some((path) => path.startsWith(start)),
      `${start} is in the package`,
    );
});

test("both prebuilt addons were built from the present sources", () => {
  const check = spawnSync(process.execPath, [join(root, "tools/build-native.mjs"), "--check"], {
    encoding: "utf8",
  });
  assert.equal(check.status, 0, check.stderr);
});

test("the tarball holds no tests, sources in TypeScript, maps or leftovers", () => {
  for (const { path } of packed.files) {
    assert.doesNotMatch(path, /^(src|test|bench|demo|tools|node_modules|build\/test|\.)/, path);
    assert.doesNotMatch(path, /\.(map|tsbuildinfo|tmp|log|tgz|d\.ts)$/, path);
  }
});

for (const version of versions) {
  test(`the tarball installs without compiler and runs on Node.js ${version}`, (t) => {
    if (skipInstalls !== false) {
      t.skip(skipInstalls);
      return;
    }
    const node = nodeOf(version);
    const folder = join(work, `user-${version}`);
    const path = bareProgramFolder(node, join(work, `bin-${version}`));
    const env = { ...process.env, PATH: path };
    for (const tool of ["gcc", "cc", "make", "python3"])
      assert.notEqual(
        spawnSync(tool, ["--version"], { env, stdio: "ignore" }).status,
        0,
        `${tool} is out of reach`,
      );
    mkdirSync(folder);
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: "user", version: "1.0.0", private: true }),
    );
    npm(folder, ["install", join(work, packed.filename), "--no-audit", "--no-fund"], env, node);

    const run = (...args: readonly string[]): string =>
      execFileSync(node, args, { cwd: folder, env, encoding: "utf8", timeout: 60_000 });
    const { version: ours } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      version: string;
    };
    assert.match(
      run("node_modules/vipd/bin/vipd", "--version"),
      new RegExp(`\\b${ours.replaceAll(".", "\\.")}\\b`),
    );
    writeFileSync(join(folder, "watch.mjs"), WATCH);
    assert.equal(run("watch.mjs"), `worker fired\nmain fired on Node.js ${version}\n`);
  });
}

/** The executable of a major version: this one, or one from the registry. */
function nodeOf(version: string): string {
  if (version === own) return process.execPath;
  const folder = join(work, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  const name = `node-linux-${process.arch}`;
  npm(folder, ["install", `${name}@${version}`, "--no-audit", "--no-fund", "--ignore-scripts"]);
  return join(folder, "node_modules", name, "bin", "node");
}

/** A PATH with Node.js and a shell and nothing else in it. */
function bareProgramFolder(node: string, folder: string): string {
  mkdirSync(folder);
  symlinkSync(node, join(folder, "node"));
  symlinkSync("/bin/sh", join(folder, "sh"));
  return folder;
}

/** Uses the installed addon, in a worker and then in the main thread. */
const WATCH = `
import { isMainThread, Worker } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { native } from "./node_modules/vipd/build/src/linux/native.js";
if (isMainThread) await new Promise((resolve) => new Worker(fileURLToPath(import.meta.url)).once("exit", resolve));
const fd = native.timerfdCreate();
const handle = native.pollNew(fd, () => {
  native.pollFree(handle);
  native.close(fd);
  console.log(isMainThread ? "main fired on Node.js " + process.versions.node.split(".")[0] : "worker fired");
});
native.pollStart(handle, 1);
native.timerfdSet(fd, native.now() + 1);
`;
