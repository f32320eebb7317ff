// Many TCP connections at a time, as checks have them: opened as a check wants its packets to leave, and told of what
// happens to them. All are in one epoll set, so that a turn costs what is ready, not what is open, and a connection
// costs the system calls that it cannot do without. Streams, promises and cancellation are its users' (dial.ts).

import type { IpAddress } from "../core/address.js";
import { formatDuration, type Milliseconds } from "../core/units.js";
import type { DialFailure, DialRequest } from "../ports/dialer.js";
import { failure, openCheckSocket, scopeOf, socketError } from "./check-socket.js";
import { EPOLL, IPPROTO, SOCK } from "./constants.js";
import { errno, systemErrorText } from "./errno.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";
import { sockaddrIp } from "./sockaddr.js";

/** Who is told. Nothing is told after `close`, after `detach` and after `onEnd`. */
export type Ears = {
  readonly onOpen: (connection: Connection) => void;
  /** Bytes that lie there during the call alone. */
  readonly onBytes: (bytes: Uint8Array, connection: Connection) => void;
  /** The server has ended it, or, with a failure, it did not open or broke; it is closed already. */
  readonly onEnd: (failure: DialFailure | undefined) => void;
};

/** Members of the set that one turn looks at; the others stay ready. */
const EVENTS_A_TURN = 256;
const ALL_EDGES = EPOLL.IN | EPOLL.OUT | EPOLL.RDHUP | EPOLL.ET;
const BROKEN = EPOLL.ERR | EPOLL.HUP;
const LARGEST_ID = 0x7fff_ffff;
/** Addresses of which the kernel's form is kept: as many as there are servers, or nearly. */
const MOST_KNOWN = 20_000;
/** One for all connections: what is in it is told before anything else is received. */
const received = Buffer.alloc(65_536);

export class Connections {
  private readonly set: number;
  private readonly watch: Watch;
  private readonly open = new Map<number, Connection>();
  private readonly ready = new Int32Array(2 * EVENTS_A_TURN);
  private readonly known = new Map<IpAddress, { readonly port: number; readonly sockaddr: Uint8Array }>();
  private lastId = 0;
  /** When the timer looks for those whose time is over. */
  private looksAt = Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    this.set = native.epollCreate();
    if (this.set < 0) throw new Error(systemErrorText({ call: "create epoll set", errno: this.set }));
    this.watch = new Watch(this.set, () => {
      this.turn();
    });
    this.watch.ref(false);
  }

  /** The result is undefined when it has failed already, which was told then. */
  connect(request: DialRequest, ears: Ears): Connection | undefined {
    const socket = openCheckSocket(request, SOCK.STREAM, IPPROTO.TCP);
    if (!socket.ok) {
      ears.onEnd(socket.error);
      return undefined;
    }
    const fd = socket.value;
    const result = native.connect(fd, this.sockaddr(request));
    const isOpen = result === 0;
    const id = this.newId();
    const added = isOpen || result === -errno.EINPROGRESS ? native.epollAdd(this.set, fd, ALL_EDGES, id) : 0;
    if ((!isOpen && result !== -errno.EINPROGRESS) || added < 0) {
      native.close(fd);
      ears.onEnd(added < 0 ? failure("watch", added) : failure("connect", result));
      return undefined;
    }
    const connection = new Connection(this, id, fd, ears, request.timeout, native.now() + request.timeout);
    if (this.open.size === 0) this.watch.ref(true);
    this.open.set(id, connection);
    this.look(connection.deadline);
    return connection;
  }

  /** It is no business of this set any more. */
  forget(connection: Connection): void {
    this.open.delete(connection.id);
    if (this.open.size > 0) return;
    this.watch.ref(false);
    // An idle process has no timer of ours.
    clearTimeout(this.timer);
    this.looksAt = Infinity;
  }

  leave(fd: number): void {
    native.epollRemove(this.set, fd);
  }

  private turn(): void {
    const { ready } = this;
    const count = native.epollWait(this.set, ready);
    // Numbers are not given twice: what an earlier one of this turn has closed is not found any more.
    for (let i = 0; i < count; i++) this.open.get(ready[2 * i] as number)?.take(ready[2 * i + 1] as number);
  }

  private newId(): number {
    do this.lastId = this.lastId === LARGEST_ID ? 0 : this.lastId + 1;
    while (this.open.has(this.lastId));
    return this.lastId;
  }

  private sockaddr(request: DialRequest): Uint8Array {
    const { address, port } = request;
    if (request.interface !== undefined) return sockaddrIp(address, port, scopeOf(request));
    const known = this.known.get(address);
    if (known?.port === port) return known.sockaddr;
    const sockaddr = sockaddrIp(address, port);
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(address, { port, sockaddr });
    return sockaddr;
  }

  /** One timer for all: it wakes for the earliest deadline that there was, and looks who is over his. */
  private look(at: number): void {
    if (at >= this.looksAt) return;
    clearTimeout(this.timer);
    this.looksAt = at;
    const wait = Math.max(1, Math.ceil(at - native.now()));
    this.timer = setTimeout(() => {
      this.looksAt = Infinity;
      const now = native.now();
      let next = Infinity;
      for (const connection of [...this.open.values()])
        if (connection.deadline <= now) connection.overdue();
        else if (connection.deadline < next) next = connection.deadline;
      if (next !== Infinity) this.look(next);
    }, wait);
  }
}

