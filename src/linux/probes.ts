// Connections that are only to see whether they open, thousands a second: those that begin in one turn of the event loop
// are one call to the kernel's side, and so are those that end in one. One that opens while its turn is still at it, as
// on a near network, costs three system calls. Leaves as the routes say; for anything else there is dial.ts.

import type { IpAddress } from "../core/address.js";
import { instant, milliseconds } from "../core/units.js";
import type { ProbeListener, Prober } from "../ports/dialer.js";
import { failure } from "./check-socket.js";
import { systemErrorText } from "./errno.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";
import { sockaddrIp } from "./sockaddr.js";

/** Connections of one call; what answers meanwhile is looked at after it. */
const BATCH = 64;
const ENDS_A_TURN = 256;
const ADDRESS_SLOT = 28;
/** What `connectMany` says in place of a descriptor. */
const [OVER, NO_SOCKET] = [-1, -2];

export class Probes {
  private readonly set: number;
  private readonly watch: Watch;
  private queue: Probe[] = [];
  private isFlushing = false;
  /** Those that take longer, by their numbers. */
  private readonly pending: (Probe | undefined)[] = [];
  private readonly freeNumbers: number[] = [];
  private readonly addresses = new Uint8Array(BATCH * ADDRESS_SLOT);
  private readonly numbers = new Int32Array(BATCH);
  private readonly begun = new Int32Array(3 * BATCH);
  private readonly ended = new Int32Array(2 * ENDS_A_TURN);
  private readonly over: Probe[] = [];
  private readonly batch: Probe[] = [];

  constructor() {
    this.set = native.epollCreate();
    if (this.set < 0) throw new Error(systemErrorText({ call: "create epoll set", errno: this.set }));
    this.watch = new Watch(this.set, () => {
      // All of them: what has come must not be taken for missing because others came, too.
      while (this.reap() === ENDS_A_TURN);
    });
    this.watch.ref(false);
  }

  prober(address: IpAddress, port: number, listener: ProbeListener): Prober {
    return new Probe(this, sockaddrIp(address, port), listener);
  }

  /** Before the event loop goes on all that is in the queue is begun. */
  enqueue(probe: Probe): void {
    if (this.queue.push(probe) > 1) return;
    // One that begins because another one ended gives what is ready a turn first.
    if (this.isFlushing) setImmediate(this.flush);
    else process.nextTick(this.flush);
  }

  /** One whose queue is at work already is left out there. */
  dequeue(probe: Probe): void {
    const at = this.queue.indexOf(probe);
    if (at >= 0) this.queue.splice(at, 1);
  }

  /** Its descriptor is closed. */
  forget(number: number): void {
    this.pending[number] = undefined;
    this.giveBack(number);
    if (this.freeNumbers.length === this.pending.length) this.watch.ref(false);
  }

  private readonly flush = (): void => {
    const { queue } = this;
    this.queue = [];
    this.isFlushing = true;
    for (let from = 0; from < queue.length; from += BATCH) this.begin(queue, from);
    this.isFlushing = false;
  };

  private begin(queue: readonly Probe[], from: number): void {
    const { addresses, numbers, begun, over, batch } = this;
    batch.length = 0;
    // What was told of the batch before may have cancelled one of this.
    for (let i = from; i < Math.min(from + BATCH, queue.length); i++)
      if ((queue[i] as Probe).begins()) batch.push(queue[i] as Probe);
    const count = batch.length;
    if (count === 0) return;
    for (let i = 0; i < count; i++) {
      addresses.set((batch[i] as Probe).sockaddr, i * ADDRESS_SLOT);
      numbers[i] = this.freeNumbers.pop() ?? this.pending.push(undefined) - 1;
    }
    native.connectMany(this.set, count, addresses, numbers, begun);
    const now = native.now();
    let waiting = 0;
    over.length = 0;
    for (let i = 0; i < count; i++) {
      const probe = batch[i] as Probe;
      const fd = begun[3 * i] as number;
      probe.began = now - (begun[3 * i + 2] as number) / 1000;
      if (fd >= 0) {
        probe.wait(fd, numbers[i] as number);
        this.pending[numbers[i] as number] = probe;
        waiting++;
      } else {
        this.giveBack(numbers[i] as number);
        probe.end(
          fd === OVER ? "connect" : fd === NO_SOCKET ? "open socket" : "watch",
          begun[3 * i + 1] as number,
        );
        over.push(probe);
      }
    }
    if (waiting > 0) this.watch.ref(true);
    this.tell(now);
  }

  /** Gives how many have ended. */
  private reap(): number {
    const { ended, over, pending } = this;
    const count = native.reap(this.set, ended);
    const now = native.now();
    over.length = 0;
    // All are closed already: none may be taken for open when one is told of.
    for (let i = 0; i < count; i++) {
      const number = ended[2 * i] as number;
      const probe = pending[number];
      if (probe === undefined) continue;
      this.forget(number);
      probe.end("connect", ended[2 * i + 1] as number);
      over.push(probe);
    }
    this.tell(now);
    return count;
  }

  private tell(now: number): void {
    for (const probe of this.over) probe.tell(now);
  }

  private giveBack(number: number): void {
    this.freeNumbers.push(number);
  }
}

/** One for all connections to the same place, one at a time. */
class Probe implements Prober {
  readonly sockaddr: Uint8Array;
  began = 0;
  private readonly set: Probes;
  private readonly listener: ProbeListener;
  private state: "idle" | "queued" | "begun" | "waiting" | "over" = "idle";
  private fd = -1;
  private number = -1;
  private what = "";
  private result = 0;

  constructor(set: Probes, sockaddr: Uint8Array, listener: ProbeListener) {
    this.set = set;
    this.sockaddr = sockaddr;
    this.listener = listener;
  }

  start(): void {
    if (this.state !== "idle") throw new Error("it is at it still");
    this.state = "queued";
    this.set.enqueue(this);
  }

  cancel(): void {
    const { state } = this;
    this.state = "idle";
    if (state === "queued") this.set.dequeue(this);
    if (state !== "waiting") return;
    native.close(this.fd);
    this.set.forget(this.number);
  }

  /** False: it was cancelled, or has begun as a part of an earlier queue. */
  begins(): boolean {
    if (this.state !== "queued") return false;
    this.state = "begun";
    return true;
  }

  wait(fd: number, number: number): void {
    this.state = "waiting";
    this.fd = fd;
    this.number = number;
  }

  end(what: string, result: number): void {
    this.state = "over";
    this.what = what;
    this.result = result;
  }

  /** Unless it was cancelled after its end. */
  tell(now: number): void {
    if (this.state !== "over") return;
    this.state = "idle";
    const took = milliseconds(now - this.began);
    this.listener.onProbed(
      this.result === 0 ? undefined : failure(this.what, this.result),
      took,
      instant(now),
    );
  }
}
