// From text to a configuration: defaults, the node, what is decided, and that nothing makes it throw.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { diffConfig } from "../../src/config/change.js";
import { renderDiagnostics } from "../../src/config/diagnostic.js";
import { loadConfig } from "../../src/config/load.js";
import { readSchedule } from "../../src/linux/cron.js";
import { check, checkers, codes, good, load, PAIR, readExample, WEB, readSecret } from "./load.js";

test("what is left out has its default", () => {
  const config = good(PAIR + WEB);
  assert.deepEqual(config.vrrp, [
    {
      name: "web",
      interface: "eth0",
      family: "ipv4",
      virtualRouterId: 85,
      version: 3,
      priority: 150,
      advertInterval: 1000,
      preempt: true,
      tracks: [],
      preemptDelay: 0,
      startDelay: 0,
      lowerPrioNoAdvert: false,
      otherAddresses: "accept",
      accept: true,
      addresses: [{ prefix: { address: "192.168.1.1", length: 24 }, interface: "eth0" }],
      checksum: "rfc5798",
      announce: { repeat: 5, delay: 5000, refresh: 0, refreshRepeat: 1 },
    },
  ]);
  assert.deepEqual(config.log, { level: "info", format: "text", targets: [{ kind: "stderr" }] });
  assert.deepEqual(config.services, []);
  assert.equal("sync" in config, false);
});

test("sync on a link of clients or of real servers is warned of, on one of its own it is not", () => {
  const withSync = (device: string): string[] =>
    codes(`${PAIR}vrrp:
  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24, { address: 10.0.0.1/24, interface: eth1 }] }
sync: { interface: ${device}, id: 1 }
services:
  web: { address: 192.168.1.1:80, forwarding: nat, servers: [10.0.0.9] }
`);
  assert.deepEqual(withSync("eth0"), ["sync-on-client-link"]);
  assert.deepEqual(withSync("eth1"), ["sync-on-client-link"]);
  assert.deepEqual(withSync("eth2"), []);
});

test("the configuration survives JSON, which carries it to the other processes", () => {
  for (const name of ["nat.yaml", "tunnel.yaml", "active-active.yaml"]) {
    const config = good(readExample(name));
    assert.deepEqual(JSON.parse(JSON.stringify(config)), config);
  }
});

test("defaults are handed down, and the entry's own value wins", () => {
  const config = good(
    `${PAIR}defaults: { vrrp: { version: 2, lower-prio-no-advert: true, announce: { repeat: 3 } }, service: { scheduler: rr, forwarding: nat }, check: { every: 2s, fall: 7 } }
vrrp:
  a: { interface: eth0, router-id: 1, addresses: [10.0.0.1], announce: { delay: 1s } }
  b: { interface: eth0, router-id: 2, addresses: [10.0.0.2], version: 3, lower-prio-no-advert: false }
services:
  s: { address: 10.0.0.1:80, check: { tcp: {}, fall: 2 }, servers: [10.1.0.1, { address: 10.1.0.2:81, check: none }] }
`,
  );
  assert.deepEqual(
    config.vrrp.map(({ version }) => version),
    [2, 3],
  );
  assert.deepEqual(
    config.vrrp.map(({ lowerPrioNoAdvert }) => lowerPrioNoAdvert),
    [true, false],
  );
  assert.deepEqual(config.vrrp[0]?.announce, { repeat: 3, delay: 1000, refresh: 0, refreshRepeat: 1 });
  const [service] = config.services;
  assert.equal(service?.service.scheduler, "rr");
  assert.deepEqual(
    service.servers.map(({ server }) => [server.port, server.forwarding, server.weight]),
    [
      [80, "nat", 1],
      [81, "nat", 1],
    ],
  );
  // The default timeout of 3s gives way to the shorter interval.
  assert.deepEqual(service.servers[0]?.checks[0]?.timing, { every: 2000, timeout: 2000, rise: 1, fall: 2 });
  assert.deepEqual(service.servers[1]?.checks, []);
});

test("a director finds itself by host name, long or short, and says whom it looked for", () => {
  const by = (name: string): ReturnType<typeof load> =>
    loadConfig({
      path: "c.yaml",
      text: PAIR + WEB,
      checkers,
      readSecret,
      readSchedule,
      identity: { kind: "hostname", name },
    });
  assert.equal(by("lb2").config?.node, "lb2");
  assert.equal(by("lb2.example.net").config?.node, "lb2");
  const [problem] = by("web1").diagnostics;
  assert.match(problem?.message ?? "", /its host name is "web1"/);
  assert.match(problem?.hint ?? "", /The nodes are: lb1, lb2\..*--node/);
  assert.deepEqual([problem?.line, problem?.column], [2, 3]);
  assert.match(load(PAIR + WEB, "lb3").diagnostics[0]?.message ?? "", /there is no node "lb3".*--node/);
});

