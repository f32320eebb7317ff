// Builds the native addon with plain gcc: `node tools/build-native.mjs` for this machine, with `--all` for every
// platform of the package (the foreign one by a cross compiler), `--check` only says whether all are current.
// Prints one line for each binary it builds. Each carries a digest of its sources, so a binary that is current is
// left alone, and a fresh clone needs no compiler. Plain JavaScript, because it runs before anything is compiled.
// No node-gyp, hence no Python and no make.

import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const platforms = {
  x64: { compiler: "x86_64-linux-gnu-gcc", debian: "gcc-x86-64-linux-gnu" },
  arm64: { compiler: "aarch64-linux-gnu-gcc", debian: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" },
};

const flags = [
  "-std=gnu11",
  "-O2",
  "-fPIC",
  "-shared",
  "-fvisibility=hidden",
  "-s",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fstack-protector-strong",
  "-D_FORTIFY_SOURCE=2",
  "-Wl,-z,relro,-z,now",
  "-D_GNU_SOURCE",
  "-DNAPI_VERSION=8",
];

class BuildError extends Error {}

/** Where node_api.h and uv.h lie, as options of the compiler. */
function headers() {
  const own = [join(dirname(dirname(process.execPath)), "include/node"), "/usr/include/node"];
  for (const folder of own)
    if (existsSync(join(folder, "node_api.h")) && existsSync(join(folder, "uv.h"))) return ["-I", folder];
  const api = join(root, "node_modules/node-api-headers/include");
  const missing = [];
  if (!existsSync(join(api, "node_api.h")))
    missing.push(`node_api.h: run "npm install" (devDependency node-api-headers)`);
  if (!existsSync("/usr/include/uv.h")) missing.push(`uv.h: run "apt-get install libuv1-dev"`);
  if (missing.length > 0)
    throw new BuildError(
      `no Node.js headers in ${own.join(" or ")}; the substitutes are missing too:\n  ${missing.join("\n  ")}`,
    );
  // After the system's own folders, so that a cross compiler takes nothing from this machine but uv.h.
  return ["-I", api, "-idirafter", "/usr/include"];
}

/** The compiler for `arch`; plain gcc when that is this machine's own. */
function compilerFor(arch) {
  const { compiler, debian } = platforms[arch];
  const own = arch === process.arch;
  const command = own ? "gcc" : compiler;
  const version = spawnSync(command, ["-dumpfullversion", "-dumpmachine"], { encoding: "utf8" });
  if (version.error !== undefined || version.status !== 0)
    throw new BuildError(
      `${command} is needed to build for linux-${arch}: run "apt-get install ${own ? "gcc libc6-dev" : debian}"`,
    );
  return { command, version: version.stdout.trim().replaceAll("\n", " ") };
}

const native = join(root, "native");
const files = readdirSync(native)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();

/** A digest of everything in this repository that a binary depends on. */
function sourceDigest() {
  const hash = createHash("sha256").update(flags.join(" "));
  for (const name of files) hash.update(`\0${name}\0`).update(readFileSync(join(native, name)));
  return hash.digest("hex").slice(0, 32);
}

const outputOf = (arch) => join(root, "prebuilds", `linux-${arch}`, "vipd.node");
const isCurrent = (arch) =>
  existsSync(outputOf(arch)) && readFileSync(outputOf(arch)).includes(`vipd sources ${sourceDigest()}`);

function build(arch) {
  const stampFile = join(root, ".cache", `native-linux-${arch}.json`);
  // Another Node.js with other headers is a reason to build again, but only where one has been built before.
  const stamped = existsSync(stampFile);
  if (isCurrent(arch) && !stamped) return;
  const include = headers();
  const stamp = JSON.stringify(include);
  if (isCurrent(arch) && readFileSync(stampFile, "utf8") === stamp) return;

  const compiler = compilerFor(arch);
  const output = outputOf(arch);
  const sources = files.filter((name) => name.endsWith(".c"));
  mkdirSync(dirname(output), { recursive: true });
  mkdirSync(dirname(stampFile), { recursive: true });
  // Written aside and renamed: a process that has the old one loaded keeps it, and nobody loads half a file.
  const fresh = `${output}.${process.pid}.tmp`;
  const done = spawnSync(
    compiler.command,
    [...flags, `-DVIPD_SOURCES="${sourceDigest()}"`, ...include, "-o", fresh, ...sources],
    {
      cwd: native,
      encoding: "utf8",
    },
  );
  if (done.status !== 0) {
    rmSync(fresh, { force: true });
    throw new BuildError(`${compiler.command} failed for linux-${arch}:\n${done.stderr}`);
  }
  renameSync(fresh, output);
  writeFileSync(stampFile, stamp);
  process.stdout.write(
    `built prebuilds/linux-${arch}/vipd.node (${statSync(output).size} bytes, ${compiler.command} ${compiler.version})\n`,
  );
}

/** Ends with a failure that names the binaries which do not come from the present sources. */
function check() {
  const stale = Object.keys(platforms).filter((arch) => !isCurrent(arch));
  if (stale.length > 0)
    throw new BuildError(
      `not built from the present sources: ${stale.map((arch) => `prebuilds/linux-${arch}/vipd.node`).join(", ")}; run "node tools/build-native.mjs --all"`,
    );
}

try {
  const [mode, ...rest] = process.argv.slice(2);
  if (rest.length > 0 || (mode !== undefined && mode !== "--all" && mode !== "--check"))
    throw new BuildError("usage: build-native.mjs [--all | --check]");
  if (process.platform !== "linux") throw new BuildError("vipd runs on Linux only");
  if (!(process.arch in platforms))
    throw new BuildError(`no build for linux-${process.arch}; known: ${Object.keys(platforms).join(", ")}`);
  if (mode === "--check") check();
  else for (const arch of mode === "--all" ? Object.keys(platforms) : [process.arch]) build(arch);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`build-native: ${error.message}\n`);
  process.exitCode = 1;
}
