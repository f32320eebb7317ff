// What tells that servers in a real kernel's table are as they were: connections do not count, and every setting does.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { planeOf } from "../lab/plane.js";

const SERVICE = ["-t", "10.0.0.1:80"] as const;
const of = (last: number): readonly string[] => [...SERVICE, "-r", `10.0.0.${last}:80`];
const admin = (host: Host, ...words: readonly string[]): void => void host.run("ipvsadm", ...words);

test("whatever is set of a server changes its service's fingerprint, and back again", () => {
  const lab = new Lab();
  const host = lab.host("a");
  const plane = planeOf(host);
  try {
    admin(host, "-A", ...SERVICE, "-s", "wlc");
    for (const last of [2, 3]) admin(host, "-a", ...of(last), "-i", "-w", "5");
    const service = plane.services()[0]!;
    const seen = new Map<number, string>();
    const look = (what: string): number => {
      const list = plane.serversUnless(service, undefined);
      assert.ok(list !== "as known");
      assert.equal(plane.serversUnless(service, list.fingerprint), "as known", what);
      return list.fingerprint;
    };
    const isNew = (what: string): void => {
      const fingerprint = look(what);
      assert.equal(seen.get(fingerprint), undefined, what);
      seen.set(fingerprint, what);
    };
    isNew("at first");
    const first = look("at first");
    const edits: readonly (readonly string[])[] = [
      ["-i", "-w", "6"],
      ["-i", "-w", "5", "-x", "100"],
      ["-i", "-w", "5", "-x", "100", "-y", "50"],
      ["-g", "-w", "5"],
      ["-m", "-w", "5"],
      ["-i", "-w", "5", "--tun-type", "gue", "--tun-port", "6080"],
      ["-i", "-w", "5", "--tun-type", "gue", "--tun-port", "6081"],
      ["-i", "-w", "5", "--tun-type", "gue", "--tun-port", "6081", "--tun-csum"],
      ["-i", "-w", "5", "--tun-type", "gre"],
    ];
    for (const edit of edits) {
      admin(host, "-e", ...of(2), ...edit);
      isNew(edit.join(" "));
    }
    admin(host, "-e", ...of(2), "-i", "-w", "5", "-x", "0", "-y", "0");
    assert.equal(look("as at first"), first);
    admin(host, "-a", ...of(4), "-i", "-w", "5");
    isNew("one more");
    admin(host, "-d", ...of(4));
    assert.equal(look("without it"), first);
    admin(host, "-d", ...of(2));
    isNew("one less");
    admin(host, "-d", ...of(3));
    isNew("none");
    admin(host, "-D", ...SERVICE);
    assert.deepEqual(plane.services(), []);
  } finally {
    plane.close();
    lab.close();
  }
});

test("connections change no fingerprint, and services are listed anew when one of them is another", () => {
  const lab = new Lab();
  const [director, client] = lab.hosts("director", "client");
  lab.cable(director, "eth0", client, "eth0");
  director.ip("address add 10.0.0.1/24 dev eth0");
  client.ip("address add 10.0.0.9/24 dev eth0");
  const plane = planeOf(director);
  try {
    admin(director, "-A", ...SERVICE, "-s", "rr");
    admin(director, "-a", ...of(9), "-m");
    const service = plane.services()[0]!;
    const before = plane.serversUnless(service, undefined);
    assert.ok(before !== "as known");
    client.try("timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/10.0.0.1/80");
    const [counted] = plane.servers(service).values();
    assert.ok((counted?.active ?? 0) + (counted?.inactive ?? 0) > 0, "the server has a connection");
    assert.equal(plane.serversUnless(service, before.fingerprint), "as known");
    assert.equal(plane.services()[0], service, "nothing of the service has changed");
    admin(director, "-E", ...SERVICE, "-s", "wrr");
    assert.equal(plane.services()[0]?.scheduler, "wrr");
    admin(director, "-E", ...SERVICE, "-s", "wrr", "-p", "60");
    assert.equal(plane.services()[0]?.persistence?.timeout, 60_000);
  } finally {
    plane.close();
    lab.close();
  }
});
