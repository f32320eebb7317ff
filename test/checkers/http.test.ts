import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { BodyBytes } from "../../src/checkers/body-bytes.js";
import type { CheckResult } from "../../src/checkers/checker.js";
import { Trace } from "../../src/checkers/trace.js";
import { assertFails, assertUp, check, closedPort, readOptions, run, serving, talking } from "./harness.js";

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

test("a body that comes byte by byte is kept as its bytes, and costs no more", () => {
  const body = new BodyBytes();
  const byte = Uint8Array.of(0x78);
  assert.equal(body.all.length, 0);
  const before = process.memoryUsage();
  for (let i = 0; i < 1_000_000; i++) body.add(byte);
  const after = process.memoryUsage();
  assert.ok(body.all.equals(Buffer.alloc(1_000_000, "x")));
  // As a buffer of its own each would take about a hundred.
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.ok(grown < 30_000_000, `${grown} bytes`);
  body.add(Buffer.from("a longer piece"));
  assert.ok(body.all.toString("latin1").endsWith("xxa longer piece"));
});

test("http asks for a body as it is, and says when it comes packed all the same", async () => {
  const packed: RequestListener = (request, response) => {
    assert.equal(request.headers["accept-encoding"], "identity");
    response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync("test page"));
  };
  const text = /"test page" is not in the body .*; the server sent it as gzip$/;
  assertFails(await web(packed, { body: "test page" }), "body-mismatch", text);
  // Its digest may be what is wanted.
  const digest = createHash("sha256").update(gzipSync("test page")).digest("hex");
  assertUp(await web(packed, { body: { sha256: digest } }), /200/);
  const packed2 = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    assert.equal(headers["accept-encoding"], "identity");
    stream.respond({ ":status": 200, "content-encoding": "gzip" });
    stream.end(gzipSync("test page"));
  };
  assertFails(await web2(packed2, { body: "test page" }), "body-mismatch", text);
  const plain: RequestListener = (_, response) =>
    response.writeHead(200, { "Content-Encoding": "identity" }).end("other");
  assertFails(await web(plain, { body: "test page" }), "body-mismatch", /bytes: "other"\)$/);
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
    [{ path: "no-slash" }, /A path begins with/],
    [{ path: "/a b" }, /has %XX for spaces/],
    [{ status: 99 }, /status/],
    [{ body: { regex: "(" } }, /bad regular expression/],
    [{ body: { sha256: "abc" } }, /no sha256 digest/],
    [{ body: { regex: "a", md5: "b" } }, /exactly one key/],
    [{ body: { contains: "a" } }, /unknown key/],
    [{ method: "HEAD", body: "a" }, /has no body/],
    [{ host: "a\r\nX: b" }, /host/i],
    [{ pth: "/" }, /pth/],
    [{ version: 3 }, /no version of HTTP/],
    [{ headers: "X: 1" }, /no mapping/],
    [{ headers: { "a b": "1" } }, /none of a header/],
    [{ headers: { Host: "a" } }, /use `host`/],
    [{ headers: { Authorization: "Basic eA==" } }, /use `auth`/],
    [{ headers: { a: "x\r\ny: z" } }, /others than ASCII/],
    [{ headers: { a: [1] } }, /other than text/],
    [{ auth: { user: "u" } }, /password-file/],
    [{ auth: { user: "u", "password-file": "pw" } }, /absolute path/],
    [{ auth: { user: "u:v", "password-file": "/pw" } }, /colon/],
    [{ version: 2, headers: { Upgrade: "x" } }, /what HTTP\/2 does not know/],
    [{ pages: [] }, /at least 1/],
    [{ pages: [{}] }, /path/],
    [{ path: "/", pages: [{ path: "/a" }] }, /beside/],
    [{ pages: [{ path: "/a", method: "HEAD", body: "x" }] }, /has no body/],
  ] as const) {
    assert.throws(() => readOptions("http", options), problem, JSON.stringify(options));
  }
});

