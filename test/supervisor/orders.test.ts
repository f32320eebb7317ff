// Operators' orders at the supervisor: names, refusals, what is kept, what is over, what the check process is told.

import { strict as assert } from "node:assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ChecksStatus, ServerStatus, ToChecks } from "../../src/control/ipc.js";
import { parseRequest, type OrderRequest } from "../../src/control/protocol.js";
import { orderFile } from "../../src/director/supervisor/order-file.js";
import type { Order, Orders } from "../../src/services/order.js";
import { until, World, type FakeChild } from "./fakes.js";

const server = (name: string, change: Partial<ServerStatus> = {}): ServerStatus => ({
  server: name,
  up: true,
  since: 0,
  why: "",
  availability: { total: 100, day: 100 },
  place: "serves",
  weight: 1,
  weighing: { effective: 1, configured: 1, terms: [] },
  wanted: true,
  in_kernel: true,
  checks: [],
  ...change,
});
const status = (services: Readonly<Record<string, readonly ServerStatus[]>>): ChecksStatus => ({
  pid: 1,
  services: Object.entries(services).map(([name, servers]) => ({
    name,
    service: `tcp ${name}`,
    scheduler: "wlc",
    quorum: { up: true, weight: 1, quorum: 1, hysteresis: 0 },
    sorry: [],
    checked: true,
    mass_failure: false,
    held: 0,
    alive: servers.length,
    servers,
  })),
  tracks: [],
  sync: [],
  table: null,
});
const WEB = { web: [server("10.0.0.4:80"), server("10.0.0.5:80")], mail: [server("[fd00::4]:25")] };

/** A supervisor whose check process answers with `services`. */
async function started(
  services: Readonly<Record<string, readonly ServerStatus[]>> = WEB,
  orders: readonly Order[] = [],
) {
  const world = new World();
  world.orders = orders;
  assert.deepEqual(await world.supervisor.start(), { ok: true });
  const child = world.child("checks");
  let answered = 0;
  const timer = setInterval(() => {
    for (; answered < child.got.length; answered++) {
      const order = child.got[answered] as ToChecks;
      if (order.kind === "status") child.say({ kind: "status", id: order.id, status: status(services) });
    }
  }, 1);
  after(() => clearInterval(timer));
  return { world, child };
}
const ask = (
  action: OrderRequest["action"],
  target: string,
  change: Partial<OrderRequest> = {},
): OrderRequest => ({
  request: "order",
  action,
  target,
  by: "alice",
  force: false,
  ...change,
});
const told = (child: FakeChild): Orders | undefined =>
  child.got.flatMap((order) => (order.kind === "orders" ? [order.orders] : [])).at(-1);
const short = (orders: readonly Order[] | undefined): string[] =>
  (orders ?? []).map(({ action, service, server: one }) => `${action} ${service}/${one}`);

test("an order is kept, told to the check process, and an event with who gave it", async () => {
  const { world, child } = await started();
  const outcome = await world.supervisor.order(
    ask("drain", "web/10.0.0.4", { for_ms: 60_000, deadline_ms: 5000 }),
  );
  assert.deepEqual(outcome, {
    ok: true,
    servers: [{ service: "web", server: "10.0.0.4:80", up: true, order: null }],
  });
  assert.deepEqual(short(world.orders), ["drain web/10.0.0.4:80"]);
  const [order] = world.orders;
  assert.deepEqual(
    [order?.until, order?.deadline],
    [(order?.since ?? 0) + 60_000, (order?.since ?? 0) + 5000],
  );
  assert.deepEqual(told(child)?.orders, world.orders);
  assert.deepEqual(
    world.events.filter(({ kind }) => kind === "order-given"),
    [
      {
        kind: "order-given",
        action: "drain",
        servers: ["web/10.0.0.4:80"],
        by: "alice",
        for_ms: 60_000,
        deadline_ms: 5000,
      },
    ],
  );
  assert.ok((await world.supervisor.order(ask("undrain", "10.0.0.4:80", { by: "bob" }))).ok);
  assert.deepEqual(world.orders, []);
  assert.deepEqual(told(child)?.orders, []);
  const ended = world.events.find(({ kind }) => kind === "order-ended");
  assert.equal(ended?.kind === "order-ended" && ended.by, "bob");
  await world.supervisor.stop("end");
});

test("unknown names are answered with what there is", async () => {
  const { world } = await started();
  for (const [target, wanted] of [
    ["wbe", /there is no service or server "wbe"\. Did you mean web\? There is: web, mail\./],
    [
      "web/10.0.0.6",
      /there is no server "web\/10\.0\.0\.6"\. .*There is: web\/10\.0\.0\.4:80, web\/10\.0\.0\.5:80\./,
    ],
  ] as const) {
    const outcome = await world.supervisor.order(ask("drain", target));
    assert.match(outcome.ok ? "" : outcome.problem, wanted);
  }
  const outcome = await world.supervisor.order(ask("undrain", "web"));
  assert.match(outcome.ok ? "" : outcome.problem, /nothing is ordered of web/);
  assert.deepEqual(world.orders, []);
  await world.supervisor.stop("end");
});

