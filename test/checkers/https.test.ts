import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { after, before, test } from "node:test";

import { datesProblem, expiryWarning } from "../../src/checkers/certificate-dates.js";
import type { CheckResult } from "../../src/checkers/checker.js";
import { EXPIRED, FUTURE, GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, check, readOptions, serving, talking } from "./harness.js";

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
  assert.deepEqual(Object.keys(result.phases), ["connect", "tls", "first-byte", "body"]);
  assertFails(await secure({ verify: true, "server-name": NAME }), "certificate-untrusted", /self-signed/);
});

test("https verifies against the issuers it is given", async () => {
  assertUp(await secure({ verify: true, ca, "server-name": NAME }), /200/);
  assertFails(
    await secure({ verify: true, ca: join(folder, "none.pem") }),
    "tls-failed",
    /none\.pem: does not exist/,
  );
});

test("https that verifies fails on another name, and on a certificate without our address", async () => {
  assertFails(
    await secure({ verify: true, ca, "server-name": "other.vipd.test" }),
    "certificate-wrong-name",
    /does not match/,
  );
  assertFails(await secure({ verify: true, ca }), "certificate-wrong-name", /does not match/);
});

test("https that verifies fails on an expired certificate, and only then", async () => {
  assertUp(await secure({}, EXPIRED), /200/);
  const strict = { verify: true, ca, "server-name": NAME };
  assertFails(await secure(strict, EXPIRED), "certificate-expired", /expired/);
  const dates = { "check-dates": true };
  assertFails(await secure(dates, EXPIRED), "certificate-expired", /ended at Feb  1 00:00:00 2020/);
  assertUp(await secure(dates), /200/);
});

