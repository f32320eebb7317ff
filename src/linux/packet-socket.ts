// Sends ready-made Ethernet frames (gratuitous ARP, neighbour advertisements) out of one interface, many in one
// system call. Receives nothing. Knows no protocol.

import { err, ok, type Result } from "../core/result.js";
import { AF, PRIORITY_CONTROL, SO, SOCK, SOL } from "./constants.js";
import type { SystemError } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { sockaddrLl } from "./sockaddr.js";

/** Room for one frame; the largest one sent here is a neighbour advertisement of 86 bytes. */
const SLOT = 128;

export class PacketSocket {
  private readonly fd: number;
  private data = new Uint8Array(64 * SLOT);
  private lengths = new Int32Array(64);
  private closed = false;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Needs CAP_NET_RAW. */
  static open(ifindex: number): Result<PacketSocket, SystemError> {
    // Protocol 0: no frame is ever queued for reading.
    const fd = native.socket(AF.PACKET, SOCK.RAW, 0);
    if (fd < 0) return err({ call: "open packet socket", errno: fd });
    const bound = native.bind(fd, sockaddrLl(ifindex, 0));
    if (bound < 0) {
      native.close(fd);
      return err({ call: `bind packet socket to interface ${ifindex}`, errno: bound });
    }
    native.setsockopt(fd, SOL.SOCKET, SO.PRIORITY, PRIORITY_CONTROL);
    return ok(new PacketSocket(fd));
  }

  /** Sends whole frames, Ethernet header included, in order. Gives how many left, or -errno when none did. */
  sendFrames(frames: readonly Uint8Array[]): SyscallResult {
    if (frames.length > this.lengths.length) {
      this.data = new Uint8Array(frames.length * SLOT);
      this.lengths = new Int32Array(frames.length);
    }
    let count = 0;
    for (const frame of frames) {
      if (frame.length > SLOT) throw new RangeError(`a frame of ${frame.length} bytes, at most ${SLOT}`);
      this.data.set(frame, count * SLOT);
      this.lengths[count] = frame.length;
      count += 1;
    }
    return native.sendMany(this.fd, count, this.data, SLOT, this.lengths, null, 0, null, 0, 0);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    native.close(this.fd);
  }
}
