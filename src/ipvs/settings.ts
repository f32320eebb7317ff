// The kernel's settings that go with IPVS: sysctls of net.ipv4.vs and some of the network's, and the three timeouts of
// connections. What is set is remembered with what was there, so that it can be put back. Values are the texts of
// /proc/sys. Pure.

/**
 * Names under net.ipv4.vs; of other sysctls the whole name, with "/" where a part of it may contain dots
 * ("net/ipv4/conf/eth0.5/send_redirects"); and "timeout.tcp", "timeout.tcp-fin" and "timeout.udp" in seconds.
 */
export type SettingName = string;
export type Settings = Readonly<Record<SettingName, string>>;

/** What we changed: the value that was there before us, and ours. */
export type SettingRecord = Readonly<Record<SettingName, { readonly was: string; readonly ours: string }>>;

export type SettingWrite = { readonly name: SettingName; readonly from: string; readonly to: string };
export type SettingPlan = {
  /** In the order in which they are to be written. */
  readonly writes: readonly SettingWrite[];
  /** What is on record once they are written. */
  readonly record: SettingRecord;
  /** No longer wanted, but somebody has changed them since: they stay as they are. */
  readonly left: readonly { readonly name: SettingName; readonly value: string; readonly ours: string }[];
};

/** `current`: of every name that is wanted or on record; undefined: it cannot be read, and is passed over. */
export function planSettings(
  wanted: Settings,
  recorded: SettingRecord,
  current: (name: SettingName) => string | undefined,
): SettingPlan {
  const writes: SettingWrite[] = [];
  const record: Record<SettingName, { was: string; ours: string }> = {};
  const left: { name: SettingName; value: string; ours: string }[] = [];
  for (const [name, ours] of Object.entries(wanted)) {
    const now = current(name);
    if (now === undefined) continue;
    const before = recorded[name];
    // What was so before us needs no putting back.
    if (before === undefined && now === ours) continue;
    record[name] = { was: before?.was ?? now, ours };
    if (now !== ours) writes.push({ name, from: now, to: ours });
  }
  for (const [name, { was, ours }] of Object.entries(recorded)) {
    if (name in wanted) continue;
    const now = current(name);
    if (now === undefined) continue;
    if (now !== ours) left.push({ name, value: now, ours });
    else if (now !== was) writes.push({ name, from: now, to: was });
  }
  return { writes, record, left };
}

/**
 * What is to be in force now. The kernel takes a director for a backup while its backup daemon runs, and here that runs
 * always: a master would balance nothing with `backup_only`.
 */
export const settingsNow = (settings: Settings, isMaster: boolean): Settings =>
  isMaster && settings[BACKUP_ONLY] === "1" ? { ...settings, [BACKUP_ONLY]: "0" } : settings;

/** Whether they are others for a master. */
export const dependOnMaster = (settings: Settings): boolean => settings[BACKUP_ONLY] === "1";

const BACKUP_ONLY: SettingName = "backup_only";

/** As people write it: "net.ipv4.vs.conntrack", "IPVS timeout tcp". */
export const settingTitle = (name: SettingName): string =>
  name.startsWith(TIMEOUT) ? `IPVS timeout ${name.slice(TIMEOUT.length)}` : sysctlOf(name);

/** The whole name of one that is no timeout. */
export const sysctlOf = (name: SettingName): string => (/^net[./]/.test(name) ? name : `net.ipv4.vs.${name}`);

/** Begins the names of the timeouts. */
export const TIMEOUT = "timeout.";
