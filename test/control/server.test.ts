// The control socket against clients of every kind: good ones, slow ones, loud ones.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { askerName, type Peer } from "../../src/control/asker.js";
import { LONGEST_REQUEST, parseReply, parseRequest, type Reply } from "../../src/control/protocol.js";
import {
  ControlServer,
  type Client,
  type Handler,
  type PeerOf,
} from "../../src/director/supervisor/control-server.js";
import { peerOf } from "../../src/linux/peer.js";
import { claimRuntimeDirectory, controlSocketPath } from "../../src/director/supervisor/runtime-directory.js";
import { until } from "../supervisor/fakes.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-control-"));
after(() => rmSync(folder, { recursive: true }));

let sockets = 0;
async function serve(
  handle: Handler,
  peerOf?: PeerOf,
): Promise<{ readonly path: string; readonly close: () => void }> {
  const path = join(folder, `${++sockets}.sock`);
  const server = await ControlServer.open(path, handle, peerOf);
  return { path, close: () => server.close() };
}

/** Sends text and gives all that comes back until the other side hangs up or `enough` holds. */
function talk(
  path: string,
  text: string,
  enough: (replies: readonly Reply[]) => boolean = () => false,
): Promise<readonly Reply[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(text));
    let got = "";
    const replies = (): Reply[] => got.split("\n").flatMap((line) => parseReply(line) ?? []);
    socket.setEncoding("utf8");
    socket.on("data", (more: string) => {
      got += more;
      if (enough(replies())) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(replies()));
  });
}

const end: Handler = (_request, client) => {
  client.reply({ reply: "end" });
  return Promise.resolve();
};

test("who asks is what the kernel says of him, with what he says of himself beside it", () => {
  for (const [user, login, said, wanted] of [
    ["root", undefined, "root", "root"],
    ["root", undefined, "alice", "root (says alice)"],
    ["root", "alice", "alice", "alice as root"],
    ["root", "alice", "root", "alice as root"],
    ["root", "alice", "bob", "alice as root (says bob)"],
    ["root", "root", "root", "root"],
  ] as const)
    assert.equal(askerName({ user, login }, said), wanted);
  assert.equal(askerName(undefined, "alice"), "unknown (says alice)");
});

test("a client is known by the user that it runs as", async (t) => {
  const seen: (Peer | undefined)[] = [];
  const { path, close } = await serve((request, client) => {
    seen.push(client.peer);
    return end(request, client);
  }, peerOf);
  t.after(close);
  await talk(path, '{"request":"orders"}\n', (replies) => replies.length > 0);
  const [own] = seen;
  assert.equal(own?.user, userInfo().username);
  const login = Number(readFileSync("/proc/self/loginuid", "utf8"));
  assert.equal(own.login === undefined, login === 0xffff_ffff);
  if (process.getuid?.() !== 0) return;
  chmodSync(folder, 0o755);
  chmodSync(path, 0o666);
  const program = `require("net").connect(${JSON.stringify(path)}, function () { this.end('{"request":"orders"}\\n'); }).resume()`;
  // A name that it gives itself counts for nothing.
  const options = { uid: 65534, gid: 65534, env: { SUDO_USER: "root", USER: "root" } };
  const child = spawn(process.execPath, ["-e", program], options);
  await once(child, "exit");
  await until(() => seen.length === 2, "the request of another user");
  assert.equal(seen[1]?.user, "nobody");
});

test("requests are read strictly, and what is wrong is said", () => {
  assert.deepEqual(parseRequest('{"request":"events","follow":true,"last":3}'), {
    ok: true,
    value: { request: "events", follow: true, last: 3 },
  });
  assert.deepEqual(parseRequest('{"request":"stop","table":"keep"}'), {
    ok: true,
    value: { request: "stop", table: "keep" },
  });
  assert.deepEqual(parseRequest('{"request":"stop","addresses":"keep"}'), {
    ok: true,
    value: { request: "stop", addresses: "keep" },
  });
  for (const [line, wanted] of [
    ["", /one JSON object/],
    ["[]", /one JSON object/],
    [
      '{"request":"statsu"}',
      /unknown request "statsu": one of status, events, order, orders, reload, upgrade, stop/,
    ],
    ['{"request":"events","last":-1}', /"last" is a whole number/],
    ['{"request":"events","follow":1}', /"follow" is true or false/],
    ['{"request":"stop","table":"x"}', /"keep" or "remove"/],
    ['{"request":"stop","addresses":"remove"}', /"addresses" is "keep"/],
  ] as const) {
    const parsed = parseRequest(line);
    assert.ok(!parsed.ok);
    assert.match(parsed.error, wanted);
  }
});

test("the socket is for root alone, and answers several requests of one client in order", async () => {
  const { path, close } = await serve(async (request, client) => {
    await new Promise((resolve) => setTimeout(resolve, request.request === "reload" ? 30 : 0));
    client.reply({ reply: "error", message: request.request });
  });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const replies = await talk(path, '{"request":"reload"}\n{"request":"stop"}\n', (all) => all.length === 2);
  assert.deepEqual(
    replies.map((reply) => (reply.reply === "error" ? reply.message : "")),
    ["reload", "stop"],
  );
  close();
});

