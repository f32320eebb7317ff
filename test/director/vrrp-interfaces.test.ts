// Many instances on an interface with many addresses: what a change there costs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { addressOn, sourceOf } from "../../src/director/vrrp-interfaces.js";
import type { AddressView, InterfaceView } from "../../src/ports/vrrp.js";
import { instance } from "../vrrp/ip-packet.js";

const INSTANCES = 200;
const ADDRESSES = 2000;

test("what all instances ask of an interface costs as much as its addresses, and not that times the instances", () => {
  let reads = 0;
  const virtual = new Set(
    Array.from({ length: ADDRESSES }, (_, i) => ip(`10.20.${Math.floor(i / 250)}.${(i % 250) + 1}`)),
  );
  // The kernel may list an address of our own after those that a crash left behind.
  const addresses = [...virtual, ip("10.99.0.2")].map((address): AddressView => ({
    get address() {
      reads++;
      return address;
    },
    length: 32,
  }));
  const view: InterfaceView = { index: 2, up: true, multicast: true, mac: undefined, addresses };
  const interfaces = { find: () => view, has: () => false };
  for (let i = 0; i < INSTANCES; i++) {
    assert.equal(sourceOf(instance(), interfaces, virtual), "10.99.0.2");
    assert.equal(addressOn(view, ip("10.20.0.1"))?.length, 32);
    assert.equal(addressOn(view, ip("10.21.0.1")), undefined);
  }
  assert.ok(reads < 4 * (INSTANCES + ADDRESSES), `${reads} reads`);
});
