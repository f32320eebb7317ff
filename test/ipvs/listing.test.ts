// A listing: what the kernel's messages and /proc say is read, put in order, and written in the columns of ipvsadm.
// The expected lines are those of ipvsadm 1.31; test/vm/listing.vm.test.ts compares with ipvsadm itself.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { readTimeouts, timeoutAttributes } from "../../src/ipvs/timeouts.js";
import { ip } from "../../src/core/address.js";
import { Writer } from "../../src/core/bytes.js";
import { seconds } from "../../src/core/units.js";
import { readConnection } from "../../src/ipvs/connections.js";
import { connectionJson, daemonJson, entryJson } from "../../src/ipvs/listing-json.js";
import {
  addressesIn,
  connectionHeading,
  connectionLine,
  daemonLine,
  infoLine,
  listingText,
  PLAIN,
  timeoutsLine,
  type View,
} from "../../src/ipvs/listing-text.js";
import {
  inListingOrder,
  readCountedServer,
  readCountedService,
  readInfo,
  type CountedServer,
  type ListingEntry,
} from "../../src/ipvs/listing.js";
import type { ListedService, ServiceKey } from "../../src/ipvs/model.js";
import { NUMBERS } from "../../src/ipvs/naming.js";
import {
  extraAttributes,
  infoAttributes,
  statisticsAttributes,
  statisticsOf,
} from "../../src/ipvs/statistics.js";
import { commandAttributes } from "../../src/ipvs/schema.js";
import { writeGenericHeader } from "../../src/netlink/generic.js";
import { messagesIn, writeMessage, type Message } from "../../src/netlink/message.js";

function message(body: (out: Writer) => void): Message {
  const out = new Writer();
  writeMessage(out, { type: 30, flags: 0, body: (all) => body(writeGenericHeader(all, 1, 1)) }, 0, 1);
  const bytes = out.finish();
  const [only] = [...messagesIn(bytes, bytes.length)];
  assert.ok(only);
  return only;
}

const counted = { connections: 3n, inPackets: 70n, outPackets: 50n, inBytes: 2n ** 60n, outBytes: 9n };
const rates = { connectionRate: 1n, inPacketRate: 2n, outPacketRate: 3n, inByteRate: 4n, outByteRate: 5n };
const figures = statisticsOf({ ...counted, ...rates });
const none = statisticsOf(undefined);
const tcp = (address: string, port: number): ServiceKey => ({
  kind: "address",
  protocol: "tcp",
  address: ip(address),
  port,
});
const entry = (service: ListedService, ...servers: readonly CountedServer[]): ListingEntry => ({
  service,
  statistics: figures,
  servers,
});

const web = entry(
  { key: tcp("10.0.0.1", 80), scheduler: "wlc" },
  {
    server: {
      ...{ address: ip("10.0.0.2"), port: 8080, forwarding: "nat", weight: 7 },
      ...{ upper: 100, lower: 50, active: 12, inactive: 3 },
    },
    persistent: 2,
    statistics: figures,
  },
  {
    server: { address: ip("10.0.0.5"), port: 80, forwarding: "tunnel", weight: 1 },
    tunnel: { kind: "gue", port: 6080, checksum: "remote" },
    persistent: 0,
    statistics: none,
  },
);
const mail = entry({
  key: tcp("fd00::1", 25),
  scheduler: "sh",
  persistence: { timeout: seconds(60), prefixLength: 64 },
  flags: 0x4 | 0x8 | 0x10 | 0x20,
  engine: "sip",
});
const mark = entry({
  key: { kind: "fwmark", mark: 9, family: "ipv6" },
  scheduler: "rr",
  flags: 0x10,
  persistence: { timeout: seconds(360), prefixLength: 128 },
});

const lines = (view: View, exact = false): readonly string[] =>
  listingText([web, mail, mark], { ...PLAIN, view, exact });

