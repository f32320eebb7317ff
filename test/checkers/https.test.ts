import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { EXPIRED, GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, serving, talking } from "./harness.js";

let folder: string;
let ca: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "vipd-https-"));
  ca = join(folder, "ca.pem");
  writeFileSync(ca, GOOD);
});
after(() => {
  rmSync(folder, { recursive: true });
});

const secure = (options: unknown, cert = GOOD, seen: unknown[] = []): Promise<CheckResult> =>
  serving(
    createServer({ key: KEY, cert }, (request, response) => {
      seen.push(Reflect.get(request.socket, "servername"));
      response.end("test page");
    }).on("tlsClientError", () => undefined),
    (port) => check("https", options, port),
  );

const NAME = "www.vipd.test";

test("https succeeds with a certificate nobody vouches for, unless it is to verify", async () => {
  const result = await secure({ body: "test page" });
  assertUp(result, /^GET \/: 200 OK$/);
  assert.deepEqual(Object.keys(result.phases), ["connect", "tls", "answer"]);
  assertFails(await secure({ verify: true, "server-name": NAME }), "tls-failed", /self-signed/);
});

test("https verifies against the issuers it is given", async () => {
  assertUp(await secure({ verify: true, ca, "server-name": NAME }), /200/);
  assertFails(
    await secure({ verify: true, ca: join(folder, "none.pem") }),
    "tls-failed",
    /none\.pem: ENOENT/,
  );
});

test("https that verifies fails on another name, and on a certificate without our address", async () => {
  assertFails(
    await secure({ verify: true, ca, "server-name": "other.vipd.test" }),
    "tls-failed",
    /does not match/,
  );
  assertFails(await secure({ verify: true, ca }), "tls-failed", /does not match/);
});

test("https that verifies fails on an expired certificate, and only then", async () => {
  assertUp(await secure({}, EXPIRED), /200/);
  const strict = { verify: true, ca, "server-name": NAME };
  assertFails(await secure(strict, EXPIRED), "tls-failed", /expired/);
});

test("https sends the server name it is told, and none for an address", async () => {
  const seen: unknown[] = [];
  await secure({ "server-name": NAME }, GOOD, seen);
  await secure({}, GOOD, seen);
  assert.deepEqual(seen, [NAME, false]);
});

test("https fails on a server that speaks no TLS, hangs up or says nothing", async () => {
  const server = (say: string) =>
    talking((socket) => {
      socket.once("data", () => {
        if (say === "nothing") return;
        socket.end(say);
      });
    });
  assertFails(
    await serving(server("HTTP/1.1 400 Bad Request\r\n\r\n"), (port) => check("https", {}, port)),
    "tls-failed",
    /./,
  );
  assertFails(await serving(server(""), (port) => check("https", {}, port)), "tls-failed", /./);
  assertFails(
    await serving(server("nothing"), (port) => check("https", {}, port, 200)),
    "read-timeout",
    /TLS handshake/,
  );
});
