// To which real server the kernel sends whom, with the whole daemon: firewall marks, persistence, thresholds, and the
// flags of the schedulers that hash, calls of SIP, each with the file that orders it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Client, often, servePages } from "../lab/asking.js";
import { startVipd } from "../lab/directors.js";
import { buildFarm, CLIENT, CLIENT6, CLIENTS, VIP, VIP6 } from "../lab/farm.js";
import { Lab } from "../lab/lab.js";

const PATIENCE = seconds(90);
const SERVERS = "servers: [10.41.0.4, 10.41.0.5]";
const ONE_OUT = "servers: [{ address: 10.41.0.4, weight: 0 }, 10.41.0.5]";
const ONE_FULL =
  "servers: [{ address: 10.41.0.4, weight: 1000, upper-threshold: 2, lower-threshold: 1 }, { address: 10.41.0.5, weight: 1 }]";

const CONFIG = `nodes: { lb: {} }
defaults: { service: { forwarding: direct-routing } }
services:
  marked: { fwmark: 7, scheduler: rr, ${SERVERS} }
  marked6: { fwmark: 7, family: ipv6, scheduler: rr, servers: ["fd41::4", "fd41::5"] }
  sticky: { address: ${VIP}:90, scheduler: rr, persistence: 5m, ${SERVERS} }
  sticky-net: { address: ${VIP}:91, scheduler: rr, persistence: { timeout: 5m, prefix-length: 24 }, ${SERVERS} }
  limited: { address: ${VIP}:92, scheduler: wlc, ${ONE_FULL} }
  hashed: { address: ${VIP}:93, scheduler: sh, ${SERVERS} }
  hashed-port: { address: ${VIP}:94, scheduler: sh, scheduler-flags: [port], ${SERVERS} }
  hashed-out: { address: ${VIP}:95, scheduler: sh, ${ONE_OUT} }
  hashed-fallback: { address: ${VIP}:96, scheduler: sh, scheduler-flags: [fallback], ${ONE_OUT} }
  maglev-port: { address: ${VIP}:97, scheduler: mh, scheduler-flags: [port], ${SERVERS} }
  calls: { address: ${VIP}:5060, protocol: udp, scheduler: rr, persistence: 5m, engine: sip, ${SERVERS} }
  calls-net: { address: ${VIP}:5061, protocol: udp, scheduler: rr, persistence: { timeout: 5m, prefix-length: 24 }, engine: sip, ${SERVERS} }
  with-director: { address: ${VIP}:99, scheduler: rr, servers: [127.0.0.1, 10.41.0.4] }
  every-port: { address: "[${VIP6}]:0", scheduler: rr, persistence: 5m, servers: ["fd41::4", "fd41::5"] }
  maglev-fallback: { address: ${VIP}:98, scheduler: mh, scheduler-flags: [fallback], ${ONE_OUT} }
`;
/** Ports of the marked service are 88 and 89; nothing but the mark says so. */
const MARK = `table inet marks {
chain in {
type filter hook prerouting priority mangle
tcp dport { 88, 89 } meta mark set 7
}
}
`;
const BOTH = ["page of rs1", "page of rs2"];