test("messages are read with counters, rates, persistent clients and tunnels", () => {
  const service = message((out) =>
    commandAttributes.write(out, {
      service: {
        family: 2,
        protocol: 6,
        address: Uint8Array.of(10, 0, 0, 1),
        port: 80,
        scheduler: "wlc",
        flags: new Uint8Array(8),
      },
    }),
  );
  assert.deepEqual(readCountedService(service), {
    service: { key: tcp("10.0.0.1", 80), scheduler: "wlc" },
    statistics: none,
  });
  const server = message((out) => {
    const inner = new Writer();
    commandAttributes.write(inner, {
      server: {
        address: Uint8Array.of(10, 0, 0, 5),
        port: 80,
        forwarding: 2,
        weight: 1,
        family: 2,
        tunnelType: 1,
        tunnelPort: 6080,
        tunnelFlags: 1,
      },
    });
    const more = new Writer();
    extraAttributes.write(more, {
      server: { persistent: 4, statistics: { ...counted, ...rates } },
    });
    // One attribute of both: the second without its header.
    const [first, second] = [inner.finish(), more.finish().subarray(4)];
    out
      .u16ne(first.length + second.length)
      .u16ne(2 | 0x8000)
      .raw(first.subarray(4))
      .raw(second);
  });
  assert.deepEqual(readCountedServer(server, { key: tcp("10.0.0.1", 80), scheduler: "wlc" }), {
    server: {
      ...{ address: "10.0.0.5", port: 80, forwarding: "tunnel", weight: 1 },
      tunnel: { kind: "gue", port: 6080, checksum: "full" },
      ...{ active: 0, inactive: 0, persistent: 4 },
    },
    tunnel: { kind: "gue", port: 6080, checksum: "full" },
    persistent: 4,
    statistics: figures,
  });
  const out = new Writer();
  statisticsAttributes.write(out, counted);
  assert.equal(out.finish().length, 5 * 12);
});

test("version, size and timeouts are read, and an answer that lacks them is none", () => {
  const info = message((out) => infoAttributes.write(out, { version: 0x010201, size: 4096 }));
  assert.deepEqual(readInfo(info), { version: "1.2.1", size: 4096 });
  assert.equal(infoLine({ version: "1.2.1", size: 4096 }), "IP Virtual Server version 1.2.1 (size=4096)");
  const timeouts = message((out) => timeoutAttributes.write(out, { tcp: 900, tcpFin: 120, udp: 300 }));
  assert.deepEqual(readTimeouts(timeouts), { tcp: 900, tcpFin: 120, udp: 300 });
  assert.equal(timeoutsLine({ tcp: 900, tcpFin: 120, udp: 300 }), "Timeout (tcp tcpfin udp): 900 120 300");
  const empty = message(() => undefined);
  assert.deepEqual([readInfo(empty), readTimeouts(empty)], [undefined, undefined]);
});

test("a table has the columns of ipvsadm", () => {
  assert.deepEqual(lines("connections"), [
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    "TCP  10.0.0.1:80 wlc",
    "  -> 10.0.0.2:8080                Masq    7      12         3         ",
    "  -> 10.0.0.5:80                  Tunnel  1      0          0         ",
    "TCP  [fd00::1]:25 sh (sh-fallback,sh-port,flag-3) persistent 60 mask 64 pe sip ops",
    "FWM  9 IPv6 rr (flag-2) persistent 360",
  ]);
  assert.deepEqual(lines("thresholds").slice(0, 4), [
    "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
    "  -> RemoteAddress:Port",
    "TCP  10.0.0.1:80 wlc",
    "  -> 10.0.0.2:8080                100        50         12         3         ",
  ]);
  assert.deepEqual(lines("persistent-conn").slice(0, 4), [
    "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
    "  -> RemoteAddress:Port",
    "TCP  10.0.0.1:80 wlc",
    "  -> 10.0.0.2:8080                7         2           12         3         ",
  ]);
  assert.deepEqual(lines("tun-info").slice(1, 5), [
    "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn",
    "TCP  10.0.0.1:80 wlc",
    "  -> 10.0.0.2:8080                Masq    n/a           7      12         3         ",
    "  -> 10.0.0.5:80                  Tunnel  gue:6080:r+c  1      0          0         ",
  ]);
});

