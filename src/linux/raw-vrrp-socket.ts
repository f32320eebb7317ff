// VRRP adverts (protocol 112) of one family over any number of interfaces: what is due together leaves in one
// system call, what has come is handed on from memory that was set aside before. The path of a packet allocates
// nothing. It knows where the bytes go and come from (source, interface), and not what they mean.

import type { Family } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { IPPROTO, PRIORITY_CONTROL, SO, SOCK, SOL } from "./constants.js";
import { errno, errnoText, type SystemError, systemErrorText } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { Watch } from "./poll.js";
import { RAW_FAMILIES, type RawFamily } from "./raw-family.js";
import { SendQueue } from "./send-queue.js";

const RECEIVE_SLOTS = 64;
const QUEUE_SLOTS = 256;
/** Where the destination stands in an IPv4 header, and the first of the multicast addresses. */
const IPV4_DESTINATION = 16;
const IPV4_MULTICAST = 224;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export type RawVrrpHandlers = {
  /** `packet` is a view of `length` bytes or more, from the IP header on, valid until the handler returns. */
  readonly onPacket: (packet: Uint8Array, length: number, ifindex: number) => void;
  /** After the last packet of a batch that the event loop read. */
  readonly onBatch?: () => void;
  /** This advert, from the VRRP header on, could not leave; the others of the same flush did. `error` is -errno. */
  readonly onSendFailed: (ifindex: number, error: SyscallResult, advert: Uint8Array, family: Family) => void;
};

/**
 * The kernel limits the IPv4 groups of one socket (igmp_max_memberships, 20), so many interfaces need several. For
 * IPv6 there is no such limit, and one receiver.
 */
type Receiver = { readonly fd: number; readonly watch: Watch; readonly interfaces: Set<number> };

export class RawVrrpSocket {
  private readonly family: RawFamily;
  private readonly handlers: RawVrrpHandlers;
  private readonly receivers: Receiver[] = [];
  private filter: Uint8Array | undefined;
  private closed = false;

  private transmit: SendQueue | undefined;

  private readonly data: Uint8Array;
  private readonly lengths = new Int32Array(RECEIVE_SLOTS);
  private readonly addresses: Uint8Array | null;
  private readonly controls: Uint8Array;
  private readonly controlView: DataView;
  private readonly controlLengths = new Int32Array(RECEIVE_SLOTS);
  /** Each with its headroom, which is the end of the slot before: that packet is done with by then. */
  private readonly packets: readonly Uint8Array[];

  private constructor(family: RawFamily, handlers: RawVrrpHandlers) {
    this.family = family;
    this.handlers = handlers;
    const { slot, headroom, address, control } = family.receive;
    const memory = new Uint8Array(headroom + RECEIVE_SLOTS * slot);
    this.data = memory.subarray(headroom);
    this.addresses = address === 0 ? null : new Uint8Array(RECEIVE_SLOTS * address);
    this.controls = new Uint8Array(RECEIVE_SLOTS * control);
    this.controlView = new DataView(this.controls.buffer);
    this.packets = Array.from({ length: RECEIVE_SLOTS }, (_, i) =>
      memory.subarray(i * slot, headroom + (i + 1) * slot),
    );
  }

  /** Needs CAP_NET_RAW. Receives nothing before the first `join`. */
  static open(family: Family, handlers: RawVrrpHandlers): Result<RawVrrpSocket, SystemError> {
    const kind = RAW_FAMILIES[family];
    const socket = new RawVrrpSocket(kind, handlers);
    const first = socket.addReceiver();
    if (!first.ok) return first;
    const { most, address, control } = kind.send;
    const shape = { messages: QUEUE_SLOTS, slot: most, address, control };
    socket.transmit = new SendQueue(first.value.fd, shape, (ifindex, error, advert) =>
      handlers.onSendFailed(ifindex, error, advert, family),
    );
    return ok(socket);
  }