test("http asks for several pages, each with what is wanted of it, and stops at the first that is not good", async () => {
  const asked: string[] = [];
  const site: RequestListener = (request, response) => {
    asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (request.url === "/b") response.writeHead(302);
    response.end(request.url === "/c" ? "fine" : "");
  };
  const pages = [
    { path: "/a", method: "HEAD" },
    { path: "/b", status: 302 },
    { path: "/c", body: "fine" },
  ];
  assertUp(await web(site, { pages }), /^3 pages are good, the last: GET \/c: 200 OK$/);
  assert.deepEqual(asked, ["HEAD /a", "GET /b", "GET /c"]);
  asked.length = 0;
  assertFails(
    await web(site, { pages: [{ path: "/a" }, { path: "/b" }, { path: "/c" }] }),
    "bad-status",
    /GET \/b: 302/,
  );
  assert.deepEqual(asked, ["GET /a", "GET /b"]);
});

test("http gives all pages together the time of one check", async () => {
  const slow: RequestListener = (_, response) => {
    setTimeout(() => response.end(), 150);
  };
  const pages = Array.from({ length: 10 }, (_, i) => ({ path: `/${i}` }));
  assertFails(await web(slow, { pages }, 400), "read-timeout", /in time/);
});

test("http sends the headers it is told to, and the name and password of a file that nobody else may read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-http-"));
  try {
    const file = join(folder, "password");
    writeFileSync(file, "open sesame\n", { mode: 0o600 });
    let seen: unknown[] = [];
    const site: RequestListener = ({ headers }, response) => {
      seen = [headers["authorization"], headers["x-from"], headers["user-agent"]];
      response.end();
    };
    const auth = { user: "ali", "password-file": file };
    assertUp(await web(site, { auth, headers: { "X-From": "lb1", "User-Agent": "own" } }), /200/);
    assert.deepEqual(seen, [`Basic ${Buffer.from("ali:open sesame").toString("base64")}`, "lb1", "own"]);
    chmodSync(file, 0o640);
    assertFails(await web(site, { auth }), "secret-unreadable", /password may be used by others/);
    rmSync(file);
    assertFails(await web(site, { auth }), "secret-unreadable", /is not there/);
    for (const [text, problem] of [
      ["", /password is empty$/],
      ["\n", /password is empty$/],
      ["open sesame\nand more\n", /password has more in it than one line of text$/],
    ] as const) {
      writeFileSync(file, text, { mode: 0o600 });
      assertFails(await web(site, { auth }), "secret-unreadable", problem);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("http speaks version 1.0 when it is told to", async () => {
  let line = "";
  const server = talking((socket) => {
    socket.once("data", (data: Buffer) => {
      line = data.toString().split("\r\n")[0] ?? "";
      socket.end("HTTP/1.0 200 OK\r\n\r\nold");
    });
  });
  assertUp(await serving(server, (port) => check("http", { version: 1, body: "old" }, port)), /200/);
  assert.equal(line, "GET / HTTP/1.0");
});

const web2 = (
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  options: object,
  timeout?: number,
): Promise<CheckResult> =>
  serving(
    createHttp2Server()
      .on("stream", (stream, headers) => {
        stream.on("error", () => undefined);
        answer(stream, headers);
      })
      .on("sessionError", () => undefined),
    (port) => check("http", { version: 2, ...options }, port, timeout),
  );

test("http speaks version 2 at once, and judges as ever", async () => {
  let seen: unknown;
  const page = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    seen = [headers[":path"], headers[":authority"], headers["user-agent"]];
    stream.respond({ ":status": 200 });
    stream.end("test page");
  };
  assertUp(await web2(page, { path: "/a", host: "www.example.org", body: "test page" }), /^GET \/a: 200$/);
  assert.deepEqual(seen, ["/a", "www.example.org", "vipd-check"]);
  assertFails(await web2(page, { body: "other" }), "body-mismatch", /other/);
  assertFails(await web2((stream) => stream.respond({ ":status": 503 }), {}), "bad-status", /503/);
});

test("http by version 2 is done at its deadline, and bounds the body", async () => {
  assertFails(await web2(() => undefined, {}, 300), "read-timeout", /no answer to the request in time/);
  assertFails(
    await web2(
      (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("half");
      },
      {},
      300,
    ),
    "read-timeout",
    /200 came, but not all of the body in time: 4 bytes/,
  );
  const endless = (stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200 });
    stream.end("x".repeat(100_000));
  };
  assertUp(await web2(endless, { "max-body": 1000 }), /200/);
  assertFails(await web2(endless, { "max-body": 1000, body: "y" }), "too-large", /max-body/);
});

