// Unicast peers and authentication, from the file to what an instance does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { diffConfig } from "../../src/config/change.js";
import { codes, good, PAIR, root } from "./load.js";

const file = (more: string, nodes = PAIR): string =>
  `${nodes}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24], ${more} }\n`;
const instanceOf = (text: string, node: string) => good(text, node).vrrp[0]!;

test("unicast: true sends from this node's address to the other nodes'", () => {
  const text = file("unicast: true");
  for (const [node, own, other] of [
    ["lb1", "192.168.1.2", "192.168.1.3"],
    ["lb2", "192.168.1.3", "192.168.1.2"],
  ] as const) {
    const { unicast, sourceAddress } = instanceOf(text, node);
    assert.deepEqual(unicast, { peers: [other], checkSource: true, ttl: { min: 255, max: 255 } });
    assert.equal(sourceAddress, own);
  }
  assert.deepEqual(codes(text), []);
});

test("one list of peers serves all directors: each leaves itself out, and sends from its interface", () => {
  const text = file("unicast: { peers: [192.168.1.2, 192.168.1.3, 192.168.1.4], check-source: false }");
  const { unicast, sourceAddress } = instanceOf(text, "lb2");
  assert.deepEqual(unicast?.peers, ["192.168.1.2", "192.168.1.4"]);
  assert.equal(unicast.checkSource, false);
  assert.equal(sourceAddress, undefined);
});

test("unicast without anybody to send to is an error", () => {
  assert.deepEqual(codes(file("unicast: true", "nodes:\n  lb1: { address: 192.168.1.2, priority: 1 }\n")), [
    "no-peers",
  ]);
  assert.deepEqual(codes(file("unicast: { peers: [192.168.1.2] }")), ["no-peers"]);
});

test("defaults set unicast and authentication for all, and an instance takes them back", () => {
  const shared = "defaults: { vrrp: { unicast: true, version: 2, auth: { password: abc } } }\n";
  const { unicast, auth } = instanceOf(file("priority: 7") + shared, "lb1");
  assert.deepEqual(unicast?.peers, ["192.168.1.3"]);
  assert.deepEqual(auth, { kind: "password", password: "abc" });
  const plain = instanceOf(file("unicast: false, auth: none") + shared, "lb1");
  assert.ok(!("unicast" in plain) && !("auth" in plain));
});

test("HMAC: keys as text, as hexadecimal digits, from a file; the window is three intervals, 5 s to 5 min", () => {
  const keys = `keys: [{ id: 9, key: "${"a".repeat(32)}" }, { id: 1, key: "hex:${"0F".repeat(64)}" }, { id: 2, key-file: /good.key }]`;
  const { auth } = instanceOf(file(`auth: { hmac: { ${keys} } }`), "lb1");
  assert.deepEqual(auth, {
    kind: "hmac",
    keys: [
      { id: 9, hex: "61".repeat(32) },
      { id: 1, hex: "0f".repeat(64) },
      { id: 2, hex: "6b".repeat(32) },
    ],
    send: 9,
    mode: "enforce",
    antiReplay: "time",
    window: 5000,
  });
  const slow = instanceOf(
    file(`version: 2, advert-interval: 200s, auth: { hmac: { ${keys}, send: 2 } }`),
    "lb1",
  ).auth;
  assert.ok(slow?.kind === "hmac" && slow.window === 300_000 && slow.send === 2);
  const steady = instanceOf(file(`advert-interval: 3s, auth: { hmac: { ${keys} } }`), "lb1").auth;
  assert.ok(steady?.kind === "hmac" && steady.window === 9000);
});

test("a reload tells that a secret changed, and not to what", () => {
  const before = good(file('version: 2, auth: { password: "s3cret1" }'));
  const after = good(file('version: 2, auth: { password: "s3cret2" }'));
  assert.deepEqual(diffConfig(before, after), ["vrrp web: auth has another secret"]);
  const hmac = good(
    file(`version: 2, unicast: true, auth: { hmac: { keys: [{ id: 1, key: "${"s3cret".repeat(6)}" }] } }`),
  );
  const [change, ...rest] = diffConfig(after, hmac);
  assert.deepEqual(rest, []);
  assert.match(change ?? "", /auth password -> hmac enforce, key 1, sends with 1, window 5 s/);
  assert.match(change ?? "", /unicast none -> 192\.168\.1\.3, TTL 255 to 255/);
  assert.doesNotMatch(change ?? "", /s3cret/);
});

test("what is said of wrong secrets does not hold them", () => {
  for (const name of ["adverts.txt", "adverts-shape.txt"])
    assert.doesNotMatch(readFileSync(join(root, "test/config/golden", name), "utf8"), /s3cret|1111/);
});
