// Runs a bundle that lies beside this file, with V8's code cache for it when there is a fitting one: functions that
// are in it need not be compiled again. Without one, or with one of another V8, everything works, a little later.
//   start.cjs [--write-cache] NAME.cjs [WORD...]
"use strict";

const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { Script, constants } = require("node:vm");

const writes = process.argv[2] === "--write-cache";
const main = process.argv[writes ? 3 : 2];
process.argv.splice(1, writes ? 3 : 2, join(__dirname, main));
// What waits for work ends here.
if (writes) setTimeout(() => process.exit(0), 2000).unref();

function readCache(path) {
  try {
    return writes ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}

/** A program that another one loads is a part of it, and has a cache too. All of them lie where this file does. */
const loaded = new Map();
const requireHere = Object.assign((name) => {
  if (!/^\.\/\w+\.cjs$/.test(name)) return require(name);
  if (!loaded.has(name)) loaded.set(name, load(name));
  return loaded.get(name);
}, require);

function load(name) {
  const path = join(__dirname, name);
  const source = readFileSync(path, "latin1");
  // Its first line names the text: V8 would take a cache for any other text of this length too. One that was made with
  // other flags it refuses.
  const flags = process.execArgv.join("").replace(/[^a-z0-9]/g, "");
  const cachePath = `${path}.${source.slice(2, source.indexOf("\n"))}.${process.version}.${flags}.cache`;
  const script = new Script(`(function(exports,require,module,bundleUrl){${source}\n})`, {
    filename: path,
    cachedData: readCache(cachePath),
    importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const bundle = { exports: {} };
  if (writes) process.on("exit", () => writeFileSync(cachePath, script.createCachedData()));
  script.runInThisContext()(bundle.exports, requireHere, bundle, pathToFileURL(path).href);
  return bundle.exports;
}

load(main);