test("a fwmark service and persistence are taken as the kernel has them", () => {
  const [service] = good(`${PAIR}${WEB}services:
  m: { fwmark: 7, family: ipv6, scheduler: sh, forwarding: tunnel, persistence: { timeout: 50s, prefix-length: 64 }, servers: ["2001:db8::1"] }
`).services;
  assert.deepEqual(service?.service, {
    key: { kind: "fwmark", mark: 7, family: "ipv6" },
    scheduler: "sh",
    persistence: { timeout: 50_000, prefixLength: 64 },
  });
  assert.equal(service.servers[0]?.server.port, 0);
});

test("a problem of every node is said once", () => {
  const text = `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 1, addresses: [10.0.0.1, 10.0.0.1] }\n`;
  assert.deepEqual(codes(text), ["address-twice"]);
});

test("warnings do not stop a load", () => {
  const { config, diagnostics } = load(`nodes: { lb1: { priority: 1 }, lb2: { priority: 1 } }\n${WEB}`);
  assert.ok(config !== undefined);
  assert.deepEqual(
    diagnostics.map(({ severity, code }) => [severity, code]),
    [["warning", "equal-priorities"]],
  );
});

test("a reload is described by what it changes", () => {
  const text = readExample("direct-routing.yaml");
  const old = good(text);
  assert.deepEqual(diffConfig(old, good(text)), []);
  const changed = good(
    text
      .replace("192.168.1.4, weight: 5", "192.168.1.4, weight: 0")
      .replace("192.168.1.5,", "192.168.1.6,")
      .replace("advert-interval: 1s", "advert-interval: 500ms")
      .replace("sync: { interface: eth1, id: 51 }", "log: { level: debug }"),
  );
  assert.deepEqual(diffConfig(old, changed), [
    "log: level info -> debug",
    "vrrp web: advert-interval 1 s -> 500 ms",
    "sync removed",
    "service http: server 192.168.1.5:80 removed",
    "service http: server 192.168.1.4:80: weight 5 -> 0",
    "service http: server 192.168.1.6:80 added",
  ]);
});

const WORDS = [
  "null", "-1", "300", "5s", "[]", "{}", "eth0", "10.0.0.1", "true", "&a", "*a", ":", "\n", " ", "'", "{", "]", "x",
  "nodes", "__proto__", "constructor: 1", "<<: *a", "check", "none", "\u{1f600}", "\t", "- ", "# ", "9".repeat(400),
]; // prettier-ignore

test("whatever is done to a good file, it loads or says where it is wrong, and never throws", () => {
  const files = ["direct-routing", "nat", "tunnel", "active-active", "vrrp-only", "vipd"].map((name) =>
    readExample(`${name}.yaml`),
  );
  const edit = fc.tuple(fc.nat(3000), fc.constantFrom(...WORDS, ""), fc.nat(12));
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(edit, { minLength: 1, maxLength: 5 }), (file, edits) => {
      const text = edits.reduce((old, [where, word, cut]) => {
        const at = where % (old.length + 1);
        return old.slice(0, at) + word + old.slice(at + cut);
      }, file);
      const { configs, diagnostics } = check(text);
      const lines = text.split("\n");
      for (const { line, column, length, message } of diagnostics) {
        assert.ok(line >= 1 && line <= lines.length, message);
        assert.ok(
          column >= 1 && column <= Array.from(lines[line - 1] ?? "").length + 1 && length >= 1,
          message,
        );
        assert.ok(!/undefined|\[object|NaN/.test(message), message);
      }
      assert.ok(configs.length > 0 || diagnostics.some(({ severity }) => severity === "error"));
      renderDiagnostics(diagnostics, text);
    }),
    { numRuns: Number(process.env["VIPD_SEEDS"] ?? 300) },
  );
});

test("a reload says what becomes of windows", () => {
  const windows = (text: string) =>
    good(`${PAIR}services: { a: { address: 10.0.0.1:80, forwarding: nat, servers: [10.0.0.4, "10.0.0.5:81"] } }
maintenance: { ${text} }\n`);
  const before = windows(
    'x: { services: [a], at: "0 2 * * 0", for: 1h }, y: { services: [a], at: "@daily", for: 1h }',
  );
  const after = windows(
    'x: { servers: [10.0.0.4, "a/10.0.0.5:81"], at: "0 3 * * 0", for: 90m, deadline: 5m }',
  );
  assert.deepEqual(after.maintenance, [
    {
      ...{ name: "x", targets: ["10.0.0.4", "a/10.0.0.5:81"], at: "0 3 * * 0", action: "drain" },
      ...{ lasts: 5_400_000, deadline: 300_000 },
    },
  ]);
  assert.deepEqual(diffConfig(before, after), [
    "maintenance y removed",
    "maintenance x: at 0 2 * * 0 -> 0 3 * * 0, targets a -> 10.0.0.4 a/10.0.0.5:81, for 1 h -> 90 min, deadline none -> 5 min",
  ]);
});
