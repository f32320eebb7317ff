// That the kernel the VM tests run on has what they need; the first to fail when it has not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ipvsadmTable, procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";

test("every namespace has an IPVS table of its own", () => {
  const lab = new Lab();
  try {
    const [one, other] = lab.hosts("one", "other");
    one.run("ipvsadm", "-A", "-t", "10.0.0.1:80", "-s", "wlc");
    one.run("ipvsadm", "-a", "-t", "10.0.0.1:80", "-r", "10.0.0.2:80", "-m", "-w", "7");
    assert.equal(ipvsadmTable(one), "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 7");
    assert.deepEqual(procServers(one), [
      { service: "tcp 10.0.0.1:80", server: "10.0.0.2:80", forwarding: "Masq", weight: 7, active: 0 },
    ]);
    assert.equal(ipvsadmTable(other), "");
  } finally {
    lab.close();
  }
});
