// Sends datagrams to sockets in the file system or the abstract namespace: sd_notify, journald, /dev/log.
// Never waits: a receiver that does not read gives -EAGAIN, and the caller decides what that means.

import { AF, SO, SOCK, SOL } from "./constants.js";
import { errno } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { sockaddrUn } from "./sockaddr.js";

/** journald's own clients ask for as much; the kernel's limit applies without CAP_NET_ADMIN. */
const SEND_BUFFER = 8 * 1024 * 1024;

/** One socket for any number of receivers. The path is looked up for every datagram, so a restarted receiver is found. */
export class UnixDatagramSocket {
  private readonly fd: number;
  private closed = false;

  constructor() {
    this.fd = native.socket(AF.UNIX, SOCK.DGRAM, 0);
    if (this.fd >= 0) native.setsockopt(this.fd, SOL.SOCKET, SO.SNDBUF, SEND_BUFFER);
  }

  /** Gives the bytes sent, or -errno: -ENOENT or -ECONNREFUSED when nobody listens, -EAGAIN when the receiver is full. */
  send(path: string, data: Uint8Array): SyscallResult {
    if (this.fd < 0) return this.fd;
    if (this.closed) return -errno.EBADF;
    const address = sockaddrUn(path);
    return address === undefined ? -errno.EINVAL : native.send(this.fd, data, 0, address, null);
  }

  close(): void {
    if (this.closed || this.fd < 0) return;
    this.closed = true;
    native.close(this.fd);
  }
}

/** Sends one datagram and forgets the socket. */
export function sendUnixDatagram(path: string, data: Uint8Array): SyscallResult {
  const socket = new UnixDatagramSocket();
  const result = socket.send(path, data);
  socket.close();
  return result;
}
