import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { findChecker } from "../../src/checkers/registry.js";
import { CancelSource } from "../../src/checkers/cancel.js";
import { milliseconds } from "../../src/core/units.js";
import { ProcessRunner } from "../../src/linux/process-runner.js";
import { readSecretFile } from "../../src/linux/secret-file.js";
import { assertFails, assertUp, check, readOptions, run, target } from "./harness.js";

const processRunner = new ProcessRunner();
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "vipd-script-"));
  chmodSync(folder, 0o755);
});
after(() => {
  rmSync(folder, { recursive: true });
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "changing users needs root" };
let count = 0;
function program(text: string, mode = 0o755): string {
  const path = join(folder, `check-${++count}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const sh = (body: string, mode?: number): string => program(`#!/bin/sh\n${body}\n`, mode);

/** Whether a process is there and not a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("script is up with exit code 0 and down with every other", async () => {
  assertUp(await check("script", { command: sh("exit 0") }, 80), /^exit code 0$/);
  for (const code of [1, 2, 99, 255])
    assertFails(
      await check("script", { command: sh(`exit ${code}`) }, 80),
      "script-failed",
      new RegExp(`^exit code ${code}$`),
    );
  assertFails(
    await check("script", { command: sh("no-such-command") }, 80),
    "script-failed",
    /127 .*not found/,
  );
});

test("script is down when it is killed", async () => {
  assertFails(await check("script", { command: sh("kill -9 $$") }, 80), "script-failed", /killed by SIGKILL/);
});

test("a program that somebody else killed is no result at once: word of a stop may be on its way", async () => {
  const killed = processRunner.run(
    { argv: [sh("kill -TERM $$")], environment: {}, grace: milliseconds(100) },
    new CancelSource(),
  );
  let ended = false;
  void killed.end.then(() => (ended = true));
  await killed.gone;
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!ended);
  assert.deepEqual(await killed.end, { kind: "killed", signal: "SIGTERM", stderr: "" });
});

test("script gets its arguments as they are, without a shell", async () => {
  const command = [sh('test "$#" = 2 && test "$1" = "a b" && test "$2" = \'$HOME;*\''), "a b", "$HOME;*"];
  assertUp(await check("script", { command }, 80), /0/);
});

test("script runs text by the shell when told to", async () => {
  assertUp(await check("script", { command: "true && test $VIPD_PORT = 80", shell: true }, 80), /0/);
  assertFails(await check("script", { command: "false || exit 7", shell: true }, 80), "script-failed", /7/);
});

test("script gets a clean environment with the service and the server in it", async () => {
  process.env["VIPD_TEST_SECRET"] = "not for scripts";
  const { result } = await run("script", { command: sh("env | sort >&2; exit 1") }, 8080, 5000);
  delete process.env["VIPD_TEST_SECRET"];
  const names = (result.output ?? "").split("\n").filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
  assert.deepEqual(names, [
    "LANG=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "VIPD_PORT=8080",
    "VIPD_PROTOCOL=tcp",
    "VIPD_SERVER=127.0.0.1",
    "VIPD_SERVICE=web",
    "VIPD_TIMEOUT_MS=5000",
    "VIPD_VIP=192.0.2.80",
    "VIPD_VPORT=80",
  ]);
});

test("script of a firewall mark service learns the mark", async () => {
  const where = { ...target(80), virtual: { kind: "fwmark" as const, mark: 7 } };
  assertUp(
    await check("script", { command: sh('test "$VIPD_FWMARK" = 7 && test -z "${VIPD_VIP+set}"') }, where),
    /0/,
  );
});

test("script's stderr is in its result, up to a limit", async () => {
  const { result } = await run("script", { command: sh("echo first >&2; echo second >&2; exit 3") }, 80);
  assertFails(result, "script-failed", /^exit code 3: first$/);
  assert.equal(result.output, "first\nsecond");
  const words = await check("script", { command: sh("printf 'a\\tb\\n\\nc' >&2; exit 1") }, 80);
  assert.equal(words.output, "a b\n\nc");
  const flood = await check("script", { command: sh("head -c 100000000 /dev/zero | tr '\\0' x >&2") }, 80);
  assertUp(flood, /0/);
  assert.match(flood.output ?? "", /^x{4096} \[more was written\]$/);
});

test("script that does not end is down at its deadline, and its whole group is ended", async () => {
  const command = sh("sleep 1000 & echo $! >&2; sleep 1000 & echo $! >&2; wait");
  const { result, gone } = await run("script", { command }, 80, 500);
  assertFails(result, "script-timeout", /not done after 500 ms: ended with TERM/);
  const children = (result.output ?? "").split("\n").map(Number);
  assert.equal(children.length, 2);
  await gone;
  assert.deepEqual(children.map(isAlive), [false, false]);
});

test("script that ignores TERM is killed with its children", async () => {
  const command = sh(
    "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >&2; while :; do sleep 1; done' & echo $$ >&2; wait; wait",
  );
  const { result, gone } = await run("script", { command }, 80, 500);
  assertFails(result, "script-timeout", /./);
  const pids = (result.output ?? "").split("\n").map(Number);
  assert.equal(pids.length, 2);
  await gone;
  assert.deepEqual(pids.map(isAlive), [false, false]);
});

test("script leaves nothing behind that holds the check up", async () => {
  const { result, gone } = await run("script", { command: sh("sleep 1000 & echo $! >&2; exit 0") }, 80);
  assertUp(result, /0/);
  await gone;
  assert.equal(isAlive(Number(result.output)), false);
});

test("script whose daemon lives on, and keeps its words open, is done when it is", async () => {
  // In a session of its own it is none of ours any more: it must hold up neither this run nor the next one.
  const said = join(folder, "daemon");
  const command = sh(
    `setsid sh -c 'echo $$ >&2; echo >${said}; exec sleep 600' & while ! test -e ${said}; do sleep 0.1; done`,
  );
  const { result, gone } = await run("script", { command }, 80, 20_000);
  assertUp(result, /^exit code 0$/);
  await gone;
  const pid = Number((result.output ?? "").split("\n")[0]);
  assert.ok(isAlive(pid));
  process.kill(pid, "SIGKILL");
  const loud = sh("head -c 100000000 /dev/zero; exit 4");
  assertFails(await check("script", { command: loud }, 80), "script-failed", /^exit code 4$/);
});

test("script that cannot be run is down, and the reason names the remedy", async () => {
  const cases: readonly [unknown, RegExp][] = [
    [{ command: join(folder, "missing") }, /does not exist/],
    [{ command: folder }, /is not a file/],
    [{ command: sh("exit 0", 0o644) }, /not executable: chmod \+x/],
    [
      { command: program("#!/no/such/interpreter\n") },
      /interpreter "\/no\/such\/interpreter".*cannot be run/,
    ],
    [{ command: program("exit 0\n") }, /first line must name the interpreter/],
    [{ command: program("") }, /first line must name the interpreter/],
    [{ command: sh("exit 0"), user: "no-such-user" }, /no user "no-such-user"/],
  ];
  const script = findChecker("script")!;
  for (const [options, why] of cases) {
    assertFails(await check("script", options, 80), "script-not-runnable", why);
    const problem = script.problem?.({
      options: readOptions("script", options) as never,
      runner: processRunner,
      readSecret: readSecretFile,
    });
    assert.match(problem ?? "", why);
  }
  const fine = {
    options: readOptions("script", { command: sh("exit 1") }) as never,
    runner: processRunner,
    readSecret: readSecretFile,
  };
  assert.equal(script.problem?.(fine), undefined);
});

test("script that others may change is not run as root", asRoot, async () => {
  assertFails(
    await check("script", { command: sh("exit 0", 0o777) }, 80),
    "script-not-runnable",
    /others may write/,
  );
  const foreign = sh("exit 0");
  chownSync(foreign, 65534, 65534);
  assertFails(
    await check("script", { command: foreign }, 80),
    "script-not-runnable",
    /belongs to user 65534/,
  );
  assertUp(await check("script", { command: foreign, user: "nobody" }, 80), /0/);
});

test("the part of the way to a program that others may change is named", asRoot, () => {
  const at = (...names: readonly string[]): string => join(folder, "way", ...names);
  mkdirSync(at("bin"), { recursive: true });
  const path = at("bin", "check");
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, 0o755);
  symlinkSync("bin/check", at("link"));
  const because = (command = path): string | undefined => {
    const probe = processRunner.probe({ argv: [command] });
    return probe.ok ? undefined : probe.error;
  };
  assert.equal(because(), undefined);
  chmodSync(at(), 0o777);
  for (const command of [path, at("link"), at("bin", "..", "bin", "check")])
    assert.match(
      because(command) ?? "",
      new RegExp(`, but others may write to ${at()}: chmod go-w ${at()}, or run`),
    );
  // A sticky folder as /tmp: what root has there is root's alone.
  chmodSync(at(), 0o1777);
  assert.equal(because(), undefined);
  lchownSync(at("link"), 65534, 65534);
  assert.match(because(at("link")) ?? "", /way\/link belongs to user 65534: chown -h root/);
  chownSync(at("bin"), 65534, 0);
  assert.match(because() ?? "", /way\/bin belongs to user 65534: chown root/);
  chownSync(at("bin"), 0, 12345);
  chmodSync(at("bin"), 0o775);
  assert.match(because() ?? "", /others, the group 12345, may write to .*way\/bin: chmod go-w/);
  assert.ok(new ProcessRunner({ security: false }).probe({ argv: [path] }).ok);
  assert.ok(new ProcessRunner({ security: true, user: "nobody" }).probe({ argv: [path] }).ok);
});

test("the user of all scripts is that of each that names none", asRoot, async () => {
  const runner = new ProcessRunner({ security: true, user: "nobody" });
  const argv = [sh("id -u >&2")] as const;
  const as = async (user?: string): Promise<unknown> =>
    await runner.run(
      {
        argv,
        environment: { PATH: "/usr/bin:/bin" },
        grace: milliseconds(100),
        ...(user !== undefined && { user }),
      },
      new CancelSource(),
    ).end;
  assert.deepEqual(await as(), { kind: "exited", code: 0, stderr: "65534" });
  assert.deepEqual(await as("root"), { kind: "exited", code: 0, stderr: "0" });
});

test("script runs as its user, with that user's group and no other", asRoot, async () => {
  const { result } = await run(
    "script",
    { command: sh("id -u >&2; id -g >&2; id -G >&2; exit 1"), user: "nobody" },
    80,
  );
  assert.equal(result.output, "65534\n65534\n65534");
});

test("script of another user that hangs is ended all the same", asRoot, async () => {
  const { result, gone } = await run(
    "script",
    { command: sh("echo $$ >&2; sleep 1000"), user: "nobody" },
    80,
    500,
  );
  assertFails(result, "script-timeout", /./);
  await gone;
  assert.equal(isAlive(Number(result.output)), false);
});

test("script says what is wrong with its options", () => {
  for (const [options, problem] of [
    [{ command: "check.sh" }, /not an absolute path/],
    [{ command: [] }, /names no program/],
    [{ command: ["/bin/true", {}] }, /something other than text/],
    [{ command: ["a", "b"], shell: true }, /wants one text/],
    [{}, /command/],
  ] as const)
    assert.throws(() => readOptions("script", options), problem, JSON.stringify(options));
});
