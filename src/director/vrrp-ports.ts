// The real ports of the VRRP engine, joined: advert sockets, packet socket, ARP and ND watch, rtnetlink and the one
// timer. Opened once; the engine is attached afterwards, because each needs the other.

import type { IpAddress, MacAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { VrrpEngine } from "./vrrp-engine.js";
import type { AdvertLink, VrrpPorts } from "../ports/vrrp.js";
import { ArpWatch } from "../linux/arp-watch.js";
import { monotonicNow, TimerFd } from "../linux/clock.js";
import { errnoText, systemErrorText } from "../linux/errno.js";
import { hmacSha256 } from "../linux/hmac.js";
import { InterfaceTable } from "../linux/interface-table.js";
import { NativeAdverts } from "../linux/native-adverts.js";
import { NdWatch } from "../linux/nd-watch.js";
import { NftablesFilter } from "../linux/packet-filter.js";
import { PacketSocket } from "../linux/packet-socket.js";
import { RawSocketTransport } from "../linux/raw-socket-transport.js";
import { openRouteKernel } from "../linux/route-kernel.js";
import { MacvlanLinks } from "../linux/virtual-links.js";

export type Transport = "native" | "raw-socket";
type Engine = Pick<
  VrrpEngine,
  | "wake"
  | "receive"
  | "received"
  | "interfacesChanged"
  | "addressGone"
  | "linksBlinked"
  | "heardHolder"
  | "advertFailed"
  | "sendFailed"
  | "rulesChanged"
>;

/** The error says which socket could not be had, and why. Needs CAP_NET_RAW and CAP_NET_ADMIN. */
export function openVrrpPorts<E extends Engine>(
  transport: Transport,
  {
    report,
    ownerAdded,
    turned,
  }: Pick<VrrpPorts, "report" | "ownerAdded"> & {
    /** After whatever was due, or has come, is done. */
    readonly turned: () => void;
  },
  makeEngine: (ports: VrrpPorts) => E,
): Result<E, string> {
  // eslint-disable-next-line prefer-const -- assigned once, after the ports that call it have been made.
  let engine: E | undefined;
  const link = openLink(transport, () => engine, turned);
  if (!link.ok) return link;
  const frames = PacketSocket.open((ifindex, error) =>
    engine?.sendFailed(ifindex, `announcement: ${errnoText(error)}`),
  );
  if (!frames.ok) return err(systemErrorText(frames.error));
  const heard = (ifindex: number, mac: MacAddress, address: IpAddress): void =>
    engine?.heardHolder(ifindex, mac, address);
  const arp = ArpWatch.open(heard);
  if (!arp.ok) return err(systemErrorText(arp.error));
  const nd = new NdWatch(heard);
  const kernel = openRouteKernel();
  const interfaces = new InterfaceTable(kernel, {
    changed: () => engine?.interfacesChanged(),
    addressGone: (ifindex, prefix) => engine?.addressGone(ifindex, prefix),
    blinked: (ifindexes) => engine?.linksBlinked(ifindexes),
  });
  const timer = new TimerFd(() => {
    engine?.wake();
    turned();
  });
  engine = makeEngine({
    clock: { now: monotonicNow },
    hmac: { utc: Date.now, sha256: hmacSha256 },
    wakeup: timer,
    link: link.value,
    neighbours: {
      announce: (list) => void frames.value.sendFrames(list),
      watch: (addresses) => {
        arp.value.setAddresses(addresses);
        nd.setAddresses(addresses);
      },
    },
    addresses: kernel,
    routing: kernel,
    virtualLinks: new MacvlanLinks((made) => interfaces.learn(made)),
    packetFilter: new NftablesFilter(() => engine?.rulesChanged()),
    interfaces,
    report,
    ownerAdded,
  });
  return ok(engine);
}

function openLink(
  transport: Transport,
  engine: () => Engine | undefined,
  turned: () => void,
): Result<AdvertLink, string> {
  const onPacket = (packet: Uint8Array, length: number, ifindex: number): void =>
    engine()?.receive(packet, length, ifindex);
  const onBatch = (): void => {
    engine()?.received();
    turned();
  };
  if (transport === "raw-socket")
    return RawSocketTransport.open({
      onPacket,
      onBatch,
      onError: (ifindex, error) => engine()?.sendFailed(ifindex, error),
      onSendFailed: (ifindex, error, advert) => engine()?.advertFailed(ifindex, "ipv4", advert, error),
    });
  const adverts = NativeAdverts.open({
    onPacket,
    onBatch,
    onSendFailed: (ifindex, error, advert, family) =>
      engine()?.advertFailed(ifindex, family, advert, errnoText(error)),
  });
  return adverts.ok ? adverts : err(systemErrorText(adverts.error));
}
