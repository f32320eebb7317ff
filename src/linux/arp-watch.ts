// Hears which hosts say, in ARP, that they hold certain IPv4 addresses: answers to our probes, and claims of
// others. A filter in the kernel keeps everything else away. Sends nothing, decides nothing.

import { ipBytes, type IpAddress, type MacAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { ETHERTYPE_ARP, readArp } from "../vrrp/arp.js";
import { arpFilter, arpSenderFilter } from "./bpf.js";
import { AF, SO, SOCK, SOL } from "./constants.js";
import type { SystemError } from "./errno.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";
import { sockaddrLl } from "./sockaddr.js";

/** Frames handled in one turn of the loop: a flood of them must not keep adverts waiting. */
const BUDGET = 16;
/** Offset of the interface in struct sockaddr_ll. */
const IFINDEX_OFFSET = 4;

export type OnArp = (ifindex: number, mac: MacAddress, address: IpAddress) => void;

export class ArpWatch {
  private readonly fd: number;
  private readonly watch: Watch;
  private readonly onArp: OnArp;
  private readonly frame = new Uint8Array(128);
  private readonly from = new Uint8Array(20);
  private readonly fromView = new DataView(this.from.buffer);

  private constructor(fd: number, onArp: OnArp) {
    this.fd = fd;
    this.onArp = onArp;
    this.watch = new Watch(fd, () => {
      this.read();
    });
  }

  /** Needs CAP_NET_RAW. Hears nothing before `setAddresses`. */
  static open(onArp: OnArp): Result<ArpWatch, SystemError> {
    const fd = native.socket(AF.PACKET, SOCK.RAW, 0);
    if (fd < 0) return err({ call: "open ARP socket", errno: fd });
    native.attachFilter(fd, arpSenderFilter([]));
    const bound = native.bind(fd, sockaddrLl(0, ETHERTYPE_ARP));
    if (bound >= 0) return ok(new ArpWatch(fd, onArp));
    native.close(fd);
    return err({ call: "bind ARP socket", errno: bound });
  }

  setAddresses(addresses: readonly IpAddress[]): void {
    const v4 = addresses.map(ipBytes).filter((bytes) => bytes.length === 4);
    if (native.attachFilter(this.fd, arpSenderFilter(v4)) >= 0) return;
    // Too long for the memory of socket options: the old filter would hide new addresses, so hear all of ARP.
    if (native.attachFilter(this.fd, arpFilter()) >= 0) return;
    native.setsockopt(this.fd, SOL.SOCKET, SO.DETACH_FILTER, 0);
  }

  close(): void {
    this.watch.close();
    native.close(this.fd);
  }

  private read(): void {
    for (let i = 0; i < BUDGET; i++) {
      const length = native.recv(this.fd, this.frame, this.from, null, null, 0);
      if (length < 0) return;
      const arp = readArp(this.frame, length);
      if (arp !== undefined) this.onArp(this.fromView.getInt32(IFINDEX_OFFSET, true), arp.mac, arp.address);
    }
  }
}