  /** Receives the VRRP group on this interface; gives why not, for a person. Joining twice is harmless. */
  join(ifindex: number): string | undefined {
    if (this.receivers.some((receiver) => receiver.interfaces.has(ifindex))) return undefined;
    for (const receiver of this.receivers) {
      const result = this.joinOn(receiver, ifindex);
      if (result !== -errno.ENOBUFS) return result < 0 ? errnoText(result) : undefined;
    }
    const added = this.addReceiver();
    if (!added.ok) return systemErrorText(added.error);
    const result = this.joinOn(added.value, ifindex);
    return result < 0 ? errnoText(result) : undefined;
  }

  /** Receives no more from this interface, which may be gone already. */
  leave(ifindex: number): void {
    for (const receiver of this.receivers)
      if (receiver.interfaces.delete(ifindex)) this.setMembership(receiver, this.family.leave, ifindex);
  }

  /** Drops, in the kernel, what belongs to none of these virtual router ids. */
  setVirtualRouters(ids: readonly number[]): void {
    this.filter = this.family.filter(ids);
    for (const receiver of this.receivers) attach(receiver.fd, this.filter);
  }

  /**
   * Puts an advert (from the VRRP header on; it is copied) into the queue. Addresses are 4 or 16 bytes in network
   * order; the source must be an address of this host.
   */
  queue(ifindex: number, source: Uint8Array, destination: Uint8Array, bytes: Uint8Array): void {
    if (this.closed || this.transmit === undefined) return;
    const { destinationAt, ifindexAt, sourceAt } = this.family.send;
    const { transmit } = this;
    const i = transmit.add(bytes, ifindex);
    const control = i * transmit.controlSlot;
    transmit.addressBytes.set(destination, i * transmit.addressSlot + destinationAt);
    transmit.controls.setInt32(control + ifindexAt, ifindex, true);
    transmit.controlBytes.set(source, control + sourceAt);
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
    const { slot, headroom, address, control, leastControl, ifindexAt, putHeader } = this.family.receive;
    const count = native.recvMany(
      receiver.fd,
      this.data,
      slot,
      this.lengths,
      this.addresses,
      address,
      this.controls,
      control,
      this.controlLengths,
    );
    const isFirst = receiver === this.receivers[0];
    for (let i = 0; i < count && this.isOpen(); i++) {
      // Without the interface nobody can say whose advert it is.
      if ((this.controlLengths[i] as number) < leastControl) continue;
      const packet = this.packets[i] as Uint8Array;
      const length = this.lengths[i] as number;
      if (putHeader !== undefined && this.addresses !== null)
        putHeader(packet, length, this.addresses, i * address, this.controls, i * control);
      // A unicast packet comes to every raw socket of the host; the first one hands it on.
      if (!isFirst && (packet[IPV4_DESTINATION] as number) < IPV4_MULTICAST) continue;
      const ifindex = this.controlView.getInt32(i * control + ifindexAt, true);
      this.handlers.onPacket(packet, headroom + length, ifindex);
    }
    return Math.max(count, 0);
  }

  /** Asked anew for each packet, because a handler may close the socket. */
  private isOpen(): boolean {
    return !this.closed;
  }

  private addReceiver(): Result<Receiver, SystemError> {
    const { domain, options, niceToHave } = this.family;
    const fd = native.socket(domain, SOCK.RAW, IPPROTO.VRRP);
    if (fd < 0) return err({ call: "open raw VRRP socket", errno: fd });
    for (const [level, name, value] of options) {
      const result = native.setsockopt(fd, level, name, value);
      if (result >= 0) continue;
      native.close(fd);
      return err({ call: `set option ${name} of the raw VRRP socket`, errno: result });
    }
    for (const [level, name, value] of niceToHave) native.setsockopt(fd, level, name, value);
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

  private joinOn(receiver: Receiver, ifindex: number): SyscallResult {
    const result = this.setMembership(receiver, this.family.join, ifindex);
    if (result >= 0) receiver.interfaces.add(ifindex);
    return result;
  }

  private setMembership({ fd }: Receiver, name: number, ifindex: number): SyscallResult {
    return native.setsockopt(fd, this.family.level, name, this.family.membership(ifindex));
  }
}

/** A refused filter leaves the old one, which would drop what a new instance must hear: rather hear everything. */
function attach(fd: number, filter: Uint8Array): void {
  if (native.attachFilter(fd, filter) < 0) native.setsockopt(fd, SOL.SOCKET, SO.DETACH_FILTER, 0);
}
