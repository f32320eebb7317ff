// Hears which hosts say, in neighbour discovery, that they hold certain IPv6 addresses: answers to our questions, and
// claims of others. Filters in the kernel keep everything else away. Sends nothing, decides nothing.

import { familyOf, ipBytes, type IpAddress, type MacAddress } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { ND_ADVERTISEMENT, readAdvertisement } from "../vrrp/nd.js";
import { ndHopLimitFilter, ndTargetFilter } from "./bpf.js";
import { AF, ICMPV6_FILTER, IPPROTO, IPV6, SO, SOCK, SOL } from "./constants.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";

/** Messages handled in one turn of the loop: a flood of them must not keep adverts waiting. */
const BUDGET = 16;
/** Offset of the interface in the ancillary data: struct cmsghdr, then struct in6_pktinfo. */
const IFINDEX_OFFSET = 32;

export type OnAdvertisement = (ifindex: number, mac: MacAddress, address: IpAddress) => void;

export class NdWatch {
  private readonly onAdvertisement: OnAdvertisement;
  private open: { readonly fd: number; readonly watch: Watch } | undefined;
  private readonly message = new Uint8Array(256);
  private readonly control = new Uint8Array(64);
  private readonly controlView = new DataView(this.control.buffer);
  private readonly meta = new Int32Array(3);

  constructor(onAdvertisement: OnAdvertisement) {
    this.onAdvertisement = onAdvertisement;
  }

  /**
   * Needs CAP_NET_RAW. The socket is opened for the first IPv6 address; where there can be none, no instance of
   * that family runs, and there is nothing to hear.
   */
  setAddresses(addresses: readonly IpAddress[]): void {
    const wanted = addresses.filter((address) => familyOf(address) === "ipv6").map(ipBytes);
    if (this.open === undefined && wanted.length === 0) return;
    this.open ??= this.openSocket();
    if (this.open === undefined) return;
    const { fd } = this.open;
    if (native.attachFilter(fd, ndTargetFilter(wanted)) >= 0) return;
    // Too long for the memory of socket options: the old filter would hide new addresses, so hear all of them.
    if (native.attachFilter(fd, ndHopLimitFilter()) >= 0) return;
    native.setsockopt(fd, SOL.SOCKET, SO.DETACH_FILTER, 0);
  }

  close(): void {
    this.open?.watch.close();
    if (this.open !== undefined) native.close(this.open.fd);
    this.open = undefined;
  }

  private openSocket(): NdWatch["open"] {
    const fd = native.socket(AF.INET6, SOCK.RAW, IPPROTO.ICMPV6);
    if (fd < 0) return undefined;
    native.setsockopt(fd, SOL.ICMPV6, ICMPV6_FILTER, onlyAdvertisements());
    native.setsockopt(fd, SOL.IPV6, IPV6.RECVPKTINFO, 1);
    return { fd, watch: new Watch(fd, () => this.read(fd)) };
  }

  private read(fd: number): void {
    for (let i = 0; i < BUDGET; i++) {
      const length = native.recv(fd, this.message, null, this.control, this.meta, 0);
      if (length < 0) return;
      // Without the interface nobody can say which address it is about.
      if (this.meta[1]! < IFINDEX_OFFSET + 4) continue;
      const said = readAdvertisement(this.message, length);
      if (said !== undefined)
        this.onAdvertisement(this.controlView.getInt32(IFINDEX_OFFSET, true), said.mac, said.address);
    }
  }
}

/** struct icmp6_filter: 256 bits in host order, set for what is not wanted. */
function onlyAdvertisements(): Uint8Array {
  const words = new Uint32Array(8).fill(0xffffffff);
  words[ND_ADVERTISEMENT >> 5] = ~(1 << (ND_ADVERTISEMENT & 31)) >>> 0;
  const writer = new Writer(32);
  for (const word of words) writer.u32ne(word);
  return writer.finish();
}