export class Connection {
  readonly id: number;
  /** The last moment to open. */
  deadline: number;
  private readonly set: Connections;
  private readonly fd: number;
  private readonly ears: Ears;
  private readonly timeout: Milliseconds;
  private state: "connecting" | "open" | "closed" = "connecting";
  /** What the kernel has not taken yet of what is to be sent. */
  private rest: Uint8Array | undefined;

  constructor(set: Connections, id: number, fd: number, ears: Ears, timeout: Milliseconds, deadline: number) {
    this.set = set;
    this.id = id;
    this.fd = fd;
    this.ears = ears;
    this.timeout = timeout;
    this.deadline = deadline;
  }

  send(bytes: Uint8Array): void {
    const sent = native.send(this.fd, bytes, 0, null, null);
    // What keeps it from being sent keeps the connection from being read, which says it better.
    if (sent < 0 && sent !== -errno.EAGAIN) return;
    const taken = Math.max(0, sent);
    this.rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
  }

  close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.set.forget(this);
    native.close(this.fd);
  }

  /** The descriptor is the caller's from now on. */
  detach(): number {
    this.state = "closed";
    this.set.forget(this);
    this.set.leave(this.fd);
    return this.fd;
  }

  overdue(): void {
    this.end({ reason: "connect-timeout", detail: `no answer in ${formatDuration(this.timeout)}` });
  }

  /** What the set has seen. */
  take(events: number): void {
    if (this.state === "connecting") {
      const error = (events & BROKEN) === 0 ? 0 : socketError(this.fd);
      if (error !== 0) {
        this.end(failure("connect", error));
        return;
      }
      this.state = "open";
      this.deadline = Infinity;
      this.ears.onOpen(this);
    } else if (this.rest !== undefined && (events & EPOLL.OUT) !== 0) this.send(this.rest);
    if ((events & (EPOLL.IN | EPOLL.RDHUP | BROKEN)) !== 0) this.read((events & EPOLL.IN) !== events);
  }

  /** An edge is told once, so that all there is has to be read. */
  private read(hasEnd: boolean): void {
    while (this.isOpen()) {
      const length = native.recv(this.fd, received, null, null, null, 0);
      if (length === -errno.EAGAIN) return;
      if (length <= 0) {
        this.end(length === 0 ? undefined : failure("receive", length));
        return;
      }
      this.ears.onBytes(received.subarray(0, length), this);
      if (length < received.length && !hasEnd) return;
    }
  }

  private isOpen(): boolean {
    return this.state === "open";
  }

  private end(problem: DialFailure | undefined): void {
    this.close();
    this.ears.onEnd(problem);
  }
}
