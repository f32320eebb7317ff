// VRRP adverts over IPv4 (protocol 112) for any number of interfaces: what is due together leaves in one system
// call, what has come is handed on from memory that was set aside before. The path of a packet allocates nothing.
// It knows where the bytes go and come from (source, interface), and not what they mean.

import { ipBytes } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import type { AdvertLink } from "../ports/vrrp.js";
import { VRRP_GROUPS } from "../vrrp/packet.js";
import { vrrpIpv4Filter } from "./bpf.js";
import { AF, IP, IPPROTO, PRIORITY_CONTROL, SO, SOCK, SOL, TOS_INTERNETWORK_CONTROL } from "./constants.js";
import { errno, errnoText, type SystemError, systemErrorText } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { Watch } from "./poll.js";
import { SendQueue } from "./send-queue.js";
import { sockaddrIp } from "./sockaddr.js";

/** 8 bytes of header, 255 addresses, 8 bytes of VRRPv2 authentication data. */
const MOST_ADVERT = 8 + 255 * 4 + 8;
/** The same with the longest IPv4 header, rounded up. */
const RECEIVE_SLOT = 1152;
const RECEIVE_SLOTS = 64;
const QUEUE_SLOTS = 256;
const ADDRESS_SLOT = 16;
/** struct cmsghdr (16 bytes) and struct in_pktinfo (12), rounded up to 8 as the kernel reads them. */
const CONTROL_SLOT = 32;
const CONTROL_LENGTH = 28;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export type RawVrrpHandlers = {
  /** `packet` is a view of `length` bytes or more, from the IPv4 header on, valid until the handler returns. */
  readonly onPacket: (packet: Uint8Array, length: number, ifindex: number) => void;
  /** After the last packet of a batch that the event loop read. */
  readonly onBatch?: () => void;
  /** An advert could not leave; the others of the same flush did. `error` is -errno. */
  readonly onSendFailed: (ifindex: number, error: SyscallResult) => void;
};

/** The kernel limits the groups of one socket (igmp_max_memberships, 20), so many interfaces need several. */
type Receiver = { readonly fd: number; readonly watch: Watch; readonly interfaces: Set<number> };

export class RawVrrpSocket implements AdvertLink {
  private readonly handlers: RawVrrpHandlers;
  private readonly receivers: Receiver[] = [];
  private filter: Uint8Array | undefined;
  private closed = false;

  private transmit: SendQueue | undefined;

  private readonly data = new Uint8Array(RECEIVE_SLOTS * RECEIVE_SLOT);
  private readonly lengths = new Int32Array(RECEIVE_SLOTS);
  private readonly controls = new Uint8Array(RECEIVE_SLOTS * CONTROL_SLOT);
  private readonly controlView = new DataView(this.controls.buffer);
  private readonly controlLengths = new Int32Array(RECEIVE_SLOTS);
  private readonly packets = Array.from({ length: RECEIVE_SLOTS }, (_, i) =>
    this.data.subarray(i * RECEIVE_SLOT, (i + 1) * RECEIVE_SLOT),
  );

  private constructor(handlers: RawVrrpHandlers) {
    this.handlers = handlers;
  }

  /** Needs CAP_NET_RAW. Receives nothing before the first `join`. */
  static open(handlers: RawVrrpHandlers): Result<RawVrrpSocket, SystemError> {
    const socket = new RawVrrpSocket(handlers);
    const first = socket.addReceiver();
    if (!first.ok) return first;
    const shape = {
      messages: QUEUE_SLOTS,
      slot: MOST_ADVERT,
      address: groupAddress(),
      control: packetInfo(),
    };
    socket.transmit = new SendQueue(first.value.fd, shape, handlers.onSendFailed);
    return ok(socket);
  }

  /** Receives the VRRP group on this interface; gives why not, for a person. Joining twice is harmless. */
  join(ifindex: number): string | undefined {
    if (this.receivers.some((receiver) => receiver.interfaces.has(ifindex))) return undefined;
    for (const receiver of this.receivers) {
      const result = joinOn(receiver, ifindex);
      if (result !== -errno.ENOBUFS) return result < 0 ? errnoText(result) : undefined;
    }
    const added = this.addReceiver();
    if (!added.ok) return systemErrorText(added.error);
    const result = joinOn(added.value, ifindex);
    return result < 0 ? errnoText(result) : undefined;
  }

  /** Receives no more from this interface, which may be gone already. */
  leave(ifindex: number): void {
    for (const receiver of this.receivers)
      if (receiver.interfaces.delete(ifindex))
        native.setsockopt(receiver.fd, SOL.IP, IP.DROP_MEMBERSHIP, membership(ifindex));
  }

  /** Drops, in the kernel, what belongs to none of these virtual router ids. */
  setVirtualRouters(ids: readonly number[]): void {
    this.filter = vrrpIpv4Filter(ids);
    for (const receiver of this.receivers) attach(receiver.fd, this.filter);
  }

