// Version 2 and 3 at once, for a migration (RFC 9568 section 8.4), beside what one version alone does.

import assert from "node:assert/strict";
import { milliseconds, seconds, type Milliseconds } from "../../../src/core/units.js";
import { encodeAdvert, decodeAdvert } from "../../../src/vrrp/packet.js";
import type { InstanceConfig } from "../../../src/vrrp/instance.js";
import { check, codes, good, PAIR } from "../../config/load.js";
import { EngineRig } from "../../director/engine-rig.js";
import { hmac, instance } from "../ip-packet.js";
import { ADVERT, byteAt, CARRIER, refusal, refused } from "../refusals.js";
import { item } from "./item.js";

type Versions = InstanceConfig["version"];
const VERSIONS = [2, 3, "2+3"] as const;

const web = (keys: string, addresses = "192.168.1.1/24"): string =>
  `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [${addresses}]${keys} }\n`;
const only = (keys: string) => good(web(keys), "lb2").vrrp[0] ?? assert.fail("no instance");

function rigOf(changes: Partial<InstanceConfig>): EngineRig {
  const rig = new EngineRig();
  rig.engine.configure([instance(changes)], []);
  return rig;
}

/** Version, priority and interval of each advert that was sent. */
const sentBy = (rig: EngineRig): string[] =>
  rig.sent.map(({ bytes, source, destination }) => {
    const decoded = decodeAdvert(bytes, { source, destination });
    assert.ok(decoded.ok);
    const { version, priority, interval } = decoded.value.advert;
    return `v${version} ${priority} ${interval}`;
  });

/** How long after `hear` the instance is master, to a tenth of a second. */
function waitOf(rig: EngineRig, hear: () => void = () => undefined): number {
  const { now } = rig;
  hear();
  while (rig.states()["web"] === "backup" && rig.now < now + 60_000) rig.run(milliseconds(100));
  return rig.now - now;
}
const status = (rig: EngineRig) => rig.engine.status(0)[0] ?? assert.fail("no instance");

