// A netlink socket that is overrun by events: the watch survives the error and later events are still seen.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { native } from "../../src/linux/native.js";
import { Watch } from "../../src/linux/poll.js";
import { sockaddrNl } from "../../src/linux/sockaddr.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "./own-namespaces.js";

const skip = cannotMakeNamespaces;
/** RTMGRP_IPV4_IFADDR. <linux/rtnetlink.h> */
const IPV4_ADDRESS_EVENTS = 0x10;
const ENOBUFS = -105;

let pair: NamespacePair;
before(() => {
  if (skip === false) pair = makeNamespacePair("no", 1);
});
after(() => {
  if (skip === false) pair.remove();
});

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), what);
}

test(
  "a storm of address events overruns the socket, and the watch goes on afterwards",
  { skip },
  async () => {
    const fd = pair.inA(() => native.socket(16, 3, 0));
    assert.equal(native.bind(fd, sockaddrNl(0, IPV4_ADDRESS_EVENTS)), 0);
    assert.equal(native.setsockopt(fd, 1, 8, 4096), 0);
    const room = new Uint8Array(8192);
    let events = 0;
    let overruns = 0;
    const watch = new Watch(fd, () => {
      for (let i = 0; i < 10_000; i++) {
        const got = native.recv(fd, room, null, null, null, 0);
        if (got === ENOBUFS) overruns += 1;
        else if (got < 0) break;
        else events += 1;
      }
    });
    const addresses = Array.from({ length: 1000 }, (_, i) => `10.88.${i >> 8}.${i & 255}/32 dev v0`);
    const storm = (verb: "add" | "del"): void => {
      const input = addresses.map((address) => `address ${verb} ${address}`).join("\n");
      // Synchronous: the event loop stands still meanwhile, so nothing is read.
      execFileSync("ip", ["-n", pair.nameA, "-batch", "-"], { input });
    };
    for (let round = 1; round <= 3; round++) {
      for (const verb of ["add", "del"] as const) {
        const overrunsBefore = overruns;
        storm(verb);
        await until(() => overruns > overrunsBefore, "the overrun was seen");
        const eventsBefore = events;
        pair.ipA("address", verb, `10.89.0.${round}/32`, "dev", "v0");
        await until(() => events > eventsBefore, "events after the overrun are seen");
      }
    }
    watch.close();
    native.close(fd);
  },
);
