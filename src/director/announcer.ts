// The frames that say where virtual addresses live now. They are made ahead, because the moment they are
// needed is the takeover; and they leave in slices, because ten thousand of them take longer than an advert
// interval.

import { familyOf, isLinkLocal, type IpAddress, type MacAddress } from "../core/address.js";
import type { Frame, InterfaceView, VrrpPorts } from "../ports/vrrp.js";
import { arpProbe, gratuitousArp } from "../vrrp/arp.js";
import type { VirtualAddress } from "../vrrp/instance.js";
import { neighbourSolicitation, unsolicitedAdvertisement } from "../vrrp/nd.js";

/** Frames in one system call: about half a millisecond. */
const SLICE = 256;

export type Announcement = { readonly addresses: readonly VirtualAddress[]; readonly repeat: number };
/** The probe asks who else holds the address; over IPv6 it needs an address of our own to be answered at. */
type Frames = {
  readonly mac: MacAddress;
  readonly asker: IpAddress | undefined;
  readonly claim: Frame;
  readonly probe: Frame | undefined;
};

export class Announcer {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "neighbours">;
  private readonly isVirtual: (address: IpAddress) => boolean;
  private readonly askers = new WeakMap<InterfaceView, { readonly address: IpAddress | undefined }>();
  private readonly made = new WeakMap<VirtualAddress, Frames>();

  constructor(
    ports: Pick<VrrpPorts, "interfaces" | "neighbours">,
    isVirtual: (address: IpAddress) => boolean,
  ) {
    this.ports = ports;
    this.isVirtual = isVirtual;
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
      const frame = this.framesOf(address)?.[which];
      if (frame !== undefined) into.push(frame);
    }
  }

  private framesOf(address: VirtualAddress): Frames | undefined {
    const view = this.ports.interfaces.find(address.interface);
    if (view?.mac === undefined) return undefined;
    const virtual = address.prefix.address;
    const asker = familyOf(virtual) === "ipv6" ? this.askerOn(view) : undefined;
    const known = this.made.get(address);
    if (known?.mac === view.mac && known.asker === asker && known.claim.ifindex === view.index) return known;
    const frames = makeFrames(view.index, view.mac, virtual, asker);
    this.made.set(address, frames);
    return frames;
  }

  /** Looked for once in a view: there may be thousands of addresses, and as many that are announced. */
  private askerOn(view: InterfaceView): IpAddress | undefined {
    let asker = this.askers.get(view);
    if (asker === undefined) {
      const own = view.addresses.find(
        ({ address, tentative }) => isLinkLocal(address) && tentative !== true && !this.isVirtual(address),
      );
      this.askers.set(view, (asker = { address: own?.address }));
    }
    return asker.address;
  }
}

function makeFrames(
  ifindex: number,
  mac: MacAddress,
  virtual: IpAddress,
  asker: IpAddress | undefined,
): Frames {
  const frame = (bytes: Uint8Array): Frame => ({ ifindex, bytes });
  if (familyOf(virtual) === "ipv4")
    return {
      mac,
      asker,
      claim: frame(gratuitousArp(mac, virtual)),
      probe: frame(arpProbe(mac, virtual)),
    };
  const question = asker && neighbourSolicitation(mac, asker, virtual);
  return {
    mac,
    asker,
    claim: frame(unsolicitedAdvertisement(mac, virtual)),
    probe: question && frame(question),
  };
}
