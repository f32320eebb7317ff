// The kernel's settings: set as wanted, put back as they were, also after a crash, and never against somebody else.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { SettingsKeeper, settingWrites, type SettingsOrder } from "../../src/director/settings-keeper.js";
import { planSettings, type SettingRecord, type Settings } from "../../src/ipvs/settings.js";
import type { KernelSettings } from "../../src/ports/kernel-settings.js";

const FOLLOWERS = ["eth0.5", "eth1"].map((one) => `net/ipv4/conf/${one}/forwarding`);

class FakeKernel implements KernelSettings {
  readonly values = new Map([
    ["conntrack", "0"],
    ["expire_nodest_conn", "0"],
    ["timeout.tcp", "900"],
    ["net.ipv4.ip_forward", "0"],
    ...FOLLOWERS.map((name): [string, string] => [name, "0"]),
  ]);
  readonly written: string[] = [];
  refuse = false;
  refusedName: string | undefined;
  module: string | undefined;
  read(name: string): string | undefined {
    return this.values.get(name);
  }
  write(name: string, value: string): string | undefined {
    if (this.refuse || name === this.refusedName) return "read-only";
    this.values.set(name, value);
    for (const follower of this.followers(name)) this.values.set(follower, value);
    this.written.push(`${name}=${value}`);
    return undefined;
  }
  followers(name: string): readonly string[] {
    return name === "net.ipv4.ip_forward" ? FOLLOWERS : [];
  }
  sysctl(name: string): string | undefined {
    return this.values.get(name);
  }
  needModule(): string | undefined {
    return this.module;
  }
}

