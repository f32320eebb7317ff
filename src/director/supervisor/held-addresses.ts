// Which virtual addresses we may hold, in a file of the runtime directory. It is written before the VRRP process is
// told of them, so that they can be taken away after an end of all processes at once, whatever the configuration is
// by then. A file of an earlier boot says nothing: the addresses went with that.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatPrefix, parsePrefix } from "../../core/address.js";
import { OWNER_PRIORITY } from "../../vrrp/state.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { bootId, readRecord, replaceRecord } from "../record-file.js";
import type { Removal } from "./address-removal.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

export type HeldAddresses = {
  /** Throws when they cannot be kept. */
  record(addresses: readonly AddressOnInterface[]): void;
  /** Takes them all away; what could not be stays on record. */
  release(): Removal;
};

/** An owner's addresses are its interface's own: they were there before us, and are not ours to take. */
export const removableAddresses = (instances: readonly InstanceConfig[]): readonly AddressOnInterface[] =>
  instances.flatMap(({ priority, addresses }) => (priority === OWNER_PRIORITY ? [] : addresses));

export function heldAddresses(
  runtimeDirectory: string,
  remove: (addresses: readonly AddressOnInterface[]) => Removal,
): HeldAddresses {
  const path = join(runtimeDirectory, "virtual-addresses.json");
  let written: string | undefined;
  return {
    record(addresses) {
      const list = addresses.map((one) => ({ address: formatPrefix(one.prefix), interface: one.interface }));
      const text = `${JSON.stringify({ boot: bootId(), addresses: list })}\n`;
      if (text === written) return;
      replaceRecord(path, text);
      written = text;
    },
    release() {
      const removal = remove(parse(readIfReadable(path), bootId()));
      if (removal.errors.length > 0) return removal;
      rmSync(path, { force: true });
      written = undefined;
      return removal;
    },
  };
}

function parse(text: string, boot: string): readonly AddressOnInterface[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const record = (value ?? {}) as { boot?: unknown; addresses?: unknown };
  if (record.boot !== boot || !Array.isArray(record.addresses)) return [];
  return record.addresses.flatMap((one: unknown) => {
    const { address, interface: device } = (one ?? {}) as { address?: unknown; interface?: unknown };
    const prefix = typeof address === "string" ? parsePrefix(address) : undefined;
    return prefix?.ok !== true || typeof device !== "string"
      ? []
      : [{ prefix: prefix.value, interface: device }];
  });
}

function readIfReadable(path: string): string {
  try {
    return readRecord(path) ?? "";
  } catch {
    return "";
  }
}
