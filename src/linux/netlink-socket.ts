// A netlink socket: requests, dumps and event groups, over the native addon. Requests are synchronous, because the
// kernel has answered them when sendmsg(2) returns: no promise, no event loop, and an acknowledged request costs
// about two microseconds. Many requests share one system call. Knows no family.

import { Writer } from "../core/bytes.js";
import { stampBatch, writeBatch } from "../netlink/batch.js";
import {
  ACK,
  DUMP,
  DUMP_INTERRUPTED,
  messagesIn,
  readAcknowledgement,
  TYPE_DONE,
  TYPE_ERROR,
  writeMessage,
  type Acknowledgement,
  type Message,
  type Request,
} from "../netlink/message.js";
import { AF, MSG, NETLINK, POLL, SO, SOCK, SOL } from "./constants.js";
import { errno, errnoName, errnoText } from "./errno.js";
import { native, type PollHandle } from "./native.js";
import { sockaddrNl } from "./sockaddr.js";

/** Room for a storm of events while the loop is busy. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** One part of a dump is at most 32 KiB (net/netlink/af_netlink.c), whatever the buffer. */
const DATAGRAM = 64 * 1024;
const DUMP_ATTEMPTS = 5;

/** A system call or a request that failed: "add address 192.168.1.1/24: EPERM (text of the kernel)". */
export class NetlinkError extends Error {
  readonly code: string;
  constructor(operation: string, acknowledgement: Acknowledgement) {
    super(`${operation}: ${describeErrno(acknowledgement)}`);
    this.name = "NetlinkError";
    this.code = errnoName(acknowledgement.errno);
  }
}

/** The errno by name, with the kernel's own words where it has some, else with what the errno means. */
export const describeErrno = ({ errno: code, text }: Acknowledgement): string =>
  text === undefined ? errnoText(code) : `${errnoName(code)} (${text})`;

export class NetlinkSocket {
  private readonly fd: number;
  private readonly out = new Writer(4096);
  private readonly incoming: Uint8Array;
  private readonly digested = new Int32Array(4);
  private sequence = 1;
  private poll: PollHandle | undefined;
  private ahead: Ahead | undefined;

  /**
   * `protocol` is of NETLINK_PROTOCOL; `groups` a mask of the event groups to hear (RTMGRP_*); `buffer` how many
   * bytes may wait to be read; `datagram` how many are read at a time, and so how much memory the kernel prepares for
   * each part of a dump, 32 KiB at most.
   */
  constructor(protocol: number, groups = 0, buffer = RECEIVE_BUFFER, datagram = DATAGRAM) {
    this.incoming = new Uint8Array(datagram);
    this.fd = check("netlink socket", native.socket(AF.NETLINK, SOCK.RAW, protocol));
    // Beyond the system's limit only with CAP_NET_ADMIN; without it as much as the limit allows.
    if (native.setsockopt(this.fd, SOL.SOCKET, SO.RCVBUFFORCE, buffer) < 0)
      native.setsockopt(this.fd, SOL.SOCKET, SO.RCVBUF, buffer);
    // Both since Linux 4.12; without them only the texts are missing.
    native.setsockopt(this.fd, SOL.NETLINK, NETLINK.EXT_ACK, 1);
    native.setsockopt(this.fd, SOL.NETLINK, NETLINK.CAP_ACK, 1);
    const bound = native.bind(this.fd, sockaddrNl(0, groups));
    if (bound < 0) {
      native.close(this.fd);
      throw new NetlinkError("bind a netlink socket", { errno: -bound });
    }
  }

  /**
   * Carries the requests out in order, each for itself: a refused one does not stop the next. Answer i belongs to
   * request i. A request that succeeds is not acknowledged unless it is the last of its batch, which saves the
   * kernel and us a message each.
   */
  transact(requests: readonly Request[]): readonly Acknowledgement[] {
    const known = this.answersAhead(requests);
    if (known !== undefined) return known;
    const answers = new Array<Acknowledgement>(requests.length).fill(SUCCESS);
    let next = 0;
    while (next < requests.length) next = this.transactBatch(requests, next, answers);
    return answers;
  }

