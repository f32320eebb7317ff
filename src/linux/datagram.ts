// UDP sockets for checks: each is connected to one server, so that only its datagrams come in, and ICMP messages about
// ours come in as errors. Node's own dgram can carry neither a mark nor an interface (ADR 18).

import { familyOf } from "../core/address.js";
import { err, ok } from "../core/result.js";
import type { Datagrams } from "../ports/datagram.js";
import { failure, openCheckSocket, scopeOf } from "./check-socket.js";
import { IP, IPPROTO, IPV6, SOCK, SOL } from "./constants.js";
import { errno } from "./errno.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";
import { sockaddrIp } from "./sockaddr.js";

/** Datagrams taken in one turn of the loop. */
const BUDGET = 16;
/** One for all sockets: it is read from before anything else is received. */
const received = new Uint8Array(65_536);

/** The Datagrams port of this machine. */
export const udpDatagrams: Datagrams = {
  open(request, { onDatagram, onFailure }) {
    const opened = openCheckSocket(request, SOCK.DGRAM, IPPROTO.UDP);
    if (!opened.ok) return opened;
    const fd = opened.value;
    // Without it the kernel keeps to itself that a host cannot be reached: only closed ports would be said.
    if (familyOf(request.address) === "ipv4") native.setsockopt(fd, SOL.IP, IP.RECVERR, 1);
    else native.setsockopt(fd, SOL.IPV6, IPV6.RECVERR, 1);
    const connected = native.connect(fd, sockaddrIp(request.address, request.port, scopeOf(request)));
    if (connected < 0) {
      native.close(fd);
      return err(failure("connect", connected));
    }
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      watch.close();
      native.close(fd);
    };
    const watch = new Watch(fd, () => {
      for (let i = 0; i < BUDGET && open; i++) {
        const length = native.recv(fd, received, null, null, null, 0);
        if (length === -errno.EAGAIN) return;
        if (length >= 0) onDatagram(received.subarray(0, length));
        else {
          close();
          onFailure(failure("receive", length));
        }
      }
    });
    return ok({
      send(bytes) {
        const sent = native.send(fd, bytes, 0, null, null);
        return sent < 0 ? err(failure("send", sent)) : ok(null);
      },
      close,
    });
  },
};
