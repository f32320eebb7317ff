// What else than addresses we may have in the kernel, in a file of the runtime directory, as held-addresses.ts keeps
// the addresses: routes and rules. All of it carries a mark in the kernel, so that nothing of others is taken away,
// even when the file says more than there is.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatItem, itemsOf, type RoutingItem } from "../../core/routing.js";
import { openRouteKernel } from "../../linux/route-kernel.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { bootId, readRecord, replaceRecord } from "../record-file.js";
import type { Removal } from "./address-removal.js";

export type Goods = { readonly routing: readonly RoutingItem[] };
export type HeldGoods = {
  /** Throws when it cannot be kept. */
  record(goods: Goods): void;
  /** Takes all of it away; what could not be stays on record. */
  release(): Removal;
};

/** What these instances have in the kernel while they are master. */
export const goodsOf = (instances: readonly InstanceConfig[]): Goods => ({
  routing: instances.flatMap(({ routing }) => (routing === undefined ? [] : itemsOf(routing))),
});

/** All of `goods`, and what only `others` have. */
export const joined = (goods: Goods, others: Goods): Goods => ({
  routing: [...goods.routing, ...without(others, goods).routing],
});

/** What of `goods` the `others` do not have. */
export function without(goods: Goods, others: Goods): Goods {
  const known = new Set(others.routing.map(formatItem));
  return { routing: goods.routing.filter((item) => !known.has(formatItem(item))) };
}

export function heldGoods(runtimeDirectory: string): HeldGoods {
  const path = join(runtimeDirectory, "virtual-goods.json");
  let written: string | undefined;
  return {
    record(goods) {
      const text = `${JSON.stringify({ boot: bootId(), ...goods })}\n`;
      if (text === written) return;
      replaceRecord(path, text);
      written = text;
    },
    release() {
      const removal = removeGoods(onRecord(path));
      if (removal.errors.length > 0) return removal;
      rmSync(path, { force: true });
      written = undefined;
      return removal;
    },
  };
}

/** Takes away what of it is there and ours. */
export function removeGoods({ routing }: Goods): Removal {
  if (routing.length === 0) return { removed: [], errors: [] };
  try {
    const kernel = openRouteKernel();
    try {
      // Rules before the routes they lead to.
      const items = [...routing].reverse();
      const outcomes = kernel.removeRouting(items);
      return {
        removed: items.filter((_, i) => isRemoved(outcomes[i])).map(formatItem),
        errors: outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])),
      };
    } finally {
      kernel.close();
    }
  } catch (error) {
    return { removed: [], errors: [`could not remove routes and rules: ${(error as Error).message}`] };
  }
}

const isRemoved = (outcome: { ok: boolean; unchanged?: boolean } | undefined): boolean =>
  outcome?.ok === true && outcome.unchanged === false;

/** A file of an earlier boot says nothing: what it names went with that. */
function onRecord(path: string): Goods {
  try {
    const record = JSON.parse(readRecord(path) ?? "{}") as { boot?: unknown; routing?: unknown };
    if (record.boot === bootId() && Array.isArray(record.routing))
      return { routing: record.routing as RoutingItem[] };
  } catch {
    // Damaged, and so of no use.
  }
  return { routing: [] };
}
