// What a third host has recorded of two directors, for tests that ask one thing of it each.

import assert from "node:assert/strict";
import type { Host } from "../../lab/host.js";
import type { Trace } from "../../lab/trace.js";

export class Evidence {
  private readonly trace: Trace;
  /** Where tshark runs. */
  private readonly host: Host;

  constructor(trace: Trace, host: Host) {
    this.trace = trace;
    this.host = host;
  }

  /** The fields of each packet that fits; at least one does. */
  seen(filter: string, ...fields: readonly string[]): string[][] {
    const rows = this.trace.rows(this.host, filter, ...fields);
    assert.ok(rows.length > 0, `nothing that fits ${filter}`);
    return rows;
  }

  /** The values that a field has in them. */
  distinct(filter: string, field: string): string[] {
    return [...new Set(this.seen(filter, field).map(([value]) => value ?? ""))];
  }

  /** How many there are of what must not be there. */
  count(filter: string): number {
    return this.trace.rows(this.host, filter, "frame.number").length;
  }
}

/** A flag; versions of tshark say "1" or "True". */
export const isSet = (text: string | undefined): boolean => text === "1" || text === "True";

/** Whether an address answers the host within a second. `hops`: 1 is too few to be forwarded. */
export const pings = (host: Host, address: string, hops = 64): boolean =>
  host.try("ping", "-c", "1", "-W", "1", "-t", String(hops), address).status === 0;

/** Whether who has this MAC address takes packets to `address` for himself; one that he forwards does not live on. */
export function acceptsAt(host: Host, address: string, lladdr: string): boolean {
  host.ip(`neighbour replace ${address} lladdr ${lladdr} dev eth0 nud permanent`);
  const answer = pings(host, address, 1);
  host.ip(`neighbour delete ${address} dev eth0`);
  return answer;
}

export const macOf = (host: Host, device = "eth0"): string =>
  host.run("cat", `/sys/class/net/${device}/address`).trim();
