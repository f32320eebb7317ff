// The rtnetlink port against this machine's own kernel, in a network namespace made for the purpose: this process
// enters it before it makes its first socket. Virtual Ethernet pairs are used, which every kernel has.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { ip, parsePrefix, type Prefix } from "../../src/core/address.js";
import { native } from "../../src/linux/native.js";
import { NETLINK_PROTOCOL } from "../../src/linux/constants.js";
import { errnoName } from "../../src/linux/errno.js";
import { NetlinkSocket } from "../../src/linux/netlink-socket.js";
import {
  addAddressRequest,
  addressesRequest,
  readAddress,
  removeAddressRequest,
} from "../../src/netlink/route.js";
import { InterfaceTable } from "../../src/linux/interface-table.js";
import { openRouteKernel } from "../../src/linux/route-kernel.js";
import type { RouteEvent, RouteKernel } from "../../src/ports/route.js";

const NAMESPACE = `vipdnl${process.pid}`;
const reason = process.getuid?.() === 0 ? false : "needs root for a network namespace";

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  assert.ok(parsed.ok);
  return parsed.value;
};
const shell = (...words: string[]): void =>
  void execFileSync("ip", words, { stdio: ["ignore", "ignore", "pipe"] });

let open: RouteKernel | undefined;
let made = false;
/** Enters the namespace on first use; sockets made afterwards belong to it. */
function kernel(): RouteKernel {
  if (open !== undefined) return open;
  shell("netns", "add", NAMESPACE);
  made = true;
  assert.equal(native.setNetns(`/run/netns/${NAMESPACE}`), 0);
  shell("link", "set", "lo", "up");
  shell("link", "add", "near0", "type", "veth", "peer", "name", "far0");
  shell("link", "set", "near0", "up");
  open = openRouteKernel();
  return open;
}

after(() => {
  open?.close();
  if (made) shell("netns", "del", NAMESPACE);
});

const indexOf = (name: string): number => {
  const link = kernel()
    .links()
    .find((one) => one.name === name);
  assert.ok(link, name);
  return link.index;
};
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test("links come with name, state, MAC and MTU", { skip: reason }, () => {
  const near = kernel()
    .links()
    .find((link) => link.name === "near0");
  assert.ok(near);
  assert.equal(near.up, true);
  assert.equal(near.multicast, true);
  assert.match(near.mac ?? "", /^[0-9a-f:]{17}$/);
});

test(
  "many addresses of both families are added and removed in one call, and twice does no harm",
  { skip: reason },
  () => {
    const ifindex = indexOf("near0");
    const texts = [
      ...Array.from({ length: 255 }, (_, i) => `192.0.2.${i}/32`),
      ...Array.from({ length: 50 }, (_, i) => `2001:db8::${(i + 1).toString(16)}/128`),
    ];
    const orders = texts.map((text) => ({ ifindex, prefix: prefix(text) }));
    const present = (): string[] =>
      kernel()
        .addresses()
        .filter((address) => address.ifindex === ifindex && !address.prefix.address.startsWith("fe80:"))
        .map((address) => `${address.prefix.address}/${address.prefix.length}`);
    assert.ok(
      kernel()
        .addAddresses(orders)
        .every((outcome) => outcome.ok && !outcome.unchanged),
    );
    assert.deepEqual(present().sort(), [...texts].sort());
    assert.ok(
      kernel()
        .addAddresses(orders)
        .every((outcome) => outcome.ok && outcome.unchanged),
    );
    assert.ok(
      kernel()
        .removeAddresses(orders)
        .every((outcome) => outcome.ok && !outcome.unchanged),
    );
    assert.deepEqual(present(), []);
    assert.ok(
      kernel()
        .removeAddresses(orders)
        .every((outcome) => outcome.ok && outcome.unchanged),
    );
  },
);

test("an IPv6 address skips duplicate address detection", { skip: reason }, () => {
  const ifindex = indexOf("near0");
  kernel().addAddresses([{ ifindex, prefix: prefix("2001:db8:1::1/64") }]);
  const shown = execFileSync("ip", ["-6", "addr", "show", "dev", "near0"], { encoding: "utf8" });
  assert.match(shown, /2001:db8:1::1\/64 scope global nodad/);
  kernel().removeAddresses([{ ifindex, prefix: prefix("2001:db8:1::1/64") }]);
});

test(
  "a refused address gives the errno's name and the kernel's own words, and does not stop the others",
  { skip: reason },
  () => {
    const ifindex = indexOf("near0");
    const good = prefix("198.51.100.1/24");
    const outcomes = kernel().addAddresses([
      { ifindex: 9999, prefix: good },
      { ifindex, prefix: { address: ip("198.51.100.2"), length: 77 } },
      { ifindex, prefix: good },
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.code)),
      ["ENODEV", "EINVAL", "ok"],
    );
    const [, second] = outcomes;
    assert.ok(second !== undefined && !second.ok);
    assert.match(second.error, /^add address 198\.51\.100\.2\/77: EINVAL( \(.+\)|: invalid argument)$/);
    kernel().removeAddresses([{ ifindex, prefix: good }]);
  },
);

test("neighbours come with their MAC", { skip: reason }, () => {
  shell("neigh", "add", "192.0.2.77", "lladdr", "02:00:00:00:00:77", "dev", "near0");
  const found = kernel()
    .neighbours()
    .find((neighbour) => neighbour.address === "192.0.2.77");
  assert.ok(found);
  assert.equal(found.mac, "02:00:00:00:00:77");
  assert.equal(found.ifindex, indexOf("near0"));
});

