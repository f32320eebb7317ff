// Pings for checks. All that leave the same way share one raw socket, and are told apart by their sequence number and
// a random token; a filter keeps the answers to other programs' pings away. A socket lives while a ping waits for its
// answer. Ping sockets (IPPROTO_ICMP datagrams) are not used, because systems may deny them to root (ADR 18).

import { randomFillSync, randomInt } from "node:crypto";

import { familyOf, ipFromBytes, type Family } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import type { DialFailure, Route } from "../ports/dialer.js";
import type { Echo } from "../ports/echo.js";
import { echoIpv4Filter, echoIpv6Filter } from "./bpf.js";
import { failure, openCheckSocket, scopeOf } from "./check-socket.js";
import { IPPROTO, SO, SOCK, SOL } from "./constants.js";
import { ECHO_LENGTH, readEcho, TOKEN_LENGTH, writeEcho, type EchoNews } from "./icmp.js";
import { native } from "./native.js";
import { Watch } from "./poll.js";
import { sockaddrIp } from "./sockaddr.js";

type Outcome = Result<null, DialFailure>;
type Waiting = {
  readonly route: Route;
  readonly token: Uint8Array;
  readonly settle: (outcome: Outcome) => void;
};

const SEQUENCES = 0x1_0000;
/** Packets to dead neighbours lie in the kernel for seconds, and must not keep those to others from leaving. */
const SEND_BUFFER = 32 * 1024 * 1024;
/** Answers to thousands may come at once. */
const RECEIVE_BUFFER = 8 * 1024 * 1024;
/** Messages of one system call, and system calls of one turn of the loop. */
const BATCH = 64;
const BUDGET = 16;
/** Room for the longest headers, ours in the middle of an error message included. */
const SLOT = 256;
const ADDRESS_SLOT = 28;
/** Offset of sin6_addr in struct sockaddr_in6. */
const IN6_ADDRESS_AT = 8;

const sent = new Uint8Array(ECHO_LENGTH);
const received = new Uint8Array(BATCH * SLOT);
const lengths = new Int32Array(BATCH);
const senders = new Uint8Array(BATCH * ADDRESS_SLOT);

class EchoSocket {
  readonly waiting = new Map<number, Waiting>();
  private readonly fd: number;
  private readonly family: Family;
  private readonly identifier: number;
  private readonly watch: Watch;
  private sequence = randomInt(SEQUENCES);
  private open = true;

  static open(route: Route): Result<EchoSocket, DialFailure> {
    const family = familyOf(route.address);
    const opened = openCheckSocket(route, SOCK.RAW, family === "ipv4" ? IPPROTO.ICMP : IPPROTO.ICMPV6);
    return opened.ok ? ok(new EchoSocket(opened.value, family)) : opened;
  }

  private constructor(fd: number, family: Family) {
    this.fd = fd;
    this.family = family;
    this.identifier = randomInt(SEQUENCES);
    const filter = family === "ipv4" ? echoIpv4Filter(this.identifier) : echoIpv6Filter(this.identifier);
    // Without any of these fewer servers can be pinged at a time, and more is read in vain.
    native.attachFilter(fd, filter);
    native.setsockopt(fd, SOL.SOCKET, SO.SNDBUFFORCE, SEND_BUFFER);
    native.setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER);
    this.watch = new Watch(fd, () => this.read());
  }

  /** Gives the number under which the answer is waited for. */
  send(waiting: Waiting): Result<number, DialFailure> {
    if (this.waiting.size === SEQUENCES)
      return err({ reason: "connect-failed", detail: "too many pings at a time" });
    do this.sequence = (this.sequence + 1) % SEQUENCES;
    while (this.waiting.has(this.sequence));
    const { address } = waiting.route;
    writeEcho(sent, this.family, this.identifier, this.sequence, waiting.token);
    const result = native.send(this.fd, sent, 0, sockaddrIp(address, 0, scopeOf(waiting.route)), null);
    if (result < 0) return err(failure("send", result));
    this.waiting.set(this.sequence, waiting);
    return ok(this.sequence);
  }

  close(): void {
    this.open = false;
    this.watch.close();
    native.close(this.fd);
  }

  private read(): void {
    for (let turn = 0; turn < BUDGET && this.open; turn++) {
      const withAddress = this.family === "ipv6";
      const count = native.recvMany(
        this.fd,
        received,
        SLOT,
        lengths,
        withAddress ? senders : null,
        withAddress ? ADDRESS_SLOT : 0,
        null,
        0,
        null,
      );
      if (count <= 0) return;
      for (let i = 0; i < count; i++) this.take(i);
      if (count < BATCH) return;
    }
  }

  private take(i: number): void {
    const bytes = received.subarray(i * SLOT, i * SLOT + Math.min(lengths[i]!, SLOT));
    const at = i * ADDRESS_SLOT + IN6_ADDRESS_AT;
    const news =
      this.family === "ipv4"
        ? readEcho(bytes, "ipv4", this.identifier)
        : readEcho(bytes, "ipv6", this.identifier, ipFromBytes(senders.subarray(at, at + 16)));
    if (news === undefined) return;
    const waiting = this.waiting.get(news.sequence);
    if (waiting?.route.address === news.address) answer(waiting, news);
  }
}

function answer(waiting: Waiting, news: EchoNews): void {
  if (news.kind === "unreachable")
    waiting.settle(err({ reason: "connect-unreachable", detail: `${news.by} says: ${news.text}` }));
  else if (waiting.token.every((byte, i) => byte === news.token[i])) waiting.settle(ok(null));
}

/** The Echo port of this machine. Needs CAP_NET_RAW. */
export class Pings implements Echo {
  private readonly sockets = new Map<string, EchoSocket>();

  ping(route: Route, cancel: Cancel): Promise<Outcome> {
    if (cancel.cancelled) return Promise.resolve(err(CANCELLED));
    const key = `${familyOf(route.address)} ${route.source ?? ""} ${route.interface ?? ""} ${route.mark ?? ""}`;
    const opened = this.socketOf(key, route);
    if (!opened.ok) return Promise.resolve(opened);
    const socket = opened.value;
    return new Promise((resolve) => {
      let forget = (): void => undefined;
      let sequence = -1;
      const settle = (outcome: Outcome): void => {
        if (!socket.waiting.delete(sequence)) return;
        forget();
        this.closeIfIdle(key, socket);
        resolve(outcome);
      };
      const token = randomFillSync(new Uint8Array(TOKEN_LENGTH));
      const result = socket.send({ route, token, settle });
      if (!result.ok) {
        this.closeIfIdle(key, socket);
        resolve(result);
        return;
      }
      sequence = result.value;
      forget = cancel.onCancel(() => {
        settle(err(CANCELLED));
      });
    });
  }

  private socketOf(key: string, route: Route): Result<EchoSocket, DialFailure> {
    const known = this.sockets.get(key);
    if (known !== undefined) return ok(known);
    const opened = EchoSocket.open(route);
    if (opened.ok) this.sockets.set(key, opened.value);
    return opened;
  }

  private closeIfIdle(key: string, socket: EchoSocket): void {
    if (socket.waiting.size > 0) return;
    this.sockets.delete(key);
    socket.close();
  }
}

const CANCELLED: DialFailure = { reason: "connect-failed", detail: "cancelled" };
