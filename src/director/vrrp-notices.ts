// What the engine says of others, and of what the kernel refuses: adverts that are wrong or odd, a second master,
// an address on two hosts, adverts that could not be sent. The same again is counted, not said.

import type { IpAddress, MacAddress } from "../core/address.js";
import { between, seconds, type Instant } from "../core/units.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { senderOf } from "../vrrp/ip-header.js";
import type { DecodeError } from "../vrrp/packet.js";
import type { Master } from "../vrrp/state.js";
import type { RepeatLimit } from "./repeat-limit.js";
import type { Runtime } from "./vrrp-runtime.js";

/** How long a preempted master may take to let its addresses go. */
const HAND_OVER = seconds(1);
const MOST_ODDITIES = 16;

export class Notices {
  private readonly ports: Pick<VrrpPorts, "report" | "interfaces">;
  private readonly limit: RepeatLimit;

  constructor(ports: Pick<VrrpPorts, "report" | "interfaces">, limit: RepeatLimit) {
    this.ports = ports;
    this.limit = limit;
  }

  /** An advert that was not listened to; `packet` from its IP header on. */
  rejected(
    runtime: Runtime,
    { kind, detail }: DecodeError,
    packet: Uint8Array,
    ifindex: number,
    now: Instant,
  ): void {
    runtime.rejected[kind] = (runtime.rejected[kind] ?? 0) + 1;
    const sender = senderOf(packet);
    const { name, interface: on } = runtime.config;
    this.limit.note(`${kind} ${sender} ${ifindex} ${name}`, `${kind} others`, now, (count) => ({
      kind: "vrrp-rejected",
      instance: name,
      interface: on,
      sender,
      reject: kind,
      detail,
      count,
    }));
  }

  /** What is wrong with an advert that was listened to. */
  odd(runtime: Runtime, text: string): void {
    if (runtime.said.has(text) || runtime.said.size >= MOST_ODDITIES) return;
    runtime.said.add(text);
    this.ports.report({ kind: "vrrp-note", instance: runtime.config.name, text });
  }

  secondMaster({ config }: Runtime, master: Master, now: Instant): void {
    const { name, priority } = config;
    this.limit.note(`second ${name} ${master.address}`, `second ${name}`, now, (count) => ({
      kind: "vrrp-second-master",
      instance: name,
      sender: master.address,
      sender_priority: master.priority,
      own_priority: priority,
      count,
    }));
  }

  sendFailed({ config }: Runtime, error: string, now: Instant): void {
    const { name, interface: on } = config;
    const text = `could not send an advert on ${on}: ${error}`;
    this.limit.note(`send ${name}`, "send", now, (count) => ({
      kind: "vrrp-note",
      level: "warning",
      instance: name,
      text: count === 1 ? text : `${text} (${count} times)`,
    }));
  }

  /** An ARP frame of somebody who says that `address`, which is one of this master's, is his. */
  heardArp(runtime: Runtime, ifindex: number, mac: MacAddress, address: IpAddress, now: Instant): void {
    const holder = runtime.config.addresses.find(({ prefix }) => prefix.address === address);
    const view = holder && this.ports.interfaces.find(holder.interface);
    if (view?.index !== ifindex || view.mac === mac) return;
    // The master we have just preempted answers for the address until our advert has reached it.
    if (runtime.reason.kind === "preempted-lower" && between(runtime.since, now) < HAND_OVER) return;
    // Said at the next advert, if we are still master then: a better master announces just before we yield.
    runtime.conflict = { address, mac };
  }

  conflict(runtime: Runtime, now: Instant): void {
    const { conflict, config } = runtime;
    runtime.conflict = undefined;
    if (conflict === undefined || runtime.state.kind !== "master") return;
    const { address, mac } = conflict;
    const { name, interface: on } = config;
    this.limit.note(`conflict ${name} ${address} ${mac}`, "conflict others", now, () => ({
      kind: "vrrp-address-conflict",
      instance: name,
      address,
      mac,
      interface: on,
    }));
  }
}
