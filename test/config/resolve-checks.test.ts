import assert from "node:assert/strict";
import { test } from "node:test";

import type { CheckConfig } from "../../src/config/model.js";
import { codes, good, PAIR, WEB } from "./load.js";

const OTHER =
  "  db: { address: 192.168.1.1:3306, forwarding: nat, check: tcp, servers: [10.0.0.9, 10.0.0.8] }\n";
const text = (check: string, more = OTHER, tracks = "tracks: { uplink: { file: /run/uplink } }\n"): string =>
  `${PAIR}${WEB}${tracks}services:\n  web: { address: 192.168.1.1:80, forwarding: nat, check: ${check}, servers: [10.0.0.1] }\n${more}`;
const checksOf = (check: string): readonly CheckConfig[] => good(text(check)).services[0]!.servers[0]!.checks;
const wrong = (check: string): string[] => codes(text(check)).filter((code) => code !== "no-effect");

test("the timing of a check is read, and what changes nothing is left out", () => {
  assert.deepEqual(
    checksOf("{ tcp: {}, every: 4s, every-failing: 1s, warm-up: 30s, jitter: 10 }")[0]!.timing,
    {
      every: 4000,
      timeout: 3000,
      rise: 1,
      fall: 3,
      everyFailing: 1000,
      warmUp: 30_000,
      jitter: 0.1,
    },
  );
  assert.deepEqual(checksOf("{ tcp: {}, every-failing: 5s, warm-up: 0s, jitter: 0 }")[0]!.timing, {
    every: 5000,
    timeout: 3000,
    rise: 1,
    fall: 3,
  });
});

test("defaults give the timing of every check", () => {
  const defaults = "defaults: { check: { every-failing: 500ms, warm-up: 2s, jitter: 5 } }\n";
  const { services } = good(text("{ tcp: {}, jitter: 0 }", OTHER, `${defaults}tracks: {}\n`));
  const { everyFailing, warmUp, jitter } = services[0]!.servers[0]!.checks[0]!.timing;
  assert.deepEqual([everyFailing, warmUp, jitter], [500, 2000, undefined]);
});

test("a check depends on another by its type or place, on a track, a service, or a server of one", () => {
  const list = (need: string): string => `[tcp, { http: {}, depends-on: ${need} }]`;
  const needs = (need: string): unknown => checksOf(list(need))[1]!.needs;
  assert.deepEqual(needs("{ check: tcp }"), [{ kind: "check", check: 0 }]);
  assert.deepEqual(needs("{ check: 1 }"), [{ kind: "check", check: 0 }]);
  assert.deepEqual(needs("[{ track: uplink }, { service: db }]"), [
    { kind: "track", id: "file:uplink", name: "uplink" },
    { kind: "service", service: "db" },
  ]);
  assert.deepEqual(needs("{ service: db, server: 10.0.0.8 }"), [
    { kind: "server", service: "db", server: "10.0.0.8:3306" },
  ]);
});

test("a track that only a check depends on is looked at", () => {
  const config = good(text("{ tcp: {}, depends-on: { track: uplink } }"));
  assert.deepEqual(
    config.tracks.map(({ id }) => id),
    ["file:uplink"],
  );
  assert.deepEqual(codes(text("tcp")), ["no-effect"]);
});

test("what a check cannot depend on is refused", () => {
  assert.deepEqual(wrong("[tcp, { http: {}, depends-on: { check: smtp } }]"), ["unknown-check"]);
  assert.deepEqual(wrong("[tcp, { http: {}, depends-on: { check: 3 } }]"), ["unknown-check"]);
  assert.deepEqual(wrong("[tcp, tcp, { http: {}, depends-on: { check: tcp } }]"), ["ambiguous-check"]);
  assert.deepEqual(wrong("[{ tcp: {}, depends-on: { check: http } }, http]"), ["later-check"]);
  assert.deepEqual(wrong("{ tcp: {}, depends-on: { check: tcp } }"), ["later-check"]);
  assert.deepEqual(wrong("{ tcp: {}, depends-on: { track: uplnk } }"), ["unknown-track"]);
  assert.deepEqual(wrong("{ tcp: {}, depends-on: { service: bd } }"), ["unknown-service"]);
  assert.deepEqual(wrong("{ tcp: {}, depends-on: { service: db, server: 10.0.0.7 } }"), ["unknown-server"]);
  assert.deepEqual(wrong("{ tcp: {}, depends-on: { service: web } }"), ["circle"]);
});

test("services that wait for each other in a circle are refused", () => {
  const db =
    "  db: { address: 192.168.1.1:3306, forwarding: nat, servers: [10.0.0.9], " +
    "check: { tcp: {}, depends-on: { service: web, server: 10.0.0.1 } } }\n";
  assert.deepEqual(codes(text("{ tcp: {}, depends-on: { service: db } }", db, "")), ["circle"]);
});

test("wrong values of a check's timing and dependencies are refused by its schema", () => {
  for (const check of [
    "{ tcp: {}, every-failing: 10ms }",
    "{ tcp: {}, every-failing: fast }",
    "{ tcp: {}, warm-up: 2h }",
    "{ tcp: {}, jitter: 51 }",
    "{ tcp: {}, jitter: 5% }",
    "{ tcp: {}, depends-on: tcp }",
    "{ tcp: {}, depends-on: [] }",
    "{ tcp: {}, depends-on: {} }",
    "{ tcp: {}, depends-on: { check: tcp, track: uplink } }",
    "{ tcp: {}, depends-on: { server: 10.0.0.9 } }",
    "{ tcp: {}, depends-on: { chekc: tcp } }",
  ])
    assert.ok(wrong(check).length > 0, check);
});

test("a check whose packets could not leave for where they go is refused, once for all servers", () => {
  const six = (check: string, servers: string): string =>
    `${PAIR}${WEB}services:\n  web: { address: "[2001:db8::1]:80", forwarding: nat, check: ${check}, servers: ${servers} }\n`;
  for (const [type, options] of [
    ...["tcp", "http", "https", "smtp", "dns", "udp", "ping"].map((name) => [name, ""] as const),
    ["agent", "port: 1, "],
    ["expect", "steps: [{ send: x }], "],
  ] as const) {
    assert.deepEqual(wrong(`{ ${type}: { ${options}source: "2001:db8::9" } }`), ["check-family"], type);
    assert.deepEqual(
      codes(six(`{ ${type}: { ${options}source: 10.0.0.9 } }`, '["2001:db8::2", "2001:db8::3"]')).filter(
        (code) => code.startsWith("check-"),
      ),
      ["check-family"],
      type,
    );
    assert.deepEqual(wrong(`{ ${type}: { ${options}address: "fe80::1" } }`), ["check-link"], type);
    assert.deepEqual(wrong(`{ ${type}: { ${options}address: "febf::1", interface: eth0 } }`), [], type);
    assert.deepEqual(
      wrong(`{ ${type}: { ${options}address: "2001:db8::5", source: "2001:db8::9" } }`),
      [],
      type,
    );
  }
  const many = `[${Array.from({ length: 50 }, (_, i) => `10.0.1.${i}`).join(", ")}]`;
  const all = text('{ tcp: { address: "fe80::1" } }').replace("servers: [10.0.0.1]", `servers: ${many}`);
  assert.deepEqual(
    codes(all).filter((code) => code !== "no-effect"),
    ["check-link"],
  );
  assert.deepEqual(wrong("{ script: { command: /bin/true } }"), []);
});
