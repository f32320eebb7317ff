// Which kernel modules a plan names: those that its commands need, each once, and that are not there.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import type { Command } from "../../src/ipvs/command.js";
import type { Scheduler, VirtualService } from "../../src/ipvs/model.js";
import { modulesOf } from "../../src/ipvs/modules.js";
import { hasModule } from "../../src/linux/kernel-modules.js";

const key = { kind: "address", protocol: "udp", address: ip("192.0.2.1"), port: 5060 } as const;
const service = (scheduler: Scheduler, engine?: "sip"): VirtualService => ({
  key,
  scheduler,
  ...(engine === undefined ? {} : { engine }),
});
const add = (...of: Parameters<typeof service>): Command => ({
  kind: "add-service",
  service: service(...of),
});

test("each scheduler and each engine is a module, IPVS itself comes first, and each is named once", () => {
  assert.deepEqual(modulesOf([]), []);
  assert.deepEqual(modulesOf([{ kind: "remove-service", key, servers: 2 }]), ["ip_vs"]);
  assert.deepEqual(modulesOf([add("wlc"), add("wlc"), add("mh", "sip")]), [
    "ip_vs",
    "ip_vs_wlc",
    "ip_vs_mh",
    "ip_vs_pe_sip",
  ]);
  const edit: Command = { kind: "edit-service", service: service("sh"), was: service("rr") };
  assert.deepEqual(modulesOf([edit]), ["ip_vs", "ip_vs_sh"], "what it was is loaded already");
});

test("a module is there when it is loaded, or when it is a part of the kernel", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-modules-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "modules.builtin"), "kernel/net/ipvs/ip_vs_rr.ko\nkernel/net/xip_vs_wlc.ko\n");
  assert.equal(hasModule("ip_vs_rr", folder), true);
  assert.equal(hasModule("ip_vs_wlc", folder), false, "it is not the end of another name");
  assert.equal(hasModule("ip_vs_none", "/no/such/kernel"), false);
  const [loaded] = readdirSync("/sys/module");
  assert.ok(loaded !== undefined);
  assert.equal(hasModule(loaded, "/no/such/kernel"), true);
});