test("events tell new from deleted, for links and for addresses", { skip: reason }, async () => {
  const events: RouteEvent[] = [];
  const stop = kernel().subscribe((event) => events.push(event));
  const ifindex = indexOf("near0");
  shell("addr", "add", "203.0.113.9/24", "dev", "near0");
  shell("addr", "del", "203.0.113.9/24", "dev", "near0");
  shell("link", "add", "near1", "type", "veth", "peer", "name", "far1");
  shell("link", "del", "near1");
  await settled();
  stop();
  const addresses = events.flatMap((event) =>
    event.kind === "address" && event.address.ifindex === ifindex ? [event] : [],
  );
  assert.deepEqual(
    addresses.map((event) => [event.change, event.address.prefix.address]),
    [
      ["new", "203.0.113.9"],
      ["deleted", "203.0.113.9"],
    ],
  );
  const links = events.flatMap((event) =>
    event.kind === "link" && event.link.name === "near1" ? [event.change] : [],
  );
  assert.equal(links[0], "new");
  assert.equal(links.at(-1), "deleted");
});

test("an interface that leaves a bridge keeps its addresses", { skip: reason }, async () => {
  kernel();
  shell("link", "add", "br0", "type", "bridge");
  shell("link", "add", "near2", "type", "veth", "peer", "name", "far2");
  shell("addr", "add", "203.0.113.2/24", "dev", "near2");
  shell("link", "set", "near2", "up", "master", "br0");
  let changes = 0;
  const table = new InterfaceTable(kernel(), {
    changed: () => {
      changes++;
    },
    addressGone: (_, { address }) => assert.fail(address),
    blinked: () => undefined,
  });
  const addresses = (): readonly string[] =>
    (table.find("near2")?.addresses ?? [])
      .map(({ address }) => address)
      .filter((text) => !text.includes(":"));
  assert.deepEqual(addresses(), ["203.0.113.2"]);
  shell("link", "set", "near2", "nomaster");
  // What comes later shows that what came before was heard.
  shell("addr", "add", "203.0.113.3/24", "dev", "near2");
  for (let i = 0; i < 100 && addresses().length < 2; i++) await settled();
  assert.deepEqual(addresses(), ["203.0.113.2", "203.0.113.3"]);
  assert.ok(changes > 0);
  table.close();
  shell("link", "del", "near2");
  shell("link", "del", "br0");
});

test(
  "an overrun of events is survived: it asks for a resync, and later events arrive",
  { skip: reason },
  async () => {
    const ifindex = indexOf("near0");
    let resyncs = 0;
    const seen = new Set<string>();
    const stop = kernel().subscribe((event) => {
      if (event.kind === "resync") resyncs++;
      else if (event.kind === "address") seen.add(event.address.prefix.address);
    });
    // All in one turn of the event loop, so that nothing is read meanwhile; the buffer holds about 4 MiB.
    const orders = Array.from({ length: 250 }, (_, i) => ({ ifindex, prefix: prefix(`10.0.0.${i}/32`) }));
    for (let i = 0; i < 40; i++) {
      kernel().addAddresses(orders);
      kernel().removeAddresses(orders);
    }
    for (let i = 0; i < 100 && resyncs === 0; i++) await settled();
    // From the resync on nothing may be missed.
    assert.ok(resyncs > 0, "a resync is asked for");
    kernel().addAddresses([{ ifindex, prefix: prefix("10.9.9.9/32") }]);
    for (let i = 0; i < 100 && !seen.has("10.9.9.9"); i++) await settled();
    assert.ok(seen.has("10.9.9.9"), "a later event arrives");
    stop();
  },
);

test(
  "when so many are refused that the answers overrun, the unknown ones say so, and the socket goes on",
  {
    skip: reason,
  },
  () => {
    kernel();
    const socket = new NetlinkSocket(NETLINK_PROTOCOL.ROUTE, 0, 2048);
    const refused = addAddressRequest(9999, prefix("192.0.2.1/24"));
    const answers = socket.transact(Array.from({ length: 500 }, () => refused));
    const names = new Set(answers.map(({ errno: code }) => errnoName(code)));
    assert.deepEqual(names, new Set(["ENODEV", "ENOBUFS"]));
    assert.deepEqual(
      socket.transact([refused]).map(({ errno: code }) => errnoName(code)),
      ["ENODEV"],
    );
    socket.close();
  },
);

test(
  "a dump that was broken off is in the way of the next one (EBUSY), which reads it to its end",
  { skip: reason },
  () => {
    const ifindex = indexOf("near0");
    const many = Array.from({ length: 2000 }, (_, i) => prefix(`198.18.${i >> 8}.${i & 255}/32`));
    const socket = new NetlinkSocket(NETLINK_PROTOCOL.ROUTE);
    const list = (read: typeof readAddress): number =>
      socket.dump("list addresses", addressesRequest, read).length;
    socket.transact(many.map((one) => addAddressRequest(ifindex, one)));
    const there = list(readAddress);
    assert.ok(there >= many.length);
    assert.throws(() => list(() => assert.fail("out of memory")), /out of memory/);
    assert.equal(list(readAddress), there);
    socket.transact(many.map((one) => removeAddressRequest(ifindex, one)));
    socket.close();
  },
);
