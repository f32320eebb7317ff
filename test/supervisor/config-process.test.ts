// The configuration as the daemon gets it: read by a real process of its own.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { configLoader } from "../../src/director/supervisor/config-process.js";
import { ReaderProcess } from "../../src/director/supervisor/reader-process.js";
import { milliseconds } from "../../src/core/units.js";
import { servicesOf } from "../../src/director/supervisor/config-source.js";

const loadConfigInProcess = configLoader();

const folder = mkdtempSync(join(tmpdir(), "vipd-config-"));
after(() => rmSync(folder, { recursive: true }));

const text = (services: number, weight = 1): string => `nodes:
  lb1: { address: 192.168.1.2, priority: 150 }
  lb2: { address: 192.168.1.3, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24] }
services:
${Array.from(
  { length: services },
  (_, i) => `  s${i}:
    { address: 192.168.2.${i + 1}:80, forwarding: nat, check: none, servers: [{ address: 192.168.1.4, weight: ${i === 0 ? weight : 1} }] }
`,
).join("")}`;

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("a reading that takes longer than it may is said to, and the next one has all of its time", async () => {
  const path = file("slow.yaml", text(100));
  const reader = new ReaderProcess(milliseconds(1));
  for (let i = 0; i < 2; i++) {
    const outcome = await reader.ask({ kind: "read", path, node: "lb1" });
    assert.ok("why" in outcome);
    assert.match(outcome.why, /^reading the configuration took longer than 1 ms and was given up: look for /);
  }
});

test("a good file gives the configuration of the node, its services as text, and what a reload changes", async () => {
  const path = file("good.yaml", text(2));
  const first = await loadConfigInProcess({ path, node: "lb2" });
  assert.ok(first.ok);
  assert.equal(first.config.head.node, "lb2");
  assert.equal(first.config.head.vrrp[0]?.priority, 100);
  assert.deepEqual([first.config.services, first.config.servers], [2, 2]);
  assert.deepEqual(
    servicesOf(first.config).map(({ name }) => name),
    ["s0", "s1"],
  );
  assert.deepEqual(first.changes, []);
  writeFileSync(path, text(3, 7));
  const second = await loadConfigInProcess({ path, node: "lb2", previous: first.config });
  assert.ok(second.ok);
  assert.deepEqual(second.changes, ["service s2 added", "service s0: server 192.168.1.4:80: weight 1 -> 7"]);
  writeFileSync(path, text(1, 7));
  const third = await loadConfigInProcess({ path, node: "lb2", previous: second.config });
  assert.deepEqual(third.ok && third.changes, ["service s1 removed", "service s2 removed"]);
});

test("a thousand equal warnings are a few in the log and a count", async () => {
  const outcome = await loadConfigInProcess({ path: file("warnings.yaml", text(100)), node: "lb1" });
  assert.ok(outcome.ok);
  assert.equal(outcome.warnings.length, 21);
  assert.match(outcome.warnings[20] ?? "", /80 more warnings: "vipd check" shows them all/);
});

test("nothing waits for the places of warnings in a reload that changes a service, and then they are right", async () => {
  const before = text(9).replaceAll(/:\n {4}\{/g, ": {");
  const path = file("spliced.yaml", before);
  const first = await loadConfigInProcess({ path, node: "lb1" });
  assert.ok(first.ok);
  const other = before.replace(
    "192.168.2.5:80, forwarding: nat",
    "192.168.2.5:80, scheduler: wrr, forwarding: nat",
  );
  writeFileSync(path, other);
  const second = await loadConfigInProcess({ path, node: "lb1", previous: first.config });
  assert.ok(second.ok);
  assert.deepEqual(
    second.changed?.map(({ name }) => name),
    ["s4"],
  );
  assert.deepEqual([second.changes, second.warnings], [["service s4: scheduler wlc -> wrr"], []]);
  const line = other.split("\n").findIndex((one) => one.includes("192.168.2.5:80")) + 1;
  const whole = await loadConfigInProcess({ path, node: "lb1" });
  assert.ok(whole.ok);
  const placed = whole.warnings.filter((warning) => warning.includes(`spliced.yaml:${line}:`));
  assert.equal(placed.length, 1);
  assert.deepEqual(await second.more?.(), placed);
});

test("what is wrong comes back as lines for the log and as a report for a person", async () => {
  const outcome = await loadConfigInProcess({
    path: file("bad.yaml", "nodes: { lb1: {} }\nvrpp: {}\n"),
    node: "lb1",
  });
  assert.ok(!outcome.ok);
  assert.match(outcome.problems.join("\n"), /bad\.yaml:2:1: error/);
  assert.match(outcome.report, /2 \| vrpp: \{\}\n +\| \^/);
  const missing = await loadConfigInProcess({ path: join(folder, "none.yaml"), node: "lb1" });
  assert.match(missing.ok ? "" : missing.report, /no such file/);
});

const module = (name: string): string =>
  JSON.stringify(new URL(`../../src/director/supervisor/${name}.js`, import.meta.url).href);

/** Runs `script` in a process whose file descriptors are all in use. */
function withoutDescriptors(script: string): string {
  const program = `import { openSync } from "node:fs";
    const { configLoader } = await import(${module("config-process")});
    const { spawner } = await import(${module("spawn")});
    try { for (;;) openSync("/dev/null"); } catch {}
    ${script}`;
  const node = [process.execPath, "--input-type=module", "-e", program];
  const run = spawnSync("sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...node], { encoding: "utf8" });
  assert.equal(run.stderr, "");
  return run.stdout;
}

test("without a free file descriptor a configuration is not read, and says so", () => {
  const path = JSON.stringify(file("good.yaml", text(1)));
  const said = withoutDescriptors(
    `console.log((await configLoader()({ path: ${path}, node: "lb1" })).report);`,
  );
  assert.match(said, /good\.yaml: the config reader could not be started: .*EMFILE/);
});

test("without a free file descriptor a child process is one that could not be started", () => {
  const said = withoutDescriptors(
    `spawner(() => undefined)("checks", { message() {}, exit: (how) => console.log(how) });`,
  );
  assert.match(said, /^could not be started: .*EMFILE/);
});

test("what the environment makes Node.js say is not in the reader's answer", async () => {
  const path = file("good.yaml", text(1));
  const noise = file("noise.cjs", "process.stdout.write('noise\\n');");
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = `--require ${noise}`;
  try {
    assert.ok((await configLoader()({ path, node: "lb1" })).ok);
  } finally {
    if (before === undefined) delete process.env["NODE_OPTIONS"];
    else process.env["NODE_OPTIONS"] = before;
  }
});
