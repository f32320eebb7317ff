// The examples in conf/ load as they are, and the generated files are those that the schema gives.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { generated } from "../../tools/generate.js";
import { check, readExample, root } from "./load.js";

const examples = readdirSync(join(root, "conf")).filter((name) => name.endsWith(".yaml"));

test("there is an example for each kind of pair", () => {
  for (const name of [
    "direct-routing",
    "nat",
    "tunnel",
    "active-active",
    "dual-stack",
    "vrrp-only",
    "minimal",
    "vipd",
  ])
    assert.ok(existsSync(join(root, `conf/${name}.yaml`)), name);
});

for (const name of examples)
  test(`conf/${name} loads for each of its nodes without a warning`, () => {
    const text = readExample(name);
    const { configs, diagnostics } = check(text, name);
    assert.deepEqual(diagnostics, []);
    assert.ok(configs.length > 1);
    assert.equal(text.split("\n")[0], "# yaml-language-server: $schema=vipd.schema.json");
  });

for (const name of readdirSync(join(root, "conf/examples")))
  test(`conf/examples/${name} loads for each of its nodes without a warning`, () => {
    const text = readExample(`examples/${name}`);
    const { configs, diagnostics } = check(text, name);
    assert.deepEqual(diagnostics, []);
    assert.ok(configs.length > 0);
    assert.equal(text.split("\n")[0], "# yaml-language-server: $schema=../vipd.schema.json");
  });

test("no example of ours has the router-id of everybody else's", () => {
  const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  for (const path of ["README.md", ...pages.map((name) => join("docs", name))])
    assert.doesNotMatch(readFileSync(join(root, path), "utf8"), /router-id: 51\b/, path);
});

test("the active/active example makes each node master of one instance", () => {
  const [lb1, lb2] = check(readExample("active-active.yaml")).configs;
  assert.deepEqual(
    [lb1, lb2].map((config) => config?.vrrp.map(({ priority }) => priority)),
    [
      [150, 100],
      [100, 150],
    ],
  );
});

test("the dual-stack example is two virtual routers in one sync group", () => {
  const [lb1] = check(readExample("dual-stack.yaml")).configs;
  assert.deepEqual(
    lb1?.vrrp.map(({ name, family, group }) => ({ name, family, group })),
    [
      { name: "web/ipv4", family: "ipv4", group: "web" },
      { name: "web/ipv6", family: "ipv6", group: "web" },
    ],
  );
});

test("the generated files are not stale (npm run generate)", async () => {
  for (const [path, text] of await generated())
    assert.ok(readFileSync(join(root, path), "utf8") === text, `${path} is stale: npm run generate`);
});
