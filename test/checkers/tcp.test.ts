import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";

import { assertFails, assertUp, check, closedPort, LOOPBACK, serving, talking, target } from "./harness.js";

test("tcp succeeds when the connection opens", async () => {
  await serving(
    talking(() => undefined),
    async (port) => {
      const result = await check("tcp", {}, port);
      assertUp(result, /^connected to 127\.0\.0\.1:\d+$/);
      assert.ok(result.phases["connect"] !== undefined);
    },
  );
});

test("tcp names a refused connection", async () => {
  assertFails(await check("tcp", {}, await closedPort()), "connect-refused", /refused/i);
});

test("tcp times out on a server whose queue of connections is full", async () => {
  const listen =
    "const s = net.createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(s.address().port))";
  const server = spawn(process.execPath, ["-e", listen], { stdio: ["ignore", "pipe", "ignore"] });
  const fillers: Socket[] = [];
  try {
    const [line] = (await once(server.stdout, "data")) as [Buffer];
    const port = Number(line.toString());
    // It accepts nothing while it is stopped; the kernel answers until its queue is full.
    server.kill("SIGSTOP");
    for (let i = 0; i < 4; i++) fillers.push(connect(port, LOOPBACK).on("error", () => undefined));
    await once(fillers[0]!, "connect");
    assertFails(await check("tcp", {}, port, 300), "connect-timeout", /no answer to the connect in \d+ ms/);
  } finally {
    for (const filler of fillers) filler.destroy();
    server.kill("SIGKILL");
  }
});

test("tcp connects to another port and address when told to", async () => {
  await serving(
    talking(() => undefined),
    async (port) => {
      const elsewhere = { ...target(1), address: LOOPBACK };
      assertUp(
        await check("tcp", { port, address: "127.0.0.1", source: "127.0.0.7" }, elsewhere),
        /connected/,
      );
    },
  );
});

test("tcp says that a server without a port needs one for its check", async () => {
  assertFails(await check("tcp", {}, 0), "no-port", /give the check a `port`/);
});
