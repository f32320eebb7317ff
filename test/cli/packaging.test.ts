// What is installed beside the program: the manual page names every command and option, the unit file starts
// what exists, and both are clean for their own tools where those are installed.

import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commands } from "../../src/cli/commands.js";
import { sysctlOf } from "../../src/ipvs/settings.js";
import { good, PAIR, WEB } from "../config/load.js";
import { programVersion } from "../../src/cli/version.js";

const path = (name: string): string => fileURLToPath(new URL(`../../../packaging/${name}`, import.meta.url));
const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

test("the manual page names every command and option, and this version", () => {
  const page = readFileSync(path("vipd.8"), "utf8").replaceAll("\\-", "-");
  assert.ok(page.includes(`vipd ${programVersion()}`));
  for (const { word, options } of commands) {
    const uses = page.matchAll(new RegExp(`\\.B vipd ${word}\\n([^]*?)(?=\\.br|\\.SH)`, "g"));
    const synopsis = Array.from(uses, ([, use]) => use).join("");
    for (const { name } of options) {
      assert.ok(synopsis.includes(`--${name}`), `--${name} in the synopsis of ${word}`);
      assert.match(page, new RegExp(`^\\.(BI?) --${name}( |$)`, "m"));
    }
  }
});

test(
  "groff has nothing to say about the manual page",
  { skip: has("groff") ? false : "groff is not installed" },
  () => {
    const run = spawnSync("groff", ["-ww", "-man", "-Tutf8", path("vipd.8")], { encoding: "utf8" });
    assert.equal(run.stderr, "");
  },
);

test(
  "systemd has nothing to say about the unit but that vipd is not installed",
  { skip: has("systemd-analyze") ? false : "systemd-analyze is not installed" },
  () => {
    const run = spawnSync("systemd-analyze", ["verify", path("vipd.service")], { encoding: "utf8" });
    const lines = run.stderr
      .split("\n")
      .filter((line) => line.includes("vipd.service") && !/not executable|man vipd/.test(line));
    assert.deepEqual(lines, []);
  },
);

test("the unit grants the capabilities that the program needs, and no more than documented", () => {
  const unit = readFileSync(path("vipd.service"), "utf8");
  const granted = [...unit.matchAll(/^CapabilityBoundingSet=(.*)$/gm)].flatMap(([, names]) =>
    (names ?? "").split(" ").filter((name) => name !== ""),
  );
  assert.deepEqual(granted, [
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_SYS_NICE",
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_KILL",
  ]);
  const page = readFileSync(path("vipd.8"), "utf8");
  for (const name of granted) assert.ok(page.includes(name));
});

test("the unit lets every setting of ipvs.sysctl be written, also before anybody has loaded ip_vs", () => {
  const unit = readFileSync(path("vipd.service"), "utf8");
  const writable = [...unit.matchAll(/^ReadWritePaths=(.*)$/gm)].flatMap(([, paths = ""]) =>
    paths.split(" ").map((one) => one.replace(/^-/, "")),
  );
  const keys = ["ip-forward", "ip6-forward", "send-redirects", "conntrack"];
  const { settings = {} } = good(
    `${PAIR}${WEB}ipvs: { sysctl: { ${keys.map((key) => `${key}: true`).join(", ")} } }\n`,
  ).ipvs;
  const names = Object.keys(settings);
  assert.ok(names.length > keys.length);
  for (const name of names) {
    const file = `/proc/sys/${sysctlOf(name).replaceAll(".", "/")}`;
    assert.ok(
      // What is not there at the start cannot be excepted: net/ipv4/vs comes with the module.
      writable.some((one) => file.startsWith(`${one}/`) && !one.includes("/vs")),
      file,
    );
  }
});

test("the unit leaves no address behind, and goes on", () => {
  const unit = readFileSync(path("vipd.service"), "utf8");
  const [start = "", service = ""] = unit.split("[Service]");
  // The VRRP process resigns when the supervisor dies; systemd must not kill it first.
  assert.match(service, /^KillMode=control-group$/m);
  assert.match(service, /^OOMPolicy=continue$/m);
  assert.match(service, /^RuntimeDirectoryPreserve=yes$/m);
  assert.match(service, /^ExecStopPost=vipd release --unless-kept$/m);
  assert.match(start, /^StartLimitIntervalSec=0$/m);
});
