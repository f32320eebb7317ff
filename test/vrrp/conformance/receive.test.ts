// Reception (R01 to R14), in the order of RFC 9568 section 7.1.

import assert from "node:assert/strict";
import { ip } from "../../../src/core/address.js";
import { minutes, seconds } from "../../../src/core/units.js";
import { acceptAdvert } from "../../../src/vrrp/accept.js";
import { decodeAdvert, encodeAdvert, type Decoded } from "../../../src/vrrp/packet.js";
import { passwordBytes } from "../../../src/vrrp/password.js";
import type { MachineConfig } from "../../../src/vrrp/state.js";
import { good, PAIR } from "../../config/load.js";
import { EngineRig } from "../../director/engine-rig.js";
import { instance, machineConfig, vip } from "../ip-packet.js";
import { ADVERT, byteAt, CARRIER, correct, refusal, refused } from "../refusals.js";
import { item } from "./item.js";

const SIX = { family: "ipv6", addresses: [vip("fe80::1/64"), vip("2001:db8::1/64")] } as const;

const web = (keys: string): string =>
  `${PAIR}vrrp:\n  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24]${keys} }\n`;
const only = (text: string) => good(text, "lb2").vrrp[0] ?? assert.fail("no instance");

/** What an instance with the address of ADVERT says of it. */
function judged(changes: Partial<MachineConfig>, decoded: Partial<Decoded["advert"]> = {}): string {
  const config = machineConfig({ addresses: [vip("10.77.0.50/24")], ...changes });
  const version = config.version === 2 ? 2 : 3;
  const advert = { ...ADVERT, version, ...decoded } as const;
  const accepted = acceptAdvert(config, { advert }, CARRIER.source);
  if (!accepted.ok) return `${accepted.error.kind}: ${accepted.error.detail}`;
  return accepted.value.oddities.join("; ") || "accepted";
}

