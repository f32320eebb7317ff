// Socket addresses byte by byte, errno names, and the scheduling refusal.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { ip, type MacAddress } from "../../src/core/address.js";
import { toHex } from "../../src/core/bytes.js";
import { flagsOf } from "../../src/director/supervisor/programs.js";
import { errno, errnoName, errnoText, systemErrorText } from "../../src/linux/errno.js";
import { setRealtime, setTimeSharing } from "../../src/linux/scheduling.js";
import { sockaddrIp, sockaddrLl, sockaddrNl, sockaddrUn } from "../../src/linux/sockaddr.js";

test("IPv4 and IPv6 addresses lie in memory as the kernel reads them", () => {
  assert.equal(toHex(sockaddrIp(ip("192.0.2.1"), 80)), "02000050c00002010000000000000000");
  assert.equal(
    toHex(sockaddrIp(ip("2001:db8::1"), 8080, 3)),
    "0a001f900000000020010db800000000000000000000000103000000",
  );
});

test("link-layer and netlink addresses lie in memory as the kernel reads them", () => {
  assert.equal(toHex(sockaddrLl(258, 0x0806)), "1100080602010000000000060000000000000000");
  assert.equal(
    toHex(sockaddrLl(1, 0, "00:00:5e:00:01:33" as MacAddress)),
    "11000000010000000000000600005e0001330000",
  );
  assert.equal(toHex(sockaddrNl(7, 0x11)), "100000000700000011000000");
});

test("unix paths end in NUL, abstract names do not, and what is too long is refused", () => {
  assert.equal(toHex(sockaddrUn("/a") ?? new Uint8Array()), "01002f6100");
  assert.equal(toHex(sockaddrUn("@ab") ?? new Uint8Array()), "0100006162");
  assert.equal(sockaddrUn("/".repeat(107))?.length, 110);
  assert.equal(sockaddrUn("/".repeat(108)), undefined);
  assert.equal(sockaddrUn("@".repeat(108))?.length, 110);
  assert.equal(sockaddrUn("@".repeat(109)), undefined);
  assert.equal(sockaddrUn(""), undefined);
});

test("errno values have their names whatever the sign", () => {
  assert.equal(errnoName(-110), "ETIMEDOUT");
  assert.equal(errnoName(105), "ENOBUFS");
  assert.equal(errnoName(-11), "EAGAIN");
  assert.equal(errnoName(-112), "EHOSTDOWN");
  assert.equal(errnoName(-9999), "errno 9999");
  assert.equal(errnoText(-19), "ENODEV: no such device");
  assert.equal(errnoText(-9999), "errno 9999");
  assert.equal(
    systemErrorText({ call: "bind socket", errno: -errno.EADDRINUSE }),
    "bind socket: EADDRINUSE: address in use",
  );
});

test("on one processor the VRRP process sleeps under real-time scheduling while it has garbage to collect", () => {
  // With V8's helpers its main thread asks without a pause whether they are done, and they never get to it.
  const url = new URL("../../src/linux/scheduling.js", import.meta.url);
  const script = `import("${url.href}").then(({ setRealtimeEverywhere }) => {
    const raised = setRealtimeEverywhere(1);
    let kept = [];
    const end = performance.now() + 2000;
    const litter = () => {
      kept = [];
      for (let i = 0; i < 50_000; i++) kept.push({ i });
      if (performance.now() < end) return void setTimeout(litter, 50);
      const { user, system } = process.cpuUsage();
      console.log(raised.ok ? String((user + system) / 1000 / performance.now()) : "refused");
    };
    litter();
  });`;
  const words = ["-c", "0", process.execPath, ...flagsOf.vrrp, "-e", script];
  // Who asks without a pause never ends.
  const { stdout, stderr } = spawnSync("taskset", words, {
    encoding: "utf8",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  assert.match(stdout, /^(refused|0\.[0-6]\d*)\n$/, stdout + stderr);
});

test("real-time scheduling is granted or refused with a reason", () => {
  const asked = setRealtime(1);
  if (asked.ok) assert.ok(setTimeSharing().ok);
  else assert.match(asked.error.reason, /^E[A-Z]+: /);
  const nobody = setRealtime(1, 999_999_999);
  assert.ok(!nobody.ok);
  assert.match(nobody.error.reason, /ESRCH/);
});
