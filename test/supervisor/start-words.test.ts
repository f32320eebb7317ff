// The words of a start, read before there is anybody to tell what is wrong with them.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { readStartWords } from "../../src/director/supervisor/start-words.js";

const DEFAULTS = { config: "/etc/vipd/vipd.yaml", runtimeDirectory: "/run/vipd" };
const read = (...words: readonly string[]) => readStartWords(words, DEFAULTS);

test("what is said is what counts, and where nothing is said the places that everybody knows", () => {
  assert.deepEqual(read("run"), DEFAULTS);
  assert.deepEqual(
    read(
      "run",
      "--config",
      "/a",
      "--node=lb1",
      "--runtime-dir",
      "/b/",
      "--state-dir",
      "/c",
      "--log-level=debug",
    ),
    { config: "/a", runtimeDirectory: "/b", stateDirectory: "/c", node: "lb1" },
  );
});

test("words of which the command line may have something to say begin nothing", () => {
  for (const words of [
    [],
    ["status"],
    ["run", "--config"],
    ["run", "--config", ""],
    ["run", "--config", "--node", "lb1"],
    ["run", "--config", "/a", "--config", "/b"],
    ["run", "-c", "/a"],
    ["run", "--bogus", "/a"],
    ["run", "extra"],
    ["run", "--log-level", "loud"],
    ["run", "--", "--node", "lb1"],
  ])
    assert.equal(read(...words), undefined, words.join(" "));
});