  /**
   * Carries out batches that were made before (netlink/batch.ts), for the family `type`. The next `transact` must be of
   * the same requests to the byte: it gives their answers then, and does nothing; others it carries out, as ever.
   * Gives the requests that were refused, by their numbers.
   */
  sendAhead(batches: readonly Uint8Array[], type: number): [number, Acknowledgement][] {
    const { answers } = this.beginAhead();
    for (const batch of batches) {
      const [from, sequence] = [answers.length, this.sequence];
      this.expectAhead(batch, type);
      check("send netlink requests", native.send(this.fd, batch, 0, null, null));
      this.takeAnswers(from, answers.length, sequence, answers);
    }
    return [...answers.entries()].filter(([, { errno: code }]) => code !== 0);
  }

  /** Another process has sent these, as `sendAhead` does, and was refused `refusals`. */
  takeAhead(
    batches: readonly Uint8Array[],
    type: number,
    refusals: Iterable<readonly [number, Acknowledgement]>,
  ): void {
    const { answers } = this.beginAhead();
    for (const batch of batches) this.expectAhead(batch, type);
    for (const [number, answer] of refusals) answers[number] = answer;
  }

  private beginAhead(): Ahead {
    return (this.ahead = { batches: [], first: this.sequence, answers: [] });
  }

  private expectAhead(batch: Uint8Array, type: number): void {
    const { ahead } = this;
    const count = stampBatch(batch, type, this.sequence);
    ahead?.batches.push(batch);
    for (let i = 0; i < count; i++) ahead?.answers.push(SUCCESS);
    this.sequence += count;
  }

  /** Undefined: these were not sent ahead. */
  private answersAhead(requests: readonly Request[]): readonly Acknowledgement[] | undefined {
    const { ahead } = this;
    this.ahead = undefined;
    if (ahead?.answers.length !== requests.length) return undefined;
    let next = 0;
    for (const batch of ahead.batches) {
      next = writeBatch(this.out, requests, next, ahead.first + next);
      if (Buffer.compare(this.out.written(), batch) !== 0) return undefined;
    }
    return ahead.answers;
  }

  /**
   * Requests that the kernel carries out together or not at all (nfnetlink's batches), in one datagram. Gives the first
   * refusal; which of the others the kernel would have refused too is of no use.
   */
  commit(requests: readonly Request[]): Acknowledgement {
    this.out.reset();
    // All but BEGIN and END, of which older kernels acknowledge neither.
    for (const [i, request] of requests.entries())
      writeMessage(this.out, request, i === requests.length - 2 ? ACK : 0, this.nextSequence());
    this.send("send a netlink batch");
    let first: Acknowledgement | undefined;
    for (;;) {
      const length = native.recv(this.fd, this.incoming, null, null, null, MSG.TRUNC);
      if (length === -errno.EAGAIN) return first ?? LOST;
      if (length === -errno.ENOBUFS) continue;
      for (const message of messagesIn(this.incoming, check("read netlink answers", length))) {
        if (message.type !== TYPE_ERROR) continue;
        const answer = readAcknowledgement(message);
        if (first === undefined || first.errno === 0) first = answer;
      }
    }
  }

  /** One request with one answering message; `read` gets it. Throws on a refusal. */
  query<T>(operation: string, request: Request, read: (message: Message) => T): T {
    const [answer] = this.collect(operation, request, read, false);
    if (answer === undefined) throw new NetlinkError(operation, { errno: errno.EAGAIN });
    return answer;
  }

  /** Everything the kernel lists; undefined from `read` leaves a message out. Throws on a refusal. */
  dump<T>(operation: string, request: Request, read: (message: Message) => T | undefined): readonly T[] {
    return this.dumpAgain(operation, request, read, undefined);
  }

  /** The same of a generic family, with the `digest` of what was read. */
  dumpWithDigest<T>(
    operation: string,
    request: Request,
    read: (message: Message) => T | undefined,
    ignored: number,
  ): { readonly list: readonly T[]; readonly digest: number } {
    const list = this.dumpAgain(operation, request, read, ignored);
    return { list, digest: digestNumber(this.digested) };
  }

