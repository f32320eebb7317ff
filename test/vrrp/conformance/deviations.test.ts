// Where vipd can be told to differ from the RFCs: each option with it and without it (D01 to D07).

import assert from "node:assert/strict";
import { ip } from "../../../src/core/address.js";
import { seconds } from "../../../src/core/units.js";
import { Authenticator } from "../../../src/director/vrrp-authenticator.js";
import { hmacSha256 } from "../../../src/linux/hmac.js";
import { carrierProblem } from "../../../src/vrrp/accept.js";
import type { UnicastConfig } from "../../../src/vrrp/instance.js";
import { decodeIp } from "../../../src/vrrp/ip-header.js";
import { step } from "../../../src/vrrp/machine.js";
import { decodeAdvert, encodeAdvert, TRAILER_LENGTH } from "../../../src/vrrp/packet.js";
import type { MasterState } from "../../../src/vrrp/state.js";
import { good, PAIR } from "../../config/load.js";
import { EngineRig } from "../../director/engine-rig.js";
import { instance, ipPacket, machineConfig, vip } from "../ip-packet.js";
import { ADVERT, CARRIER, refused } from "../refusals.js";
import { advert, at, kinds, LOWER_PEER, master, sent } from "../stepping.js";
import { item } from "./item.js";

const web = (keys = "", more = ""): string =>
  `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24]${keys} }\n${more}`;
const only = (text: string) => good(text, "lb2").vrrp[0] ?? assert.fail("no instance");

