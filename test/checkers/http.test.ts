import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { assertFails, assertUp, check, closedPort, readOptions, serving, talking } from "./harness.js";

const web = (answer: RequestListener, options: unknown, timeout?: number): Promise<CheckResult> =>
  serving(createServer(answer), (port) => check("http", options, port, timeout));

/** A server that sends these bytes when it has a request, and then does what `then` does. */
const bytes = (
  text: string,
  options: unknown,
  then: "end" | "reset" | "hang" = "end",
  timeout?: number,
): Promise<CheckResult> =>
  serving(
    talking((socket) => {
      socket.once("data", () => {
        socket.write(text, () => {
          if (then === "end") socket.end();
          if (then === "reset") socket.resetAndDestroy();
        });
      });
    }),
    (port) => check("http", options, port, timeout),
  );

test("http succeeds on a good status, and says what it saw", async () => {
  assertUp(await web((_, response) => response.end("hello"), {}), /^GET \/: 200 OK$/);
});

test("http asks for the path, the host and by the method it was told", async () => {
  const seen: string[] = [];
  await web(
    (request, response) => {
      seen.push(
        `${request.method ?? ""} ${request.url ?? ""} ${request.headers.host ?? ""} ${request.headers.connection ?? ""}`,
      );
      response.end();
    },
    { method: "HEAD", path: "/a?b=c", host: "www.example.org" },
  );
  assert.deepEqual(seen, ["HEAD /a?b=c www.example.org close"]);
});

test("http fails on a status that is not wanted, and does not follow a redirect", async () => {
  const redirect: RequestListener = (_, response) => response.writeHead(301, { location: "/" }).end();
  assertFails(await web(redirect, {}), "bad-status", /301 Moved Permanently, wanted 200-299/);
  assertUp(await web(redirect, { status: [200, "301-302"] }), /301/);
  assertFails(
    await web((_, response) => response.writeHead(503).end("sorry"), { status: 200, body: "sorry" }),
    "bad-status",
    /503 Service Unavailable, wanted 200$/,
  );
});

test("http finds text in the body, also when it comes in pieces", async () => {
  const pieces: RequestListener = (_, response) => {
    response.write("this is a test");
    setImmediate(() => response.end(" page\n"));
  };
  assertUp(await web(pieces, { body: "test page" }), /200/);
  assertFails(
    await web(pieces, { body: "other" }),
    "body-mismatch",
    /"other" is not in the body \(20 bytes: "this is/,
  );
});

test("http matches a regular expression line by line", async () => {
  const page: RequestListener = (_, response) => response.end("one\nstatus: ok\n");
  assertUp(await web(page, { body: { regex: "^status: (ok|fine)$" } }), /200/);
  assertFails(await web(page, { body: { regex: "^ok" } }), "body-mismatch", /\/\^ok\/ matches nothing/);
});

test("http does not let a regular expression of exponential time hold the process up", async () => {
  const page: RequestListener = (_, response) => response.end("a".repeat(200) + "b");
  assertFails(await web(page, { body: { regex: "^(a+)+$" } }), "body-mismatch", /took longer than/);
});

test("http compares digests of the whole body", async () => {
  const content = "x".repeat(100_000);
  const page: RequestListener = (_, response) => response.end(content);
  const digest = (algorithm: string): string => createHash(algorithm).update(content).digest("hex");
  assertUp(await web(page, { body: { sha256: digest("sha256").toUpperCase() } }), /200/);
  assertUp(await web(page, { body: { md5: digest("md5") } }), /200/);
  assertFails(
    await web(page, { body: { md5: "0".repeat(32) } }),
    "body-mismatch",
    /md5 of the body \(100000 bytes\) is/,
  );
});

test("http reads a body no further than its limit", async () => {
  const endless: RequestListener = (_, response) => {
    const more = (): void => {
      while (response.write("x".repeat(10_000)));
      response.once("drain", more);
    };
    response.write("begin");
    more();
  };
  assertUp(await web(endless, { "max-body": 50_000 }), /200/);
  assertUp(await web(endless, { "max-body": 50_000, body: "begin" }), /200/);
  assertFails(
    await web(endless, { "max-body": 50_000, body: "end" }),
    "too-large",
    /longer than max-body \(50000 bytes\)/,
  );
});

test("http fails when the body ends before its length", async () => {
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
  assertFails(await bytes(half, { body: "half" }), "closed-early", /after 4 of 100 bytes/);
  assertFails(
    await bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", {}),
    "closed-early",
    /after 4 bytes/,
  );
});

test("http takes the end of the connection for the end of a body without length", async () => {
  assertUp(await bytes("HTTP/1.0 200 OK\r\n\r\nwhole", { body: "whole" }), /200/);
});

test("http fails when the connection ends or is reset before an answer", async () => {
  assertFails(await bytes("", {}), "closed-early", /before the answer/);
  assertFails(await bytes("", {}, "reset"), "closed-early", /before the answer/);
  assertFails(
    await bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", {}, "reset"),
    "closed-early",
    /connection ended/,
  );
});

test("http fails on an answer that is not HTTP, and on a header without end", async () => {
  assertFails(await bytes("220 mail.example.org ESMTP\r\n", {}), "bad-reply", /not HTTP/);
  assertFails(await bytes(`HTTP/1.1 200 OK\r\nX: ${"y".repeat(20_000)}\r\n\r\n`, {}), "too-large", /header/);
});

test("http is done at its deadline when the server accepts and says nothing", async () => {
  assertFails(await bytes("", {}, "hang", 100), "read-timeout", /no answer to the request in time/);
});

test("http is done at its deadline when the server sends its body in drips", async () => {
  const started = performance.now();
  const result = await web(
    (_, response) => {
      const timer = setInterval(() => response.write("."), 10);
      response.on("close", () => clearInterval(timer));
    },
    { body: "never" },
    300,
  );
  assertFails(result, "read-timeout", /200 came, but not all of the body in time: \d+ bytes/);
  assert.ok(performance.now() - started >= 299);
});

test("http names a refused connection", async () => {
  assertFails(await check("http", {}, await closedPort()), "connect-refused", /refused/i);
});

test("http says what is wrong with its options", () => {
  for (const [options, problem] of [
    [{ path: "no-slash" }, /path/i],
    [{ path: "/a b" }, /path/i],
    [{ status: 99 }, /status/],
    [{ body: { regex: "(" } }, /bad regular expression/],
    [{ body: { sha256: "abc" } }, /no sha256 digest/],
    [{ body: { regex: "a", md5: "b" } }, /exactly one key/],
    [{ body: { contains: "a" } }, /unknown key/],
    [{ method: "HEAD", body: "a" }, /has no body/],
    [{ host: "a\r\nX: b" }, /host/i],
    [{ pth: "/" }, /pth/],
  ] as const) {
    assert.throws(() => readOptions("http", options), problem, JSON.stringify(options));
  }
});
