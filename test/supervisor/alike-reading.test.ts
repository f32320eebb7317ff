// Services that are written alike are read as if each had been read for itself: the same configuration, the same table to
// the byte. Of whatever is wrong or worth a warning nothing is read this way.

import fc from "fast-check";
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { findAlike } from "../../src/config/alike.js";
import { packService } from "../../src/control/packed-services.js";
import { stampBatch } from "../../src/netlink/batch.js";
import { prepareTable } from "../../src/director/prepare-table.js";
import { alikeReading } from "../../src/director/supervisor/alike-reading.js";
import { readConfigText } from "../../src/director/supervisor/config-reader.js";

const SERVICES = 120;
type Made = {
  readonly kinds?: number;
  readonly servers?: number;
  readonly head?: string;
  readonly tail?: string;
};

function text({ kinds = 1, servers = 2, head = "", tail = "" }: Made = {}): string {
  const services = Array.from({ length: SERVICES }, (_, n) => {
    const port = 80 + (n % kinds);
    const list = Array.from({ length: servers }, (_, m) => `{ address: 10.2.${n}.${m + 1}, weight: 3 }`);
    return `  web-${n}: { address: 10.1.${n}.1:${port}, forwarding: nat, check: tcp, servers: [${list.join(", ")}] }\n`;
  });
  return `nodes: { lb1: { priority: 100 } }\n${head}services:\n${services.join("")}${tail}`;
}

/** Gives whether it was read this way; then all is as it is read otherwise, and nothing is said of it. */
async function compare(written: string): Promise<boolean> {
  const alike = await alikeReading(written, "lb1");
  if (alike === undefined) return false;
  const { configs, diagnostics, warnings, starts } = await readConfigText("vipd.yaml", written, "lb1");
  assert.deepEqual([diagnostics, warnings], [[], []], written);
  const { services, ...head } = configs[0] ?? assert.fail();
  assert.deepEqual(alike.head, head);
  assert.deepEqual(alike.lines, services.map(packService));
  assert.deepEqual(alike.starts, starts);
  assert.equal(
    alike.servers,
    services.reduce((sum, service) => sum + service.servers.length, 0),
  );
  const [made, right] = [alike.prepare(), prepareTable(services, head.ipvs.massFailure)];
  assert.deepEqual(made.ids, right.ids);
  assert.equal(made.batches.length, right.batches.length);
  for (const [i, batch] of made.batches.entries()) {
    const other = right.batches[i] ?? assert.fail();
    for (const one of [batch, other]) stampBatch(one, 20, 1);
    assert.ok(Buffer.from(batch).equals(other), `batch ${i}`);
  }
  return true;
}

test("services of a few kinds are read by one of each", async () => {
  for (const kinds of [1, 7]) {
    const written = text({ kinds });
    assert.ok(await compare(written));
    assert.equal(findAlike(written)?.reduced.match(/web/g)?.length, kinds);
  }
  assert.ok(await compare(text({ servers: 30 })));
  assert.ok(await compare(text({ tail: "# the end\nlog: { level: debug }\n" })));
  const blocks = text().replaceAll(
    /: \{ address: (\S+), forwarding.*servers: (.*) \}\n/g,
    ":\n    address: $1\n    forwarding: nat\n\n    # these\n    servers: $2\n",
  );
  assert.ok(await compare(blocks));
  // One kind has too few of its own to save anything, and so has a small file.
  assert.equal(await compare(text({ kinds: 60 })), false);
  assert.equal(await compare(text().split("\n").slice(0, 50).join("\n")), false);
});

test("servers that are not in the order of their addresses are in the table in that order", async () => {
  const written = text().replaceAll(/(10\.2\.\d+\.)1(.*)10\.2\.\d+\.2/g, "$19$2$13");
  assert.match(written, /10\.2\.5\.9.*10\.2\.5\.3/);
  assert.ok(await compare(written));
  const some = text().replace(/10\.2\.77\.1/, "10.2.77.9");
  assert.ok(await compare(some));
});

test("policy and virtual addresses of the head hold for each of them", async () => {
  const instance = (addresses: readonly string[]): string =>
    `vrrp: { a: { interface: eth0, router-id: 1, addresses: [${addresses.join(", ")}] } }\n`;
  const all = Array.from({ length: SERVICES }, (_, n) => `10.1.${n}.1/16`);
  const defaults = "defaults: { service: { before-first-check: wait, check-when: master } }\n";
  assert.ok(await compare(text({ head: instance(all) + defaults })));
  // One that is not virtual is worth a warning, and a server that is, an error.
  assert.equal(await compare(text({ head: instance(all.slice(1)) })), false);
  assert.equal(await compare(text({ head: instance([...all, "10.2.50.1/16"]) })), false);
});

test("what relates to other services is read with them", async () => {
  for (const [from, to] of [
    [/check: tcp/g, "check: { tcp: {}, depends-on: { service: web-1 } }"],
    [/check: tcp/g, "check: tcp, sorry-server: 10.9.9.9"],
    [/web-77:/, "web-76:"],
    [/10\.1\.77\.1:80/, "10.1.76.1:80"],
    [/10\.2\.77\.1/, "10.1.77.1"],
    [/10\.2\.77\.1/, "10.2.77.2"],
    [/10\.2\.77\.1/, "127.0.0.1"],
    [/10\.2\.77\.1/, "240.0.0.1"],
    [/10\.2\.77\.1/, "10.2.77.01"],
    [/web-77:/, "null:"],
    [/web-77:/, "web-:"],
    [/web-77:/, "5:"],
  ] as const)
    assert.equal(await compare(text().replace(from, to)), false, `${String(from)} ${to}`);
});

test("whatever stands there instead, nothing is read this way that reads in another way", async () => {
  const base = text({ kinds: 3 });
  const words = [...base.matchAll(/[\w./:-]*\w/g)];
  const word = fc.constantFrom(
    "80",
    "0",
    "70000",
    "true",
    "tcp",
    "x",
    "10.0.0.1",
    "10.2.3.1",
    "10.1.3.1:80",
    "10.1.3.0/24",
    "10.1.3.1-10.1.3.9",
    "127.0.0.1",
    "239.1.1.1",
    "::1",
    "[]",
    "{}",
    "5s",
    "none",
    "notify",
    "&a",
    "*a",
    "'10.0.0.1'",
    "x: y",
    "#",
  );
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), word, async (at, put) => {
      const { index, 0: old } = words[at % words.length] as RegExpExecArray;
      if (await compare(base.slice(0, index) + put + base.slice(index + old.length))) read++;
    }),
    { numRuns: Number(process.env["VIPD_SEEDS"] ?? 200) },
  );
  assert.ok(read > 0);
});