  /**
   * What a generic family lists, as a number that stays the same while everything listed does, but for the attributes in
   * its nests whose types are in the mask `ignored`. Costs a small part of a dump. Undefined: it cannot be told, which a
   * dump tells why.
   */
  digest(request: Request, ignored: number): number | undefined {
    const { incoming, digested } = this;
    const sequence = this.nextSequence();
    this.out.reset();
    writeMessage(this.out, request, DUMP, sequence);
    if (native.send(this.fd, this.out.written(), 0, null, null) < 0) return undefined;
    digested.fill(0);
    for (;;) {
      const length = native.recv(this.fd, incoming, null, null, null, MSG.TRUNC);
      if (length < 0 || length > incoming.length) return undefined;
      native.digest(incoming, length, request.type, sequence, ignored, digested);
      const [end = 0, , , flags = 0] = digested;
      if (end >= length) continue;
      const [last] = messagesIn(incoming.subarray(end), length - end);
      if (last?.type !== TYPE_DONE || readAcknowledgement(last).errno !== 0) return undefined;
      return (flags & DUMP_INTERRUPTED) === 0 ? digestNumber(digested) : undefined;
    }
  }

  /**
   * Hands every message of the groups to `onMessage`. When the kernel had to drop some (ENOBUFS), `onLoss` is told
   * once, when later ones will come again, and reads the state anew. Not by poll.ts, whose look at SO_ERROR would swallow an overrun between two reads.
   */
  listen(onMessage: (message: Message) => void, onLoss: () => void): void {
    const poll = native.pollNew(this.fd, () => {
      this.drain(onMessage, onLoss);
      // The overrun's POLLERR makes libuv stop the watch; to start a running one again changes nothing.
      if (this.poll !== undefined) native.pollStart(this.poll, POLL.READABLE);
    });
    if (typeof poll === "number") throw new NetlinkError("watch a netlink socket", { errno: -poll });
    this.poll = poll;
    check("watch a netlink socket", native.pollStart(poll, POLL.READABLE));
  }

  close(): void {
    if (this.poll !== undefined) native.pollFree(this.poll);
    this.poll = undefined;
    native.close(this.fd);
  }

  private dumpAgain<T>(
    operation: string,
    request: Request,
    read: (message: Message) => T | undefined,
    ignored: number | undefined,
  ): readonly T[] {
    try {
      return this.dumpWhole(operation, request, read, ignored);
    } catch (error) {
      if (!(error instanceof NetlinkError && error.code === "EBUSY")) throw error;
      // An earlier one was broken off, as when there was no memory for its next part: it goes on as it is read.
      while (native.recv(this.fd, this.incoming, null, null, null, MSG.TRUNC) >= 0);
      return this.dumpWhole(operation, request, read, ignored);
    }
  }

