// The frames that say where virtual addresses live now. They are made ahead, because the moment they are
// needed is the takeover; and they leave in slices, because ten thousand of them take longer than an advert
// interval.

import { familyOf } from "../core/address.js";
import type { Frame, VrrpPorts } from "../ports/vrrp.js";
import { arpProbe, gratuitousArp } from "../vrrp/arp.js";
import type { VirtualAddress } from "../vrrp/instance.js";

/** Frames in one system call: about half a millisecond. */
const SLICE = 256;

export type Announcement = { readonly addresses: readonly VirtualAddress[]; readonly repeat: number };
type Frames = { readonly mac: string; readonly claim: Frame; readonly probe: Frame };

export class Announcer {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "neighbours">;
  private readonly made = new WeakMap<VirtualAddress, Frames>();

  constructor(ports: Pick<VrrpPorts, "interfaces" | "neighbours">) {
    this.ports = ports;
  }

  /** Makes the frames of these addresses now, if they are not made yet. */
  prepare(addresses: readonly VirtualAddress[]): void {
    for (const address of addresses) this.framesOf(address);
  }

  /** Sends the announcements round by round over all addresses; `breathe` is called between the slices. */
  send(announcements: readonly Announcement[], breathe: () => void): void {
    const frames: Frame[] = [];
    const most = announcements.reduce((sofar, { repeat }) => Math.max(sofar, repeat), 0);
    for (let round = 0; round < most; round++)
      for (const { addresses, repeat } of announcements)
        if (round < repeat) this.collect(addresses, "claim", frames);
    // The probes follow all claims: whoever else holds an address answers them, and nothing has waited for it.
    for (const { addresses } of announcements) this.collect(addresses, "probe", frames);
    for (let from = 0; from < frames.length; from += SLICE) {
      if (from > 0) breathe();
      this.ports.neighbours.announce(frames.slice(from, from + SLICE));
    }
  }

  private collect(addresses: readonly VirtualAddress[], which: "claim" | "probe", into: Frame[]): void {
    for (const address of addresses) {
      const frames = this.framesOf(address);
      if (frames !== undefined) into.push(frames[which]);
    }
  }

  private framesOf(address: VirtualAddress): Frames | undefined {
    const view = this.ports.interfaces.find(address.interface);
    const virtual = address.prefix.address;
    if (view?.mac === undefined || familyOf(virtual) !== "ipv4") return undefined;
    const known = this.made.get(address);
    if (known?.mac === view.mac && known.claim.ifindex === view.index) return known;
    const ifindex = view.index;
    const frames = {
      mac: view.mac,
      claim: { ifindex, bytes: gratuitousArp(view.mac, virtual) },
      probe: { ifindex, bytes: arpProbe(view.mac, virtual) },
    };
    this.made.set(address, frames);
    return frames;
  }
}
