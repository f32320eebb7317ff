// Routes, rules, excluded and static addresses of a whole daemon: there when they are to be, and gone afterwards,
// also after an end of all processes at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const CONFIG = `nodes:
  a: { address: 10.98.0.2, priority: 150 }
  b: { address: 10.98.0.3, priority: 100 }
vrrp:
  web:
    interface: eth0
    router-id: 85
    advert-interval: 300ms
    addresses: [10.98.0.100/24]
    excluded-addresses: [10.97.0.1/24]
    routes:
      - { to: 10.1.0.0/16, via: 10.97.0.9, source: 10.97.0.1 }
      - { to: 10.2.0.0/16, type: blackhole, table: 100 }
    rules:
      - { priority: 100, from: 10.98.0.100/32, table: 100 }
static:
  addresses:
    - { address: 10.96.0.1/24, interface: eth0 }
    - { address: 10.95.0.1/24, interface: eth0 }
  routes: [{ to: 10.3.0.0/16, via: 10.96.0.9 }]
  rules: [{ priority: 200, to: 10.3.0.0/16, type: prohibit }]
`;

/** What of it is there. */
const present = (host: Host): string[] => {
  const addresses = host.run("ip", "-o", "-4", "address", "show", "dev", "eth0");
  const routes = host.run("ip", "route", "show", "table", "all", "proto", "112");
  const rules = host.run("ip", "rule");
  return [
    ...["10.98.0.100/24", "10.97.0.1/24", "10.96.0.1/24", "10.95.0.1/24"].filter((text) =>
      addresses.includes(`${text} `),
    ),
    ...["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"].filter((text) => routes.includes(text)),
    ...["100:", "200:"].filter((text) => rules.includes(text)),
  ];
};
const STATIC = ["10.96.0.1/24", "10.95.0.1/24", "10.3.0.0/16", "200:"];
const ALL = [
  "10.98.0.100/24",
  "10.97.0.1/24",
  "10.96.0.1/24",
  "10.95.0.1/24",
  "10.1.0.0/16",
  "10.2.0.0/16",
  "10.3.0.0/16",
  "100:",
  "200:",
];

async function withPair(run: (lab: Lab, a: Host, b: Host, path: string) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0");
    b.ip("address add 10.98.0.3/24 dev eth0");
    // Somebody else's: it stays after the stop.
    a.ip("address add 10.95.0.1/24 dev eth0");
    await run(lab, a, b, lab.file("vipd.yaml", CONFIG));
  } finally {
    lab.close();
  }
}
const shows = (host: Host, wanted: readonly string[]): Promise<true> =>
  until(`${host.name} with ${wanted.join(" ")}, not ${present(host).join(" ")}`, seconds(15), () =>
    present(host).join() === wanted.join() ? (true as const) : undefined,
  );

/** All processes of the host at once. */
async function killed(host: Host, daemon: LabProcess): Promise<void> {
  host.killAll();
  await daemon.exited();
}

test("routes and rules are with the master, static goods everywhere, and a stop leaves what was there before", () =>
  withPair(async (lab, a, b, path) => {
    const [first, second] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await Promise.all([shows(a, ALL), shows(b, STATIC)]);
    assert.match(
      (await first.waitFor(/BACKUP -> MASTER/)).text,
      /added route 10\.1\.0\.0\/16 via 10\.97\.0\.9 src 10\.97\.0\.1.*added rule 100: from 10\.98\.0\.100\/32 lookup 100/,
    );
    assert.match(a.run("ip", "route", "get", "10.1.2.3"), /via 10\.97\.0\.9 dev eth0 src 10\.97\.0\.1/);
    a.ip("route delete 10.1.0.0/16", "rule delete pref 200", "address delete 10.96.0.1/24 dev eth0");
    await first.waitFor(/warning vrrp web: put route 10\.1\.0\.0\/16 .*back/);
    await first.waitFor(/warning vrrp static: put rule 200: .*back/);
    await first.waitFor(/warning vrrp static: put 10\.96\.0\.1\/24 on eth0 back/);
    await shows(a, ALL);
    assert.equal(await first.stop(), 0);
    assert.deepEqual(present(a), ["10.95.0.1/24"]);
    await shows(b, ALL);
    assert.equal(await second.stop(), 0);
    assert.deepEqual(present(b), []);
  }));

test("after an end of all processes at once, `vipd release` takes all of it away, and so does the next start", () =>
  withPair(async (lab, a, _b, path) => {
    const first = startVipd(lab, a, path);
    await shows(a, ALL);
    await killed(a, first);
    assert.deepEqual(present(a), ALL);
    const released = vipdCommand(lab, a, "release");
    assert.equal(released.status, 0, released.stderr);
    assert.match(released.stdout, /^removed rule 100: from 10\.98\.0\.100\/32 lookup 100$/m);
    assert.deepEqual(present(a), ["10.95.0.1/24"]);
    assert.equal(vipdCommand(lab, a, "release").stdout, "nothing to remove\n");
    const second = startVipd(lab, a, path);
    await shows(a, ALL);
    await killed(a, second);
    const next = startVipd(lab, a, lab.file("other.yaml", CONFIG.replace("web:", "web2:")));
    await next.waitFor(/removed route 10\.1\.0\.0\/16 .*: a predecessor left it behind/);
    await next.waitFor(/BACKUP -> MASTER/);
    await next.stop();
    assert.deepEqual(present(a), ["10.95.0.1/24"]);
  }));

test("a killed VRRP process leaves no routes behind when it does not come back in time, and static goods stay", () =>
  withPair(async (lab, a, b, path) => {
    const [first] = [startVipd(lab, a, path), startVipd(lab, b, path)];
    await shows(a, ALL);
    const { processes } = JSON.parse(vipdCommand(lab, a, "status", "--json").stdout) as {
      processes: { process: string; pid: number }[];
    };
    process.kill(processes.find((one) => one.process === "vrrp")?.pid ?? 0, "SIGKILL");
    await first.waitFor(/INITIALIZE -> (MASTER|BACKUP)/);
    await shows(a, ALL);
    await first.stop();
    assert.deepEqual(present(a), ["10.95.0.1/24"]);
  }));
