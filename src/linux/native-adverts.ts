// The advert link over our own addon: a raw socket for each family. The one for IPv6 is opened when the first IPv6
// instance wants it, so that a kernel without IPv6 keeps its IPv4 instances.

import type { Family } from "../core/address.js";
import { ok, type Result } from "../core/result.js";
import type { AdvertLink } from "../ports/vrrp.js";
import { systemErrorText, type SystemError } from "./errno.js";
import { RawVrrpSocket, type RawVrrpHandlers } from "./raw-vrrp-socket.js";

export class NativeAdverts implements AdvertLink {
  private readonly handlers: RawVrrpHandlers;
  private readonly ipv4: RawVrrpSocket;
  private ipv6: RawVrrpSocket | undefined;
  private ipv6Routers: readonly number[] = [];

  private constructor(ipv4: RawVrrpSocket, handlers: RawVrrpHandlers) {
    this.ipv4 = ipv4;
    this.handlers = handlers;
  }

  /** Needs CAP_NET_RAW. */
  static open(handlers: RawVrrpHandlers): Result<NativeAdverts, SystemError> {
    const ipv4 = RawVrrpSocket.open("ipv4", handlers);
    return ipv4.ok ? ok(new NativeAdverts(ipv4.value, handlers)) : ipv4;
  }

  join(ifindex: number, family: Family): string | undefined {
    if (family === "ipv4") return this.ipv4.join(ifindex);
    const opened = this.openIpv6();
    return opened.ok ? opened.value.join(ifindex) : systemErrorText(opened.error);
  }

  leave(ifindex: number, family: Family): void {
    this.of(family)?.leave(ifindex);
  }

  setVirtualRouters(family: Family, ids: readonly number[]): void {
    if (family === "ipv6") this.ipv6Routers = ids;
    // Unicast joins nothing. Where there is no IPv6, an instance of it has no address to send from, and says so.
    if (family === "ipv6" && ids.length > 0) this.openIpv6();
    this.of(family)?.setVirtualRouters(ids);
  }

  queue(ifindex: number, source: Uint8Array, destination: Uint8Array, bytes: Uint8Array): void {
    const socket = destination.length === IPV4_LENGTH ? this.ipv4 : this.ipv6;
    socket?.queue(ifindex, source, destination, bytes);
  }

  /** One system call a family: sendmmsg(2) is of one socket. */
  flush(): void {
    this.ipv4.flush();
    this.ipv6?.flush();
  }

  receive(): void {
    this.ipv4.receive();
    this.ipv6?.receive();
  }

  private openIpv6(): Result<RawVrrpSocket, SystemError> {
    if (this.ipv6 !== undefined) return ok(this.ipv6);
    const opened = RawVrrpSocket.open("ipv6", this.handlers);
    if (!opened.ok) return opened;
    this.ipv6 = opened.value;
    this.ipv6.setVirtualRouters(this.ipv6Routers);
    return opened;
  }

  private of(family: Family): RawVrrpSocket | undefined {
    return family === "ipv4" ? this.ipv4 : this.ipv6;
  }
}

const IPV4_LENGTH = 4;