test("a request that is too long or not understood ends the conversation with a reason", async () => {
  const { path, close } = await serve(end);
  const long = await talk(path, "x".repeat(LONGEST_REQUEST + 10));
  assert.match(JSON.stringify(long), /at most/);
  const wrong = await talk(path, "hello\n");
  assert.match(JSON.stringify(wrong), /one JSON object/);
  close();
});

test("after a refusal nothing is read any more, however much comes", async () => {
  let handled = 0;
  const { path, close } = await serve((request, client) => {
    handled++;
    return end(request, client);
  });
  const socket = connect(path, () => socket.write("hello\n"));
  let got = "";
  socket.setEncoding("utf8");
  socket.on("error", () => undefined);
  // The answer is there, and so is the end of the other side; we go on talking.
  socket.on("data", (text: string) => (got += text));
  socket.allowHalfOpen = true;
  await until(() => got.includes("\n"), "the refusal");
  for (let i = 0; i < 50; i++) {
    socket.write(`{"request":"status"}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await until(() => socket.destroyed || socket.writableFinished, "the end");
  assert.deepEqual(await talk(path, '{"request":"status"}\n', (all) => all.length === 1), [{ reply: "end" }]);
  assert.equal(handled, 1);
  socket.destroy();
  close();
});

test("a server that fails while it listens, and fails again, goes on", async () => {
  const path = join(folder, "failing.sock");
  const server = await ControlServer.open(path, end);
  const inner = (server as unknown as { readonly server: Server }).server;
  // As Node does when a connection cannot be accepted (EMFILE).
  inner.emit("error", new Error("accept EMFILE"));
  inner.emit("error", new Error("accept EMFILE"));
  assert.deepEqual(await talk(path, '{"request":"status"}\n', (all) => all.length === 1), [{ reply: "end" }]);
  server.close();
});

test("a handler that fails answers with an error, and the next client is served", async () => {
  let first = true;
  const { path, close } = await serve((request, client) => {
    if (!first) return end(request, client);
    first = false;
    return Promise.reject(new Error("on purpose"));
  });
  assert.match(JSON.stringify(await talk(path, '{"request":"status"}\n')), /on purpose/);
  assert.deepEqual(await talk(path, '{"request":"status"}\n', (all) => all.length === 1), [{ reply: "end" }]);
  close();
});

test("a client that does not read is cut off, and others do not notice", async () => {
  let slow: Client | undefined;
  let gone = false;
  const { path, close } = await serve((request, client) => {
    if (request.request !== "events") return end(request, client);
    slow = client;
    client.onGone(() => (gone = true));
    return Promise.resolve();
  });
  const reader: Socket = connect(path, () => reader.write('{"request":"events","follow":true}\n'));
  reader.on("error", () => undefined);
  reader.pause();
  await until(() => slow !== undefined, "request");
  const message = "x".repeat(100_000);
  let sent = 0;
  while (slow?.reply({ reply: "error", message }) === true && sent < 1000) sent++;
  assert.ok(sent < 1000, `after ${sent} replies`);
  await until(() => gone, "the end of the slow client");
  assert.deepEqual(await talk(path, '{"request":"status"}\n', (all) => all.length === 1), [{ reply: "end" }]);
  reader.destroy();
  close();
});

test("a second daemon on the same runtime directory is refused with the pid of the first", async () => {
  const path = join(folder, "run");
  const first = await claimRuntimeDirectory(path);
  assert.ok(first.ok);
  const server = await ControlServer.open(controlSocketPath(path), end);
  const second = await claimRuntimeDirectory(path);
  assert.ok(!second.ok);
  assert.match(second.error, new RegExp(`control socket .* is in use by pid ${process.pid}`));
  server.close();
  first.value.release();
  assert.ok(!existsSync(controlSocketPath(path)));
});

test("a socket left by a crash does not keep the next daemon out", async () => {
  const path = join(folder, "crashed");
  const claimed = await claimRuntimeDirectory(path);
  assert.ok(claimed.ok);
  // A crash ends the claim with its process (runtime-directory.test.ts), and leaves the socket.
  claimed.value.release();
  // A bound socket whose owner is gone refuses connections; so does a plain file.
  const left = createServer();
  await new Promise<void>((resolve) => left.listen(controlSocketPath(path), resolve));
  left.close();
  writeFileSync(controlSocketPath(path), "");
  assert.ok((await claimRuntimeDirectory(path)).ok);
});

test("a runtime directory that cannot be used gives the reason and the remedy", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below"), "/proc/vipd"]) {
    const claimed = await claimRuntimeDirectory(path);
    assert.ok(!claimed.ok);
    assert.match(claimed.error, /runtime directory .*(not a directory|not usable|not writable)/);
  }
  const long = await claimRuntimeDirectory(join(folder, "x".repeat(120)));
  assert.match(long.ok ? "" : long.error, /too long for a unix socket/);
});