test("the last server that serves is kept unless force is used", async () => {
  const down = server("10.0.0.5:80", { up: false, wanted: false });
  const { world } = await started({ web: [server("10.0.0.4:80"), down], mail: [server("[fd00::4]:25")] });
  for (const target of ["web/10.0.0.4", "web", "fd00::4"]) {
    const outcome = await world.supervisor.order(ask("drain", target));
    assert.match(
      outcome.ok ? "" : outcome.problem,
      /1 service would be left without a server that serves: (web|mail)\. Say --force/,
    );
  }
  assert.ok((await world.supervisor.order(ask("drain", "web/10.0.0.5"))).ok, "it serves nothing anyway");
  assert.ok((await world.supervisor.order(ask("disable", "fd00::4", { force: true }))).ok);
  assert.deepEqual(short(world.orders), ["drain web/10.0.0.5:80", "disable mail/[fd00::4]:25"]);
  await world.supervisor.stop("end");
});

test("a restart goes on with what was kept; what is over by then is taken back", async () => {
  const order = (action: Order["action"], one: string, ends: number | null): Order => ({
    action,
    service: "web",
    server: one,
    by: "alice",
    since: Date.now() - 60_000,
    until: ends,
    deadline: null,
  });
  const soon = Date.now() + 300;
  const kept = [
    order("drain", "10.0.0.4:80", soon),
    order("drain", "10.0.0.9:80", null),
    order("drain", "10.0.0.5:80", 1),
  ];
  const { world, child } = await started(WEB, kept);
  const first = child.got.find(({ kind }) => kind === "configure");
  assert.deepEqual(short(first?.kind === "configure" && "orders" in first ? first.orders.orders : []), [
    "drain web/10.0.0.4:80",
    "drain web/10.0.0.9:80",
  ]);
  assert.deepEqual(short((await world.supervisor.status()).idle_orders), ["drain web/10.0.0.9:80"]);
  await until(() => world.orders.length === 1, "the end of an order");
  assert.deepEqual(short(told(child)?.orders), ["drain web/10.0.0.9:80"]);
  // One of a server that is gone can be taken back.
  assert.ok((await world.supervisor.order(ask("undrain", "web/10.0.0.9:80"))).ok);
  assert.deepEqual(world.orders, []);
  await world.supervisor.stop("end");
});

test("an order that cannot be kept is in force all the same, and that is said", async () => {
  const { world, child } = await started();
  world.unwritable = true;
  assert.ok((await world.supervisor.order(ask("disable", "10.0.0.4"))).ok);
  assert.deepEqual(short(told(child)?.orders), ["disable web/10.0.0.4:80"]);
  assert.ok(
    world.events.some((event) => event.kind === "warning" && /a restart will forget it/.test(event.text)),
  );
  await world.supervisor.stop("end");
});

test("against an open window an order to serve stands until the window closes", async () => {
  const order = {
    action: "drain",
    from: "window",
    by: "maintenance 1",
    since: 0,
    until: Date.now() + 60_000,
    deadline: null,
    connections: 0,
    drain: null,
  } as const;
  const { world } = await started({ web: [server("10.0.0.4:80", { order }), server("10.0.0.5:80")] });
  assert.ok((await world.supervisor.order(ask("undrain", "web"))).ok);
  assert.deepEqual(
    world.orders.map(({ action, server: one, until: ends }) => [action, one, ends]),
    [["serve", "10.0.0.4:80", order.until]],
  );
  await world.supervisor.stop("end");
});

test("the file of orders is read whole or not at all", () => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-orders-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = orderFile(folder);
  assert.deepEqual(file.read(), []);
  const order: Order = {
    action: "drain",
    service: "web",
    server: "a",
    by: "b",
    since: 1,
    until: null,
    deadline: 2,
  };
  file.write([order]);
  assert.deepEqual(file.read(), [order]);
  const path = join(folder, "orders.json");
  const good = readFileSync(path, "utf8");
  for (const bad of [
    "",
    "{}",
    good.slice(0, -4),
    good.replace('"drain"', '"drin"'),
    good.replace("orders 1", "orders 2"),
  ]) {
    writeFileSync(path, bad);
    assert.throws(() => file.read());
  }
});

test("requests are read strictly", () => {
  const good = { request: "order", action: "drain", target: "web/10.0.0.4", by: "alice" };
  assert.ok(parseRequest(JSON.stringify(good)).ok);
  for (const bad of [
    { action: "drian" },
    { target: "a b" },
    { by: "" },
    { for_ms: 0 },
    { deadline_ms: "1" },
    { force: 1 },
  ])
    assert.ok(!parseRequest(JSON.stringify({ ...good, ...bad })).ok, JSON.stringify(bad));
});
