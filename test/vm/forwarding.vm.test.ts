// A request end to end by every forwarding method, in IPv4 and IPv6, with the whole daemon and real checks: both real
// servers answer, and the packets came as they were ordered to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Client, often, servePages } from "../lab/asking.js";
import { startVipd } from "../lab/directors.js";
import { buildFarm, CLIENT, CLIENT6, GUE_PORT, tunnelled, VIP, VIP6, type Farm } from "../lab/farm.js";
import { Lab } from "../lab/lab.js";

const PATIENCE = seconds(90);
const V4 = ["10.41.0.4", "10.41.0.5"];
const V6 = ["fd41::4", "fd41::5"];

type Case = {
  readonly title: string;
  readonly port: number;
  readonly family: 4 | 6;
  /** Of the real servers, where it is another one. */
  readonly inner?: 4 | 6;
  readonly order: string;
  /** The counter of the tunnel in which the packets come. */
  readonly tunnel?: string;
};

const gue = `forwarding: tunnel, tunnel: { type: gue, port: ${String(GUE_PORT)} }`;
const gre = "forwarding: tunnel, tunnel: { type: gre }";
const checked = (order: string, checksum: string): string => order.replace(" }", `, checksum: ${checksum} }`);
const CASES: readonly Case[] = [
  { title: "NAT", port: 80, family: 4, order: "forwarding: nat" },
  { title: "NAT", port: 80, family: 6, order: "forwarding: nat" },
  { title: "direct routing", port: 81, family: 4, order: "forwarding: direct-routing" },
  { title: "direct routing", port: 81, family: 6, order: "forwarding: direct-routing" },
  { title: "IPIP", port: 82, family: 4, order: "forwarding: tunnel", tunnel: "ipip" },
  { title: "IPIP", port: 82, family: 6, order: "forwarding: tunnel", tunnel: "ip6ip6" },
  { title: "GUE", port: 83, family: 4, order: gue, tunnel: "gue" },
  { title: "GUE", port: 83, family: 6, order: gue, tunnel: "gue6" },
  { title: "GRE", port: 84, family: 4, order: gre, tunnel: "gre" },
  { title: "GRE with checksums", port: 84, family: 6, order: checked(gre, "full"), tunnel: "gre6" },
  { title: "GUE with checksums", port: 87, family: 4, order: checked(gue, "full") },
  { title: "GUE with checksums", port: 87, family: 6, order: checked(gue, "full") },
  { title: "GUE with remote checksums", port: 88, family: 4, order: checked(gue, "remote") },
  { title: "IPIP", port: 85, family: 6, inner: 4, order: "forwarding: tunnel", tunnel: "sit" },
  { title: "IPIP", port: 86, family: 4, inner: 6, order: "forwarding: tunnel", tunnel: "ipip6" },
];

const at = (host: string, port: number): string =>
  host.includes(":") ? `"[${host}]:${String(port)}"` : `${host}:${String(port)}`;
/** With NAT the real servers listen elsewhere. */
const portOf = ({ title, port }: Case): number => (title === "NAT" ? 8000 + port : port);

function serviceOf(one: Case): string {
  const { port, family, inner, order } = one;
  const servers = ((inner ?? family) === 4 ? V4 : V6).map((address) => at(address, portOf(one)));
  return `  s${String(port)}-${String(family)}:
    { address: ${at(family === 4 ? VIP : VIP6, port)}, ${order}, check: { http: { path: / } }, servers: [${servers.join(", ")}] }
`;
}

const CONFIG = `nodes: { lb: { priority: 100 } }
defaults: { service: { scheduler: rr }, check: { every: 5s, timeout: 4s, fall: 3 } }
services:
${CASES.map(serviceOf).join("")}
  udp: { address: ${VIP}:53, protocol: udp, forwarding: nat, servers: [${V4.map((a) => `${a}:5353`).join(", ")}] }
  one-packet:
    { address: ${VIP}:54, protocol: udp, one-packet: true, forwarding: direct-routing, servers: [${V4.join(", ")}] }
`;

async function begin(lab: Lab): Promise<{ readonly farm: Farm; readonly client: Client }> {
  const farm = buildFarm(lab);
  const ports = [...new Set(CASES.map(portOf))].map((port) => `http/::/${String(port)}`);
  const serve = farm.servers.map((host, i) =>
    servePages(host, host.name, ...ports, `udp/${V4[i] ?? ""}/5353`, `udp/${VIP}/54`),
  );
  const daemon = startVipd(lab, farm.director, lab.file("vipd.yaml", CONFIG));
  const client = await Client.start(farm.client);
  await Promise.all(serve);
  await daemon.waitFor(/is ready as node lb/, PATIENCE);
  return { farm, client };
}

const titleOf = ({ title, family, inner }: Case): string =>
  `${title}, IPv${String(family)}${inner === undefined ? "" : ` to real servers of IPv${String(inner)}`}`;

test("a request and its answer by every forwarding method", async (t) => {
  const lab = new Lab();
  try {
    const { farm, client } = await begin(lab);
    for (const one of CASES)
      await t.test(titleOf(one), async () => {
        const [host, from] = one.family === 4 ? [VIP, CLIENT] : [VIP6, CLIENT6];
        const answers = await client.ask({ kind: "http", host, port: one.port, from: often(from, 4) });
        assert.deepEqual(answers.toSorted(), ["page of rs1", "page of rs1", "page of rs2", "page of rs2"]);
      });
    await t.test("packets came to both real servers in every kind of tunnel", () => {
      const kinds = CASES.flatMap(({ tunnel }) => tunnel ?? []).toSorted();
      for (const server of farm.servers) assert.deepEqual(tunnelled(server), kinds, server.name);
    });
    await t.test("UDP: a client's port keeps its server, unless each packet is for itself", async () => {
      const servers = (answers: readonly string[]): number => {
        assert.match(answers.join(), /^(echo \d of rs\d,?){4}$/);
        return new Set(answers.map((text) => text.slice(-3))).size;
      };
      const question = { kind: "udp", host: VIP, from: often(CLIENT, 4) } as const;
      assert.equal(servers(await client.ask({ ...question, port: 53 })), 1);
      assert.equal(servers(await client.ask({ ...question, port: 54 })), 2);
    });
  } finally {
    lab.close();
  }
});