test("https fails on a certificate that is not valid yet, when that is looked at", async () => {
  assertUp(await secure({}, FUTURE), /200/);
  const begins = /begins at Jan {2}1 00:00:00 2119|not yet valid/;
  assertFails(await secure({ "check-dates": true }, FUTURE), "certificate-not-yet-valid", begins);
  const strict = { verify: true, ca, "server-name": NAME };
  assertFails(await secure(strict, FUTURE), "certificate-not-yet-valid", begins);
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

test("https warns of the end of a certificate before it comes, and does not fail for it", async () => {
  const warning = (result: CheckResult): string | undefined => (result.ok ? result.warning : "failed");
  assert.equal(warning(await secure({})), undefined);
  assert.equal(warning(await secure({ "warn-before-expiry": 365 })), undefined);
  assert.match(warning(await secure({ "warn-before-expiry": 1 }, EXPIRED)) ?? "", /ended at Feb  1/);
});

test("the dates of a certificate are told in words", () => {
  const dates = { valid_from: "Jan  1 00:00:00 2026 GMT", valid_to: "Jul  1 00:00:00 2026 GMT" };
  const on = (date: string): number => Date.parse(date);
  assert.equal(datesProblem(dates, on("2026-03-01T00:00:00Z")), undefined);
  assert.equal(datesProblem(dates, on("2026-07-01T00:00:00Z"))?.reason, "certificate-expired");
  assert.equal(datesProblem(dates, on("2025-12-31T00:00:00Z"))?.reason, "certificate-not-yet-valid");
  assert.equal(expiryWarning(dates, 14, on("2026-06-16T00:00:00Z")), undefined);
  assert.match(expiryWarning(dates, 14, on("2026-06-17T00:00:00Z")) ?? "", /ends in 14 days, at Jul/);
  assert.match(expiryWarning(dates, 14, on("2026-06-30T01:00:00Z")) ?? "", /less than a day/);
});

test("https shows a certificate of its own where it has one, and says why it cannot", async () => {
  const certificate = join(folder, "client.pem");
  const key = join(folder, "client.key");
  writeFileSync(certificate, GOOD);
  writeFileSync(key, KEY, { mode: 0o600 });
  const demanding = (options: unknown): Promise<CheckResult> =>
    serving(
      createServer(
        { key: KEY, cert: GOOD, ca: GOOD, requestCert: true, rejectUnauthorized: true },
        (_, response) => response.end("hello"),
      ).on("tlsClientError", () => undefined),
      (port) => check("https", options, port),
    );
  assertUp(await demanding({ certificate, key }), /200/);
  // By TLS 1.3 it says so only after the handshake.
  assertFails(await demanding({}), "tls-failed", /^the server refuses TLS: certificate required$/);
  const open = join(folder, "open.key");
  writeFileSync(open, KEY, { mode: 0o644 });
  assertFails(
    await demanding({ certificate, key: open }),
    "secret-unreadable",
    /open\.key may be used by others/,
  );
  const refused = (options: object, problem: RegExp): Promise<void> =>
    demanding(options).then((result) => assertFails(result, "tls-failed", problem));
  await refused({ certificate: key, key }, /client\.key: has no certificate in PEM$/);
  const none = join(folder, "none.key");
  writeFileSync(none, "no key\n", { mode: 0o600 });
  await refused({ certificate, key: none }, /none\.key: has no private key in PEM$/);
  await refused({ certificate: join(folder, "no.pem"), key }, /no\.pem: does not exist$/);
  await refused({ certificate: folder, key }, /: is not a file$/);
  // Whoever trusts a file without issuers would fail every certificate, and not know why.
  await refused({ verify: true, ca: key }, /client\.key: has no certificate in PEM$/);
});

test("https talks by TLS 1.2 and 1.3, and says in words why it cannot", async () => {
  const by = (settings: TlsOptions, options: object = {}): Promise<CheckResult> =>
    serving(
      createServer({ key: KEY, cert: GOOD, ...settings }, (_, response) => response.end("hello")).on(
        "tlsClientError",
        () => undefined,
      ),
      (port) => check("https", options, port),
    );
  assertUp(await by({ maxVersion: "TLSv1.2" }), /200/);
  assertUp(await by({ minVersion: "TLSv1.3" }), /200/);
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  assertFails(await by(old), "tls-failed", /^the server refuses TLS: protocol version$/);
  // As it is said before TLS 1.3, within the handshake.
  const demanding = { requestCert: true, rejectUnauthorized: true, maxVersion: "TLSv1.2" } as const;
  assertFails(await by(demanding), "tls-failed", /^the server refuses TLS: handshake failure$/);
  assertFails(
    await by({ ...demanding, maxVersion: "TLSv1.3", ALPNProtocols: ["h2"] }, { version: "2" }),
    "tls-failed",
    /^the server refuses TLS: certificate required$/,
  );
});

test("https fails on a server that keeps to plain HTTP, and says what it is", async () => {
  const plain = talking((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  );
  assertFails(
    await serving(plain, (port) => check("https", {}, port)),
    "tls-failed",
    /^the server's answer is not TLS: wrong version number$/,
  );
});

test("https by HTTP/2 fails on a server that does not choose it", async () => {
  const server = createTlsServer({ key: KEY, cert: GOOD }, (socket) => socket.on("error", () => undefined));
  assertFails(
    await serving(server, (port) => check("https", { version: 2 }, port)),
    "bad-reply",
    /does not choose HTTP\/2/,
  );
});

test("https says what is wrong with its options", () => {
  for (const [options, problem] of [
    [{ certificate: "/a.pem" }, /other half/],
    [{ key: "/a.key" }, /other half/],
    [{ "warn-before-expiry": 0 }, /out of range/],
    [{ "warn-before-expiry": "14d" }, /whole number/],
    [{ "check-dates": "yes" }, /neither true nor false/],
    [{ ca: "ca.pem" }, /absolute path/],
    // RFC 6066 section 3: an address is no name, and is what is verified without one.
    ...["192.0.2.1", "a b", "a..b", ".", "www.example.org."].map(
      (name) => [{ "server-name": name }, /between its dots, and is no address/] as const,
    ),
    [{ ca: "/ca.pem" }, /looked at with `verify: true` alone/],
    [{ ca: "/ca.pem", "check-dates": true }, /looked at with `verify: true` alone/],
  ] as const)
    assert.throws(() => readOptions("https", options), problem, JSON.stringify(options));
});
