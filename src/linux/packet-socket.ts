// Sends ready-made Ethernet frames (gratuitous ARP, neighbour advertisements) out of any interfaces, many in one
// system call. Receives nothing. Knows no protocol.

import { err, ok, type Result } from "../core/result.js";
import type { Frame } from "../ports/vrrp.js";
import { AF, PRIORITY_CONTROL, SO, SOCK, SOL } from "./constants.js";
import type { SystemError } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { SendQueue } from "./send-queue.js";
import { sockaddrLl } from "./sockaddr.js";

const MOST_FRAMES = 256;
/** Room for one frame; the largest one sent here is a neighbour advertisement of 86 bytes. */
const MOST_FRAME = 128;
const ETHERTYPE_OFFSET = 12;

export class PacketSocket {
  private readonly fd: number;
  private readonly queue: SendQueue;
  private closed = false;

  private constructor(fd: number, onSendFailed: (ifindex: number, error: SyscallResult) => void) {
    this.fd = fd;
    this.queue = new SendQueue(
      fd,
      { messages: MOST_FRAMES, slot: MOST_FRAME, address: sockaddrLl(0, 0) },
      onSendFailed,
    );
  }

  /** Needs CAP_NET_RAW. `onSendFailed` hears of each frame that could not leave, while the others do. */
  static open(
    onSendFailed: (ifindex: number, error: SyscallResult) => void,
  ): Result<PacketSocket, SystemError> {
    // Protocol 0: no frame is ever queued for reading.
    const fd = native.socket(AF.PACKET, SOCK.RAW, 0);
    if (fd < 0) return err({ call: "open packet socket", errno: fd });
    native.setsockopt(fd, SOL.SOCKET, SO.PRIORITY, PRIORITY_CONTROL);
    return ok(new PacketSocket(fd, onSendFailed));
  }

  /** Sends whole frames, Ethernet header included, in order. Gives how many left. */
  sendFrames(frames: readonly Frame[]): number {
    if (this.closed) return 0;
    // A frame that cannot be one is a bug; nothing of a burst with a bug in it is sent.
    for (const { bytes } of frames)
      if (bytes.length > MOST_FRAME)
        throw new RangeError(`a frame of ${bytes.length} bytes, at most ${MOST_FRAME}`);
    let sent = 0;
    for (const [position, { ifindex, bytes }] of frames.entries()) {
      const i = this.queue.add(bytes, ifindex);
      const at = i * this.queue.addressSlot;
      // struct sockaddr_ll: EtherType in network order, then the interface in host order.
      this.queue.addresses.setUint16(
        at + 2,
        ((bytes[ETHERTYPE_OFFSET] ?? 0) << 8) | (bytes[ETHERTYPE_OFFSET + 1] ?? 0),
      );
      this.queue.addresses.setInt32(at + 4, ifindex, true);
      if (i === MOST_FRAMES - 1 || position === frames.length - 1) sent += this.queue.flush();
    }
    return sent;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    native.close(this.fd);
  }
}
