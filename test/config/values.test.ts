// The kinds of value: what they take, what they refuse, and that no text whatsoever makes them throw.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";
import type { z } from "zod";

import { milliseconds, seconds } from "../../src/core/units.js";
import { parseDuration, writeDuration } from "../../src/config/duration.js";
import { KEEPALIVED_WORDS } from "../../src/config/keepalived-words.js";
import { didYouMean, editDistance, suggestKey } from "../../src/config/suggest.js";
import * as v from "../../src/config/values.js";
import { checkers, root } from "./load.js";

const read = (schema: z.ZodType, input: unknown): unknown => {
  const result = schema.safeParse(input);
  return result.success ? result.data : `! ${result.error.issues[0]?.message.split("\n")[0]}`;
};

test("durations have a unit", () => {
  const schema = v.duration({ min: milliseconds(1), max: seconds(7200) });
  const table: readonly (readonly [unknown, unknown])[] = [
    ["5s", 5000],
    ["100ms", 100],
    ["1m30s", 90_000],
    ["1.5s", 1500],
    ["2h", 7_200_000],
    [5, "! 5 has no unit"],
    ["5", "! 5 has no unit"],
    ["5 s", '! "5 s" is not a duration'],
    ["30s1m", '! "30s1m" is not a duration'],
    ["", '! "" is not a duration'],
    ["3h", '! "3h" is out of range'],
    ["0s", '! "0s" is out of range'],
    [true, "! true is not a duration"],
    [null, "! has no value"],
    [undefined, "! is missing"],
    [["5s"], '! ["5s"] is not a duration'],
  ];
  for (const [input, wanted] of table) assert.deepEqual(read(schema, input), wanted, JSON.stringify(input));
});

test("a duration that is written is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000_000 }), (ms) => {
      assert.deepEqual(parseDuration(writeDuration(milliseconds(ms))), { ok: true, value: ms });
    }),
  );
});

test("addresses, endpoints and prefixes are read in their usual forms", () => {
  const table: readonly (readonly [z.ZodType, unknown, unknown])[] = [
    [v.ipAddress(), "192.168.1.1", "192.168.1.1"],
    [v.ipAddress(), "2001:DB8:0:0::1", "2001:db8::1"],
    [v.ipAddress(), "192.168.1.01", '! "192.168.1.01" is not an IPv4 or IPv6 address'],
    [v.ipAddress(), "192.168.1.1/24", '! "192.168.1.1/24" has a prefix length'],
    [v.ipAddress("ipv4"), "::1", "! ::1 is not an IPv4 address"],
    [v.ipAddress(), 10.1, "! 10.1 is not an IPv4 or IPv6 address"],
    [v.prefix(), "10.0.0.1/8", { address: "10.0.0.1", length: 8 }],
    [v.prefix(), "10.0.0.1", { address: "10.0.0.1", length: 32 }],
    [v.prefix(), "10.0.0.1/33", '! "33" is not a prefix length from 0 to 32'],
    [v.endpoint(), "10.0.0.1:80", { address: "10.0.0.1", port: 80 }],
    [v.endpoint(), "[::1]:80", { address: "::1", port: 80 }],
    [v.endpoint(), "::1", '! "::1" has no port'],
    [v.endpoint(), "10.0.0.1:70000", '! "70000" is not a port from 0 to 65535'],
    [v.endpoint(), "10.0.0.1:", '! "" is not a port from 0 to 65535'],
    [v.maybeEndpoint(), "::1", { address: "::1" }],
    [v.maybeEndpoint(), "web1:80", '! "web1" is not an IPv4 or IPv6 address'],
    [v.port(), 0, "! 0 is out of range"],
    [v.port(), "80", 80],
    [v.port(), 80.5, "! 80.5 is not a whole number"],
    [v.absolutePath(), "bin/x", '! "bin/x" is not an absolute path'],
    [v.interfaceName(), "eth0.100", "eth0.100"],
    [v.interfaceName(), "sixteenletters16", '! "sixteenletters16" is too long for the name of an interface'],
    [v.flag(), "yes", '! "yes" is neither true nor false'],
    [
      v.choice(["nat"], { masq: "nat" }),
      "masq",
      '! "masq" is not one of the words for it, did you mean "nat"?',
    ],
  ];
  for (const [schema, input, wanted] of table) assert.deepEqual(read(schema, input), wanted, String(input));
});

test("status sets are numbers, classes, ranges and lists", () => {
  const one = (from: number, to = from): unknown => ({ from, to });
  assert.deepEqual(read(v.statusSet(), 200), [one(200)]);
  assert.deepEqual(read(v.statusSet(), "2xx"), [one(200, 299)]);
  assert.deepEqual(read(v.statusSet(), "200-204, 301"), [one(200, 204), one(301)]);
  assert.deepEqual(read(v.statusSet(), [200, "3xx"]), [one(200), one(300, 399)]);
  for (const wrong of [999, "299-200", [], "ok", { a: 1 }, [[200]]])
    assert.match(String(read(v.statusSet(), wrong)), /^! /, JSON.stringify(wrong));
});

test("nothing makes a value type throw", () => {
  const all = [
    v.duration({ min: milliseconds(0), max: seconds(60) }),
    v.integer({ min: 0, max: 9 }),
    v.flag(),
    v.text(),
    v.choice(["a"]),
    v.absolutePath(),
    v.interfaceName(),
    v.ipAddress(),
    v.prefix(),
    v.endpoint(),
    v.maybeEndpoint(),
    v.statusSet(),
  ];
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.ipV6(), fc.ipV4()), (input) => {
      for (const schema of all) schema.safeParse(input);
    }),
    { numRuns: 500 },
  );
});

test("a misspelt word finds the one that was meant", () => {
  assert.equal(didYouMean("adress", ["address", "addresses", "priority"]), "address");
  assert.equal(didYouMean("wcl", ["rr", "wlc", "wrr"]), "wlc");
  assert.equal(didYouMean("router_id", ["router-id"]), "router-id");
  assert.equal(didYouMean("zebra", ["router-id", "nat"]), undefined);
  assert.equal(suggestKey("lb_algo", ["scheduler", "servers"]), "scheduler");
  assert.equal(suggestKey("lb_algo", ["servers"]), undefined);
  assert.equal(editDistance("ab", "ba"), 1);
});

test("what keepalived's words are here are keys that there are", () => {
  // The page is made of the schema.
  const page = readFileSync(join(root, "docs/config.md"), "utf8");
  const keys = new Set(Array.from(page.matchAll(/^\| `([a-z0-9-]+)` /gm), ([, key]) => key));
  for (const [word, meanings] of KEEPALIVED_WORDS)
    for (const { beside, here } of meanings)
      for (const key of [beside, here ?? beside])
        assert.ok(keys.has(key) || CHECKERS.has(key), `${word}: there is no key "${key}"`);
});
const CHECKERS = new Set(checkers.map(({ name }) => name));