  /**
   * Puts an advert (from the VRRP header on; it is copied) into the queue. Addresses are unsigned 32-bit numbers,
   * first octet highest. The source must be an address of this host.
   */
  queue(ifindex: number, source: number, destination: number, bytes: Uint8Array): void {
    if (this.closed || this.transmit === undefined) return;
    const i = this.transmit.add(bytes, ifindex);
    this.transmit.addresses.setUint32(i * ADDRESS_SLOT + 4, destination);
    // struct in_pktinfo: interface index in host order, then the source address.
    this.transmit.controls.setInt32(i * CONTROL_SLOT + 16, ifindex, true);
    this.transmit.controls.setUint32(i * CONTROL_SLOT + 20, source);
  }

  /** Sends the queue. Gives how many adverts left; those that could not were reported to `onSendFailed`. */
  flush(): number {
    return this.closed || this.transmit === undefined ? 0 : this.transmit.flush();
  }

  /**
   * Hands on what has come so far, at most 64 packets a socket, and gives how many. The event loop does this by
   * itself; call it before a decision that an advert already received would change.
   */
  receive(): number {
    let count = 0;
    for (const receiver of this.receivers) count += this.receiveFrom(receiver);
    return count;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const receiver of this.receivers) {
      receiver.watch.close();
      native.close(receiver.fd);
    }
  }

  private receiveFrom(receiver: Receiver): number {
    if (this.closed) return 0;
    const count = native.recvMany(
      receiver.fd,
      this.data,
      RECEIVE_SLOT,
      this.lengths,
      null,
      0,
      this.controls,
      CONTROL_SLOT,
      this.controlLengths,
    );
    const isFirst = receiver === this.receivers[0];
    for (let i = 0; i < count && this.isOpen(); i++) {
      // Without the interface nobody can say whose advert it is.
      if ((this.controlLengths[i] as number) < CONTROL_LENGTH) continue;
      const packet = this.packets[i] as Uint8Array;
      // A unicast packet comes to every raw socket of the host; the first one hands it on.
      if (!isFirst && (packet[16] as number) < 224) continue;
      const ifindex = this.controlView.getInt32(i * CONTROL_SLOT + 16, true);
      this.handlers.onPacket(packet, this.lengths[i] as number, ifindex);
    }
    return Math.max(count, 0);
  }

  /** Asked anew for each packet, because a handler may close the socket. */
  private isOpen(): boolean {
    return !this.closed;
  }

  private addReceiver(): Result<Receiver, SystemError> {
    const fd = native.socket(AF.INET, SOCK.RAW, IPPROTO.VRRP);
    if (fd < 0) return err({ call: "open raw VRRP socket", errno: fd });
    const options: readonly (readonly [level: number, name: number, value: number])[] = [
      [SOL.IP, IP.MULTICAST_ALL, 0],
      [SOL.IP, IP.MULTICAST_LOOP, 0],
      [SOL.IP, IP.MULTICAST_TTL, 255],
      [SOL.IP, IP.TTL, 255],
      [SOL.IP, IP.PKTINFO, 1],
      [SOL.IP, IP.TOS, TOS_INTERNETWORK_CONTROL],
    ];
    for (const [level, name, value] of options) {
      const result = native.setsockopt(fd, level, name, value);
      if (result >= 0) continue;
      native.close(fd);
      return err({ call: `set option ${name} of the raw VRRP socket`, errno: result });
    }
    // After IP_TOS, which sets a priority of its own. Both of these only make things better where allowed.
    native.setsockopt(fd, SOL.SOCKET, SO.PRIORITY, PRIORITY_CONTROL);
    if (native.setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER) < 0)
      native.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, RECEIVE_BUFFER);
    if (this.filter !== undefined) attach(fd, this.filter);
    const receiver: Receiver = {
      fd,
      interfaces: new Set(),
      watch: new Watch(fd, () => {
        this.receiveFrom(receiver);
        this.handlers.onBatch?.();
      }),
    };
    this.receivers.push(receiver);
    return ok(receiver);
  }
}

/** A refused filter leaves the old one, which would drop what a new instance must hear: rather hear everything. */
function attach(fd: number, filter: Uint8Array): void {
  if (native.attachFilter(fd, filter) < 0) native.setsockopt(fd, SOL.SOCKET, SO.DETACH_FILTER, 0);
}

function joinOn(receiver: Receiver, ifindex: number): SyscallResult {
  const result = native.setsockopt(receiver.fd, SOL.IP, IP.ADD_MEMBERSHIP, membership(ifindex));
  if (result >= 0) receiver.interfaces.add(ifindex);
  return result;
}

/** struct ip_mreqn: group, any local address, interface index. */
const membership = (ifindex: number): Uint8Array =>
  new Writer(12).raw(ipBytes(VRRP_GROUPS.ipv4)).u32be(0).u32ne(ifindex).finish();

const groupAddress = (): Uint8Array => sockaddrIp(VRRP_GROUPS.ipv4, 0);

/** struct cmsghdr of an IP_PKTINFO message, with room for its data. */
const packetInfo = (): Uint8Array =>
  new Writer(CONTROL_SLOT).u32ne(CONTROL_LENGTH).u32ne(0).u32ne(SOL.IP).u32ne(IP.PKTINFO).zeros(16).finish();