item(
  "X12",
  "with `2+3` every advert and the last one is sent in version 3 and in version 2, at the interval; with 2 or 3 in that one alone",
  () => {
    const expected: readonly (readonly [Versions, readonly string[]])[] = [
      [2, ["v2 100 1000", "v2 100 1000", "v2 0 1000"]],
      [3, ["v3 100 1000", "v3 100 1000", "v3 0 1000"]],
      ["2+3", ["v3 100 1000", "v2 100 1000", "v3 100 1000", "v2 100 1000", "v3 0 1000", "v2 0 1000"]],
    ];
    for (const [version, adverts] of expected) {
      const rig = rigOf({ version });
      rig.takeOver();
      rig.run(seconds(1));
      rig.engine.stop(false);
      assert.deepEqual(sentBy(rig), adverts, String(version));
    }
  },
);
item(
  "X12",
  "an interval below a second is kept in both versions, and version 2 says the next whole second",
  () => {
    for (const [interval, said] of [
      [milliseconds(300), 1000],
      [milliseconds(1500), 2000],
      [seconds(2), 2000],
      [milliseconds(40_950), 41_000],
    ] as const) {
      const rig = rigOf({ version: "2+3", advertInterval: interval });
      rig.run(seconds(200));
      rig.sent.length = 0;
      rig.run(milliseconds(interval * 3));
      const adverts = sentBy(rig);
      assert.ok(adverts.length >= 4 && adverts.length <= 8, String(adverts.length));
      assert.deepEqual(new Set(adverts), new Set([`v3 100 ${interval}`, `v2 100 ${said}`]));
    }
  },
);
item(
  "X12",
  "a master of either version is obeyed, and waited for by what his version says; one version refuses the other",
  () => {
    const waits = (version: Versions, heard: 2 | 3, interval: Milliseconds): number | string => {
      const rig = rigOf({ version });
      rig.run(seconds(1));
      const wait = waitOf(rig, () => rig.hearFour({ version: heard, interval }));
      const { rejected } = status(rig);
      return rejected.version === undefined ? wait : "refused";
    };
    // Three intervals and a skew of 156/256 of one.
    assert.equal(waits("2+3", 3, milliseconds(200)), 800);
    assert.equal(waits("2+3", 3, seconds(2)), 7300);
    assert.equal(waits("2+3", 2, seconds(2)), 7300);
    assert.equal(waits(3, 2, seconds(1)), "refused");
    assert.equal(waits(2, 3, seconds(1)), "refused");
  },
);
item(
  "X12",
  "adverts of version 2 from a master whose version 3 is heard are ignored, and count again without",
  () => {
    const rig = rigOf({ version: "2+3" });
    rig.run(seconds(1));
    // The slow version 2 of a fast master does not lengthen the wait.
    for (let i = 0; i < 5; i++) {
      rig.hearFour({ version: 3, interval: milliseconds(200) });
      rig.hearFour({ version: 2 });
      rig.run(milliseconds(200));
    }
    rig.hearFour({ version: 3, interval: milliseconds(200) });
    assert.equal(
      waitOf(rig, () => rig.hearFour({ version: 2 })),
      800,
    );
    // Nor does it end what version 3 has not ended: a resignation of version 2 alone is an echo, too.
    const other = rigOf({ version: "2+3" });
    other.hearFour({ version: 3 });
    assert.equal(
      waitOf(other, () => other.hearFour({ version: 2, priority: 0 })),
      3700,
    );
    // Another sender is not meant, and a master that goes back to version 2 is not lost.
    const back = rigOf({ version: "2+3" });
    back.hearFour({ version: 3 });
    back.hearFour({ version: 2, source: "192.168.1.4", priority: 160 });
    assert.equal(status(back).master?.address, "192.168.1.4");
    for (let i = 0; i < 10; i++) {
      back.run(seconds(1));
      back.hearFour({ version: 2, source: "192.168.1.4", priority: 160 });
    }
    for (let i = 0; i < 10; i++) {
      back.run(seconds(1));
      back.hearFour({ version: i < 5 ? 3 : 2, source: "192.168.1.4", priority: 160 });
    }
    assert.deepEqual(
      [status(back).state, status(back).transitions, status(back).rejected],
      ["backup", 1, {}],
    );
  },
);
item("X12", "who speaks one version alone is said, and no more when it speaks both", () => {
  const rig = rigOf({ version: "2+3" });
  const hear = (...versions: readonly (2 | 3)[]): readonly string[] => {
    for (let i = 0; i < 4; i++) {
      rig.run(seconds(1));
      for (const version of versions) rig.hearFour({ version });
    }
    return status(rig).oddities;
  };
  assert.deepEqual(hear(3, 2), []);
  assert.deepEqual(hear(3), ["192.168.1.3 sends version 3 alone: a router of version 2 does not hear it"]);
  assert.deepEqual(hear(3, 2), []);
  assert.deepEqual(hear(2), ["192.168.1.3 sends version 2 alone"]);
  assert.deepEqual(hear(3, 2), []);
  assert.equal(status(rig).transitions, 1);
});
item("X12", "a change to and from `2+3` is no other virtual router: a master stays it", () => {
  for (const [before, after, stays] of [
    [2, "2+3", true],
    ["2+3", 3, true],
    [3, "2+3", true],
    ["2+3", 2, true],
    [2, 3, false],
    [3, 2, false],
  ] as const) {
    const rig = rigOf({ version: before });
    rig.takeOver();
    rig.sent.length = 0;
    rig.engine.configure([instance({ version: after })], []);
    assert.equal(rig.states()["web"], stays ? "master" : "backup");
    const [first] = sentBy(rig);
    assert.equal(first, stays ? `v${after === 2 ? 2 : 3} 100 1000` : `v${before} 0 1000`);
  }
});
item(
  "X12",
  "the file takes 2, 3 and 2+3; IPv6 has no version 2, and an interval of half seconds is warned of",
  () => {
    for (const version of VERSIONS) assert.equal(only(`, version: ${version}`).version, version);
    assert.equal(only(', version: "2+3"').version, "2+3");
    assert.equal(only("").version, 3);
    const said = (keys: string, addresses?: string): string[] =>
      check(web(keys, addresses)).diagnostics.map(({ severity, message, hint }) =>
        [`${severity}: ${message}`, hint].join("\n"),
      );
    assert.deepEqual(said(", version: 1"), [
      "error: vrrp.web.version: 1 is no version of VRRP\nIt is one of: 2, 3, 2+3 (both, to move from 2 to 3).",
    ]);
    assert.deepEqual(said(", version: 2+3", '"fe80::1/64"'), [
      "error: vrrp.web.addresses[0]: fe80::1 is an IPv6 address, and VRRP version 2 has IPv4 alone\n" +
        "Give the IPv6 addresses an instance of their own, with `version: 3`.",
    ]);
    assert.deepEqual(said(", version: 2+3, advert-interval: 100ms"), [
      "warning: vrrp.web.advert-interval: adverts of version 2 say 1s, in whole seconds, and are sent every 100ms\n" +
        "RFC 9568 section 8.4.3 advises whole seconds until no router speaks version 2 any more: one of version 2 may " +
        "not keep up, and as master he is slower than the others expect.",
    ]);
    assert.deepEqual(codes(web(", version: 2+3, advert-interval: 41s")), ["advert-interval"]);
    assert.deepEqual(codes(web(", version: 2+3, advert-interval: 2s")), []);
    assert.deepEqual(codes(web(", advert-interval: 100ms")), []);
    assert.deepEqual(codes(web(", version: 2, advert-interval: 100ms")), ["advert-interval"]);
  },
);
item(
  "T03",
  "with `2+3` an interval below a second is not the first one: he may be a master of version 2",
  () => {
    const wait = (version: Versions): number => waitOf(rigOf({ version, advertInterval: milliseconds(200) }));
    assert.equal(wait(3), 800);
    assert.equal(wait("2+3"), 3700);
  },
);
item("R02", "with `2+3` both are taken, and every other one is refused", () => {
  for (const version of [2, 3] as const)
    assert.equal(refused(encodeAdvert({ ...ADVERT, version }, CARRIER, "rfc5798"), "2+3"), "accepted");
  for (const version of [0, 1, 4, 15])
    assert.equal(refusal(byteAt(0, (version << 4) | 1), "2+3"), `version: version ${version}, not 2 or 3`);
});
item("R07", "with `2+3` each version is judged by its own rule", () => {
  const rig = rigOf({ version: "2+3", priority: 255 });
  rig.hearFour({ version: 2, source: "192.168.1.4" });
  assert.deepEqual(status(rig).rejected, { "own-priority-owner": 1 });
  rig.hearFour({ version: 3 });
  assert.deepEqual(status(rig).rejected, { "own-priority-owner": 1 });
  assert.deepEqual(status(rig).oddities, [
    "192.168.1.3 sends adverts although we own the addresses (priority 255)",
  ]);
});
item(
  "R09",
  "with `2+3` another interval counts in both versions, and whether ours is refused for it is said",
  () => {
    const rig = rigOf({ version: "2+3" });
    rig.hearFour({ version: 2, interval: seconds(3) });
    rig.hearFour({ version: 3, interval: seconds(2), source: "192.168.1.4" });
    assert.deepEqual(status(rig).rejected, {});
    rig.hearFour({ version: 2, interval: seconds(3) });
    assert.deepEqual(status(rig).oddities, [
      "192.168.1.4 says 2 s in version 3, we say 1 s",
      "192.168.1.3 says 3 s in version 2, we say 1 s: it refuses ours",
    ]);
  },
);
item("R11", "with `2+3` the password is in adverts of version 2 alone, and asked of them alone", () => {
  const auth = only(", version: 2+3, auth: { password: s3cret }").auth;
  assert.deepEqual(codes(web(", auth: { password: s3cret }")), ["password-version"]);
  const rig = rigOf({ version: "2+3", ...(auth && { auth }) });
  rig.hearFour({ version: 2, source: "192.168.1.4" });
  assert.deepEqual(status(rig).rejected, { auth: 1 });
  rig.hearFour({ version: 2, source: "192.168.1.4", password: "s3cret" });
  rig.hearFour({ version: 3 });
  assert.deepEqual(status(rig).rejected, { auth: 1 });
  rig.takeOver();
  const types = rig.sent.map(({ bytes, source, destination }) => {
    const decoded = decodeAdvert(bytes, { source, destination });
    return decoded.ok ? decoded.value.authentication?.type : "wrong";
  });
  assert.deepEqual(types, [undefined, 1]);
});
item(
  "D03",
  "with `2+3` each version has an authenticator of its own, the second newer than the first",
  () => {
    const rig = rigOf({ version: "2+3", auth: hmac() });
    rig.takeOver();
    const sequences = rig.sent.map(({ bytes }) => {
      const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 28, 28);
      return trailer.getBigUint64(4);
    });
    assert.equal(sequences.length, 2);
    assert.ok(sequences[1]! > sequences[0]!);
  },
);
