// Reads the kernel's IPVS table of a host, in two ways: as `ipvsadm` prints it, for comparing with what ipvsadm
// itself would have made, and straight from /proc, which is cheap enough to poll.

import { seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";

/** `ipvsadm -Sn`, one command a line, sorted: the same table gives the same text whoever made it. */
export function ipvsadmTable(host: Host): string {
  return host.run("ipvsadm", "-Sn").split("\n").filter(Boolean).sort().join("\n");
}

export type ProcServer = {
  readonly service: string;
  readonly server: string;
  readonly forwarding: string;
  readonly weight: number;
  readonly active: number;
};

const fromHex = (hex: string): string => {
  const [address = "", port = "0"] = hex.split(":");
  const octets = address.match(/../g)?.map((pair) => String(parseInt(pair, 16))) ?? [];
  return `${octets.join(".")}:${String(parseInt(port, 16))}`;
};

/** The real servers in the kernel's table (IPv4), with the service each belongs to. */
export function procServers(host: Host): ProcServer[] {
  const servers: ProcServer[] = [];
  let service = "";
  for (const line of host.procNet("ip_vs").split("\n")) {
    const head = /^(TCP|UDP|SCTP)\s+([0-9A-F]{8}:[0-9A-F]{4})/.exec(line);
    if (head !== null) service = `${(head[1] ?? "").toLowerCase()} ${fromHex(head[2] ?? "")}`;
    if (line.startsWith("FWM")) service = line.split(/\s+/).slice(0, 2).join(" ");
    const server = /^\s+->\s+([0-9A-F]{8}:[0-9A-F]{4})\s+(\S+)\s+(\d+)\s+(\d+)/.exec(line);
    if (server === null) continue;
    const [, address = "", forwarding = "", weight, active] = server;
    servers.push({
      service,
      server: fromHex(address),
      forwarding,
      weight: Number(weight),
      active: Number(active),
    });
  }
  return servers;
}

/** Reads the table again and again without a pause, and says what a service's servers are whenever they are others. */
const WATCH = `
const [service] = process.argv.slice(1);
const { readFileSync } = require("node:fs");
let last;
const look = () => {
  for (const end = Date.now() + 50; Date.now() < end; ) {
    let isIn = false;
    const now = [];
    for (const line of readFileSync("/proc/self/net/ip_vs", "latin1").split("\\n")) {
      if (/^[A-Z]/.test(line)) isIn = line.includes(service);
      const server = /^ +-> +(\\S+) +\\S+ +(\\d+)/.exec(line);
      if (isIn && server !== null) now.push(parseInt(server[1].slice(6, 8), 16) + "=" + server[2]);
    }
    const text = now.sort().join(" ");
    if (text !== last) console.log("table " + (last = text));
  }
  setImmediate(look);
};
look();
`;

export type TableWatch = {
  /** "4=1 5=0": last numbers of the servers' addresses with their weights, each time that they were others than before. */
  readonly seen: () => readonly string[];
  readonly stop: () => void;
};

/** `address` and `port` of a service, IPv4. */
export async function watchTable(host: Host, address: string, port: number): Promise<TableWatch> {
  const hex = (n: number, digits: number): string => n.toString(16).toUpperCase().padStart(digits, "0");
  const octets = address.split(".").map((octet) => hex(Number(octet), 2));
  const watching = host.spawn([process.execPath, "-e", WATCH, `${octets.join("")}:${hex(port, 4)}`]);
  await watching.waitFor(/^table/, seconds(200));
  return {
    seen: () => watching.lines.map(({ text }) => text.slice("table ".length)),
    stop: () => watching.kill(),
  };
}

/** The servers of a service as `ipvsadm -Sn` has them, "10.96.1.4:80 -m -w 1", sorted. `service`: "-t 10.96.0.100:80". */
export const ipvsadmServers = (host: Host, service: string): readonly string[] =>
  ipvsadmTable(host)
    .split("\n")
    .flatMap((line) =>
      line.startsWith(`-a ${service} -r `) ? [line.slice(`-a ${service} -r `.length).trim()] : [],
    )
    .toSorted();
