// `vipd drain` and its kin against a daemon that the test plays.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runCommandLine } from "../../src/cli/command-line.js";
import { whoAsks } from "../../src/cli/order-commands.js";
import type { OrderStatus } from "../../src/control/ipc.js";
import type { OrderedServer, Reply, Request } from "../../src/control/protocol.js";
import { controlSocketPath } from "../../src/director/supervisor/runtime-directory.js";

async function daemon(t: TestContext, answer: (request: Request) => Reply) {
  const directory = mkdtempSync(join(tmpdir(), "vipd-order-"));
  const asked: Request[] = [];
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      const request = JSON.parse(data.toString()) as Request;
      asked.push(request);
      socket.end(`${JSON.stringify(answer(request))}\n{"reply":"end"}\n`);
    });
  });
  await new Promise<void>((done) => server.listen(controlSocketPath(directory), done));
  t.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const vipd = async (...words: string[]) => {
    const said = { out: "", err: "" };
    const output = { out: (text: string) => (said.out += text), err: (text: string) => (said.err += text) };
    const code = await runCommandLine([...words, "--runtime-dir", directory], output);
    return { code, ...said };
  };
  return { asked, vipd };
}

const draining = (
  active: number,
  change: Partial<NonNullable<OrderStatus["drain"]>> = {},
): OrderedServer => ({
  service: "web",
  server: "10.0.0.4:80",
  up: true,
  order: {
    action: "drain",
    from: "operator",
    by: "alice",
    since: 0,
    until: null,
    deadline: null,
    connections: 9,
    drain: {
      left: { active, inactive: 0, persistent: 0 },
      rate: 0.5,
      time_left_ms: active * 2000,
      done: null,
      ...change,
    },
  },
});

test("a drain is asked for with its times, and says what is left", async (t) => {
  const { asked, vipd } = await daemon(t, () => ({ reply: "ordered", ok: true, servers: [draining(3)] }));
  const result = await vipd("drain", "web/10.0.0.4", "--for", "2h", "--deadline", "10m", "--force");
  assert.deepEqual(result, {
    code: 0,
    out: "web/10.0.0.4:80: 3 connections left (3 active), 0.5 end in a second, about 6 s\n",
    err: "",
  });
  const [request] = asked;
  assert.ok(request?.request === "order" && request.by !== "");
  assert.deepEqual(
    { ...request, by: "" },
    {
      request: "order",
      action: "drain",
      target: "web/10.0.0.4",
      by: "",
      for_ms: 7_200_000,
      deadline_ms: 600_000,
      force: true,
    },
  );
});

test("--wait shows each change once, and returns when it is done", async (t) => {
  const looks = [draining(3), draining(2), draining(0, { done: "empty", time_left_ms: 0 })];
  const { vipd } = await daemon(t, ({ request }) =>
    request === "order"
      ? { reply: "ordered", ok: true, servers: [draining(3)] }
      : { reply: "orders", servers: [looks.shift() ?? draining(0, { done: "empty" })] },
  );
  const { code, out } = await vipd("drain", "web/10.0.0.4", "--wait");
  assert.equal(code, 0);
  assert.deepEqual(out.trimEnd().split("\n"), [
    "web/10.0.0.4:80: 3 connections left (3 active), 0.5 end in a second, about 6 s",
    "web/10.0.0.4:80: 2 connections left (2 active), 0.5 end in a second, about 4 s",
    "web/10.0.0.4:80: no connection left, out of the table",
  ]);
});

test("a drain that is taken back while it is waited for is a failure", async (t) => {
  const { vipd } = await daemon(t, ({ request }) =>
    request === "order"
      ? { reply: "ordered", ok: true, servers: [draining(3)] }
      : { reply: "orders", servers: [] },
  );
  const { code, err } = await vipd("drain", "web", "--wait");
  assert.equal(code, 1);
  assert.match(err, /web\/10\.0\.0\.4:80: the drain was taken back/);
});

test("what the daemon refuses is said, with exit code 1", async (t) => {
  const { vipd } = await daemon(t, () => ({ reply: "ordered", ok: false, problem: "there is no service" }));
  assert.deepEqual(await vipd("disable", "wbe"), {
    code: 1,
    out: "",
    err: "vipd disable: there is no service\n",
  });
});

test("a command that needs a name says so, and wrong times are refused before anybody is asked", async (t) => {
  const { asked, vipd } = await daemon(t, () => ({ reply: "ordered", ok: true, servers: [] }));
  for (const [words, wanted] of [
    [["drain"], /SERVICE\[\/SERVER\] is missing: what is meant/],
    [["enable", "a", "b"], /one word is enough/],
    [["drain", "web", "--for", "2"], /--for: 2 has no unit/],
    [["disable", "web", "--for", "9000h"], /--for: is a time up to a year/],
    [["undrain", "web", "--for", "2h"], /there is no option --for/],
    [["reload", "web"], /web/],
  ] as const) {
    const { code, err } = await vipd(...words);
    assert.equal(code, 2, words.join(" "));
    assert.match(err, wanted);
  }
  assert.deepEqual(asked, []);
});

test("who asks is whoever became root, not root", () => {
  assert.equal(whoAsks({ SUDO_USER: "alice" }), "alice");
  assert.equal(whoAsks({ DOAS_USER: "bob" }), "bob");
  assert.ok(whoAsks({}).length > 0);
  assert.equal(whoAsks({ SUDO_USER: "a\u001bb" }), "a?b");
});
