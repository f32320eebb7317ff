// Adverts over IPv4 alone by the raw-socket package, for those who want it instead of our own addon. It has no
// ancillary data, so that every interface needs a socket of its own; it sends and receives one packet a turn
// of the event loop, and works in a main thread only (docs/adr/0003). The package is optional: it is loaded
// when it is chosen, and a failure to load it is told, not thrown.

import { createRequire } from "node:module";
import { Writer } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { messageOf } from "../core/thrown.js";
import { ipBytes, ipFromBytes, type Family, type IpAddress } from "../core/address.js";
import type { AdvertLink } from "../ports/vrrp.js";
import { VRRP_GROUPS, VRRP_PROTOCOL } from "../vrrp/packet.js";
import { IP, SO, SOL, TOS_INTERNETWORK_CONTROL } from "./constants.js";
import { native } from "./native.js";
import type { createSocket, RawSocket } from "raw-socket";

type RawSocketPackage = { readonly createSocket: typeof createSocket };
/** IP_MULTICAST_IF, <linux/in.h>. */
const MULTICAST_IF = 32;

export type RawSocketHandlers = {
  readonly onPacket: (packet: Uint8Array, length: number, ifindex: number) => void;
  readonly onBatch: () => void;
  readonly onError: (ifindex: number, error: string) => void;
  /** This advert, from the VRRP header on, could not leave. */
  readonly onSendFailed: (ifindex: number, error: string, advert: Uint8Array) => void;
};
type Port = { readonly socket: RawSocket; source: IpAddress | undefined };

export class RawSocketTransport implements AdvertLink {
  private readonly rawSocket: RawSocketPackage;
  private readonly handlers: RawSocketHandlers;
  // The package's sockets are closed when they are collected as garbage: this map keeps them.
  private readonly ports = new Map<number, Port>();

  private constructor(rawSocket: RawSocketPackage, handlers: RawSocketHandlers) {
    this.rawSocket = rawSocket;
    this.handlers = handlers;
  }

  /** The error says what to do about it. */
  static open(handlers: RawSocketHandlers): Result<RawSocketTransport, string> {
    try {
      const rawSocket = createRequire(import.meta.url)("raw-socket") as RawSocketPackage;
      return ok(new RawSocketTransport(rawSocket, handlers));
    } catch (error) {
      const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
      return err(
        `the raw-socket package cannot be loaded (${why ?? ""}): run "npm install raw-socket" (needs a compiler and python3), or choose the native transport`,
      );
    }
  }

  join(ifindex: number, family: Family): string | undefined {
    // The configuration refuses it: the package hides the hop limit, which must be checked.
    if (family === "ipv6") return "the raw-socket transport has no IPv6";
    if (this.ports.has(ifindex)) return undefined;
    try {
      this.ports.set(ifindex, { socket: this.socketFor(ifindex), source: undefined });
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  leave(ifindex: number): void {
    this.ports.get(ifindex)?.socket.close();
    this.ports.delete(ifindex);
  }

  /** The package cannot attach a filter; the engine drops what is not ours. */
  setVirtualRouters(): void {}

  queue(ifindex: number, source: Uint8Array, destination: Uint8Array, bytes: Uint8Array): void {
    const port = this.ports.get(ifindex);
    if (port === undefined) return this.handlers.onSendFailed(ifindex, "no socket on this interface", bytes);
    const from = ipFromBytes(source);
    if (port.source !== from) {
      port.socket.setOption(SOL.IP, MULTICAST_IF, groupOn(source, ifindex), 12);
      port.source = from;
    }
    // The package keeps the buffer until the socket is writable.
    port.socket.send(Buffer.from(bytes), 0, bytes.length, ipFromBytes(destination), (error) => {
      if (error !== null) this.handlers.onSendFailed(ifindex, error.message, bytes);
    });
  }

  /** The package sends by itself as soon as its sockets are writable. */
  flush(): void {}

  /** The package hands packets over by itself, and cannot be asked for them. */
  receive(): void {}

  close(): void {
    for (const { socket } of this.ports.values()) socket.close();
    this.ports.clear();
  }

  private socketFor(ifindex: number): RawSocket {
    const name = native.ifName(ifindex);
    if (typeof name === "number") throw new Error(`no interface ${ifindex}`);
    const socket = this.rawSocket.createSocket({ protocol: VRRP_PROTOCOL });
    const device = Buffer.from(`${name}\0`);
    socket.on("message", (buffer) => {
      this.handlers.onPacket(buffer, buffer.length, ifindex);
      this.handlers.onBatch();
    });
    socket.on("error", (error) => {
      this.handlers.onError(ifindex, error.message);
    });
    socket.setOption(SOL.SOCKET, SO.BINDTODEVICE, device, device.length);
    socket.setOption(SOL.IP, IP.MULTICAST_TTL, 255);
    socket.setOption(SOL.IP, IP.MULTICAST_LOOP, 0);
    socket.setOption(SOL.IP, IP.MULTICAST_ALL, 0);
    socket.setOption(SOL.IP, IP.TOS, TOS_INTERNETWORK_CONTROL);
    const group = new Writer(12).raw(ipBytes(VRRP_GROUPS.ipv4)).u32be(0).u32ne(ifindex).finish();
    socket.setOption(SOL.IP, IP.ADD_MEMBERSHIP, Buffer.from(group), 12);
    return socket;
  }
}

/** struct ip_mreqn: no group, the source address, the interface. */
const groupOn = (source: Uint8Array, ifindex: number): Buffer =>
  Buffer.from(new Writer(12).u32be(0).raw(source).u32ne(ifindex).finish());
