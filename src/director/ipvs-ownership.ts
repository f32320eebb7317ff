// Which services and sync daemons in the kernel are vipd's own, in a file of the runtime directory. It is written
// before they are made, so that a successor recognises what a crashed predecessor left, and never takes somebody
// else's service for its own. A file of an earlier boot says nothing: the table it speaks of is gone.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ServiceId, SyncRole } from "../ipvs/model.js";
import { bootId, readRecord, replaceRecord } from "./record-file.js";

export type Owned = { readonly services: ReadonlySet<ServiceId>; readonly sync: ReadonlySet<SyncRole> };

export type Recorded = {
  readonly owned: Owned;
  /**
   * Why nothing is known of an earlier run since the boot. "missing": there is no record, as before the first run, or
   * after somebody removed it; otherwise what is wrong with it, for people.
   */
  readonly lost?: "missing" | { readonly why: string };
};

export type Ownership = {
  load(): Recorded;
  /** Throws when it cannot be kept. */
  save(owned: Owned): void;
};

const NOTHING: Owned = { services: new Set(), sync: new Set() };

export function ownershipFile(runtimeDirectory: string): Ownership {
  const path = join(runtimeDirectory, "ipvs-owned.json");
  let written: string | undefined;
  return {
    load() {
      try {
        const text = readRecord(path);
        if (text === undefined) return { owned: NOTHING, lost: "missing" };
        const owned = parse(text, bootId());
        return owned === undefined ? { owned: NOTHING, lost: { why: `${path} is damaged` } } : { owned };
      } catch (error) {
        return { owned: NOTHING, lost: { why: `${path} cannot be read: ${(error as Error).message}` } };
      }
    },
    save(owned) {
      const record = { boot: bootId(), services: [...owned.services], sync: [...owned.sync] };
      const text = `${JSON.stringify(record)}\n`;
      // Somebody may have removed it since.
      if (text === written && existsSync(path)) return;
      replaceRecord(path, text);
      written = text;
    },
  };
}

/** A damaged file, undefined, counts as none: to leave a service of ours is better than to remove a foreign one. */
function parse(text: string, boot: string): Owned | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const {
    boot: of,
    services,
    sync,
  } = (value ?? {}) as { boot?: unknown; services?: unknown; sync?: unknown };
  if (typeof of !== "string" || !areStrings(services) || !areStrings(sync)) return undefined;
  if (of !== boot) return NOTHING;
  return {
    services: new Set(services as ServiceId[]),
    sync: new Set(sync.filter((role) => role === "master" || role === "backup")),
  };
}

const areStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
