// Runs a bundle that lies beside this file, with V8's code cache for it when there is a fitting one: functions that
// are in it need not be compiled again. Without one, or with one of another V8, everything works, a little later.
//   start.cjs [--write-cache] NAME.cjs [WORD...]
"use strict";

const { readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { Script, constants } = require("node:vm");

const writes = process.argv[2] === "--write-cache";
const path = join(__dirname, process.argv[writes ? 3 : 2]);
const source = readFileSync(path, "latin1");
// Its first line names the text: V8 would take a cache for any other text of this length too.
const cachePath = `${path}.${source.slice(2, source.indexOf("\n"))}.${process.version}.cache`;
process.argv.splice(1, writes ? 3 : 2, path);

function readCache() {
  try {
    return writes ? undefined : readFileSync(cachePath);
  } catch {
    return undefined;
  }
}

const script = new Script(`(function(exports,require,module,bundleUrl){${source}\n})`, {
  filename: path,
  cachedData: readCache(),
  importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const bundle = { exports: {} };
if (writes) {
  process.on("exit", () => writeFileSync(cachePath, script.createCachedData()));
  // What waits for work ends here.
  setTimeout(() => process.exit(0), 2000).unref();
}
script.runInThisContext()(bundle.exports, createRequire(path), bundle, pathToFileURL(path).href);