item(
  "D01",
  "without it multicast alone is sent and heard, with TTL 255; with it the peers alone, and the TTLs of `ttl`",
  () => {
    assert.equal(only(web()).unicast, undefined);
    const unicast = only(web(", unicast: { ttl: { min: 250, max: 254 } }")).unicast;
    assert.deepEqual(unicast?.ttl, { min: 250, max: 254 });
    assert.deepEqual(only(web(", unicast: true")).unicast?.ttl, { min: 255, max: 255 });
    const problem = (config: UnicastConfig | undefined, destination: string, ttl: number): string => {
      const packet = ipPacket(new Uint8Array(12), { ...CARRIER, destination: ip(destination), ttl });
      const outer = decodeIp(packet, packet.length, config?.ttl);
      const peers = config && { unicast: { ...config, peers: [CARRIER.source] } };
      const found = outer.ok ? carrierProblem(peers ?? {}, outer.value.carrier) : outer.error;
      return found?.kind ?? "accepted";
    };
    assert.equal(problem(undefined, "224.0.0.18", 255), "accepted");
    assert.equal(problem(undefined, "10.77.0.2", 255), "destination");
    assert.equal(problem(undefined, "224.0.0.18", 250), "ttl");
    assert.equal(problem(unicast, "10.77.0.2", 250), "accepted");
    assert.equal(problem(unicast, "10.77.0.2", 249), "ttl");
    assert.equal(problem(unicast, "224.0.0.18", 250), "destination");
  },
);
item("D02", "the addresses lie on a link of their own with it, and on the interface without", () => {
  const without = only(web());
  assert.deepEqual([without.virtualMac, without.addresses[0]?.interface], [undefined, "eth0"]);
  const withLink = only(web(", virtual-mac: true"));
  assert.deepEqual(withLink.virtualMac, { name: "vrrp.85", adverts: "virtual" });
  assert.equal(withLink.addresses[0]?.interface, "vrrp.85");
});
item(
  "D03",
  "without it a signed advert is refused (R14); with it one that is not, unless `mode` permits it",
  () => {
    const key = "0123456789abcdef0123456789abcdef";
    const configured = (mode: string): Authenticator => {
      const { auth } = only(web(`, auth: { hmac: { keys: [{ id: 1, key: "${key}" }], mode: ${mode} } }`));
      assert.ok(auth?.kind === "hmac");
      return new Authenticator({ utc: () => 1_800_000_000_000, sha256: hmacSha256 }, auth);
    };
    const plain = encodeAdvert(ADVERT, CARRIER, "rfc5798");
    const signed = new Uint8Array(plain.length + TRAILER_LENGTH);
    signed.set(plain);
    configured("enforce").sign(CARRIER.source, [signed]);
    assert.match(refused(signed), /^trailing/);
    assert.equal(refused(plain), "accepted");
    for (const [mode, unsigned] of [
      ["enforce", "auth"],
      ["permissive", undefined],
    ] as const) {
      const opened = configured(mode).open(signed, CARRIER);
      assert.ok(opened.ok);
      assert.equal(refused(opened.value), "accepted");
      const other = configured(mode).open(plain, CARRIER);
      assert.equal(other.ok ? undefined : other.error.kind, unsigned);
    }
  },
);
item("D04", "each is sent where it is configured, and both are understood", () => {
  for (const [keys, dialect] of [
    ["", "rfc5798"],
    [", checksum: rfc9568", "rfc9568"],
  ] as const) {
    const rig = new EngineRig();
    rig.engine.configure([only(web(keys))], []);
    rig.takeOver();
    const [sent] = rig.sent;
    assert.ok(sent);
    const decoded = decodeAdvert(sent.bytes, sent, 3);
    assert.ok(decoded.ok && decoded.value.dialect === dialect);
  }
});
item(
  "D05",
  "without it the answer of A11; with it none, the next advert is on time, and all else is as ever",
  () => {
    const lower = [advert(99), advert(100, LOWER_PEER)];
    const answering = machineConfig(only(web()));
    for (const rival of lower)
      assert.deepEqual(sent(step(answering, master(answering), rival, at(11_200)).actions), [100]);
    const config = machineConfig(only(web(", lower-prio-no-advert: true")));
    const state = master(config);
    for (const rival of lower) {
      const result = step(config, state, rival, at(11_200));
      assert.deepEqual(kinds(result), ["report-second-master", "announce"]);
      const next = result.state as MasterState;
      assert.equal(next.nextAdvertAt, state.nextAdvertAt);
      assert.deepEqual(next.announcement, { at: at(16_200), repeat: 5 });
    }
    const goodbye = step(config, state, advert(99), at(10_200));
    assert.deepEqual(goodbye.actions, [], "of the master that was just preempted");
    const leaving = step(config, state, advert(0), at(11_200));
    assert.deepEqual(sent(leaving.actions), [100], "priority 0 is answered all the same");
    assert.equal(step(config, state, advert(101), at(11_200)).state.kind, "backup");
  },
);
item(
  "D06",
  "without a group each instance is master by itself; in one a member that obeys keeps the other back",
  () => {
    const six = { name: "six", family: "ipv6", addresses: [vip("fe80::1/64")] } as const;
    for (const [group, state] of [
      [undefined, "master"],
      ["site", "backup"],
    ] as const) {
      const grouped = group === undefined ? {} : { group };
      const rig = new EngineRig();
      rig.engine.configure([instance({ name: "four", ...grouped }), instance({ ...six, ...grouped })], []);
      for (let i = 0; i < 10; i++) {
        rig.now += seconds(0.5);
        rig.hear(150);
        rig.engine.wake();
      }
      assert.deepEqual(rig.states(), { four: state, six: "backup" });
    }
  },
);
item("D08", "it is off in a file that does not say so", () => {
  assert.deepEqual(
    ["", ", accept: false"].map((more) => only(web(more)).accept),
    [true, false],
  );
});
item(
  "D07",
  "without it adverts have one link; with `second-path` they leave by both, and one that is heard on either counts",
  () => {
    assert.equal(only(web()).secondPath, undefined);
    assert.equal(only(web(", second-path: eth1")).secondPath, "eth1");
    for (const second of [undefined, "eth1"]) {
      const rig = new EngineRig();
      const its = [{ address: ip("10.0.0.2"), length: 24 }];
      rig.others.set("eth1", { ...rig.view, index: 3, addresses: its });
      rig.engine.configure([instance(second === undefined ? {} : { secondPath: second })], []);
      rig.takeOver();
      const from = rig.sent.map(({ source, destination }) => `${source} to ${destination}`);
      const paths = second === undefined ? ["192.168.1.2"] : ["192.168.1.2", "10.0.0.2"];
      assert.deepEqual(
        from,
        paths.map((source) => `${source} to 224.0.0.18`),
      );
      rig.hearFour({ source: "10.0.0.3", ifindex: 3 });
      assert.deepEqual(rig.states(), { web: second === undefined ? "master" : "backup" });
    }
  },
);
