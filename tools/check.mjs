#!/usr/bin/env node
// Everything that can be said about the source without running it. Each step is silent when it finds nothing; all
// steps run, so that one look shows everything. Refuses to change any file (`prettier --write` is for people).

import { spawnSync } from "node:child_process";

const npx = (...words) => ({ command: ["npx", "--no-install", ...words] });

/** dependency-cruiser is content when it understood nothing, so what it looked at is counted. */
function judgeImports({ stdout, stderr }) {
  let result;
  try {
    result = JSON.parse(stdout);
  } catch {
    return `no answer from dependency-cruiser\n${stderr}`;
  }
  const { totalCruised, violations } = result.summary;
  if (totalCruised === 0) return "dependency-cruiser looked at no module";
  const bad = violations.filter((violation) => violation.rule.severity === "error");
  return bad.map((violation) => `${violation.rule.name}: ${violation.from} -> ${violation.to}`).join("\n");
}

const judgeStatus = ({ status, stdout, stderr }) =>
  status === 0 ? "" : `${stdout}${stderr}` || `ended with ${status}`;

const STEPS = [
  { name: "types (tsc)", ...npx("tsc", "-b"), judge: judgeStatus },
  { name: "lint (eslint)", ...npx("eslint", "--max-warnings=0", "."), judge: judgeStatus },
  {
    name: "imports (dependency-cruiser)",
    ...npx("depcruise", "-T", "json", "--config", ".dependency-cruiser.cjs", "src", "test", "bench", "demo"),
    judge: judgeImports,
  },
  { name: "dead code (knip)", ...npx("knip", "--no-progress"), judge: judgeStatus },
  { name: "format (prettier)", ...npx("prettier", "--check", "--log-level=warn", "."), judge: judgeStatus },
];

let failed = 0;
for (const { name, command, judge } of STEPS) {
  const problem = judge(
    spawnSync(command[0], command.slice(1), { encoding: "utf8", maxBuffer: 1 << 28 }),
  ).trimEnd();
  console.log(`check: ${name}: ${problem === "" ? "ok" : "FAILED"}`);
  if (problem === "") continue;
  failed++;
  console.log(problem.replaceAll(/^/gm, "  "));
}
process.exitCode = failed === 0 ? 0 : 1;
