// Packets as a host of the lab sees them, live, with the kernel's time stamps: VRRP adverts, gratuitous ARP and neighbour
// advertisements, which is what tests of failover measure. Also writes captures to a file and lets tshark read them, for protocol details.

import type { Milliseconds } from "../../src/core/units.js";
import { seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { LabProcess } from "./process.js";
import { until } from "./wait.js";

export type Seen =
  | {
      readonly kind: "advert";
      readonly at: number;
      readonly mac: string;
      readonly source: string;
      readonly version: number;
      readonly vrid: number;
      readonly priority: number;
    }
  | Announcement<"gratuitous-arp">
  | Announcement<"neighbour-advertisement">;
type Announcement<Kind> = {
  readonly kind: Kind;
  readonly at: number;
  readonly mac: string;
  readonly address: string;
};

// 1700000000.123456 02:00:... > 01:00:5e:00:00:12, ethertype IPv4 (0x0800), ...: 10.0.0.2 > 224.0.0.18: VRRPv3, Advertisement, vrid 51, prio 150
// To the group of either family, or to a single router.
const ADVERT =
  /^(\d+\.\d+) ([0-9a-f:]{17}) > .*?: (\S+) > \S+: VRRPv(\d), Advertisement, (?:\([^)]*\), )?vrid (\d+), prio (\d+)/;
// tcpdump calls it Announcement, or Request/Reply with both addresses the same, by version and by the frame's form.
const GARP =
  /^(\d+\.\d+) ([0-9a-f:]{17}) > .*ARP.*?(?:Announcement (\S+?),|who-has (\S+) .*tell (\S+?),|Reply (\S+) is-at)/;

// ... > 33:33:00:00:00:01, ethertype IPv6 (0x86dd), ...: fe80::2 > ff02::1: ICMP6, neighbor advertisement, tgt is fd00::1, length 32
const UNSOLICITED_NA =
  /^(\d+\.\d+) ([0-9a-f:]{17}) > .*> ff02::1: ICMP6, neighbor advertisement, tgt is ([0-9a-f:]+)/;

export function readLine(text: string): Seen | undefined {
  const advert = ADVERT.exec(text);
  if (advert !== null) {
    const [, at, mac = "", source = "", version, vrid, priority] = advert;
    return {
      kind: "advert",
      at: Number(at) * 1000,
      mac,
      source,
      version: Number(version),
      vrid: Number(vrid),
      priority: Number(priority),
    };
  }
  const neighbour = UNSOLICITED_NA.exec(text);
  if (neighbour !== null) {
    const [, at, mac = "", address = ""] = neighbour;
    return { kind: "neighbour-advertisement", at: Number(at) * 1000, mac, address };
  }
  const arp = GARP.exec(text);
  if (arp === null) return undefined;
  const [, at, mac = "", announced, asked, asker, replied] = arp;
  if (asked !== undefined && asked !== asker) return undefined;
  return { kind: "gratuitous-arp", at: Number(at) * 1000, mac, address: announced ?? asked ?? replied ?? "" };
}

export class Capture {
  readonly seen: Seen[] = [];
  readonly #tcpdump: LabProcess;

  private constructor(tcpdump: LabProcess) {
    this.#tcpdump = tcpdump;
    tcpdump.onLine(({ text }) => {
      const seen = readLine(text);
      if (seen !== undefined) this.seen.push(seen);
    });
  }

  /** Comes back when packets are really being taken. */
  static async start(host: Host, interfaceName: string): Promise<Capture> {
    const tcpdump = host.spawn([
      "tcpdump",
      "-i",
      interfaceName,
      "-l",
      "-n",
      "-e",
      "-tt",
      "--immediate-mode",
      "-s",
      "128",
      "arp or proto 112 or icmp6",
    ]);
    const capture = new Capture(tcpdump);
    await tcpdump.waitFor(/listening on/, seconds(20));
    return capture;
  }

  adverts(source?: string): Extract<Seen, { kind: "advert" }>[] {
    return this.seen
      .filter((seen) => seen.kind === "advert")
      .filter((seen) => source === undefined || seen.source === source);
  }

  gratuitousArps(address?: string): Extract<Seen, { kind: "gratuitous-arp" }>[] {
    return this.seen
      .filter((seen) => seen.kind === "gratuitous-arp")
      .filter((seen) => address === undefined || seen.address === address);
  }

  neighbourAdvertisements(address: string): Extract<Seen, { kind: "neighbour-advertisement" }>[] {
    return this.seen
      .filter((seen) => seen.kind === "neighbour-advertisement")
      .filter((seen) => seen.address === address);
  }

  waitFor<T extends Seen>(what: string, limit: Milliseconds, take: (seen: Seen) => seen is T): Promise<T>;
  waitFor(what: string, limit: Milliseconds, take: (seen: Seen) => boolean): Promise<Seen>;
  waitFor(what: string, limit: Milliseconds, take: (seen: Seen) => boolean): Promise<Seen> {
    return until(what, limit, () => this.seen.find(take));
  }

  stop(): Promise<unknown> {
    return this.#tcpdump.stop();
  }
}