function withKeeper(run: (rig: Rig) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "vipd-settings-"));
  try {
    run(new Rig(directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

class Rig {
  readonly kernel = new FakeKernel();
  readonly events: VipdEvent[] = [];
  private readonly directory: string;
  keeper = this.fresh();

  constructor(directory: string) {
    this.directory = directory;
  }
  fresh(): SettingsKeeper {
    return new SettingsKeeper(
      () => this.kernel,
      (event) => this.events.push(event),
    );
  }
  configure(settings: Settings, more: Partial<SettingsOrder> = {}): void {
    const order = {
      runtimeDirectory: this.directory,
      ipvs: { settings },
      sync: null,
      services: [],
      masters: {},
    };
    this.keeper.configure({ ...order, ...more });
  }
  restore(): void {
    this.keeper.restore(this.directory);
  }
  planned(settings: Settings): string[] {
    const writes = settingWrites(this.directory, settings, () => this.kernel);
    return writes.map(({ name, from, to }) => `${name}: ${from} -> ${to}`);
  }
  said(): string[] {
    return this.events
      .splice(0)
      .flatMap((event) => ("text" in event ? [`${event.kind}: ${event.text}`] : []));
  }
}

test("what is wanted is set, what is no longer wanted and all at a stop is put back", () =>
  withKeeper((rig) => {
    rig.configure({ conntrack: "1", "timeout.tcp": "60" });
    assert.deepEqual(rig.said(), [
      "note: net.ipv4.vs.conntrack: 0 -> 1",
      "note: IPVS timeout tcp: 900 -> 60",
    ]);
    rig.configure({ conntrack: "1" });
    assert.deepEqual(rig.said(), ["note: IPVS timeout tcp: 60 -> 900"]);
    rig.restore();
    assert.equal(rig.kernel.values.get("conntrack"), "0");
    rig.said();
    rig.restore();
    assert.deepEqual(rig.said(), [], "nothing is left to put back");
  }));

test("a plan says what a start would set and put back, and touches nothing", () =>
  withKeeper((rig) => {
    rig.configure({ conntrack: "1", "timeout.tcp": "60" });
    const written = rig.kernel.written.length;
    assert.deepEqual(rig.planned({ conntrack: "1", expire_nodest_conn: "1", strange: "1" }), [
      "expire_nodest_conn: 0 -> 1",
      "timeout.tcp: 60 -> 900",
    ]);
    assert.deepEqual(rig.planned({ conntrack: "1", "timeout.tcp": "60" }), []);
    assert.equal(rig.kernel.written.length, written);
    rig.restore();
    assert.deepEqual(rig.planned({}), []);
  }));

test("after a crash the successor knows what was there before, and leaves what somebody else set since", () =>
  withKeeper((rig) => {
    rig.configure({ conntrack: "1", expire_nodest_conn: "1" });
    rig.keeper = rig.fresh();
    rig.configure({ conntrack: "1", expire_nodest_conn: "1" });
    rig.kernel.values.set("expire_nodest_conn", "2");
    rig.said();
    rig.restore();
    assert.deepEqual([...rig.kernel.values].slice(0, 2), [
      ["conntrack", "0"],
      ["expire_nodest_conn", "2"],
    ]);
    assert.match(
      rig.said().join("\n"),
      /expire_nodest_conn stays 2: somebody has changed it since vipd set it to 1/,
    );
  }));

test("an interface that alone forwarded packets, or alone did not, does so again when the host's setting is put back", () => {
  const [first, second] = FOLLOWERS as [string, string];
  for (const was of ["0", "1"])
    withKeeper((rig) => {
      const [ours, other] = was === "0" ? ["1", "0"] : ["0", "1"];
      const wanted = { "net.ipv4.ip_forward": ours };
      rig.kernel.values.set("net.ipv4.ip_forward", was).set(first, ours).set(second, was);
      const forwarding = (): unknown[] => FOLLOWERS.map((name) => rig.kernel.values.get(name));
      rig.configure(wanted);
      assert.deepEqual(forwarding(), [ours, ours]);
      // Over a reload and a crash.
      rig.configure({ ...wanted, conntrack: "1" });
      rig.keeper = rig.fresh();
      rig.configure(wanted);
      rig.said();
      rig.kernel.refuse = true;
      rig.restore();
      rig.kernel.refuse = false;
      rig.restore();
      assert.deepEqual(forwarding(), [ours, was]);
      assert.deepEqual(rig.said().slice(-2), [
        `note: net.ipv4.ip_forward: ${ours} -> ${was}`,
        `note: ${first}: ${was} -> ${ours}`,
      ]);
      // What somebody has changed meanwhile is his.
      rig.configure(wanted);
      rig.kernel.values.set(first, other);
      rig.kernel.written.length = 0;
      rig.restore();
      assert.deepEqual(rig.kernel.written, [`net.ipv4.ip_forward=${was}`]);
    });
});

test("it does so again although the host's setting was changed by a reload, or could not be put back at first", () => {
  const [first, second] = FOLLOWERS as [string, string];
  withKeeper((rig) => {
    rig.kernel.values.set(first, "1");
    rig.configure({ "net.ipv4.ip_forward": "1" });
    rig.configure({ "net.ipv4.ip_forward": "0" });
    assert.equal(rig.kernel.values.get(first), "0");
    rig.restore();
    assert.deepEqual([rig.kernel.values.get(first), rig.kernel.values.get(second)], ["1", "0"]);
  });
  withKeeper((rig) => {
    rig.kernel.values.set("net.ipv4.ip_forward", "1").set(first, "0").set(second, "1");
    rig.configure({ "net.ipv4.ip_forward": "0", conntrack: "1" });
    rig.kernel.refusedName = "net.ipv4.ip_forward";
    rig.kernel.written.length = 0;
    rig.restore();
    assert.deepEqual(rig.kernel.written, ["conntrack=0"], "it does not get ahead of the host");
    rig.kernel.refusedName = undefined;
    rig.restore();
    assert.deepEqual(rig.kernel.written.slice(1), ["net.ipv4.ip_forward=1", `${first}=0`]);
  });
});

test("a value that was so before is neither written nor put back", () =>
  withKeeper((rig) => {
    rig.configure({ conntrack: "0" });
    rig.kernel.values.set("conntrack", "1");
    rig.restore();
    assert.deepEqual(rig.kernel.written, []);
  }));

test("what cannot be set, read or loaded is a warning with its name, and put back is only what was set", () =>
  withKeeper((rig) => {
    rig.kernel.refuse = true;
    rig.kernel.module =
      "the kernel module ip_vs_ftp could not be loaded: not found; as root: modprobe ip_vs_ftp";
    rig.configure({}, { ipvs: { settings: { conntrack: "1", backup_only: "1" }, modules: ["ip_vs_ftp"] } });
    assert.deepEqual(rig.said(), [
      `warning: ${rig.kernel.module}`,
      "warning: this kernel has no net.ipv4.vs.backup_only: it is not set",
      "warning: net.ipv4.vs.conntrack stays 0, and should be 1: read-only",
    ]);
    rig.kernel.refuse = false;
    rig.restore();
    assert.deepEqual([rig.kernel.written, rig.said()], [[], []]);
  }));

test("backup_only is in force while this director is master of nothing, and put back whichever it is at the stop", () => {
  const values = (rig: Rig): string | undefined => rig.kernel.values.get("backup_only");
  for (const was of ["0", "1"])
    for (const isMasterAtStop of [false, true])
      withKeeper((rig) => {
        rig.kernel.values.set("backup_only", was);
        rig.configure({ backup_only: "1" });
        assert.equal(values(rig), "1");
        rig.keeper.setMaster(true);
        assert.equal(values(rig), "0");
        // A reload, and a successor, are told of the instances.
        rig.configure({ backup_only: "1" }, { masters: { web: [] } });
        assert.equal(values(rig), "0");
        rig.keeper = rig.fresh();
        rig.configure({ backup_only: "1" }, { masters: { web: [] } });
        assert.equal(values(rig), "0");
        rig.keeper.setMaster(false);
        assert.equal(values(rig), "1");
        rig.keeper.setMaster(isMasterAtStop);
        rig.restore();
        assert.equal(values(rig), was);
        rig.keeper.setMaster(true);
        assert.equal(values(rig), was);
      });
  // Of no other setting anything follows.
  withKeeper((rig) => {
    rig.configure({ conntrack: "1" });
    const written = rig.kernel.written.length;
    rig.keeper.setMaster(true);
    assert.equal(rig.kernel.written.length, written);
  });
});

test("servers that stay with weight 0 when they fail keep their persistent clients, which is warned of", () =>
  withKeeper((rig) => {
    const address = ip("10.0.0.1");
    const server = { address: ip("10.1.0.1"), port: 80, forwarding: "direct-routing", weight: 1 } as const;
    const persistence = { timeout: seconds(300), prefixLength: 32 };
    const said = (inhibit: boolean, isSticky: boolean): string[] => {
      const service = {
        name: "web",
        service: {
          key: { kind: "address", protocol: "tcp", address, port: 80 },
          scheduler: "rr",
          ...(isSticky ? { persistence } : {}),
        },
        servers: [{ server, checks: [], ...(inhibit ? { inhibit } : {}) }],
      } as const;
      rig.configure({}, { services: [service] });
      return rig.said();
    };
    rig.kernel.values.set("expire_quiescent_template", "0");
    assert.deepEqual([said(true, false), said(false, true)], [[], []]);
    assert.match(
      said(true, true).join(),
      /^warning: .*expire_quiescent_template is 0: persistent clients of web /,
    );
    rig.kernel.values.set("expire_quiescent_template", "1");
    assert.deepEqual(said(true, true), []);
  }));

test("NAT through a director that does not forward is a warning with the remedy", () =>
  withKeeper((rig) => {
    const address = ip("10.0.0.1");
    const server = { address: ip("10.1.0.1"), port: 80, forwarding: "nat", weight: 1 } as const;
    const service = {
      name: "web",
      service: { key: { kind: "address", protocol: "tcp", address, port: 80 }, scheduler: "rr" },
      servers: [{ server, checks: [] }],
    } as const;
    rig.configure({}, { services: [service] });
    assert.match(rig.said().join(), /net\.ipv4\.ip_forward is 0: .*sysctl -w net\.ipv4\.ip_forward=1/);
    rig.kernel.values.set("net.ipv4.ip_forward", "1");
    rig.configure({}, { services: [service] });
    assert.deepEqual(rig.said(), []);
  }));

test("whatever was wanted in between, in the end everything is as it was", () => {
  const names = ["a", "b", "c"];
  const values = fc.constantFrom("0", "1", "2");
  const settings = fc.dictionary(fc.constantFrom(...names), values, { noNullPrototype: true });
  const before = fc.record({ a: values, b: values, c: values, a1: values, a2: values });
  const followers = (name: string): string[] => (name === "a" ? ["a1", "a2"] : []);
  fc.assert(
    fc.property(before, fc.array(settings), (before, wishes) => {
      const kernel = new Map<string, string>(Object.entries(before));
      const current = (name: string): string | undefined => kernel.get(name);
      let record: SettingRecord = {};
      for (const wanted of [...wishes, {}]) {
        const plan = planSettings(wanted, record, current, followers);
        for (const { name, from, to } of plan.writes) {
          assert.equal(current(name), from);
          for (const one of [name, ...followers(name)]) kernel.set(one, to);
        }
        record = plan.record;
        for (const [name, value] of Object.entries(wanted)) assert.equal(kernel.get(name), value);
        assert.deepEqual(planSettings(wanted, record, current, followers).writes, []);
      }
      assert.deepEqual(Object.fromEntries(kernel), { ...before });
    }),
  );
});