test("counters and rates have the columns of ipvsadm, large ones in units unless they are wanted in full", () => {
  assert.deepEqual(lines("stats"), [
    "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes",
    "  -> RemoteAddress:Port",
    "TCP  10.0.0.1:80                         3       70       50 1152921T        9",
    "  -> 10.0.0.2:8080                       3       70       50 1152921T        9",
    "  -> 10.0.0.5:80                         0        0        0        0        0",
    "TCP  [fd00::1]:25                        3       70       50 1152921T        9",
    "FWM  9 IPv6                              3       70       50 1152921T        9",
  ]);
  assert.equal(
    lines("stats", true)[2],
    "TCP  10.0.0.1:80                         3       70       50 1152921504606846976        9",
  );
  assert.deepEqual(lines("rate").slice(0, 3), [
    "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS",
    "  -> RemoteAddress:Port",
    "TCP  10.0.0.1:80                         1        2        3        4        5",
  ]);
  const shown = (value: bigint): string | undefined =>
    listingText([{ ...mark, statistics: statisticsOf({ connections: value }) }], {
      ...PLAIN,
      view: "stats",
    })[2]
      ?.slice(33, 42)
      .trim();
  assert.deepEqual([99_999_999n, 100_000_000n, 999_999_999n, 1_000_000_000n].map(shown), [
    "99999999",
    "100000K",
    "999999K",
    "1000M",
  ]);
  assert.deepEqual([99_999_999_999n, 100_000_000_000n, 99_999_999_999_999n, 10n ** 14n].map(shown), [
    "99999M",
    "100G",
    "99999G",
    "100T",
  ]);
});

test("names are used where there are some, an address without one keeps its brackets", () => {
  const naming = {
    host: (address: string) => (address === "10.0.0.2" ? "real1" : address),
    port: (port: number, protocol: string) => `${port}/${protocol}`,
  };
  const text = listingText([web, mail], { ...PLAIN, naming });
  assert.equal(text[2], "TCP  10.0.0.1:80/tcp wlc");
  assert.match(text[3] ?? "", /^ {2}-> real1:8080\/tcp {14} Masq/);
  assert.match(text[5] ?? "", /^TCP {2}\[fd00::1\]:25\/tcp sh/);
  assert.deepEqual([...addressesIn([web, mark])], ["10.0.0.1", "10.0.0.2", "10.0.0.5"]);
});

test("entries are listed by family, protocol, address and port, firewall marks last, servers by address", () => {
  const plain = (key: ServiceKey): ListingEntry => entry({ key, scheduler: "rr" });
  const udp = plain({ kind: "address", protocol: "udp", address: ip("9.0.0.1"), port: 1 });
  const ordered = [
    plain(tcp("9.0.0.1", 80)),
    plain(tcp("9.0.0.1", 443)),
    plain(tcp("200.0.0.1", 80)),
    udp,
    plain(tcp("fd00::1", 80)),
    plain({ kind: "fwmark", mark: 1, family: "ipv6" }),
    plain({ kind: "fwmark", mark: 2, family: "ipv4" }),
  ];
  const mixed = [5, 3, 1, 6, 4, 2, 0].map((i) => ordered[i] as ListingEntry);
  assert.deepEqual(inListingOrder(mixed), ordered);
  const [first] = inListingOrder([{ ...web, servers: [...web.servers].reverse() }]);
  assert.deepEqual(first?.servers, web.servers);
});

