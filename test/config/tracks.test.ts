// What instances follow, and interfaces with a name for each node: what is read, and what is wrong with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds } from "../../src/core/units.js";
import { check, codes, good, PAIR } from "./load.js";

const TRACKS = `tracks:
  haproxy: { script: { command: /bin/check }, weight: -60 }
  nginx: { process: { name: nginx, quorum: 2, arguments: worker }, initial: up }
  load: { file: /run/load }
`;
const web = (more: string): string =>
  `vrrp:\n  web: { interface: eth0, router-id: 5, addresses: [10.0.0.1/24], ${more} }\n`;
const messages = (text: string): string[] => check(text).diagnostics.map(({ message }) => message);

test("an instance follows tracks by name, with a weight of its own, and interfaces", () => {
  const { vrrp, tracks } = good(
    `${PAIR}${TRACKS}${web("track: [haproxy, { name: nginx, weight: 5, reverse: true }, load, { interface: eth1 }]")}`,
  );
  assert.deepEqual(vrrp[0]?.tracks, [
    {
      id: "script:haproxy",
      label: "script haproxy",
      effect: { kind: "weight", weight: -60, reverse: false },
    },
    { id: "process:nginx", label: "process nginx", effect: { kind: "weight", weight: 5, reverse: true } },
    { id: "file:load", label: "file load", effect: { kind: "fault" } },
    { id: "interface:eth1", label: "interface eth1", effect: { kind: "fault" } },
  ]);
  const timing = (every: number) => ({
    every: milliseconds(every),
    timeout: milliseconds(every),
    rise: 1,
    fall: 1,
  });
  assert.deepEqual(tracks, [
    {
      id: "script:haproxy",
      name: "haproxy",
      look: { type: "script", options: { command: ["/bin/check"], shell: false }, timing: timing(1000) },
    },
    {
      id: "process:nginx",
      name: "nginx",
      look: {
        type: "process",
        options: { name: "nginx", quorum: 2, arguments: "worker" },
        timing: timing(500),
      },
      initial: true,
    },
    {
      id: "file:load",
      name: "load",
      look: { type: "file", options: { path: "/run/load" }, timing: timing(1000) },
    },
  ]);
});

test("what is wrong with tracks is said where it stands", () => {
  const bad = (track: string, followed = "[t]"): string[] =>
    codes(`${PAIR}tracks:\n  t: ${track}\n${web(`track: ${followed}`)}`);
  assert.deepEqual(bad("{ process: sshd }"), []);
  assert.deepEqual(bad("{ every: 1s }"), ["value"]);
  assert.deepEqual(bad("{ process: sshd, file: /x }"), ["value"]);
  assert.deepEqual(bad("{ process: a-name-of-16-letters }"), ["value"]);
  assert.deepEqual(bad("{ script: { command: /x }, every: 1s, timeout: 2s }"), ["timeout-too-long"]);
  assert.deepEqual(bad("{ file: /x, rise: 2, initial: up }"), ["no-effect", "no-effect"]);
  assert.deepEqual(bad("{ process: sshd, reverse: true }"), ["reverse-without-weight"]);
  assert.deepEqual(bad("{ process: sshd }", "[t, u]"), ["unknown-track"]);
  assert.deepEqual(bad("{ process: sshd }", "[t, { name: t, weight: 9 }]"), ["followed-twice"]);
  assert.deepEqual(bad("{ process: sshd }", "[t, { name: t, interface: eth1 }]"), ["value"]);
  assert.deepEqual(bad("{ process: sshd }", "[{ interface: eth1 }]"), ["no-effect"]);
  assert.match(
    messages(`${PAIR}tracks: { haproxy: { process: haproxy } }\n${web("track: [haproxi]")}`).join("\n"),
    /vrrp\.web\.track\[0\]: there is no track "haproxi", did you mean "haproxy"\?/,
  );
});

test("weights that can never cause a failover are said, with the figures", () => {
  // The nodes have 150 and 100.
  const weights = (followed: string, more = ""): string[] =>
    codes(`${PAIR}${web(`track: ${followed}${more}`)}`);
  const eth = (n: number, weight: number): string => `{ interface: eth${n}, weight: ${weight} }`;
  assert.deepEqual(weights(`[${eth(1, -50)}]`), ["weight-too-small"]);
  assert.deepEqual(weights(`[${eth(1, -51)}]`), []);
  assert.deepEqual(weights(`[${eth(1, 51)}]`), []);
  assert.deepEqual(weights(`[${eth(1, -30)}, ${eth(2, -30)}]`), []);
  assert.deepEqual(weights(`[${eth(1, -60)}]`, ", preempt: false"), ["weight-without-preemption"]);
  assert.deepEqual(weights("[{ interface: eth1 }]", ", preempt: false"), []);
  assert.match(
    messages(`${PAIR}${web(`track: [${eth(1, -20)}]`)}`).join("\n"),
    /this can never cause a failover: the weights take at most 20 from the 150 of lb1, and lb2 has 100/,
  );
  assert.ok(weights(`[${eth(1, -60)}]`, ", priority: { lb1: 255, lb2: 100 }").includes("weight-of-owner"));
  // A number in a file may be anything.
  assert.deepEqual(
    codes(`${PAIR}tracks: { load: { file: /run/load, weight: -1 } }\n${web("track: [load]")}`),
    [],
  );
});

test("an interface may have a name on each node", () => {
  const text =
    `${PAIR}vrrp:\n  web: { interface: { lb1: eth0, lb2: ens3 }, router-id: 5, track: [{ interface: { lb1: a, lb2: b } }], ` +
    `addresses: [10.0.0.1/24, { address: 10.1.0.1/24, interface: { lb1: x, lb2: y } }] }\n` +
    `sync: { interface: { lb1: s1, lb2: s2 }, id: 1 }\n`;
  const on = (node: string): (string | undefined)[] => {
    const { vrrp, sync } = good(text, node);
    return [
      vrrp[0]?.interface,
      ...(vrrp[0]?.addresses.map((address) => address.interface) ?? []),
      vrrp[0]?.tracks[0]?.id,
      sync?.interface,
    ];
  };
  assert.deepEqual(on("lb1"), ["eth0", "eth0", "x", "interface:a", "s1"]);
  assert.deepEqual(on("lb2"), ["ens3", "ens3", "y", "interface:b", "s2"]);
  const bad = (interfaces: string): string[] =>
    codes(`${PAIR}vrrp:\n  web: { interface: ${interfaces}, router-id: 5, addresses: [10.0.0.1/24] }\n`);
  assert.deepEqual(bad("{ lb1: eth0 }"), ["interface-missing"]);
  assert.deepEqual(bad("{ lb1: eth0, lb3: eth0, lb2: eth0 }"), ["unknown-node"]);
  assert.deepEqual(bad("{ lb1: eth0, lb2: a/b }"), ["value"]);
});

test("timing has room for scripts that run often", () => {
  const { tracks } = good(
    `${PAIR}tracks: { t: { script: { command: /x }, every: 100ms, timeout: 50ms, rise: 2, fall: 3 } }\n${web("track: [t]")}`,
  );
  assert.deepEqual(tracks[0]?.look.timing, {
    every: milliseconds(100),
    timeout: milliseconds(50),
    rise: 2,
    fall: 3,
  });
});
