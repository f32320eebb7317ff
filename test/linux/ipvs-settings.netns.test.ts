// What follows the host's settings of forwarding, on a kernel with IPv6 and on one that has none.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const HERE = new URL("../../src/linux/ipvs-settings.js", import.meta.url).href;
const SHOW = `import(${JSON.stringify(HERE)}).then(({ ipvsSettings }) => {
  for (const name of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "conntrack"])
    console.log(ipvsSettings().followers(name).filter((one) => one.includes("/lo/")).join());
});`;

/** In a mount namespace of its own, and the network's settings of a namespace of its own. */
function followers(before: string): string {
  const script = `${before} exec "$0" -e "$1"`;
  const words = ["-m", "-n", "sh", "-c", script, process.execPath, SHOW];
  const { stdout, stderr } = spawnSync("unshare", words, { encoding: "utf8" });
  return stdout + stderr;
}

test("every interface follows the host's forwarding, and none does in a family that the kernel has not", () => {
  const four = "net/ipv4/conf/lo/forwarding\n";
  assert.equal(followers(""), `${four}net/ipv6/conf/lo/forwarding\n\n`);
  assert.equal(followers("mount -t tmpfs none /proc/sys/net/ipv6;"), `${four}\n\n`);
});
