// Pings and datagrams where they are alone with their routers: real kernels answer, refuse and keep silent.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { CancelSource } from "../../src/checkers/cancel.js";
import type { CheckResult } from "../../src/checkers/checker.js";
import { ip, type Family, type IpAddress } from "../../src/core/address.js";
import { checksum } from "../../src/core/checksum.js";
import { AF, IPPROTO, SOCK } from "../../src/linux/constants.js";
import { Pings } from "../../src/linux/echo.js";
import { native } from "../../src/linux/native.js";
import { Watch } from "../../src/linux/poll.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import type { Route } from "../../src/ports/dialer.js";
import { cannotMakeNamespaces, makeNamespacePair, type NamespacePair } from "../linux/own-namespaces.js";
import { assertFails, assertUp, run, target } from "./harness.js";

const runProgram = promisify(execFile);
const skip = cannotMakeNamespaces;
const US = "10.77.0.1";
const NEAR = "10.77.0.2";
/** Nobody has it: a network of its own behind b, which routes to it. */
const FAR = "10.99.0.9";
let pair: NamespacePair;

before(() => {
  if (skip !== false) return;
  pair = makeNamespacePair("ping", 2);
  for (const [command, host] of [
    [pair.ipA, 1],
    [pair.ipB, 2],
  ] as const)
    command("address", "add", `fd77::${host}/64`, "dev", "v0", "nodad");
  pair.ipA("route", "add", "10.99.0.0/16", "via", NEAR);
  pair.ipA("-6", "route", "add", "fd99::/64", "via", "fd77::2");
});
after(() => {
  if (skip === false) pair.remove();
});

/** From inside of a. The socket stays there; only its opening must be in time. */
const ask = (name: string, options: object, address: string, timeout?: number): Promise<CheckResult> =>
  pair
    .inA(() => run(name, options, { ...target(9), address: ip(address) }, timeout))
    .then(({ result }) => result);
const ping = (address: string, options: object = {}, timeout?: number): Promise<CheckResult> =>
  ask("ping", options, address, timeout);

test("ping succeeds when the kernel on the other side answers", { skip }, async () => {
  assertUp(await ping(NEAR), /^reply from 10\.77\.0\.2$/);
  assertUp(await ping("fd77::2"), /^reply from fd77::2$/);
  assertUp(await ping("127.0.0.1"), /^reply from 127\.0\.0\.1$/);
  assertUp(await ping("::1"), /^reply from ::1$/);
});

test("ping leaves as it is told to", { skip }, async () => {
  pair.ipA("address", "add", "10.77.0.7/32", "dev", "lo");
  assertUp(await ping(NEAR, { source: "10.77.0.7", interface: "v0", mark: 5 }), /reply/);
  assertUp(await ping("fd99::1", { address: "fd77::2", source: "fd77::1" }), /reply from fd77::2/);
  const wrong = await ping(NEAR, { interface: "lo" }, 300);
  assert.ok(!wrong.ok);
  assertFails(await ping(NEAR, { source: "192.0.2.1" }), "connect-failed", /bind to source 192\.0\.2\.1/);
  assertFails(await ping(NEAR, { interface: "none" }), "connect-failed", /bind to interface none: ENODEV/);
  pair.ipA("rule", "add", "fwmark", "9", "unreachable");
  assertFails(await ping(NEAR, { mark: 9 }), "connect-unreachable", /^send: /);
});

test("ping says who said that a server is out of reach", { skip }, async () => {
  // b forwards nothing, and tells the truth about it.
  pair.ipB("route", "add", "unreachable", "10.99.0.0/16");
  pair.ipB("-6", "route", "add", "unreachable", "fd99::/64");
  for (const [path, family] of [
    ["/proc/sys/net/ipv4/ip_forward", "4"],
    ["/proc/sys/net/ipv6/conf/all/forwarding", "6"],
  ] as const)
    assert.equal(await inB("sh", "-c", `echo 1 >${path}`), "", family);
  assertFails(await ping(FAR), "connect-unreachable", /^10\.77\.0\.2 says: host unreachable$/);
  assertFails(await ping("fd99::9"), "connect-unreachable", /^fd77::2 says: /);
  assertFails(await ping("198.51.100.1"), "connect-unreachable", /ENETUNREACH/);
});

