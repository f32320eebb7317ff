// The limit of time of regular expressions: for patterns that take for ever, and for no others, however rarely the process
// gets the processor.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { anyMatches, matchEnd, regexBudget, REGEX_LIMIT_MS } from "../../src/checkers/regex.js";

test("a pattern of exponential time is given up, and costs no more than its limit", () => {
  const before = process.cpuUsage();
  assert.equal(matchEnd("^(a+)+b", "", "a".repeat(40)), undefined);
  const { user, system } = process.cpuUsage(before);
  assert.ok((user + system) / 1000 < REGEX_LIMIT_MS * 4);
  assert.equal(matchEnd("^a+", "", "aab"), 2);
  assert.equal(matchEnd("b", "", "aaa"), -1);
});

test("many texts are searched within the limit of one, and so are those that share a budget", () => {
  const hard = Array.from({ length: 1000 }, () => `${"a".repeat(40)}!`);
  const spent = (work: () => void): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const together = spent(() => {
    assert.equal(anyMatches("^(a+)+$", "", hard), undefined);
  });
  assert.ok(together < REGEX_LIMIT_MS * 4, `${together} ms`);
  const budget = regexBudget(2 * REGEX_LIMIT_MS);
  const apart = spent(() => {
    for (const text of hard) assert.equal(matchEnd("^(a+)+$", "", text, budget), undefined);
  });
  assert.ok(apart < REGEX_LIMIT_MS * 8, `${apart} ms`);
  // Easy ones are all looked at, each from its beginning.
  assert.equal(anyMatches("^b", "", [...Array.from({ length: 1000 }, () => "ab"), "b"]), true);
  assert.equal(anyMatches("^b", "", ["ab", "ac"]), false);
});

/** Searches all the time, and says "bad" when an easy pattern was given up. */
const SEARCH = `
import { matchEnd } from ${JSON.stringify(fileURLToPath(new URL("../../src/checkers/regex.js", import.meta.url)))};
const text = "x".repeat(20_000);
console.log("begins");
process.stdin.on("end", () => process.exit(0)).resume();
const search = () => {
  for (let i = 0; i < 100; i++) if (matchEnd("^ready$", "m", text) !== -1) console.log("bad");
  setImmediate(search);
};
search();
`;

test("an easy pattern is not given up because the process was stopped for a while", async () => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", SEARCH], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  try {
    await once(child.stdout, "data");
    for (let i = 0; i < 10; i++) {
      child.kill("SIGSTOP");
      await pause(REGEX_LIMIT_MS * 2);
      child.kill("SIGCONT");
      await pause(10);
    }
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
    assert.equal(said, "begins\n");
  } finally {
    child.kill("SIGKILL");
  }
});