test("connections go to the servers that marks, persistence, thresholds and hashes say", async (t) => {
  const lab = new Lab();
  try {
    const farm = buildFarm(lab);
    farm.director.run("nft", MARK);
    const ports = Array.from({ length: 12 }, (_, i) => `http/::/${String(88 + i)}`);
    const serve = farm.servers.map((host) =>
      servePages(host, host.name, ...ports, `udp/${VIP}/5060`, `udp/${VIP}/5061`),
    );
    serve.push(servePages(farm.director, "lb", "http/::/99"));
    const daemon = startVipd(lab, farm.director, lab.file("vipd.yaml", CONFIG));
    const client = await Client.start(farm.client);
    await Promise.all(serve);
    await daemon.waitFor(/is ready as node lb/, PATIENCE);
    const ask = (port: number, from: readonly string[], host = VIP): Promise<readonly string[]> =>
      client.ask({ kind: "http", host, port, from });
    const distinct = (answers: readonly string[]): string[] => [...new Set(answers)].toSorted();

    await t.test("a mark of the firewall makes one service of two ports, in both families", async () => {
      assert.deepEqual(distinct([...(await ask(88, [CLIENT])), ...(await ask(89, [CLIENT]))]), BOTH);
      const six = [...(await ask(88, [CLIENT6], VIP6)), ...(await ask(89, [CLIENT6], VIP6))];
      assert.deepEqual(distinct(six), BOTH);
    });
    await t.test("a persistent client keeps its server, and others get the other one", async () => {
      const [one = "", two = ""] = CLIENTS;
      const answers = await ask(90, [one, two, one, two, one, two]);
      assert.deepEqual(distinct(answers.slice(0, 2)), BOTH);
      assert.deepEqual(answers, [...answers.slice(0, 2), ...answers.slice(0, 2), ...answers.slice(0, 2)]);
    });
    await t.test("with a prefix length, clients of one network keep the same server", async () => {
      assert.equal(distinct(await ask(91, CLIENTS.slice(0, 6))).length, 1);
    });
    await t.test(
      "a server at its upper threshold gets no new connections, however great its weight",
      async () => {
        const hold = { kind: "hold", host: VIP, port: 92, from: often(CLIENT, 2) } as const;
        assert.deepEqual(await client.ask(hold), ["held", "held"]);
        // The other server may have got one of the two: by the first of these at the latest this one has its two.
        assert.deepEqual((await ask(92, often(CLIENT, 4))).slice(1), often("page of rs2", 3));
        await client.ask({ ...hold, kind: "release" });
      },
    );
    await t.test("sh: an address keeps its server; with the port, its connections are spread", async () => {
      assert.equal(distinct(await ask(93, often(CLIENT, 6))).length, 1);
      assert.deepEqual(distinct(await ask(93, CLIENTS)), BOTH);
      assert.deepEqual(distinct(await ask(94, often(CLIENT, 16))), BOTH);
    });
    await t.test(
      "sh: of a server with weight 0 clients get nothing, with fallback the other server",
      async () => {
        const without = distinct(await ask(95, CLIENTS));
        assert.deepEqual(without, ["(ECONNREFUSED)", "page of rs2"]);
        assert.deepEqual(distinct(await ask(96, CLIENTS)), ["page of rs2"]);
      },
    );
    await t.test("the director itself is one of the real servers", async () => {
      assert.deepEqual(distinct(await ask(99, CLIENTS.slice(0, 4))), ["page of lb", "page of rs1"]);
    });
    await t.test("a service of every port takes all of them to one server for a client", async () => {
      const answers = [...(await ask(97, [CLIENT6], VIP6)), ...(await ask(98, [CLIENT6], VIP6))];
      assert.equal(distinct(answers).length, 1);
      assert.match(answers[0] ?? "", /^page of rs\d$/);
    });
    await t.test(
      "the SIP engine keeps each call of a client at one server, whatever port it comes from",
      async () => {
        const calls = ["alpha", "beta", "alpha", "beta", "beta", "alpha"];
        for (const [port, from] of [
          [5060, often(CLIENT, calls.length)],
          // Addresses of one network count as one client.
          [5061, CLIENTS.slice(0, calls.length)],
        ] as const) {
          const [one = "", two = "", ...others] = await client.ask({
            kind: "sip",
            host: VIP,
            port,
            from,
            calls,
          });
          assert.deepEqual([one, two].toSorted(), ["rs1", "rs2"]);
          assert.deepEqual(others, [one, two, two, one]);
        }
      },
    );
    await t.test(
      "mh: with the port, one client's connections are spread; with fallback all are served",
      async () => {
        assert.deepEqual(distinct(await ask(97, often(CLIENT, 16))), BOTH);
        assert.deepEqual(distinct(await ask(98, CLIENTS)), ["page of rs2"]);
      },
    );
  } finally {
    lab.close();
  }
});
