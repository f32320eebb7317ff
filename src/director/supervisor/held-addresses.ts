// Which virtual addresses we may hold, in a file of the runtime directory. It is written before the VRRP process is
// told of them, so that they can be taken away after an end of all processes at once, whatever the configuration is
// by then. A file of an earlier boot says nothing: the addresses went with that.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatPrefix, parsePrefix } from "../../core/address.js";
import { bootId, readRecord, replaceRecord } from "../record-file.js";
import type { Removal } from "./address-removal.js";
import { addressKey } from "./holdings.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

export type HeldAddresses = {
  /**
   * Throws when they cannot be kept. What is on an interface that had another name when it was put on record is
   * taken away: nobody looks for it there.
   */
  record(addresses: readonly AddressOnInterface[]): void;
  /** Takes some away, also where their interface has been renamed since they were put on record. */
  remove(addresses: readonly AddressOnInterface[]): Removal;
  /** Takes them all away; what could not be stays on record. */
  release(): Removal;
};

export function heldAddresses(
  runtimeDirectory: string,
  remove: (addresses: readonly AddressOnInterface[]) => Removal,
  /** The index of the interface of that name; undefined when there is none. */
  indexOf: (device: string) => number | undefined,
): HeldAddresses {
  const path = join(runtimeDirectory, "virtual-addresses.json");
  let written: string | undefined;
  /** Where they were when they were put on record. */
  let indexes = new Map<string, number>();
  const where = (one: AddressOnInterface): AddressOnInterface => {
    const ifindex = indexes.get(addressKey(one));
    return ifindex === undefined ? one : { ...one, ifindex };
  };
  return {
    record(addresses) {
      const moved = addresses.map(where).filter(({ interface: device, ifindex }) => {
        return ifindex !== undefined && ifindex !== indexOf(device);
      });
      if (moved.length > 0) remove(moved.map((one) => ({ ...one, interface: "" })));
      indexes = new Map(
        addresses.flatMap((one) => {
          const ifindex = indexOf(one.interface);
          return ifindex === undefined ? [] : [[addressKey(one), ifindex] as const];
        }),
      );
      const list = addresses.map(where).map(({ prefix, ...rest }) => ({
        address: formatPrefix(prefix),
        ...rest,
      }));
      const text = `${JSON.stringify({ boot: bootId(), addresses: list })}\n`;
      if (text === written) return;
      replaceRecord(path, text);
      written = text;
    },
    remove: (addresses) => remove(addresses.map(where)),
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
    const {
      address,
      interface: device,
      ifindex,
    } = (one ?? {}) as { address?: unknown; interface?: unknown; ifindex?: unknown };
    const prefix = typeof address === "string" ? parsePrefix(address) : undefined;
    return prefix?.ok !== true || typeof device !== "string"
      ? []
      : [{ prefix: prefix.value, interface: device, ...(typeof ifindex === "number" && { ifindex }) }];
  });
}

function readIfReadable(path: string): string {
  try {
    return readRecord(path) ?? "";
  } catch {
    return "";
  }
}
