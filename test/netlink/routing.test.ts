// Routes and rules as messages: byte for byte where iproute2 shows the way, and as properties.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePrefix, ip, ipFromBytes, type Prefix } from "../../src/core/address.js";
import { Reader, toHex, Writer } from "../../src/core/bytes.js";
import { formatRoute, formatRule, type Route, type Rule } from "../../src/core/routing.js";
import { attributes, binary, nested, u32 } from "../../src/netlink/attribute.js";
import { messagesIn, writeMessage, type Request } from "../../src/netlink/message.js";
import {
  addRouteRequest,
  addRuleRequest,
  removeRouteRequest,
  removeRuleRequest,
} from "../../src/netlink/routing.js";

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  assert.ok(parsed.ok);
  return parsed.value;
};
const written = (request: Request): Uint8Array => {
  const out = new Writer();
  writeMessage(out, request, 0x4, 1);
  return out.finish();
};
/** Without the netlink header. */
const body = (request: Request): string => toHex(written(request)).slice(32);
const SEVEN = (): number => 7;

const route = (changes: Partial<Route>): Route => ({
  to: prefix("10.1.0.0/16"),
  type: "unicast",
  hops: [{ via: ip("10.0.0.1"), interface: "eth0", weight: 1 }],
  table: 254,
  ...changes,
});

test("a route is the message of `ip route add 10.1.0.0/16 via 10.0.0.1 dev eth0 metric 5 mtu 1400`", () => {
  const request = addRouteRequest(route({ metric: 5, mtu: 1400 }), SEVEN);
  assert.equal(
    body(request),
    "02100000fe70000100000000" + // rtmsg: inet/16, main, protocol 112, global, unicast
      "080001000a010000" +
      "0800040007000000" +
      "080005000a000001" +
      "0800060005000000" +
      "0c000880" +
      "0800020078050000" +
      "08000f00fe000000",
  );
  assert.equal(request.flags, 0x400, "before another's of the same destination");
  assert.equal(removeRouteRequest(route({}), SEVEN).flags, 0);
});

test("a route without a gateway has the scope of the link, a dead end the global one", () => {
  const scopeOf = (one: Route): string => body(addRouteRequest(one, SEVEN)).slice(12, 14);
  assert.equal(scopeOf(route({ hops: [{ interface: "eth0", weight: 1 }] })), "fd");
  assert.equal(scopeOf(route({ type: "blackhole", hops: [] })), "00");
  assert.equal(scopeOf(route({ hops: [{ interface: "eth0", weight: 1 }], scope: "host" })), "fe");
});

test("several next hops, an IPv6 gateway of an IPv4 route and a table above 255 have their own attributes", () => {
  const request = addRouteRequest(
    route({
      table: 1000,
      hops: [
        { via: ip("10.0.0.1"), weight: 1 },
        { via: ip("fe80::1"), interface: "eth0", onlink: true, weight: 3 },
      ],
    }),
    SEVEN,
  );
  assert.equal(
    body(request),
    "02100000fc70000100000000" +
      "080001000a010000" +
      "34000900" +
      "1000000000000000080005000a000001" +
      "20000402070000001600" +
      "1200" +
      "0a00" +
      "fe800000000000000000000000000001" +
      "0000" +
      "08000f00e8030000",
  );
});

test("an IPv6 route is not to be joined with another's into one", () => {
  const request = addRouteRequest(
    route({ to: prefix("2001:db8::/32"), hops: [{ via: ip("fe80::1"), interface: "eth0", weight: 1 }] }),
    SEVEN,
  );
  assert.equal(request.flags, 0x600);
});

