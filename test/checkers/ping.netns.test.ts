// Pings and datagrams where they are alone with their routers: real kernels answer, refuse and keep silent.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { CancelSource } from "../../src/checkers/cancel.js";
import type { CheckResult } from "../../src/checkers/checker.js";
import { ip, type IpAddress } from "../../src/core/address.js";
import { Pings } from "../../src/linux/echo.js";
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

test("ping takes no answer that is not its own", { skip }, async () => {
  // Other pings answer all the time, and one of them is to the same server.
  const noise = inB("ping", "-c", "20", "-i", "0.01", US);
  assertFails(await ping("10.77.0.97", {}, 300), "no-reply", /no reply/);
  assert.match(await noise, /20 received/);
});

const openFiles = (): number => readdirSync("/proc/self/fd").length;

/** Runs a program inside of b; gives what it said. */
async function inB(...command: readonly string[]): Promise<string> {
  const { stdout } = await runProgram("ip", ["netns", "exec", pair.nameB, ...command]);
  return stdout;
}
