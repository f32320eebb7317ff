// For each example of conf/: which addresses the machines of example-network.ts have in its network, and what a client
// that asks there is answered.

import type { Addressing, Place } from "./example-network.js";

export type Asked = {
  readonly kind: "http" | "https" | "smtp" | "ping";
  readonly by?: Place;
  readonly host: string;
  readonly port: number;
  /** Of everybody that answers; with `one`, a single one of them does. */
  readonly answers: readonly string[];
  readonly one?: true;
};
export type Site = {
  readonly file: string;
  readonly addressing: Addressing;
  readonly asked: readonly Asked[];
};

const pages = (host: string, ...of: readonly string[]): Asked => ({
  ...{ kind: "http", host, port: 80 },
  answers: of.map((name) => `page of ${name}`),
});
const mail = (host: string, ...of: readonly string[]): Asked => ({
  ...{ kind: "smtp", host, port: 25 },
  answers: of.map((name) => `220 ${name} ESMTP`),
});
const ping = (by: Place, host: string): Asked => ({ kind: "ping", by, host, port: 0, answers: [] });
const BOTH = ["rs1", "rs2"] as const;

const joined = (a: Addressing, b: Addressing): Addressing =>
  Object.fromEntries(
    ([...Object.keys(a), ...Object.keys(b)] as Place[]).map((place) => [
      place,
      [...(a[place] ?? []), ...(b[place] ?? [])],
    ]),
  );

/** The last part of the address of each director. */
type Directors = readonly [string, string?];

const directors = ([d1, d2]: Directors, ...words: readonly string[]): Addressing => {
  const with_ = (last: string): readonly string[] => words.map((word) => word.replace("*", last));
  return { d1: with_(d1), ...(d2 === undefined ? {} : { d2: with_(d2) }) };
};

/** Everybody on one link, direct routing. `net`: what all addresses begin with; "*" stands for the rest. */
function oneLink(
  net: `${string}*/${string}`,
  pair: Directors,
  servers: readonly [string, string],
  ...virtual: readonly string[]
): Addressing {
  const leg = (last: string): string => `eth0 ${net.replace("*", last)}`;
  const held = virtual.map((last) => `lo ${net.replace(/\*.*/, last)}`);
  return {
    ...directors(pair, leg("*")),
    client: [leg("250")],
    rs1: [leg(servers[0]), ...held],
    rs2: [leg(servers[1]), ...held],
  };
}

/** Real servers in two other networks, where tunnels end. */
function farAway(net: string, pair: Directors, virtual: string, far: readonly [string, string]): Addressing {
  const server = (at: string): string[] => [`eth1 ${at}.20/24`, `via ${at}.1`, `tunl0 ${virtual}/32`];
  return {
    ...directors(pair, `eth0 ${net}.*/24`, `via ${net}.1`),
    client: [`eth0 ${net}.250/24`],
    router: [`eth0 ${net}.1/24`, `far1 ${far[0]}.1/24`, `far2 ${far[1]}.1/24`],
    rs1: server(far[0]),
    rs2: server(far[1]),
  };
}

/** Real servers behind the directors, whose default route is .1 there. */
function behind(place: "farm" | "tier", net: string, inner: string, servers: readonly number[]): Addressing {
  return {
    ...directors(["2", "3"], `eth0 ${net}.*/24`, `eth1 ${inner}.*/24`),
    client: [`eth0 ${net}.250/24`],
    [place]: [...servers.map((last) => `eth0 ${inner}.${String(last)}/24`), `via ${inner}.1`],
  };
}

const PAIR = oneLink("192.168.1.*/24", ["2", "3"], ["4", "5"], "1/32");
const TIERS = [11, 12, 13, 14];
const NAT = [11, 12, 13, 15].map((last) => `10.0.100.${String(last)}`);

export const SITES: readonly Site[] = [
  {
    file: "active-active.yaml",
    addressing: oneLink("192.168.1.*/24", ["2", "3"], ["4", "5"], "61/32", "62/32"),
    asked: [pages("192.168.1.61", ...BOTH), pages("192.168.1.62", ...BOTH)],
  },
  { file: "direct-routing.yaml", addressing: PAIR, asked: [pages("192.168.1.1", ...BOTH)] },
  {
    file: "dual-stack.yaml",
    addressing: joined(PAIR, oneLink("2001:db8:1::*/64", ["2", "3"], ["4", "5"], "1/128")),
    asked: [pages("192.168.1.1", ...BOTH), pages("2001:db8:1::1", ...BOTH)],
  },
  { file: "minimal.yaml", addressing: PAIR, asked: [ping("client", "192.168.1.1")] },
  {
    file: "nat.yaml",
    addressing: behind("farm", "192.168.28", "10.0.100", [11, 12, 13, 15, 21, 22]),
    asked: [
      // The fourth has weight 0.
      pages("192.168.28.167", ...NAT.slice(0, 3)),
      { ...mail("192.168.28.167", "10.0.100.21", "10.0.100.22"), one: true },
    ],
  },
  {
    file: "tunnel.yaml",
    addressing: farAway("192.0.2", ["2", "3"], "192.0.2.10", ["198.51.100", "203.0.113"]),
    asked: [{ ...pages("192.0.2.10", ...BOTH), kind: "https", port: 443 }],
  },
  { file: "vipd.yaml", addressing: PAIR, asked: [pages("192.168.1.1", ...BOTH)] },
  {
    file: "vrrp-only.yaml",
    addressing: {
      ...directors(["2", "3"], "eth0 10.2.0.*/24", "eth1 10.1.0.*/16"),
      client: ["eth0 10.2.0.250/24", "via 10.2.0.2"],
      farm: ["eth0 10.1.0.9/16", "via 10.1.0.1"],
    },
    // A host of the network reaches somebody outside through its gateway.
    asked: [ping("farm", "10.2.0.250")],
  },
  {
    file: "examples/direct-routing-blog.yaml",
    addressing: oneLink("192.168.0.*/24", ["20"], ["100", "101"], "50/32"),
    asked: [pages("192.168.0.50", ...BOTH)],
  },
  {
    file: "examples/direct-routing-mail.yaml",
    addressing: oneLink("192.168.0.*/24", ["6"], ["7", "8"], "5/32"),
    asked: [mail("192.168.0.5", ...BOTH)],
  },
  {
    file: "examples/direct-routing-pair.yaml",
    addressing: joined(PAIR, directors(["2", "3"], "eth1 172.16.1.*/24")),
    asked: [pages("192.168.1.1", ...BOTH)],
  },
  {
    file: "examples/nat-four-servers.yaml",
    // The only director has its addresses from the example itself.
    addressing: { ...behind("farm", "192.168.28", "10.0.100", [11, 12, 13, 15]), d1: [], d2: [] },
    asked: [pages("192.168.28.167", ...NAT)],
  },
  {
    file: "examples/three-tier.yaml",
    addressing: behind("tier", "192.0.2", "10.0.0", TIERS),
    asked: [pages("192.0.2.30", ...TIERS.map((last) => `10.0.0.${String(last)} with page of data`))],
  },
  {
    file: "examples/tunnel-wan.yaml",
    addressing: farAway("203.0.113", ["2"], "203.0.113.10", ["198.51.100", "192.0.2"]),
    asked: [pages("203.0.113.10", ...BOTH)],
  },
  {
    file: "examples/two-tier-nat.yaml",
    addressing: behind("farm", "192.0.2", "10.0.0", [11, 12]),
    asked: [pages("192.0.2.20", "10.0.0.11", "10.0.0.12")],
  },
];
