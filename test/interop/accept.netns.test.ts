// `accept: false` with packets: what a third host gets from a master that accepts and from one that does not, over both
// families; what becomes of the table of nf_tables; and that tables of others are left alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { pings } from "../vrrp/conformance/evidence.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const PATIENCE = seconds(30);
const OWN = "10.97.0.2";
const VIP = "10.97.0.100";
const VIP6 = "fd00:97::100";
const LINK_LOCAL_VIP = "fe80::97:100";

const common = { priority: 150, advertInterval: milliseconds(100) } as const;
const both = (accept: boolean): InstanceConfig[] => [
  instance({ ...common, accept, name: "four", addresses: [vip(`${VIP}/24`)] }),
  instance({
    ...common,
    accept,
    name: "six",
    family: "ipv6",
    addresses: [vip(`${VIP6}/64`), vip(`${LINK_LOCAL_VIP}/64`)],
  }),
];

async function withDirector(run: (director: Host, observer: Host) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [director, observer] = lab.hosts("a", "o");
    lab.plug(lab.bridge("br"), [
      { host: director, interface: "eth0", addresses: [`${OWN}/24`, "fd00:97::2/64"] },
      { host: observer, interface: "eth0", addresses: ["10.97.0.9/24", "fd00:97::9/64"] },
    ]);
    await run(director, observer);
  } finally {
    lab.close();
  }
}

const rules = (host: Host): string => host.run("nft", "list", "ruleset");
const knows = (host: Host, address: string): boolean =>
  host.run("ip", "neigh", "show", address).includes("lladdr");

async function masters(host: Host, accept: boolean): Promise<VrrpChild> {
  const child = new VrrpChild(host);
  await child.configure(both(accept));
  for (const name of ["four", "six"])
    await until(`${name} is master`, PATIENCE, async () => (await child.instance(name)).state === "master");
  return child;
}

test("a master accepts packets to its addresses or does not, as told, and neighbours find it either way", () =>
  withDirector(async (director, observer) => {
    const child = await masters(director, true);
    assert.deepEqual([pings(observer, VIP), pings(observer, VIP6)], [true, true]);
    assert.equal(rules(director), "");
    const before = child.transitions().length;
    await child.configure(both(false));
    for (const address of [VIP, VIP6, `${LINK_LOCAL_VIP}%eth0`])
      assert.equal(pings(observer, address), false, address);
    observer.run("ip", "neigh", "flush", "dev", "eth0");
    for (const address of [VIP, VIP6]) {
      pings(observer, address);
      assert.ok(knows(observer, address), `${address} is found by ARP and neighbour discovery`);
    }
    assert.ok(pings(observer, OWN), "its own address is");
    assert.equal(child.transitions().length, before, "the reload touched no state");
    await child.configure(both(true));
    assert.ok(pings(observer, VIP));
    assert.equal(rules(director), "");
    await child.stop();
  }));

test("the table stays when the process is killed, is taken over by the next, put back when flushed, and goes at the stop", () =>
  withDirector(async (director, observer) => {
    director.run("nft", "add", "table", "inet", "theirs");
    const child = await masters(director, false);
    child.signal("SIGKILL");
    assert.equal(pings(observer, VIP), false);
    const next = await masters(director, false);
    assert.equal(pings(observer, VIP), false);
    const table = director.run("nft", "list", "table", "inet", "vipd");
    for (const address of [VIP, VIP6, LINK_LOCAL_VIP]) assert.ok(table.includes(address), table);
    assert.equal(table.split("drop").length, 3, "each rule is there once");
    director.run("nft", "flush", "ruleset");
    await until("the table is back", PATIENCE, () => rules(director).includes("table inet vipd"));
    await until("it is said", PATIENCE, () =>
      next.events.some((event) => event.kind === "vrrp-note" && event.text.includes("inet vipd")),
    );
    assert.equal(pings(observer, VIP), false);
    director.run("nft", "add", "table", "inet", "theirs");
    await next.stop();
    assert.equal(rules(director).trim(), "table inet theirs {\n}");
  }));

test("a file without it removes the table that a crash left behind", () =>
  withDirector(async (director, observer) => {
    const child = await masters(director, false);
    child.signal("SIGKILL");
    const next = await masters(director, true);
    assert.equal(rules(director), "");
    assert.ok(pings(observer, VIP));
    await next.stop();
  }));
