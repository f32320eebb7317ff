// Which services and sync daemons in the kernel are vipd's own, in a file of the runtime directory. It is written
// before they are made, so that a successor recognises what a crashed predecessor left, and never takes somebody
// else's service for its own. A file of an earlier boot says nothing: the table it speaks of is gone.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceId, SyncRole } from "../ipvs/model.js";

export type Owned = { readonly services: ReadonlySet<ServiceId>; readonly sync: ReadonlySet<SyncRole> };

export type Ownership = {
  load(): Owned;
  /** Throws when it cannot be kept. */
  save(owned: Owned): void;
};

const NOTHING: Owned = { services: new Set(), sync: new Set() };

export function ownershipFile(runtimeDirectory: string): Ownership {
  const path = join(runtimeDirectory, "ipvs-owned.json");
  let written: string | undefined;
  return {
    load() {
      const text = readIfThere(path);
      return text === undefined ? NOTHING : parse(text, bootId());
    },
    save(owned) {
      const record = { boot: bootId(), services: [...owned.services], sync: [...owned.sync] };
      const text = `${JSON.stringify(record)}\n`;
      if (text === written) return;
      // Under another name first: whoever reads sees the old list or the new one, never half of one.
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      written = text;
    },
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A damaged file counts as none: to leave a service of ours is better than to remove a foreign one. */
function parse(text: string, boot: string): Owned {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return NOTHING;
  }
  const record = (value ?? {}) as { boot?: unknown; services?: unknown; sync?: unknown };
  if (record.boot !== boot) return NOTHING;
  return {
    services: new Set(strings(record.services) as ServiceId[]),
    sync: new Set(strings(record.sync).filter((role) => role === "master" || role === "backup")),
  };
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];

/** Differs from boot to boot; empty where the kernel does not tell. */
const bootId = (): string => readIfThere("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