  private dumpWhole<T>(
    operation: string,
    request: Request,
    read: (message: Message) => T | undefined,
    ignored: number | undefined,
  ): readonly T[] {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const list = this.collect(operation, request, read, true, ignored);
      if (list !== INTERRUPTED) return list;
    }
    throw new NetlinkError(`${operation}: changed ${DUMP_ATTEMPTS} times while it was read`, {
      errno: errno.EINTR,
    });
  }

  private transactBatch(requests: readonly Request[], from: number, answers: Acknowledgement[]): number {
    const first = this.nextSequence();
    const to = writeBatch(this.out, requests, from, first);
    this.sequence = first + to - from;
    this.send("send netlink requests");
    this.takeAnswers(from, to, first, answers);
    return to;
  }

  /** Reads until the answer to the last request of the batch, or until all there are when some were lost. */
  private takeAnswers(from: number, to: number, first: number, answers: Acknowledgement[]): void {
    for (let last = first + to - from - 1, lost = false; ;) {
      const length = native.recv(this.fd, this.incoming, null, null, null, MSG.TRUNC);
      if (length === -errno.ENOBUFS) lost = true;
      else if (length === -errno.EAGAIN && lost) break;
      else
        for (const message of messagesIn(this.incoming, check("read netlink answers", length))) {
          if (message.type !== TYPE_ERROR || message.sequence < first || message.sequence > last) continue;
          answers[from + message.sequence - first] = readAcknowledgement(message);
          if (message.sequence === last) return;
        }
    }
    // So many refusals that the receive buffer overran: which of the others succeeded is not known.
    for (let i = from; i < to; i++) if (answers[i] === SUCCESS) answers[i] = LOST;
  }

  private collect<T>(
    operation: string,
    request: Request,
    read: (message: Message) => T | undefined,
    dump: boolean,
    ignored?: number,
  ): readonly T[] {
    const sequence = this.nextSequence();
    this.digested.fill(0);
    this.out.reset();
    writeMessage(this.out, request, dump ? DUMP : ACK, sequence);
    this.send(operation);
    const list: T[] = [];
    let interrupted = false;
    for (;;) {
      const length = check(operation, native.recv(this.fd, this.incoming, null, null, null, MSG.TRUNC));
      const whole = Math.min(length, this.incoming.length);
      if (ignored !== undefined)
        native.digest(this.incoming, whole, request.type, sequence, ignored, this.digested);
      // The answer to a request is there once it was sent, so that nothing to read is an error.
      for (const message of messagesIn(this.incoming, whole)) {
        if (message.sequence !== sequence) continue;
        interrupted ||= (message.flags & DUMP_INTERRUPTED) !== 0;
        if (message.type === TYPE_ERROR || message.type === TYPE_DONE) {
          const answer = readAcknowledgement(message);
          if (answer.errno !== 0) throw new NetlinkError(operation, answer);
          return interrupted ? INTERRUPTED : list;
        }
        const value = read(message);
        if (value !== undefined) list.push(value);
      }
    }
  }

  private nextSequence(): number {
    // Well before 32 bits are full; no answer to an old request is outstanding by then.
    if (this.sequence > 0x7fff_ffff) this.sequence = 1;
    return this.sequence++;
  }

  private send(operation: string): void {
    check(operation, native.send(this.fd, this.out.written(), 0, null, null));
  }

  private drain(onMessage: (message: Message) => void, onLoss: () => void): void {
    let lost = false;
    // Bounded, so that a storm cannot keep the loop here; the watch calls again when more is there. After a loss the
    // kernel drops everything, without a word, until the queue has been read empty: only then is a resync of use.
    for (let i = 0; i < (lost ? LOST_DATAGRAMS : DRAIN_DATAGRAMS); i++) {
      // The listener may have closed us, and the descriptor may be another's by now.
      if (this.poll === undefined) return;
      const length = native.recv(this.fd, this.incoming, null, null, null, MSG.TRUNC);
      if (length === -errno.ENOBUFS || length > this.incoming.length) lost = true;
      else if (length < 0) break;
      // What is read anew in a moment needs no reading of old events.
      else if (!lost) this.hand(length, onMessage);
    }
    if (lost) onLoss();
  }

  private hand(length: number, onMessage: (message: Message) => void): void {
    for (const message of messagesIn(this.incoming, length)) {
      if (this.poll === undefined) return;
      onMessage(message);
    }
  }
}

/** What was carried out before anybody asked for it. */
type Ahead = {
  readonly batches: Uint8Array[];
  readonly first: number;
  readonly answers: Acknowledgement[];
};

const SUCCESS: Acknowledgement = { errno: 0 };
const LOST: Acknowledgement = { errno: errno.ENOBUFS, text: "the kernel's answers were lost" };
const INTERRUPTED: readonly never[] = [];
const DRAIN_DATAGRAMS = 1000;
/** More than the receive buffer holds. */
const LOST_DATAGRAMS = 100_000;

/** As many bits of `native.digest` as a number holds exactly. */
const digestNumber = ([, low = 0, high = 0]: Int32Array): number =>
  (high & 0x1f_ffff) * 2 ** 32 + (low >>> 0);

function check(operation: string, result: number): number {
  if (result < 0) throw new NetlinkError(operation, { errno: -result });
  return result;
}
