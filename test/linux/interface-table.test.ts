// The table of interfaces over a kernel that cannot always answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { errno } from "../../src/linux/errno.js";
import { InterfaceTable } from "../../src/linux/interface-table.js";
import { NetlinkError } from "../../src/linux/netlink-socket.js";
import type { RouteEvent, RouteKernel } from "../../src/ports/route.js";

const NAME = "eth0";
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** A kernel with what is given, and nothing else; `tell` is what it says to its subscriber. */
function fakeKernel(has: Partial<RouteKernel>): {
  readonly kernel: RouteKernel;
  readonly tell: (event: RouteEvent) => void;
} {
  let subscriber: (event: RouteEvent) => void = () => undefined;
  const kernel: RouteKernel = {
    links: () => [],
    addresses: () => [],
    neighbours: () => [],
    addAddresses: () => [],
    removeAddresses: () => [],
    addRouting: () => [],
    removeRouting: () => [],
    subscribe: (onEvent) => {
      subscriber = onEvent;
      return () => undefined;
    },
    close: () => undefined,
    ...has,
  };
  return { kernel, tell: (event) => subscriber(event) };
}

test("a list that changes all the time while it is read leaves the old view, and is read again", async () => {
  let busy = 0;
  let up = true;
  const list = <T>(value: T): readonly T[] => {
    if (busy-- > 0) throw new NetlinkError("list links: changed while it was read", { errno: errno.EINTR });
    return [value];
  };
  const { kernel, tell } = fakeKernel({
    links: () => list({ index: 2, name: NAME, up, running: up, multicast: true }),
    addresses: () =>
      list({
        ifindex: 2,
        prefix: { address: ip("192.0.2.1"), length: 24 },
        secondary: false,
        tentative: false,
      }),
  });
  let changes = 0;
  const gone: string[] = [];
  const table = new InterfaceTable(kernel, {
    changed: () => {
      changes++;
    },
    addressGone: (_, { address }) => void gone.push(address),
    blinked: () => undefined,
  });
  const before = table.find(NAME);
  assert.equal(before?.addresses.length, 1);
  busy = 3;
  up = false;
  tell({ kind: "resync" });
  assert.deepEqual(table.find(NAME), before);
  for (let i = 0; i < 500 && table.find(NAME)?.up !== false; i++) await turn();
  assert.equal(table.find(NAME)?.up, false);
  await turn();
  assert.ok(changes > 0);
  assert.deepEqual(gone, []);
  table.close();
});

test("a link that goes and comes back within one batch of news is seen to have been away", async () => {
  const link = (up: boolean) => ({ index: 2, name: NAME, up: true, running: up, multicast: true });
  const { kernel, tell } = fakeKernel({ links: () => [link(true)] });
  const seen: (boolean | undefined)[] = [];
  const table = new InterfaceTable(kernel, {
    changed: () => void seen.push(table.find(NAME)?.up),
    addressGone: () => undefined,
    blinked: () => undefined,
  });
  tell({ kind: "link", change: "new", link: link(false) });
  tell({ kind: "link", change: "new", link: link(true) });
  await turn();
  assert.deepEqual(seen, [false, true]);
  table.close();
});

test("a carrier that was away for less time than the kernel needs to tell is a blink, once", async () => {
  const link = (carrierChanges: number) =>
    ({ index: 2, name: NAME, up: true, running: true, multicast: true, carrierChanges }) as const;
  const { kernel, tell } = fakeKernel({ links: () => [link(2)] });
  const blinks: number[][] = [];
  const table = new InterfaceTable(kernel, {
    changed: () => undefined,
    addressGone: () => undefined,
    blinked: (ifindexes) => void blinks.push([...ifindexes]),
  });
  for (const count of [2, 4, 4]) {
    tell({ kind: "link", change: "new", link: link(count) });
    await turn();
  }
  assert.deepEqual(blinks, [[2]]);
  table.close();
});
