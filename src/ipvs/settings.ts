// The kernel's settings that go with IPVS: sysctls of net.ipv4.vs and some of the network's, and the three timeouts of
// connections. What is set is remembered with what was there, so that it can be put back. Values are the texts of
// /proc/sys. Pure.

/**
 * Names under net.ipv4.vs; of other sysctls the whole name, with "/" where a part of it may contain dots
 * ("net/ipv4/conf/eth0.5/send_redirects"); and "timeout.tcp", "timeout.tcp-fin" and "timeout.udp" in seconds.
 */
export type SettingName = string;
export type Settings = Readonly<Record<SettingName, string>>;

/**
 * What we changed: the value that was there before us, and ours. `follows`: the kernel changed it, with that one, and does
 * so again when that one is put back.
 */
export type SettingRecord = Readonly<Record<SettingName, Recorded>>;
type Recorded = { readonly was: string; readonly ours: string; readonly follows?: SettingName };

export type SettingWrite = { readonly name: SettingName; readonly from: string; readonly to: string };
export type SettingPlan = {
  /** In the order in which they are to be written. */
  readonly writes: readonly SettingWrite[];
  /** What is on record once they are written. */
  readonly record: SettingRecord;
  /** No longer wanted, but somebody has changed them since: they stay as they are. */
  readonly left: readonly { readonly name: SettingName; readonly value: string; readonly ours: string }[];
};

/**
 * `current`: of every name that is wanted or on record, and of `followers`: what the kernel sets with one of those, to the
 * same value. Undefined: it cannot be read, and is passed over.
 */
export function planSettings(
  wanted: Settings,
  recorded: SettingRecord,
  current: (name: SettingName) => string | undefined,
  followers: (name: SettingName) => readonly SettingName[] = () => [],
): SettingPlan {
  const writes: SettingWrite[] = [];
  const record: Record<SettingName, Recorded> = {};
  const left: { name: SettingName; value: string; ours: string }[] = [];
  for (const [name, ours] of Object.entries(wanted)) {
    const now = current(name);
    if (now === undefined) continue;
    const before = recorded[name];
    // What was so before us needs no putting back.
    if (before === undefined && now === ours) continue;
    record[name] = { was: before?.was ?? now, ours };
    if (now !== ours) writes.push({ name, from: now, to: ours });
    if (before !== undefined) continue;
    for (const follower of followers(name)) {
      const was = current(follower);
      if (was !== undefined && was !== now) record[follower] = { was, ours, follows: name };
    }
  }
  const followed: SettingWrite[] = [];
  for (const [name, entry] of Object.entries(recorded)) {
    if (name in wanted) continue;
    const { was, ours, follows } = entry;
    const now = current(name);
    if (now === undefined) continue;
    if (follows !== undefined) {
      // Not by its own `ours`: the leader may have been set to another value since.
      const leader = recorded[follows];
      if (follows in wanted) record[name] = entry;
      else if (leader?.ours === now && current(follows) === now && was !== leader.was)
        followed.push({ name, from: leader.was, to: was });
      continue;
    }
    if (now !== ours) left.push({ name, value: now, ours });
    else if (now !== was) writes.push({ name, from: now, to: was });
  }
  return { writes: [...writes, ...followed], record, left };
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
