// What lies in the runtime directory: who has claimed it, and which addresses we may hold.

import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ip } from "../../src/core/address.js";
import { claimFile } from "../../src/director/supervisor/claim-file.js";
import { heldAddresses } from "../../src/director/supervisor/held-addresses.js";
import { claimRuntimeDirectory } from "../../src/director/supervisor/runtime-directory.js";
import type { AddressOnInterface } from "../../src/director/supervisor/stranded-addresses.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-runtime-"));
after(() => rmSync(folder, { recursive: true }));
const fresh = (): string => mkdtempSync(join(folder, "d-"));

test("of two that start at once one gets the runtime directory", async () => {
  const directory = fresh();
  const claims = await Promise.all([claimRuntimeDirectory(directory), claimRuntimeDirectory(directory)]);
  assert.deepEqual(
    claims.map(({ ok }) => ok),
    [true, false],
  );
  assert.match(claims[1].ok ? "" : claims[1].error, new RegExp(`is in use by pid ${process.pid}\\. Stop it`));
  if (claims[0].ok) claims[0].value.release();
  assert.deepEqual(readdirSync(directory), []);
  assert.ok((await claimRuntimeDirectory(directory)).ok);
});

test("a claim ends with its process, and a number that is used again is another process", () => {
  const path = join(fresh(), "claim");
  const module = JSON.stringify(new URL("../../src/director/supervisor/claim-file.js", import.meta.url).href);
  const program = `const { claimFile } = await import(${module}); console.log(claimFile(${JSON.stringify(path)}).ok);`;
  const run = (): string =>
    spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }).stdout.trim();
  assert.equal(run(), "true");
  assert.equal(run(), "true");
  const claim = claimFile(path);
  assert.ok(claim.ok);
  assert.equal(run(), "false");
  // The same pid, started at another time.
  writeFileSync(path, readFileSync(path, "utf8").replace(/ \d+ /, " 1 "));
  assert.equal(run(), "true");
});

test("of many that find the claim of a dead process one gets it", async () => {
  const path = join(fresh(), "claim");
  const module = JSON.stringify(new URL("../../src/director/supervisor/claim-file.js", import.meta.url).href);
  // Each tries again and again, and keeps what it gets.
  const program = `const { claimFile } = await import(${module});
    let got = 0;
    for (let i = 0; i < 200; i++) if (claimFile(${JSON.stringify(path)}).ok) got++;
    console.log(got);
    process.stdin.resume().on("end", () => process.exit());`;
  const runs = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  writeFileSync(path, "999999999 1 gone");
  const got = await Promise.all(
    runs.map(async ({ stdout }) => Number(String((await once(stdout, "data"))[0]))),
  );
  for (const { stdin } of runs) stdin.end();
  assert.deepEqual(got.sort(), [0, 0, 0, 1]);
});

const VIP: AddressOnInterface = { prefix: { address: ip("192.0.2.1"), length: 24 }, interface: "eth0" };

const noIndex = (): undefined => undefined;

test("an address is taken away from the interface that had its name, whatever that is called now", () => {
  const directory = fresh();
  const asked: (readonly AddressOnInterface[])[] = [];
  let index: number | undefined = 7;
  const held = heldAddresses(
    directory,
    (addresses) => {
      asked.push(addresses);
      return { removed: [], errors: [] };
    },
    () => index,
  );
  held.record([VIP]);
  // Renamed; another interface may have the name now.
  index = 8;
  held.remove([VIP]);
  heldAddresses(
    directory,
    (addresses) => ({ removed: [String(asked.push(addresses))], errors: [] }),
    () => index,
  ).release();
  held.record([VIP]);
  held.remove([VIP]);
  const there = { ...VIP, ifindex: 7 };
  assert.deepEqual(asked, [[there], [there], [{ ...there, interface: "" }], [{ ...VIP, ifindex: 8 }]]);
});

test("addresses on record are removed once; those that cannot be stay on record", () => {
  const directory = fresh();
  const asked: (readonly AddressOnInterface[])[] = [];
  let errors = ["EPERM"];
  const remove = (addresses: readonly AddressOnInterface[]): { removed: string[]; errors: string[] } => {
    asked.push(addresses);
    return { removed: [], errors };
  };
  heldAddresses(directory, remove, noIndex).record([VIP]);
  const next = heldAddresses(directory, remove, noIndex);
  assert.deepEqual(next.release().errors, ["EPERM"]);
  errors = [];
  next.release();
  next.release();
  assert.deepEqual(asked, [[VIP], [VIP], []]);
});

test("a record of an earlier boot, or a damaged one, names nothing to remove", () => {
  const directory = fresh();
  const path = join(directory, "virtual-addresses.json");
  const asked: (readonly AddressOnInterface[])[] = [];
  const remove = (addresses: readonly AddressOnInterface[]): { removed: string[]; errors: string[] } => {
    asked.push(addresses);
    return { removed: [], errors: [] };
  };
  const held = heldAddresses(directory, remove, noIndex);
  held.record([VIP]);
  const text = readFileSync(path, "utf8");
  for (const wrong of [
    text.replace(/"boot":"[^"]*/, '"boot":"other'),
    "{",
    '{"boot":1,"addresses":[1]}',
    "null",
  ]) {
    writeFileSync(path, wrong);
    held.release();
  }
  assert.deepEqual(asked, [[], [], [], []]);
});
