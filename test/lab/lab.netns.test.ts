// The lab itself: what every namespace test and the drill stand on.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Capture, readLine } from "./capture.js";
import { startKeepalived } from "./directors.js";
import { Lab } from "./lab.js";

const namespaces = (): string => spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout;

test("hosts on a switch reach each other, and nothing of them is left after close", () => {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    const bridge = lab.bridge("sw");
    lab.plug(bridge, [
      { host: a, interface: "eth0", addresses: ["10.9.0.1/24"] },
      { host: b, interface: "eth0", addresses: ["10.9.0.2/24"] },
    ]);
    assert.match(a.run("ping", "-c", "1", "-W", "5", "10.9.0.2"), /1 received/);
    assert.match(a.procNet("dev"), /eth0:/);
    assert.ok(namespaces().includes(lab.prefix));
  } finally {
    lab.close();
  }
  assert.ok(!namespaces().includes(lab.prefix));
  assert.ok(!existsSync(lab.directory));
});

test("a program's lines come with their time, and its end without the awaited line is an error", async () => {
  const lab = new Lab();
  try {
    const host = lab.host("a");
    const process_ = host.spawn(["sh", "-c", "echo one; echo two >&2; sleep 0.2; exit 3"]);
    assert.equal((await process_.waitFor(/two/)).text, "two");
    await assert.rejects(process_.waitFor(/three/), /ended \(3\)/);
  } finally {
    lab.close();
  }
});

test("a third host sees keepalived's adverts and gratuitous ARP with their times", async () => {
  const lab = new Lab();
  try {
    const [director, observer] = lab.hosts("lb", "obs");
    const bridge = lab.bridge("sw");
    lab.plug(bridge, [
      { host: director, interface: "eth0", addresses: ["10.9.0.1/24"] },
      { host: observer, interface: "eth0" },
    ]);
    const capture = await Capture.start(observer, "eth0");
    const keepalived = startKeepalived(
      lab,
      director,
      `global_defs {
  vrrp_version 3
}
vrrp_instance web {
  interface eth0
  virtual_router_id 51
  priority 150
  advert_int 0.1
  virtual_ipaddress {
    10.9.0.100/24
  }
}
`,
      { vrrpOnly: true },
    );
    const announced = await capture.waitFor(
      "gratuitous ARP",
      seconds(10),
      (seen) => seen.kind === "gratuitous-arp",
    );
    assert.equal(announced.address, "10.9.0.100");
    await capture.waitFor(
      "advert",
      seconds(5),
      (seen) => seen.kind === "advert" && seen.vrid === 51 && seen.priority === 150,
    );
    await keepalived.stop();
    await capture.waitFor("priority 0", seconds(5), (seen) => seen.kind === "advert" && seen.priority === 0);
  } finally {
    lab.close();
  }
});

test("capture lines of all forms are understood", () => {
  const mac = "02:00:00:00:00:01";
  const garp = (text: string): unknown =>
    readLine(`1700000000.000250 ${mac} > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ${text}`);
  const expected = { kind: "gratuitous-arp", at: 1700000000000.25, mac, address: "10.0.0.9" };
  assert.deepEqual(garp("Request who-has 10.0.0.9 (ff:ff:ff:ff:ff:ff) tell 10.0.0.9, length 28"), expected);
  assert.deepEqual(garp("Announcement 10.0.0.9, length 28"), expected);
  assert.deepEqual(garp(`Reply 10.0.0.9 is-at ${mac}, length 28`), expected);
  assert.equal(garp("Request who-has 10.0.0.9 tell 10.0.0.1, length 28"), undefined);
});