test("http by version 2 bounds the answers before the answer, and names a request that is refused", async () => {
  const early = (stream: ServerHttp2Stream): void => {
    for (let i = 0; i < 300; i++) stream.additionalHeaders({ ":status": 103 });
  };
  assertFails(await web2(early, {}), "too-large", /more than 200 frames without a part of the answer/);
  const hinted = (stream: ServerHttp2Stream): void => {
    stream.additionalHeaders({ ":status": 103 });
    stream.respond({ ":status": 200 });
    stream.end("ok");
  };
  assertUp(await web2(hinted, { body: "ok" }), /200/);
  const refusing = (stream: ServerHttp2Stream): void => stream.close(constants.NGHTTP2_REFUSED_STREAM);
  assertFails(await web2(refusing, {}), "bad-reply", /^the server refuses the request: REFUSED_STREAM$/);
});

test("http by version 2 fails on a stream or a session that ends early, and on a server that does not speak it", async () => {
  assertFails(
    await web2((stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => stream.destroy(new Error("reset")));
    }, {}),
    "closed-early",
    /ended after 4 bytes/,
  );
  assertFails(
    await web2((stream) => {
      stream.respond({ ":status": 200, "content-length": "100" });
      stream.end("half");
    }, {}),
    "closed-early",
    /ended after 4 of 100 bytes/,
  );
  assertFails(await web2((stream) => stream.session?.destroy(), {}), "closed-early", /./);
  assertFails(await bytes("HTTP/1.1 400 Bad Request\r\n\r\n", { version: 2 }), "bad-reply", /not HTTP\/2/);
  assertFails(await bytes("", { version: 2 }), "closed-early", /./);
  assertFails(await bytes("", { version: 2 }, "reset"), "closed-early", /./);
  assertFails(await bytes("", { version: 2 }, "hang", 300), "read-timeout", /no answer/);
});

test("what goes over the connection can be watched, without the secrets in it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-http-"));
  try {
    const file = join(folder, "password");
    writeFileSync(file, "open sesame", { mode: 0o600 });
    for (const version of ["1.1", "2"]) {
      const trace = new Trace();
      const site: RequestListener = (_, response) => response.end("hello\u0007 open sesame");
      const server =
        version === "2"
          ? createHttp2Server((_, response) => response.end("hello\u0007 open sesame"))
          : createServer(site);
      const options = {
        version,
        auth: { user: "ali", "password-file": file },
        headers: { "X-Api-Key": "k3y", "X-From": "lb1" },
      };
      const { result } = await serving(server, (port) => run("http", options, port, 20_000, trace));
      assertUp(result, /200/);
      const lines = trace.lines().map(({ kind, text }) => `${kind} ${text}`);
      assert.ok(lines.includes(`sent GET / HTTP/${version}`), lines.join("\n"));
      assert.ok(lines.some((line) => /^sent x-from: lb1$/.test(line)));
      assert.ok(
        lines.some((line) => /^received hello\\x07 \*\*\*$/.test(line)),
        lines.join("\n"),
      );
      assert.doesNotMatch(lines.join("\n"), /sesame|k3y|YWxp/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a trace is bounded", () => {
  const trace = new Trace();
  for (let i = 0; i < 100; i++) trace.bytes("received", "x".repeat(1000));
  const length = trace.lines().reduce((sum, { text }) => sum + text.length, 0);
  assert.ok(length < 17_000, String(length));
});