test("connections are read from /proc and written in the columns of ipvsadm", () => {
  const read = (line: string): string | undefined => {
    const connection = readConnection(line);
    return connection === undefined ? undefined : connectionLine(connection, NUMBERS, true);
  };
  assert.deepEqual(
    [
      "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData",
      "TCP 0A000001 AAE4 0A000001 0050 0A00000C 0050 SYN_RECV         44",
      "UDP FD000000:00000000:00000000:00000001 AAE4 [fd00:0000:0000:0000:0000:0000:0000:0001] 0050 0A00000C 0050 UDP 7200",
      "TCP 0A000001 0000 0A000001 0050 0A00000C 0050 NONE -1 sip a84b4c76e66710",
      "TCP 0A00000 AAE4 0A000001 0050 0A00000C 0050 SYN_RECV 44",
      "TCP 0A000001 AAE4 0A000001 0050 0A00000C 0050 SYN_RECV soon",
      "TCP 0A000001 AAE4",
      "",
    ].map(read),
    [
      undefined,
      "TCP 00:44  SYN_RECV    10.0.0.1:43748     10.0.0.1:80        10.0.0.12:80",
      "UDP 120:00 UDP         [fd00::1]:43748    [fd00::1]:80       10.0.0.12:80",
      "TCP 00:00  NONE        10.0.0.1:0         10.0.0.1:80        10.0.0.12:80     sip                a84b4c76e66710",
      undefined,
      undefined,
      undefined,
      undefined,
    ],
  );
  assert.deepEqual(connectionHeading(false), [
    "IPVS connection entries",
    "pro expire state       source             virtual            destination",
  ]);
  assert.match(connectionHeading(true)[1] ?? "", / destination {8}pe name {10}pe_data$/);
});

test("a sync daemon has the words of ipvsadm", () => {
  const daemon = { role: "master" as const, interface: "eth1", id: 51, maxLength: 1464, port: 8848, ttl: 1 };
  assert.equal(
    daemonLine({ ...daemon, group: ip("224.0.0.81") }),
    "master sync daemon (mcast=eth1, syncid=51, maxlen=1464, group=224.0.0.81, port=8848, ttl=1)",
  );
  assert.equal(
    daemonLine({ ...daemon, maxLength: 0, port: 0, ttl: 0 }),
    "master sync daemon (mcast=eth1, syncid=51)",
  );
  assert.deepEqual(daemonJson(daemon), {
    ...{ role: "master", interface: "eth1", id: 51, max_length: 1464, group: null, port: 8848, ttl: 1 },
  });
});

test("for programs everything is there by name, with units", () => {
  const json = JSON.parse(JSON.stringify([entryJson(web), entryJson(mail)])) as {
    servers: Record<string, unknown>[];
  }[];
  const [first, second] = json;
  assert.deepEqual(first?.servers[0], {
    ...{ server: "10.0.0.2:8080", forwarding: "nat", tunnel: null, weight: 7 },
    ...{ upper_threshold: 100, lower_threshold: 50, active: 12, inactive: 3, persistent: 2 },
    stats: { connections: 3, in_packets: 70, out_packets: 50, in_bytes: 2 ** 60, out_bytes: 9 },
    rate: { connections: 1, in_packets: 2, out_packets: 3, in_bytes: 4, out_bytes: 5 },
  });
  assert.deepEqual(first.servers[1]?.["tunnel"], { kind: "gue", port: 6080, checksum: "remote" });
  assert.deepEqual(
    { ...second, stats: 0, rate: 0 },
    {
      ...{ service: "tcp [fd00::1]:25", scheduler: "sh", flags: ["sh-fallback", "sh-port", "flag-3"] },
      ...{ one_packet: true, persistence: { timeout_s: 60, prefix_length: 64 }, persistence_engine: "sip" },
      ...{ stats: 0, rate: 0, servers: [] },
    },
  );
  const connection = readConnection("TCP 0A000001 0000 0A000001 0050 0A00000C 0050 NONE 7 sip x");
  assert.ok(connection);
  assert.deepEqual(connectionJson(connection), {
    ...{ protocol: "tcp", source: "10.0.0.1:0", virtual: "10.0.0.1:80", destination: "10.0.0.12:80" },
    ...{ state: "NONE", expires_s: 7, persistence_engine: "sip", engine_data: "x" },
  });
});
