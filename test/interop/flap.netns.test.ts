// A master whose link flaps: switched off and on within a moment, away for longer, and a carrier that is back before the
// kernel tells of it. What a third host sees of it, over both families.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { MAIN_TABLE, type Routing } from "../../src/core/routing.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { Capture } from "../lab/capture.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const PATIENCE = seconds(30);
const FOUR = "10.97.0.100";
const SIX = "fd00:97::100";
const ROUTE = "10.201.0.0/16";
const NAMES = ["four", "six"] as const;

const routing: Routing = {
  routes: [
    {
      to: vip(ROUTE).prefix,
      type: "unicast",
      hops: [{ via: ip("10.97.0.9"), interface: "eth0", weight: 1 }],
      table: MAIN_TABLE,
    },
  ],
  rules: [],
};
const both = (priority: number): InstanceConfig[] => {
  const common = {
    priority,
    advertInterval: milliseconds(100),
    announce: { repeat: 2, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
  };
  return [
    instance({ ...common, name: "four", addresses: [vip(`${FOUR}/24`)], routing }),
    instance({
      ...common,
      name: "six",
      family: "ipv6",
      addresses: [vip("fe80::97:100/64"), vip(`${SIX}/64`)],
    }),
  ];
};

type Net = {
  readonly lab: Lab;
  readonly a: Host;
  readonly b: Host;
  readonly bridge: Host;
  readonly first: VrrpChild;
  readonly capture: Capture;
};

/** `a` is master of both instances, and nobody else is there yet. */
async function withMaster(run: (net: Net) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b, observer] = lab.hosts("a", "b", "o");
    const bridge = lab.bridge("br");
    lab.plug(
      bridge,
      [a, b, observer].map((host, i) => {
        const last = String([2, 3, 9][i]);
        return { host, interface: "eth0", addresses: [`10.97.0.${last}/24`, `fd00:97::${last}/64`] };
      }),
    );
    // Duplicate address detection would make every return of the link a second longer.
    for (const host of [a, b]) host.sysctl({ "net.ipv6.conf.eth0.accept_dad": 0 });
    const first = new VrrpChild(a);
    await first.configure(both(150));
    await masterOfBoth(first);
    const capture = await Capture.start(observer, "eth0");
    await run({ lab, a, b, bridge, first, capture });
    await first.stop();
    assert.ok(holdsNothing(a));
  } finally {
    lab.close();
  }
}

const masterOfBoth = (child: VrrpChild): Promise<unknown> =>
  until("a master of both", PATIENCE, async () =>
    (await child.status()).instances.every(({ state }) => state === "master"),
  );
const addresses = (host: Host): string => host.run("ip", "-o", "address", "show", "dev", "eth0");
const holdsAll = (host: Host): boolean =>
  [`${FOUR}/24`, `${SIX}/64`, "fe80::97:100/64"].every((one) => addresses(host).includes(` ${one} `)) &&
  host.run("ip", "route", "show", ROUTE).includes("via 10.97.0.9");
const holdsNothing = (host: Host): boolean =>
  !addresses(host).includes(FOUR) &&
  !addresses(host).includes("97:100") &&
  host.run("ip", "route", "show", ROUTE) === "";
const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();

/** Both addresses are announced from `host` after what was seen so far. */
async function announced(capture: Capture, host: Host, from: number): Promise<void> {
  const mac = macOf(host);
  await until("announcements over both families", PATIENCE, () => {
    const seen = capture.seen.slice(from).filter((one) => one.kind !== "advert" && one.mac === mac);
    return [FOUR, SIX].every((wanted) => seen.some((one) => one.kind !== "advert" && one.address === wanted));
  });
}

const pathOf = (child: VrrpChild, name: string): string[] =>
  child
    .transitions()
    .flatMap(({ instance: of, to, reason }) => (of === name ? [`${to}: ${reason.kind}`] : []));

test("an interface that is switched off and on within a moment: addresses and routes are put back and announced", () =>
  withMaster(async ({ a, first, capture }) => {
    const [had, from] = [first.transitions().length, capture.seen.length];
    a.ip("link set eth0 down", "link set eth0 up");
    await until("it noticed", PATIENCE, () => first.transitions().length >= had + 2);
    await masterOfBoth(first);
    await until("all of it is back", PATIENCE, () => holdsAll(a));
    await announced(capture, a, from);
    for (const name of NAMES) {
      const [fault, backup, master] = pathOf(first, name).slice(-3);
      assert.deepEqual([fault, master], ["fault: interface-down", "master: no-master-heard"]);
      // Over IPv6 the link-local address may come a moment after the link.
      assert.match(backup ?? "", /^backup: interface-(up|usable)$/);
    }
  }));

test("a link that is away until another is master: one holder at any end, and the addresses are announced from there", () =>
  withMaster(async ({ lab, a, b, bridge, first, capture }) => {
    const second = new VrrpChild(b);
    await second.configure(both(100));
    await until("a backup that hears both", PATIENCE, async () =>
      (await second.status()).instances.every(({ master }) => master !== null),
    );
    for (const round of [1, 2]) {
      let from = capture.seen.length;
      lab.setPort(bridge, a, "eth0", "down");
      await masterOfBoth(second);
      await until(`on the second alone, ${String(round)}`, PATIENCE, () => holdsAll(b) && holdsNothing(a));
      await announced(capture, b, from);
      from = capture.seen.length;
      lab.setPort(bridge, a, "eth0", "up");
      await masterOfBoth(first);
      await until(`on the first alone, ${String(round)}`, PATIENCE, () => holdsAll(a) && holdsNothing(b));
      await announced(capture, a, from);
    }
    assert.deepEqual(pathOf(first, "four").slice(-3), [
      "fault: interface-down",
      "backup: interface-up",
      "master: preempted-lower",
    ]);
    await second.stop();
  }));

test("a carrier that is back before the kernel tells of it: still master, announced again, and said", () =>
  withMaster(async ({ lab, a, bridge, first, capture }) => {
    const isSaid = (): boolean =>
      first.events.some((event) => event.kind === "vrrp-note" && /carrier of eth0 was away/.test(event.text));
    // The kernel tells from a worker on the same processor, which gets its turn only when the program in real time
    // is done with both. Where it is told of each all the same, that is the other case, and it is tried again.
    const batch = join(lab.directory, "flap");
    writeFileSync(batch, "link set a-eth0 down\nlink set a-eth0 up\n");
    for (let tries = 0; !isSaid(); tries++) {
      assert.ok(tries < 20, JSON.stringify(first.events));
      await masterOfBoth(first);
      const [had, from] = [first.transitions().length, capture.seen.length];
      bridge.run("taskset", "-c", "0", "chrt", "-f", "90", "ip", "-batch", batch);
      await until("it noticed", PATIENCE, () => isSaid() || first.transitions().length > had);
      if (!isSaid()) continue;
      assert.equal(first.transitions().length, had, "no state has changed");
      await announced(capture, a, from);
    }
  }));
