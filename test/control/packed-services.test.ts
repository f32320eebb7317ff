// Services on their way between the processes: what comes out is what went in.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { DEFAULT_POLICY, type CheckConfig, type ServiceConfig } from "../../src/config/model.js";
import { joinPacked, packService, splitPacked, unpackServices } from "../../src/control/packed-services.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";

const check = (type: string, options: unknown = {}): CheckConfig => ({
  type,
  options,
  timing: { every: seconds(5), timeout: seconds(2), rise: 2, fall: 3 },
});

const service = (name: string, ...checks: readonly (readonly CheckConfig[])[]): ServiceConfig => ({
  name,
  service: {
    key: { kind: "fwmark", mark: 7, family: "ipv4" },
    scheduler: "wlc",
    persistence: { timeout: seconds(60), prefixLength: 24 },
  },
  servers: checks.map((list, i) => ({
    server: { address: ip(`192.168.1.${i + 1}`), port: 80, forwarding: "nat", weight: i },
    checks: list,
  })),
});

function withPolicy(config: ServiceConfig): ServiceConfig {
  const sorry = [{ address: ip("192.168.1.9"), port: 81, forwarding: "nat", weight: 1 }] as const;
  const [first, ...others] = config.servers;
  assert.ok(first !== undefined);
  return {
    ...config,
    servers: [{ ...first, inhibit: true }, ...others],
    policy: { ...DEFAULT_POLICY, quorum: 3, sorry, beforeFirstCheck: "wait", massFailure: "hold" },
  };
}

const GROUP = {
  keys: [
    { kind: "fwmark", mark: 8, family: "ipv4" },
    { kind: "address", protocol: "tcp", address: ip("192.168.1.8"), port: 80 },
  ],
  ports: "keys",
} as const;

// A name and an option that look like the separators.
const services = [
  service("a],\n[b", [check("tcp")], [], [check("tcp"), check("http", { path: "/],\n[" })], [check("tcp")]),
  service("empty"),
  service("c", [check("tcp")]),
  withPolicy(service("d", [check("tcp")], [])),
  { ...service("e", [check("tcp")]), group: GROUP },
  { ...withPolicy(service("f", [check("tcp")])), group: GROUP },
];

test("services come out of the packed text as they went in", () => {
  const text = joinPacked(services.map(packService));
  assert.deepEqual(unpackServices(text), services);
  assert.deepEqual(unpackServices(joinPacked([])), []);
});

test("the packed text is one line a service, and lines can take the place of others", () => {
  const lines = services.map(packService);
  assert.deepEqual(splitPacked(joinPacked(lines)), lines);
  assert.deepEqual(splitPacked(joinPacked([])), []);
});

test("equal lists of checks become one value", () => {
  const [first, , third] = unpackServices(joinPacked(services.map(packService)));
  assert.equal(first?.servers[0]?.checks, first?.servers[3]?.checks);
  assert.equal(first?.servers[0]?.checks, third?.servers[0]?.checks);
});
