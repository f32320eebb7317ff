// The real data plane in the namespace of a host, and `ipvsadm` there. Needs a kernel with IPVS.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { openIpvs } from "../../src/linux/ipvs-kernel.js";
import { native } from "../../src/linux/native.js";
import type { DataPlane } from "../../src/ports/data-plane.js";
import type { Host } from "./host.js";

/** A socket belongs to the namespace it was made in, so that the thread can go home at once. */
export function planeOf(host: Host): DataPlane {
  return inNamespace(host, () => {
    const opened = openIpvs();
    assert.ok(opened.ok, opened.ok ? "" : opened.error);
    return opened.value;
  });
}

/** Runs `work` with this thread in the namespace of `host`. */
export function inNamespace<T>(host: Host, work: () => T): T {
  const home = openSync("/proc/self/ns/net", "r");
  try {
    assert.equal(native.setNetns(`/run/netns/${host.namespace}`), 0);
    return work();
  } finally {
    assert.equal(native.setNetns(`/proc/self/fd/${String(home)}`), 0);
    closeSync(home);
  }
}

/** What `ipvsadm -R` reads, one command a line. */
export function ipvsadmRestore(host: Host, input: string): void {
  const { status, stderr } = spawnSync("ip", ["netns", "exec", host.namespace, "ipvsadm", "-R"], {
    input,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
}