test("a rule is the message of `ip rule add pref 100 from 10.0.0.0/8 fwmark 1/0xff iif eth1 lookup 1000`", () => {
  const rule: Rule = {
    family: "ipv4",
    priority: 100,
    action: "lookup",
    table: 1000,
    from: prefix("10.0.0.0/8"),
    iif: "eth1",
    fwmark: { value: 1, mask: 255 },
  };
  const expected =
    "020008000000000100000000" +
    "080002000a000000" +
    "090003006574683100000000" +
    "0800060064000000" +
    "08000a0001000000" +
    "08000f00e8030000" +
    "08001000ff000000" +
    "0500150070000000";
  assert.equal(body(addRuleRequest(rule)), expected);
  assert.equal(addRuleRequest(rule).flags, 0x600);
  assert.equal(body(removeRuleRequest(rule)), expected, "what is removed is what was added, and ours");
  assert.equal(removeRuleRequest(rule).flags, 0);
});

const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(ipFromBytes);
const hop = fc.record(
  { via: address, interface: fc.constantFrom("eth0", "vrrp.51"), onlink: fc.boolean() },
  { requiredKeys: [], noNullPrototype: true },
);
const routes: fc.Arbitrary<Route> = fc.record(
  {
    to: fc.record({ address, length: fc.nat(32) }),
    type: fc.constantFrom("unicast", "blackhole", "unreachable", "prohibit"),
    hops: fc.array(
      fc.tuple(hop, fc.integer({ min: 1, max: 256 })).map(([one, weight]) => ({ ...one, weight })),
      { maxLength: 4 },
    ),
    source: address,
    metric: fc.nat(0xffff_ffff),
    table: fc.integer({ min: 1, max: 0xffff_ffff }),
    mtu: fc.nat(65535),
  },
  { requiredKeys: ["to", "type", "hops", "table"], noNullPrototype: true },
);

const anyAttributes = attributes({
  to: [1, binary],
  ifindex: [4, u32],
  metric: [6, u32],
  source: [7, binary],
  metrics: [8, nested(attributes({ mtu: [2, u32] }))],
  hops: [9, binary],
  table: [15, u32],
});

test("every route makes a message that is read back as what it names", () => {
  fc.assert(
    fc.property(routes, (one) => {
      for (const request of [addRouteRequest(one, SEVEN), removeRouteRequest(one, SEVEN)]) {
        const bytes = written(request);
        const messages = [...messagesIn(bytes, bytes.length)];
        assert.equal(messages.length, 1);
        const { from, to } = messages[0]!;
        const input = new Reader(bytes, from + 12, to);
        const read = anyAttributes.read(input, input.remaining);
        assert.equal(input.error, undefined);
        assert.equal(read.table, one.table);
        assert.equal(read.metric, one.metric);
        assert.equal(read.metrics?.mtu, one.mtu);
        assert.equal(read.source && ipFromBytes(read.source), one.source);
        assert.equal(read.hops !== undefined, one.hops.length > 1);
        let left = read.hops ?? new Uint8Array(0);
        let hops = 0;
        for (; left.length >= 8; hops++) left = left.subarray(((left[0]! | (left[1]! << 8)) + 3) & ~3);
        assert.equal(hops, one.hops.length > 1 ? one.hops.length : 0);
      }
    }),
  );
});

test("routes and rules are written as iproute2 writes them", () => {
  assert.equal(
    formatRoute(route({ to: prefix("0.0.0.0/0"), table: 100, metric: 5, source: ip("10.0.0.9") })),
    "default via 10.0.0.1 dev eth0 table 100 src 10.0.0.9 metric 5",
  );
  assert.equal(formatRoute(route({ type: "blackhole", hops: [] })), "blackhole 10.1.0.0/16");
  assert.equal(
    formatRoute(
      route({
        hops: [
          { via: ip("10.0.0.1"), weight: 1 },
          { interface: "eth1", weight: 2 },
        ],
      }),
    ),
    "10.1.0.0/16 nexthop via 10.0.0.1 weight 1 nexthop dev eth1 weight 2",
  );
  assert.equal(
    formatRule({ family: "ipv4", priority: 9, action: "prohibit", to: prefix("10.0.0.0/8"), oif: "eth0" }),
    "9: from all to 10.0.0.0/8 oif eth0 prohibit",
  );
});