test("udp says that a server is out of reach, though no reply is needed", { skip }, async () => {
  assertFails(await ask("udp", {}, NEAR), "connect-refused", /ECONNREFUSED/);
  assertFails(await ask("udp", {}, "fd77::2"), "connect-refused", /ECONNREFUSED/);
  assertFails(await ask("udp", {}, FAR), "connect-unreachable", /EHOSTUNREACH/);
  assertFails(await ask("udp", {}, "fd99::9"), "connect-unreachable", /EHOSTUNREACH|ENETUNREACH|EACCES/);
  assertFails(await ask("udp", {}, "198.51.100.1"), "connect-unreachable", /ENETUNREACH/);
  // Nobody has this address: the kernel asks for it three times.
  assertFails(await ask("udp", {}, "10.77.0.99"), "connect-unreachable", /EHOSTUNREACH/);
});

test("ping does not wait for longer than its time", { skip }, async () => {
  await inB("sh", "-c", "echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
  assertFails(await ping(NEAR, {}, 200), "no-reply", /^no reply from 10\.77\.0\.2 in \d+ ms$/);
  await inB("sh", "-c", "echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
  assertFails(await ping("10.77.0.98"), "connect-unreachable", /^10\.77\.0\.1 says: host unreachable$/);
});

test("ping takes an answer that comes late", { skip }, async () => {
  // Until there is somebody with this address, the kernel asks for it, once a second, and keeps the packet.
  const late = ping("10.77.0.50");
  const began = performance.now();
  setTimeout(() => pair.ipB("address", "add", "10.77.0.50/32", "dev", "v0"), 200);
  assertUp(await late, /^reply from 10\.77\.0\.50$/);
  assert.ok(performance.now() - began > 200);
});

test(
  "thousands of pings share a socket, and the dead do not keep the living from their turn",
  { skip },
  async () => {
    // Every address of 10.88.0.0/16 is b's, and nobody has those of 10.77.1.0/24.
    pair.ipB("route", "add", "local", "10.88.0.0/16", "dev", "lo");
    pair.ipA("route", "add", "10.88.0.0/16", "via", NEAR);
    const pings = new Pings();
    const cancel = new CancelSource();
    const route = (address: string): Route => ({ address: address as IpAddress });
    const before = openFiles();
    const many = (count: number, address: (i: number) => string) =>
      pair.inA(() => Array.from({ length: count }, (_, i) => pings.ping(route(address(i)), cancel)));
    const dead = many(2000, (i) => `10.77.1.${3 + (i % 250)}`);
    const living = many(5000, (i) => `10.88.${i >> 8}.${i & 255}`);
    assert.equal(openFiles(), before + 1);
    const answered = await Promise.all(living);
    assert.deepEqual(
      answered.filter(({ ok }) => !ok),
      [],
    );
    cancel.cancel();
    for (const outcome of await Promise.all(dead)) assert.ok(!outcome.ok);
    assert.equal(openFiles(), before, "the socket is closed with the last of them");
  },
);

const OTHER = 98;
const flip = (message: Uint8Array, at: number): void => void (message[at]! ^= 1);
/** What b answers to a ping to its address number i. The last one is the true answer: it shows that all of them arrive. */
const ANSWERS: readonly {
  name: string;
  change?: (reply: Uint8Array) => void;
  longer?: number;
  from?: number;
}[] = [
  { name: "of another identifier", change: (reply) => flip(reply, 5) },
  // Far from those of the pings beside it.
  { name: "of another sequence number", change: (reply) => flip(reply, 6) },
  { name: "without our token", change: (reply) => flip(reply, 8) },
  { name: "that is too long", longer: 4 },
  { name: "of another server", from: OTHER },
  { name: "that is its own" },
];

test("ping takes no answer that is not its own", { skip }, async () => {
  for (const family of ["ipv4", "ipv6"] as const) {
    const address = (i: number): IpAddress => ip(family === "ipv4" ? `10.89.0.${i + 1}` : `fd89::${i + 1}`);
    const net = family === "ipv4" ? "10.89.0.0/24" : "fd89::/64";
    for (const i of [...ANSWERS.keys(), OTHER]) pair.ipB("address", "add", address(i), "dev", "lo");
    pair.ipA("route", "add", net, "via", family === "ipv4" ? NEAR : "fd77::2");
    await inB("sh", "-c", `echo 1 >/proc/sys/net/${family}/${SILENCE[family]}`);
    const stop = pair.inB(() => answerByHand(family, address));
    const results = await Promise.all(ANSWERS.map((_, i) => ping(address(i), {}, 1500)));
    const answered = stop();
    for (const [i, { name }] of ANSWERS.entries()) {
      assert.ok(answered.has(i), `${family}: no answer ${name} was sent`);
      const result = results[i] as CheckResult;
      if (i === ANSWERS.length - 1) assertUp(result, /^reply from /);
      else assert.equal(result.ok ? "taken" : result.reason, "no-reply", `${family}: an answer ${name}`);
    }
    await inB("sh", "-c", `echo 0 >/proc/sys/net/${family}/${SILENCE[family]}`);
  }
});

const SILENCE = { ipv4: "icmp_echo_ignore_all", ipv6: "icmp/echo_ignore_all" } as const;

/** Answers pings in place of the kernel, that of address i by ANSWERS[i]. Gives the end of it, which says which. */
function answerByHand(family: Family, address: (i: number) => IpAddress): () => ReadonlySet<number> {
  const open = (): number =>
    family === "ipv4"
      ? native.socket(AF.INET, SOCK.RAW, IPPROTO.ICMP)
      : native.socket(AF.INET6, SOCK.RAW, IPPROTO.ICMPV6);
  const us = ip(family === "ipv4" ? US : "fd77::1");
  const answered = new Set<number>();
  const fds = ANSWERS.map(({ from }, i) => {
    const [asked, answering] = [open(), open()];
    assert.equal(native.bind(asked, sockaddrIp(address(i), 0)), 0);
    assert.equal(native.bind(answering, sockaddrIp(address(from ?? i), 0)), 0);
    return { asked, answering };
  });
  const watches = fds.map(({ asked, answering }, i) => {
    const bytes = new Uint8Array(256);
    return new Watch(asked, () => {
      const length = native.recv(asked, bytes, null, null, null, 0);
      const reply = bytes.slice(family === "ipv4" ? 20 : 0, length);
      if (reply[0] !== (family === "ipv4" ? 8 : 128)) return;
      const sent = native.send(answering, forged(family, reply, i), 0, sockaddrIp(us, 0), null);
      if (sent > 0) answered.add(i);
    });
  });
  return () => {
    for (const watch of watches) watch.close();
    for (const fd of fds.flatMap(({ asked, answering }) => [asked, answering])) native.close(fd);
    return answered;
  };
}

/** The checksum of ICMPv6 is the kernel's to fill in. */
function forged(family: Family, request: Uint8Array, i: number): Uint8Array {
  const { change, longer = 0 } = ANSWERS[i] as (typeof ANSWERS)[number];
  const reply = new Uint8Array(request.length + longer);
  reply.set(request);
  reply[0] = family === "ipv4" ? 0 : 129;
  change?.(reply);
  reply.set([0, 0], 2);
  if (family === "ipv4") {
    const sum = checksum(reply);
    reply.set([sum >> 8, sum & 0xff], 2);
  }
  return reply;
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;

/** Runs a program inside of b; gives what it said. */
async function inB(...command: readonly string[]): Promise<string> {
  const { stdout } = await runProgram("ip", ["netns", "exec", pair.nameB, ...command]);
  return stdout;
}
