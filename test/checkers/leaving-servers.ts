// Servers of every kind in the second of two namespaces, which note from where they are asked: TCP, datagrams, and pings,
// which the kernel answers. Refuses to know how the packets were meant to leave.

import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";

import { familyOf, ipFromBytes, type IpAddress } from "../../src/core/address.js";
import { AF, IPPROTO, SOCK } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";
import { Watch } from "../../src/linux/poll.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import { GOOD, KEY } from "./certificates.js";
import { answerMessage } from "./dns-writer.js";

export const PORTS = {
  tcp: 101,
  http: 102,
  http2: 103,
  https: 104,
  smtp: 105,
  expect: 106,
  agent: 107,
  dns: 53,
  udp: 108,
};
type Port = keyof typeof PORTS;

export type Servers = {
  /** Who has asked since the last call: addresses, by the server that was asked. */
  readonly takeSeen: () => readonly (readonly [server: Port | "ping", from: string])[];
  readonly close: () => void;
};

const dnsAnswer = (query: Uint8Array): Uint8Array =>
  answerMessage({
    id: (query[0]! << 8) | query[1]!,
    answers: [{ name: "a.test", type: 1, data: [192, 0, 2, 1] }],
  });

const TCP: Readonly<Record<Exclude<Port, "udp">, () => Server>> = {
  tcp: () => createServer(),
  http: () => createHttpServer((_, response) => response.end("page")),
  http2: () => createHttp2Server((_, response) => response.end("page")),
  https: () => createHttpsServer({ cert: GOOD, key: KEY }, (_, response) => response.end("page")),
  smtp: () =>
    createServer((socket) => {
      socket.write("220 ready\r\n");
      socket.on("data", () => socket.write("250 ok\r\n"));
    }),
  expect: () => createServer((socket) => socket.write("ready\r\n")),
  agent: () => createServer((socket) => socket.end("up\n")),
  dns: () =>
    createServer((socket) => {
      socket.once("data", (query: Buffer) => {
        const answer = dnsAnswer(query.subarray(2));
        socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 0xff), answer]));
      });
    }),
};

/** To be called inside of the namespace. `addresses`: that datagrams are answered from; `link` is that of link-local ones. */
export function openServers(addresses: readonly IpAddress[], link: string): Servers {
  let seen: (readonly [Port | "ping", string])[] = [];
  const note = (server: Port | "ping", from: string): void =>
    void seen.push([server, from.replace(/^::ffff:/, "").replace(/%.*/, "")]);
  const servers = Object.entries(TCP).map(([name, make]) => {
    const server = make();
    server.on("connection", (socket: Socket) => {
      socket.on("error", () => undefined);
      note(name as Port, socket.remoteAddress ?? "");
    });
    server.on("tlsClientError", () => undefined);
    // Without an address it listens at once, and so in this namespace.
    return server.listen(PORTS[name as Port]);
  });
  const ends = [...datagrams(addresses, link, note), ...pings(note)];
  return {
    takeSeen: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
    close: () => {
      for (const end of ends) end();
      for (const server of servers) server.close();
    },
  };
}

function datagrams(
  addresses: readonly IpAddress[],
  link: string,
  note: (server: Port, from: string) => void,
): (() => void)[] {
  return addresses.flatMap((address) =>
    (["udp", "dns"] as const).map((name) => {
      const family = familyOf(address) === "ipv4" ? AF.INET : AF.INET6;
      const fd = native.socket(family, SOCK.DGRAM, IPPROTO.UDP);
      const scope = address.startsWith("fe80:") ? native.ifIndex(link) : 0;
      if (native.bind(fd, sockaddrIp(address, PORTS[name], scope)) < 0) throw new Error(`bind ${address}`);
      const bytes = new Uint8Array(1500);
      const from = new Uint8Array(28);
      return watching(fd, () => {
        const length = native.recv(fd, bytes, from, null, null, 0);
        if (length < 0) return;
        note(name, senderOf(from, family));
        const answer = name === "dns" ? dnsAnswer(bytes) : bytes.subarray(0, length);
        native.send(fd, answer, 0, family === AF.INET ? from.subarray(0, 16) : from, null);
      });
    }),
  );
}

/** A raw socket sees what the kernel answers. */
function pings(note: (server: "ping", from: string) => void): (() => void)[] {
  return [
    { family: AF.INET, protocol: IPPROTO.ICMP, request: 8, at: 20 },
    { family: AF.INET6, protocol: IPPROTO.ICMPV6, request: 128, at: 0 },
  ].map(({ family, protocol, request, at }) => {
    const fd = native.socket(family, SOCK.RAW, protocol);
    const bytes = new Uint8Array(1500);
    const from = new Uint8Array(28);
    return watching(fd, () => {
      if (native.recv(fd, bytes, from, null, null, 0) >= 0 && bytes[at] === request)
        note("ping", senderOf(from, family));
    });
  });
}

function watching(fd: number, onReadable: () => void): () => void {
  const watch = new Watch(fd, onReadable);
  return () => {
    watch.close();
    native.close(fd);
  };
}

const senderOf = (address: Uint8Array, family: number): string =>
  family === AF.INET ? ipFromBytes(address.subarray(4, 8)) : ipFromBytes(address.subarray(8, 24));
