// Sets what the configuration wants of the kernel's IPVS settings, and puts back what was there: at a stop, when a
// configuration no longer wants it, or after a crash. What it changes is on record before it is changed. What somebody
// else changed meanwhile is his.

import { existsSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { IpvsConfig, ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import { familyOf, type Family } from "../core/address.js";
import type { SyncConfig } from "../ipvs/model.js";
import {
  dependOnMaster,
  planSettings,
  settingsNow,
  settingTitle,
  type SettingRecord,
  type Settings,
  type SettingWrite,
} from "../ipvs/settings.js";
import type { KernelSettings } from "../ports/kernel-settings.js";
import { bootId, readRecord, replaceRecord } from "./record-file.js";

export type SettingsOrder = {
  readonly runtimeDirectory: string;
  readonly ipvs: Pick<IpvsConfig, "settings" | "modules">;
  readonly sync: SyncConfig | null;
  readonly services: readonly ServiceConfig[];
  /** The instances of which this director is master. */
  readonly masters: Readonly<Record<string, unknown>>;
};

export class SettingsKeeper {
  private readonly open: () => KernelSettings;
  private readonly report: (event: VipdEvent) => void;
  private readonly told = new Set<string>();
  private path = "";
  private settings: Settings = {};

  /** `open` is called when there is something to look at. */
  constructor(open: () => KernelSettings, report: (event: VipdEvent) => void) {
    this.open = open;
    this.report = report;
  }

  configure({ runtimeDirectory, ipvs, sync, services, masters }: SettingsOrder): void {
    this.told.clear();
    const path = recordPath(runtimeDirectory);
    this.path = path;
    this.settings = ipvs.settings ?? {};
    const wanted = settingsNow(this.settings, Object.keys(masters).length > 0);
    const modules = ipvs.modules ?? [];
    const isIdle = Object.keys(wanted).length === 0 && !existsSync(path);
    const kernel = this.open();
    for (const module of modules) this.warn(kernel.needModule(module));
    if (!isIdle) this.apply(kernel, path, wanted);
    for (const warning of oddSettings(kernel, services, sync)) this.warn(warning);
  }

  /** It has become master of an instance, or is master of none any more. */
  setMaster(isMaster: boolean): void {
    if (dependOnMaster(this.settings))
      this.apply(this.open(), this.path, settingsNow(this.settings, isMaster));
  }

  /** Puts everything back. */
  restore(runtimeDirectory: string): void {
    this.settings = {};
    const path = recordPath(runtimeDirectory);
    if (existsSync(path)) this.apply(this.open(), path, {});
  }

  private apply(kernel: KernelSettings, path: string, wanted: Settings): void {
    const recorded = this.recorded(path);
    // What is on record is there with its followers.
    const fresh = Object.keys(wanted).filter((name) => recorded[name] === undefined);
    const followers = new Map(fresh.map((name) => [name, kernel.followers(name)]));
    const names = [
      ...Object.keys(wanted),
      ...Object.keys(recorded),
      ...Array.from(followers.values()).flat(),
    ];
    const now = new Map(Array.from(new Set(names), (name) => [name, kernel.read(name)]));
    for (const name of Object.keys(wanted))
      if (now.get(name) === undefined) this.warn(`this kernel has no ${settingTitle(name)}: it is not set`);
    const { writes, record, left } = planSettings(
      wanted,
      recorded,
      (name) => now.get(name),
      (name) => followers.get(name) ?? [],
    );
    try {
      // Before anything is changed, and with what is still to be put back: a crash in between loses nothing.
      if (writes.length > 0) save(path, { ...recorded, ...record });
    } catch (error) {
      this.warn(`${path} cannot be written, so that no setting is changed: ${(error as Error).message}`);
      return;
    }
    const kept: Record<string, SettingRecord[string] | undefined> = { ...record };
    const failed = new Set<string>();
    for (const { name, from, to } of writes) {
      if (failed.has(recorded[name]?.follows ?? "")) continue;
      const error = kernel.write(name, to);
      if (error === undefined) this.say(`${settingTitle(name)}: ${from} -> ${to}`);
      else {
        this.warn(`${settingTitle(name)} stays ${from}, and should be ${to}: ${error}`);
        kept[name] = recorded[name];
        failed.add(name);
        for (const [other, entry] of Object.entries(recorded))
          if (entry.follows === name) kept[other] = entry;
      }
    }
    for (const { name, value, ours } of left)
      this.say(`${settingTitle(name)} stays ${value}: somebody has changed it since vipd set it to ${ours}`);
    // JSON leaves out what is undefined.
    this.keep(path, kept);
  }

  private keep(path: string, record: Readonly<Record<string, unknown>>): void {
    try {
      if (Object.values(record).some((entry) => entry !== undefined)) save(path, record);
      else if (existsSync(path)) unlinkSync(path);
    } catch (error) {
      this.warn(`${path} cannot be written: ${(error as Error).message}`);
    }
  }

  private recorded(path: string): SettingRecord {
    try {
      return readSettings(path);
    } catch (error) {
      this.warn(`${path} cannot be read, so that what it says is not put back: ${(error as Error).message}`);
      return {};
    }
  }

  private say(text: string): void {
    this.report({ kind: "note", subject: "ipvs", text });
  }

  private warn(text: string | undefined): void {
    if (text === undefined || this.told.has(text)) return;
    this.told.add(text);
    this.report({ kind: "warning", subject: "ipvs", text });
  }
}

/** What a start with these settings would write; touches nothing. `open` is called when there is something to look at. */
export function settingWrites(
  runtimeDirectory: string,
  wanted: Settings,
  open: () => Pick<KernelSettings, "read">,
): readonly SettingWrite[] {
  const path = recordPath(runtimeDirectory);
  if (Object.keys(wanted).length === 0 && !existsSync(path)) return [];
  let recorded: SettingRecord = {};
  try {
    recorded = readSettings(path);
  } catch {
    // The daemon says of it that nothing is put back.
  }
  const kernel = open();
  return planSettings(wanted, recorded, (name) => kernel.read(name)).writes;
}

/** What is on record of this boot; throws when it cannot be read. */
function readSettings(path: string): SettingRecord {
  const text = readRecord(path);
  if (text === undefined) return {};
  const { boot, settings } = JSON.parse(text) as {
    readonly boot?: unknown;
    readonly settings?: SettingRecord;
  };
  // A boot sets everything anew.
  return boot === bootId() ? (settings ?? {}) : {};
}

const recordPath = (runtimeDirectory: string): string => join(runtimeDirectory, "ipvs-settings.json");

const save = (path: string, settings: Readonly<Record<string, unknown>>): void =>
  replaceRecord(path, `${JSON.stringify({ boot: bootId(), settings })}\n`);

/** What vipd sets only where it is told to, and would make its services fail without a word. */
function oddSettings(
  kernel: KernelSettings,
  services: readonly ServiceConfig[],
  sync: SyncConfig | null,
): string[] {
  const odd: string[] = [];
  const hasNat = (family: Family): boolean =>
    services.some(({ servers }) =>
      servers.some(({ server }) => server.forwarding === "nat" && familyOf(server.address) === family),
    );
  for (const [family, name, key] of FORWARD)
    if (kernel.sysctl(name) === "0" && hasNat(family))
      odd.push(
        `${name} is 0: answers of real servers behind NAT do not get through this director; sysctl -w ${name}=1, or \`${key}: true\` under \`ipvs.sysctl\``,
      );
  const sticky = services.find(
    ({ service, servers }) =>
      service.persistence !== undefined && servers.some(({ inhibit }) => inhibit === true),
  );
  if (sticky !== undefined && kernel.read("expire_quiescent_template") === "0")
    odd.push(
      `net.ipv4.vs.expire_quiescent_template is 0: persistent clients of ${sticky.name} come back to a server that has failed ` +
        "and stays with weight 0; `expire-quiescent-template: true` under `ipvs.sysctl`",
    );
  if (sync !== null && kernel.read("sync_version") === "0")
    odd.push(
      "net.ipv4.vs.sync_version is 0: the sync daemons leave out IPv6; both directors must have the same",
    );
  return odd;
}
const FORWARD = [
  ["ipv4", "net.ipv4.ip_forward", "ip-forward"],
  ["ipv6", "net.ipv6.conf.all.forwarding", "ip6-forward"],
] as const;