item("R01", "an advert with another one changes nothing, and is counted and said with its sender", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance(SIX)], []);
  rig.hear(150, { ttl: 64 });
  const [status] = rig.engine.status(0);
  assert.deepEqual(status?.rejected, { ttl: 1 });
  assert.equal(status.master, null);
  const said = rig.events.find((event) => event.kind === "vrrp-rejected");
  assert.deepEqual([said?.reject, said?.sender], ["ttl", rig.peer]);
});
item("R02", "version 3 is refused where 2 is configured, 2 where 3 is, and every other one", () => {
  for (const [wanted, got] of [
    [3, 2],
    [2, 3],
    [3, 4],
    [3, 0],
    [2, 15],
  ] as const)
    assert.equal(refusal(byteAt(0, (got << 4) | 1), wanted), `version: version ${got}, not ${wanted}`);
});
item("R03", "it is looked at after the version and before the length", () => {
  assert.equal(refusal(byteAt(0, 0x32)), "type: type 2, not 1");
  assert.equal(refused(Uint8Array.of(0x32, 51, 100, 9, 0, 100, 0, 0)), "type: type 2, not 1");
});
item("R04", "before its checksum is looked at", () => {
  assert.match(
    refusal((message) => message.slice(0, 11)),
    /^truncated: 11 bytes, not the 12 that 1 addresses need/,
  );
  assert.match(refused(new Uint8Array(7)), /^truncated: 7 bytes/);
});
item("R05", "a wrong one is refused and shown", () => {
  const bytes = encodeAdvert(ADVERT, CARRIER, "rfc5798");
  bytes[2] = 99;
  assert.match(refused(bytes), /^checksum: checksum 0x430b does not fit the message/);
});
item(
  "R06",
  "another one, or ours on another interface or of the other family, is another virtual router",
  () => {
    const rig = new EngineRig();
    rig.engine.configure([instance(SIX), instance({ name: "four", virtualRouterId: 60 })], []);
    rig.hear(150, { id: 52 });
    rig.hear(150, { ifindex: 3 });
    rig.hear(150, { id: 60 });
    for (const { master, rejected } of rig.engine.status(0)) assert.deepEqual([master, rejected], [null, {}]);
    rig.hear(150);
    assert.equal(rig.engine.status(0)[0]?.master?.address, rig.peer);
  },
);
item("R07", "with the sender", () => {
  assert.equal(
    judged({ priority: 255 }),
    "10.77.0.1 sends adverts although we own the addresses (priority 255)",
  );
  assert.match(judged({ priority: 255, version: 2 }), /^own-priority-owner: an advert of priority 150/);
});
item("R08", "in both versions", () => {
  const zero = (message: Uint8Array): undefined => {
    message.set([0, 0], 4);
  };
  assert.equal(refusal(zero), "interval: advert interval 0, not at least 1");
  assert.equal(refusal(zero, 2), "interval: advert interval 0, not at least 1");
});
item("R09", "with both intervals", () => {
  const other = { interval: seconds(2) };
  assert.equal(judged({}, other), "10.77.0.1 advertises every 2 s, we every 1 s");
  assert.match(judged({ version: 2 }, other), /^interval: advert interval 2 s, not 1 s/);
});
item("R10", "by default it is said alone, and in another order it is the same list", () => {
  const addresses = [vip("192.168.1.1/24"), vip("192.168.1.7/24")];
  assert.equal(judged({ addresses }, { addresses: [ip("192.168.1.7"), ip("192.168.1.1")] }), "accepted");
  const said = "10.77.0.1 advertises 10.77.0.50, we have 192.168.1.1, 192.168.1.7";
  assert.equal(judged({ addresses }), said);
  assert.equal(judged({ addresses, version: 2 }), said);
});
item(
  "R10",
  "with `other-addresses: refuse` it is discarded in both versions, unless its sender has priority 255",
  () => {
    const refuse = {
      addresses: [vip("192.168.1.1/24"), vip("192.168.1.7/24")],
      otherAddresses: "refuse",
    } as const;
    const said = "addresses: the addresses 10.77.0.50, not 192.168.1.1, 192.168.1.7";
    for (const version of [2, 3] as const) {
      assert.equal(judged({ ...refuse, version }), said);
      assert.equal(judged({ ...refuse, version }, { priority: 0 }), said);
      assert.match(
        judged({ ...refuse, version }, { priority: 255 }),
        /^10\.77\.0\.1 advertises 10\.77\.0\.50, we/,
      );
      const addresses = [ip("192.168.1.7"), ip("192.168.1.1")];
      assert.equal(judged({ ...refuse, version }, { addresses }), "accepted");
    }
    const [first, second] = (["", ", other-addresses: refuse"] as const).map((more) => {
      const rig = new EngineRig();
      rig.engine.configure([only(web(more))], []);
      rig.hearFour({ id: 85, addresses: ["192.168.1.9"] });
      return rig.engine.status(0)[0];
    });
    assert.deepEqual([first?.master?.priority, first?.rejected], [150, {}]);
    assert.deepEqual([second?.master, second?.rejected], [null, { addresses: 1 }]);
  },
);
item("R11", "and another password than the configured one", () => {
  const auth = { kind: "password", password: "s3cret" } as const;
  const answer = (sent: string | undefined, type: number | undefined, wanted: boolean): string => {
    const password = sent === undefined ? undefined : passwordBytes(sent);
    const bytes = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798", password);
    if (type !== undefined) bytes[4] = type;
    correct(bytes);
    const decoded = decodeAdvert(bytes, CARRIER, 2);
    assert.ok(decoded.ok);
    const config = machineConfig({ version: 2, addresses: [vip("10.77.0.50/24")], ...(wanted && { auth }) });
    const accepted = acceptAdvert(config, decoded.value, CARRIER.source);
    return accepted.ok ? "accepted" : `${accepted.error.kind}: ${accepted.error.detail}`;
  };
  assert.equal(answer(undefined, undefined, false), "accepted");
  assert.equal(answer("s3cret", undefined, true), "accepted");
  assert.equal(
    answer("s3cret", undefined, false),
    "auth: authentication type 1 (password), and we have none",
  );
  assert.equal(answer(undefined, undefined, true), "auth: authentication type 0 (none), not 1 (password)");
  assert.equal(answer("s3creT", undefined, true), "auth: another password than ours");
  assert.equal(answer("s3cretX", undefined, true), "auth: another password than ours");
  assert.match(answer(undefined, 2, false), /^auth: authentication type 2 \(AH, obsolete since RFC 3768\)/);
  assert.match(answer(undefined, 9, true), /^auth: authentication type 9 \(unknown\), not 1/);
});
item("R12", "the first is said at once, the others are counted and said once a minute", () => {
  const rig = new EngineRig();
  rig.engine.configure([instance({ ...SIX, priority: 255 })], []);
  for (let i = 0; i < 500; i++) rig.hear(150, { ttl: 64 });
  const counts = (): unknown[] =>
    rig.events.flatMap((event) => (event.kind === "vrrp-rejected" ? [event.count] : []));
  assert.deepEqual(counts(), [1]);
  rig.now += minutes(2);
  rig.engine.wake();
  assert.deepEqual(counts(), [1, 499]);
  assert.deepEqual(rig.engine.status(0)[0]?.rejected, { ttl: 500 });
});
item("R13", "an advert of version 2 with a wrong checksum, where version 3 is configured", () => {
  const bytes = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798");
  assert.equal(refused(bytes), "version: version 2, not 3");
  bytes[6] = bytes[6]! ^ 1;
  assert.equal(refused(bytes), "version: version 2, not 3");
});
item("R14", "they might be an authenticator that is not known here", () => {
  assert.match(
    refusal((message) => Uint8Array.of(...message, 0)),
    /^trailing: 13 bytes/,
  );
});
