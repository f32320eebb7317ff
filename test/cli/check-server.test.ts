// Checks tried by hand: one server against real sockets on the loopback, and programs as the daemon runs them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { runCommandLine } from "../../src/cli/command-line.js";
import { seconds } from "../../src/core/units.js";
import { until } from "../lab/wait.js";
import { closedPort, serving } from "../checkers/harness.js";
import { golden } from "./golden.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-by-hand-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string, mode: number): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

type Ended = { readonly code: number; readonly out: string; readonly err: string };

async function vipd(...args: readonly string[]): Promise<Ended> {
  let out = "";
  let err = "";
  const code = await runCommandLine(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

/** What differs from run to run. */
const steady = (text: string, ports: Readonly<Record<string, number>> = {}): string =>
  Object.entries(ports)
    .reduce((known, [name, port]) => known.replaceAll(String(port), name), text.replaceAll(folder, "FOLDER"))
    .replace(/\b\d+(\.\d+)? (ms|s)\b(?=[,:;\n]| in the)/g, "TIME")
    .replace(/(VIPD_TIMEOUT_MS=)\d+/g, "$1MS")
    .replace(/^date: .*$|^(\s+< Date:).*$/gim, "$1 DATE");

const password = file("password", "open sesame\n", 0o600);
const script = file(
  "say",
  '#!/bin/sh\necho "asked for $VIPD_SERVICE $VIPD_SERVER" >&2\nexit "${1:-0}"\n',
  0o755,
);

const configuration = (up: number, down: number): string =>
  file(
    "vipd.yaml",
    `nodes: { lb1: { priority: 100 } }
scripts: { security: false }
services:
  web:
    address: 192.0.2.80:80
    forwarding: nat
    check:
      - tcp
      - http: { path: /health, auth: { user: ali, password-file: ${password} } }
    servers:
      - 127.0.0.1:${up}
      - 127.0.0.1:${down}
      - { address: 127.0.0.2:80, check: none }
  own:
    address: 192.0.2.81:80
    forwarding: nat
    check: { script: { command: ${script} } }
    servers: [127.0.0.1:${up}]
`,
    0o644,
  );

async function withWeb(use: (ports: { UP: number; DOWN: number }, ...config: string[]) => Promise<void>) {
  const DOWN = await closedPort();
  const server = createServer((_request, response) => response.end("fine\n"));
  await serving(server, (UP) => use({ UP, DOWN }, "--config", configuration(UP, DOWN), "--node", "lb1"));
}

test("check-server shows the verdict, the reason and the times of each check of a service", async () => {
  await withWeb(async (ports, ...config) => {
    const { code, out, err } = await vipd("check-server", "web", ...config);
    assert.deepEqual([code, err], [1, ""]);
    golden("check-server.txt", steady(out, ports));
  });
});

test("check-server --trace shows what was sent and received, and no password", async () => {
  await withWeb(async (ports, ...config) => {
    const { code, out } = await vipd("check-server", `web/127.0.0.1:${ports.UP}`, "--trace", ...config);
    assert.equal(code, 0);
    assert.ok(
      !out.includes("open sesame") && !out.includes(Buffer.from("ali:open sesame").toString("base64")),
    );
    golden("check-server-trace.txt", steady(out, ports));
  });
});

test("check-server speaks JSON", async () => {
  await withWeb(async ({ UP, DOWN }, ...config) => {
    const { code, out } = await vipd("check-server", "web", "--json", "--trace", ...config);
    assert.equal(code, 1);
    const said = JSON.parse(out) as {
      node: string;
      servers: { server: string; up: boolean; checks: Record<string, unknown>[] }[];
    };
    assert.equal(said.node, "lb1");
    assert.deepEqual(
      said.servers.map(({ server, up, checks }) => [
        server,
        up,
        checks.map(({ check, reason }) => [check, reason]),
      ]),
      [
        [
          `127.0.0.1:${UP}`,
          true,
          [
            ["tcp", "ok"],
            ["http", "ok"],
          ],
        ],
        [
          `127.0.0.1:${DOWN}`,
          false,
          [
            ["tcp", "connect-refused"],
            ["http", "connect-refused"],
          ],
        ],
        ["127.0.0.2:80", true, []],
      ],
    );
    const http = said.servers[0]?.checks[1];
    assert.ok(Number(http?.["took_ms"]) > 0);
    assert.deepEqual(Object.keys(http?.["phases_ms"] ?? {}), ["connect", "first-byte", "body"]);
    assert.deepEqual((http?.["trace"] as unknown[])[0], { kind: "sent", text: "GET /health HTTP/1.1" });
  });
});

test("check-server runs scripts with what the daemon tells them", async () => {
  await withWeb(async (_ports, ...config) => {
    const { code, out } = await vipd("check-server", "own", ...config);
    assert.equal(code, 0, out);
    assert.match(out, /script: succeeds: exit code 0[^]*\| asked for own 127\.0\.0\.1/);
  });
});

test("check-server lists what there is, and says what is wrong with the file", async () => {
  await withWeb(async (_ports, ...config) => {
    const unknown = await vipd("check-server", "wbe", ...config);
    assert.equal(unknown.code, 2);
    assert.equal(
      unknown.err,
      'vipd check-server: there is no service or server "wbe". Did you mean web? There is: web, own.\n',
    );
    const none = await vipd("check-server", ...config);
    assert.equal(none.code, 2);
    assert.match(none.err, /SERVICE\[\/SERVER\] is missing/);
  });
  const bad = file("bad.yaml", "nodes: { lb1: { priority: 100 } }\nservcies: {}\n", 0o644);
  const { code, err } = await vipd("check-server", "web", "--config", bad, "--node", "lb1");
  assert.equal(code, 1);
  assert.match(err, /bad\.yaml:2:1: error: .*servcies/);
});

test("check-script shows how a program ended, what it wrote and what it was told", async () => {
  await withWeb(async (ports, ...config) => {
    const service = ["--service", `web/127.0.0.1:${ports.UP}`, "--timeout", "20s"];
    const good = await vipd("check-script", script, ...service, ...config);
    assert.deepEqual([good.code, good.err], [0, ""]);
    const bad = await vipd("check-script", script, "3", ...config);
    assert.equal(bad.code, 1);
    golden("check-script.txt", steady(good.out + bad.out, ports));
    const json = JSON.parse((await vipd("check-script", script, "4", "--json", ...config)).out) as object;
    assert.deepEqual(
      { ...json, took_ms: 0, environment: {}, config: "" },
      {
        command: [script, "4"],
        user: null,
        config: "",
        timeout_ms: 3000,
        environment: {},
        up: false,
        reason: "script-failed",
        detail: "exit code 4: asked for",
        end: "exited",
        exit_code: 4,
        signal: null,
        output: "asked for",
        took_ms: 0,
      },
    );
  });
});

test("check-script ends a program that takes too long, and passes words with a dash", async () => {
  await withWeb(async (_ports, ...config) => {
    const slow = file("slow", "#!/bin/sh\nsleep 600 & wait\n", 0o755);
    const { code, out } = await vipd("check-script", slow, "--timeout", "100ms", ...config);
    assert.equal(code, 1);
    assert.match(out, /^DOWN: script-timeout: not done after 100 ms: ended with TERM; took /m);
    const words = file("words", '#!/bin/sh\necho "$*" >&2\n', 0o755);
    assert.match((await vipd("check-script", words, ...config, "--", "--base", "-x")).out, /^\| --base -x$/m);
  });
});

test("check-script leaves no listener behind, however often it runs", async () => {
  await withWeb(async (_ports, ...config) => {
    const count = (): number => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
    const before = count();
    const many = Array.from({ length: 12 }, () => vipd("check-script", script, ...config));
    for (const { code } of await Promise.all(many)) assert.equal(code, 0);
    assert.equal(count(), before);
  });
});

test("check-script ends its program when it is interrupted", async () => {
  const [pid, conf] = [
    join(folder, "pid"),
    file("none.yaml", "nodes: { lb1: {} }\nscripts: { security: false }\n", 0o644),
  ];
  const long = file(
    "long",
    `#!/bin/sh\necho $$ >${pid}.new && mv ${pid}.new ${pid}\nexec sleep 600\n`,
    0o755,
  );
  const main = join(import.meta.dirname, "../../src/main.js");
  const args = [main, "check-script", long, "--timeout", "60m", "--config", conf, "--node", "lb1"];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  await until("the program runs", seconds(30), () => Promise.resolve(existsSync(pid)));
  child.kill("SIGINT");
  assert.deepEqual(await ended, [1, null]);
  assert.throws(() => process.kill(Number(readFileSync(pid, "utf8")), 0), /ESRCH/);
});

test("check-script says why the daemon would refuse a program", async () => {
  await withWeb(async (_ports, ...config) => {
    const plain = file("plain", "#!/bin/sh\n", 0o644);
    const { code, out } = await vipd("check-script", plain, ...config);
    assert.equal(code, 1);
    assert.match(out, new RegExp(`^REFUSED: ${plain} is not executable: chmod \\+x ${plain}$`, "m"));
    const user = await vipd("check-script", script, "--user", "nobody-of-this-name", ...config);
    assert.match(
      user.out,
      /^as user nobody-of-this-name,[^]*^REFUSED: there is no user "nobody-of-this-name"/m,
    );
    const relative = await vipd("check-script", "say", ...config);
    assert.match(relative.out, /^REFUSED: say is not an absolute path$/m);
    for (const [args, wanted] of [
      [["check-script"], /PATH \[ARG\]\.\.\. is missing/],
      [["check-script", script, "--timeout", "3"], /--timeout: 3 has no unit/],
      [["check-script", script, "--service", "wbe", ...config], /--service: .*Did you mean web\?/],
      [["check-script", script, "--service", "web", ...config], /--service: means 3 servers: web\/127/],
    ] as const) {
      const wrong = await vipd(...args);
      assert.equal(wrong.code, 2, wrong.out);
      assert.match(wrong.err, wanted);
    }
  });
});

test(
  "check-script refuses what others could change, as the daemon does, and runs as the user named",
  { skip: process.getuid?.() === 0 ? false : "only root runs programs as somebody else" },
  async () => {
    const text = "nodes: { lb1: { priority: 100 } }\n";
    const config = ["--config", file("safe.yaml", text, 0o644), "--node", "lb1"];
    const open = file("open", "#!/bin/sh\nid -un >&2\n", 0o777);
    const refused = await vipd("check-script", open, ...config);
    assert.equal(refused.code, 1);
    assert.match(
      refused.out,
      /^REFUSED: .* would be run as root, but others may write to .*open: chmod go-w/m,
    );
    chmodSync(folder, 0o755);
    const other = await vipd("check-script", open, "--user", "nobody", ...config);
    assert.equal(other.code, 0, other.out);
    assert.match(other.out, /^\| nobody$/m);
  },
);
