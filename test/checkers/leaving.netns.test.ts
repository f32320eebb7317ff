// How the packets of each kind of check leave: by source address, interface, firewall mark, and to another address and
// port than the server's, over IPv4 and IPv6, and to an address of one link. Two namespaces with two links between them:
// which one was taken the server sees by the address that it is asked from.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { checkers } from "../../src/checkers/registry.js";
import { keysAt } from "../../src/config/problems.js";
import * as values from "../../src/config/values.js";
import { ip, type IpAddress } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "../linux/own-namespaces.js";
import { until } from "../lab/wait.js";
import { assertFails, assertUp, run, target } from "./harness.js";
import { openServers, PORTS, type Servers } from "./leaving-servers.js";

const skip = cannotMakeNamespaces;
let pair: NamespacePair;
let servers: Servers;

/** The addresses of the links, and two more, which the server answers over the one or the other. */
type Way = "first" | "second" | "source" | "source2";
type Net = {
  readonly server: IpAddress;
  /** Whom the server sees. */
  readonly seen: Readonly<Record<Way, string>>;
  readonly elsewhere: IpAddress;
};
const NETS: Readonly<Record<"IPv4" | "IPv6", Net>> = {
  IPv4: {
    server: ip("10.9.9.9"),
    seen: { first: "10.77.0.1", second: "10.77.1.1", source: "10.9.8.8", source2: "10.9.8.7" },
    elsewhere: ip("192.0.2.99"),
  },
  IPv6: {
    server: ip("fd09::9"),
    seen: { first: "fd77::1", second: "fd78::1", source: "fd09::8", source2: "fd09::7" },
    elsewhere: ip("2001:db8::99"),
  },
};
const LINK_LOCAL = { server: ip("fe80::b"), seen: "fe80::a" };
const SECOND = "v1";
/** The highest bit, too. */
const MARK = 0x8000_0005;

/** Every kind of check, in all its forms that open sockets in ways of their own. */
const FORMS: readonly {
  readonly name: string;
  readonly at: keyof typeof PORTS | "ping";
  readonly options?: object;
}[] = [
  { name: "tcp", at: "tcp" },
  { name: "http", at: "http" },
  { name: "http", at: "http", options: { version: "1.0" } },
  { name: "http", at: "http2", options: { version: 2 } },
  { name: "https", at: "https" },
  { name: "smtp", at: "smtp" },
  { name: "expect", at: "expect", options: { steps: [{ "expect-line": "ready" }] } },
  { name: "dns", at: "dns", options: { name: "a.test", type: "A" } },
  { name: "dns", at: "dns", options: { name: "a.test", type: "A", protocol: "tcp" } },
  { name: "udp", at: "udp", options: { payload: "x", reply: "x" } },
  { name: "agent", at: "agent", options: { port: PORTS.agent } },
  { name: "ping", at: "ping" },
];

before(async () => {
  if (skip !== false) return;
  pair = makeNamespacePair("leave", 2);
  const { ipA, ipB } = pair;
  for (const [name, command, host, own] of [
    [pair.nameA, ipA, 1, "8"],
    [pair.nameB, ipB, 2, "9"],
  ] as const) {
    for (const where of ["all", "v0", "v1"])
      execFileSync("ip", ["netns", "exec", name, "sysctl", "-qw", `net.ipv4.conf.${where}.rp_filter=0`]);
    for (const link of [0, 1])
      command("address", "add", `fd7${7 + link}::${host}/64`, "dev", `v${link}`, "nodad");
    command("address", "add", `fe80::${host === 1 ? "a" : "b"}/64`, "dev", SECOND, "nodad");
    command("address", "add", `10.9.${own}.${own}/32`, "dev", "lo");
    command("address", "add", `fd09::${own}/128`, "dev", "lo", "nodad");
  }
  ipA("address", "add", "10.9.8.7/32", "dev", "lo");
  ipA("address", "add", "fd09::7/128", "dev", "lo", "nodad");
  ipB("route", "add", "10.9.8.8", "via", "10.77.0.1");
  ipB("route", "add", "10.9.8.7", "via", "10.77.1.1");
  ipB("-6", "route", "add", "fd09::7", "via", "fd78::1");
  ipB("-6", "route", "add", "fd09::8", "via", "fd77::1");
  // The second link is taken by who asks for it alone.
  ipA("route", "add", "10.9.9.9", "via", "10.77.0.2", "metric", "10");
  ipA("route", "add", "10.9.9.9", "via", "10.77.1.2", "metric", "20");
  ipA("route", "add", "10.9.9.9", "via", "10.77.1.2", "table", "105");
  ipA("-6", "route", "add", "fd09::9", "via", "fd77::2", "metric", "10");
  ipA("-6", "route", "add", "fd09::9", "via", "fd78::2", "metric", "20");
  ipA("-6", "route", "add", "fd09::9", "via", "fd78::2", "table", "105");
  for (const family of ["-4", "-6"]) ipA(family, "rule", "add", "fwmark", String(MARK), "lookup", "105");
  const addresses = [...Object.values(NETS).map(({ server }) => server), LINK_LOCAL.server];
  servers = pair.inB(() => openServers(addresses, SECOND));
  await until("the servers to be there", seconds(20), async () => {
    const all = [NETS.IPv4.server, NETS.IPv6.server].map((server) => ask("ping", {}, server, 0, 500));
    return (await Promise.all(all)).every(({ ok }) => ok);
  });
});
after(() => {
  if (skip !== false) return;
  servers.close();
  pair.remove();
});

