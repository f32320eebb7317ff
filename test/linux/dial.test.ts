// TCP connects: open, refused, silent, cancelled, bound. All on this host's loopback.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { ip } from "../../src/core/address.js";
import { milliseconds } from "../../src/core/units.js";
import { tcpDialer } from "../../src/linux/dial.js";
import type { Cancel } from "../../src/ports/cancel.js";
import type { DialRequest } from "../../src/ports/dialer.js";

const minute = milliseconds(60_000);
let server: Server;
let port = 0;
let closedPort = 0;

before(async () => {
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end(`from ${socket.remoteAddress ?? "?"}\n`);
  });
  port = await listening(server);
  const closed = createServer();
  closedPort = await listening(closed);
  closed.close();
});
after(() => {
  server.close();
});

async function listening(one: Server): Promise<number> {
  one.listen(0, "127.0.0.1");
  await once(one, "listening");
  return (one.address() as AddressInfo).port;
}

/** A port that answers no connect: its listener stands still in another thread, and its queue is full. */
async function silentPort(): Promise<{ port: number; end: () => Promise<unknown> }> {
  const source = `
    const { parentPort } = require("node:worker_threads");
    const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(source, { eval: true });
  const [found] = (await once(worker, "message")) as [number];
  const fillers = Array.from({ length: 4 }, () => dial({ port: found, timeout: milliseconds(200) }));
  const filled = await Promise.all(fillers);
  return {
    port: found,
    end: () => {
      for (const filler of filled) if (filler.ok) filler.value.destroy();
      return worker.terminate();
    },
  };
}

/** A wish to cancel, to be expressed by hand. */
function canceller(): Cancel & { cancel: () => void; waiting: () => number } {
  const listeners = new Set<() => void>();
  let cancelled = false;
  return {
    get cancelled() {
      return cancelled;
    },
    onCancel(fire) {
      if (cancelled) fire();
      listeners.add(fire);
      return () => listeners.delete(fire);
    },
    cancel() {
      cancelled = true;
      for (const fire of [...listeners]) fire();
    },
    waiting: () => listeners.size,
  };
}

const request = (rest: Partial<DialRequest> = {}): DialRequest => ({
  address: ip("127.0.0.1"),
  port,
  timeout: minute,
  ...rest,
});
const dial = (
  rest: Partial<DialRequest> = {},
  cancel: Cancel = canceller(),
): ReturnType<typeof tcpDialer.dial> => tcpDialer.dial(request(rest), cancel);
const probe = (
  rest: Partial<DialRequest> = {},
  cancel: Cancel = canceller(),
): ReturnType<typeof tcpDialer.probe> => tcpDialer.probe(request(rest), cancel);
const descriptors = (): number => readdirSync("/proc/self/fd").length;

test("a connection carries data both ways", async () => {
  const dialled = await dial();
  assert.ok(dialled.ok);
  let text = "";
  dialled.value.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await once(dialled.value, "close");
  assert.equal(text, "from 127.0.0.1\n");
});

test("the source address is the one asked for", async () => {
  const dialled = await dial({ source: ip("127.0.0.9"), interface: "lo" });
  assert.ok(dialled.ok, JSON.stringify(dialled));
  assert.equal(dialled.value.localAddress, "127.0.0.9");
  dialled.value.destroy();
});

test("a closed port refuses, with the reason", async () => {
  assert.deepEqual(await dial({ port: closedPort }), {
    ok: false,
    error: { reason: "connect-refused", detail: "connect: ECONNREFUSED: connection refused" },
  });
});

// No TCP leads to a multicast address: nothing leaves this host.
test("an address without a route is unreachable, and a foreign source is a failure of its own", async () => {
  const unreachable = await probe({ address: ip("224.0.0.1") });
  assert.ok(!unreachable.ok);
  const foreign = await probe({ source: ip("192.0.2.77") });
  assert.ok(!foreign.ok);
  assert.deepEqual(foreign.error, {
    reason: "connect-failed",
    detail: "bind to source 192.0.2.77: EADDRNOTAVAIL: address not on this host",
  });
  const device = await probe({ interface: "no-such-link" });
  assert.ok(!device.ok);
  assert.match(device.error.detail, /^bind to interface no-such-link: ENODEV/);
});

test("a server that does not answer times out, and a cancelled dial ends at once", async () => {
  const silent = await silentPort();
  assert.deepEqual(await dial({ port: silent.port, timeout: milliseconds(30) }), {
    ok: false,
    error: { reason: "connect-timeout", detail: "no answer in 30 ms" },
  });
  const cancelled = { ok: false, error: { reason: "connect-failed", detail: "cancelled" } };
  const wish = canceller();
  const pending = dial({ port: silent.port }, wish);
  setImmediate(wish.cancel);
  assert.deepEqual(await pending, cancelled);
  assert.equal(wish.waiting(), 0, "the wish is taken back");
  assert.deepEqual(await dial({}, wish), cancelled);
  await silent.end();
});

test("no outcome leaks a descriptor", async () => {
  const silent = await silentPort();
  const before = descriptors();
  const wish = canceller();
  const many = Array.from({ length: 40 }, () => [
    probe(),
    probe({ port: closedPort }),
    probe({ port: silent.port, timeout: milliseconds(20) }),
    probe({ port: silent.port }, wish),
    probe({ source: ip("192.0.2.77") }),
  ]).flat();
  setTimeout(wish.cancel, 10);
  const outcomes = await Promise.all(many);
  assert.equal(outcomes.filter((outcome) => outcome.ok).length, 40);
  // The server's own ends close a little later.
  for (let i = 0; i < 500 && descriptors() > before; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(descriptors() <= before);
  await silent.end();
});

test("a mark is set where it is permitted and refused by name where not", async () => {
  const marked = await probe({ mark: 42 });
  if (!marked.ok) assert.match(marked.error.detail, /^mark 42: EPERM/);
});

type Told = { readonly reason: string; readonly detail: string; readonly took: number };

/** A prober, what it has told, and the next thing that it tells. */
function proberOf(to: { address?: string; port: number }, onTold: () => void = () => undefined) {
  const told: Told[] = [];
  let wake: (next: Told) => void = () => undefined;
  const prober = tcpDialer.prober(ip(to.address ?? "127.0.0.1"), to.port, {
    onProbed: (problem, took) => {
      const next = { reason: problem?.reason ?? "open", detail: problem?.detail ?? "", took };
      told.push(next);
      onTold();
      wake(next);
    },
  });
  const next = (): Promise<Told> => {
    const promise = new Promise<Told>((resolve) => (wake = resolve));
    prober.start();
    return promise;
  };
  return { prober, told, next };
}

test("a prober says as often as it is asked whether a connection opens, in the words of a single one", async () => {
  const open = proberOf({ port });
  for (let i = 0; i < 3; i++) {
    const { reason, took } = await open.next();
    assert.equal(reason, "open");
    assert.ok(took >= 0 && took < minute);
  }
  for (const to of [
    { port: closedPort },
    { address: "224.0.0.1", port },
    { address: "::1", port: closedPort },
  ]) {
    const single = await probe({ ...to, address: ip(to.address ?? "127.0.0.1") });
    const { reason, detail } = await proberOf(to).next();
    assert.deepEqual({ ok: false, error: { reason, detail } }, single);
  }
});

test("probers that begin together tell each of its own end, once, and leave nothing open", async () => {
  const silent = await silentPort();
  const before = descriptors();
  const hung = Array.from({ length: 20 }, () => proberOf({ port: silent.port }));
  for (const { prober } of hung) prober.start();
  const others = Array.from({ length: 150 }, (_, i) => proberOf({ port: i % 3 === 0 ? closedPort : port }));
  const first = await Promise.all(others.map((other) => other.next()));
  assert.deepEqual(
    first.map(({ reason }) => reason),
    others.map((_, i) => (i % 3 === 0 ? "connect-refused" : "open")),
  );
  assert.ok(descriptors() >= before + 20, "those that hang are open");
  for (const { prober } of hung) prober.cancel();
  // A prober that was cancelled begins again, and one that was cancelled in the same turn never began.
  const again = hung[0]!;
  again.prober.start();
  again.prober.cancel();
  await Promise.all(others.map((other) => other.next()));
  for (const { told } of others) assert.equal(told.length, 2);
  for (const { told } of hung) assert.deepEqual(told, []);
  for (let i = 0; i < 500 && descriptors() > before; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(descriptors() <= before);
  await silent.end();
});

test("a prober that is cancelled by what another one tells in the same turn tells nothing", async () => {
  const victim = proberOf({ port: closedPort });
  const first = proberOf({ port: closedPort }, () => victim.prober.cancel());
  const told = first.next();
  victim.prober.start();
  await told;
  assert.equal((await proberOf({ port }).next()).reason, "open");
  assert.deepEqual(victim.told, []);
});

test("one of a later batch that is cancelled by what is told of the first tells nothing, and nobody else is left out", async () => {
  const next = proberOf({ port: closedPort });
  let told: Promise<unknown> = Promise.resolve();
  const victim = proberOf({ port: closedPort });
  const first = proberOf({ port: closedPort }, () => {
    told = next.next();
    victim.prober.cancel();
  });
  const all = [first.next(), ...Array.from({ length: 80 }, () => proberOf({ port: closedPort }).next())];
  victim.prober.start();
  await Promise.all(all);
  await told;
  assert.equal((await proberOf({ port }).next()).reason, "open");
  assert.deepEqual(victim.told, []);
  assert.equal(next.told.length, 1);
});

/** Says `text`, and gives what was heard, and how it ended, in the order it came. */
function converse(text: string, rest: Partial<DialRequest> = {}, enough = Infinity): Promise<string[]> {
  return new Promise((resolve) => {
    const heard: string[] = [];
    let length = 0;
    tcpDialer.converse(request(rest), {
      onOpen: () => {
        heard.push("open");
        return Buffer.from(text);
      },
      onBytes: (bytes) => {
        length += bytes.length;
        if (length >= enough) resolve([...heard, `enough after ${length}`]);
        return length < enough;
      },
      onEnd: (failure) => resolve([...heard, `${length} bytes`, failure?.reason ?? "end"]),
    });
  });
}

test("a conversation carries more than the kernel takes at once both ways, and says how it ends", async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    let left = 8_000_000;
    socket.on("data", (bytes) => {
      left -= bytes.length;
      socket.write(bytes);
      if (left <= 0) socket.end();
    });
  });
  const echoPort = await listening(echo);
  const before = descriptors();
  const text = "x".repeat(8_000_000);
  assert.deepEqual(await converse(text, { port: echoPort }), ["open", "8000000 bytes", "end"]);
  const [open, enough] = await converse(text, { port: echoPort }, 100_000);
  assert.equal(open, "open");
  assert.match(enough ?? "", /^enough after [0-9]+$/);
  assert.deepEqual(await converse("", { port: closedPort }), ["0 bytes", "connect-refused"]);
  const resets = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.resetAndDestroy());
  });
  assert.deepEqual(await converse("x", { port: await listening(resets) }), [
    "open",
    "0 bytes",
    "connect-reset",
  ]);
  for (let i = 0; i < 500 && descriptors() > before + 1; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(descriptors() <= before + 1, "the second server's own is left");
  resets.close();
  echo.close();
});
