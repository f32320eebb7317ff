// Every file in golden/ and what vipd says of it. UPDATE=1 rewrites the answers; read the difference.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { renderDiagnostics } from "../../src/config/diagnostic.js";
import { check, root } from "./load.js";

const folder = join(root, "test/config/golden");

for (const name of readdirSync(folder).filter((file) => file.endsWith(".yaml")))
  test(`the diagnostics of golden/${name} are as written down`, () => {
    const text = readFileSync(join(folder, name), "utf8");
    const said = renderDiagnostics(check(text, name).diagnostics, text);
    const answer = join(folder, name.replace(/\.yaml$/, ".txt"));
    if (process.env["UPDATE"] === "1") writeFileSync(answer, said);
    assert.equal(said, readFileSync(answer, "utf8"));
  });