/** From inside of a. The socket stays there; only its opening must be in time. */
async function ask(
  name: string,
  options: object,
  address: IpAddress,
  port: number,
  timeout?: number,
): Promise<CheckResult> {
  return (await pair.inA(() => run(name, options, { ...target(port), address }, timeout))).result;
}

for (const { name, at, options: own = {} } of FORMS) {
  const port = at === "ping" ? 0 : PORTS[at];
  const form = `${name}${!("steps" in own) ? ` ${JSON.stringify(own)}` : ""}`;
  /** Whom the server saw when it was asked so. */
  const from = async (options: object, to: IpAddress, toPort = port): Promise<string> => {
    servers.takeSeen();
    assertUp(await ask(name, { ...own, ...options }, to, toPort), /./);
    // The kernel answers a ping before we hear of it.
    let seen: string | undefined;
    const look = (): boolean => {
      seen ??= servers.takeSeen().find(([server]) => server === at)?.[1];
      return seen !== undefined;
    };
    await until("the server to be asked", seconds(20), look);
    return seen ?? "";
  };

  for (const [family, { server, seen, elsewhere }] of Object.entries(NETS))
    test(`${form} leaves as it is told to over ${family}`, { skip }, async () => {
      assert.equal(await from({}, server), seen.first, "by the routes");
      assert.equal(await from({ source: seen.source }, server), seen.source, "by its source");
      assert.equal(await from({ interface: SECOND }, server), seen.second, "by its interface");
      assert.equal(await from({ mark: MARK }, server), seen.second, "by its mark");
      const all = { source: seen.source2, interface: SECOND, mark: MARK };
      assert.equal(await from(all, server), seen.source2, "by all three");
      const to = { address: server, ...(port === 0 ? {} : { port }) };
      assert.equal(await from(to, elsewhere, 9), seen.first, "to another address and port");
      assert.equal(await from({ ...to, mark: MARK }, elsewhere, 9), seen.second, "to these with a mark");

      const fails = (more: object) => ask(name, { ...own, ...more }, server, port);
      assertFails(await fails({ source: elsewhere }), "connect-failed", /bind to source/);
      assertFails(await fails({ interface: "none" }), "connect-failed", /bind to interface none: ENODEV/);
    });

  test(`${form} reaches an address of one link`, { skip }, async () => {
    assert.equal(await from({ interface: SECOND }, LINK_LOCAL.server), LINK_LOCAL.seen);
    const source = { interface: SECOND, source: LINK_LOCAL.seen };
    assert.equal(await from(source, LINK_LOCAL.server), LINK_LOCAL.seen);
    const other = await ask(name, { ...own, interface: "v0" }, LINK_LOCAL.server, port, 300);
    assert.ok(!other.ok, "nobody has it on the first link");
  });
}

test("every checker that can be told how to leave was", () => {
  const shown = new Set(FORMS.map(({ name }) => name));
  for (const { name, options } of checkers) {
    const keys = keysAt(options(values), []);
    const leaves = ["address", "source", "interface", "mark"].filter((key) => keys.includes(key));
    assert.equal(shown.has(name), leaves.length > 0, name);
    if (leaves.length > 0) assert.equal(leaves.length, 4, `${name} has ${leaves.join(", ")} alone`);
    assert.equal(keys.includes("port"), leaves.length > 0 && name !== "ping", name);
  }
});
