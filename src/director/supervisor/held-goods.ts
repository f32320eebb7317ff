// What else than addresses we may have in the kernel, in a file of the runtime directory, as held-addresses.ts keeps
// the addresses: routes, rules, virtual links, and what their interfaces were set to before. All of it carries a mark in the kernel, so that nothing of others is taken away,
// even when the file says more than there is.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatItem, itemsOf, type RoutingItem } from "../../core/routing.js";
import { openRouteKernel } from "../../linux/route-kernel.js";
import { MacvlanLinks, type BaseSettings } from "../../linux/virtual-links.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { bootId, readRecord, replaceRecord } from "../record-file.js";
import type { Removal } from "./address-removal.js";

/** A virtual link, and the interface below, whose settings it changes. */
export type HeldLink = { readonly name: string; readonly base: string };
export type Goods = { readonly routing: readonly RoutingItem[]; readonly links: readonly HeldLink[] };
export type HeldGoods = {
  /** For a successor: what the interfaces had before is what its predecessor found. */
  inherit(): void;
  /** Throws when it cannot be kept. */
  record(goods: Goods): void;
  /** Takes all of it away; what could not be stays on record. */
  release(): Removal;
};

/** What these instances have in the kernel. */
export const goodsOf = (instances: readonly InstanceConfig[]): Goods => ({
  routing: instances.flatMap(({ routing }) => (routing === undefined ? [] : itemsOf(routing))),
  links: instances.flatMap(({ virtualMac, interface: base }) =>
    virtualMac === undefined ? [] : [{ name: virtualMac.name, base }],
  ),
});

/** All of `goods`, and what only `others` have. */
export function joined(goods: Goods, others: Goods): Goods {
  const rest = without(others, goods);
  return { routing: [...goods.routing, ...rest.routing], links: [...goods.links, ...rest.links] };
}

/** What of `goods` the `others` do not have. */
export function without(goods: Goods, others: Goods): Goods {
  const items = new Set(others.routing.map(formatItem));
  const links = new Set(others.links.map(({ name }) => name));
  return {
    routing: goods.routing.filter((item) => !items.has(formatItem(item))),
    links: goods.links.filter(({ name }) => !links.has(name)),
  };
}

/** What interfaces had before virtual links came to them. */
type Bases = Readonly<Record<string, BaseSettings>>;

export function heldGoods(runtimeDirectory: string): HeldGoods {
  const path = join(runtimeDirectory, "virtual-goods.json");
  let written: string | undefined;
  let bases: Bases = {};
  return {
    inherit: () => (bases = onRecord(path).bases),
    record(goods) {
      bases = basesFor(goods.links, bases);
      const text = `${JSON.stringify({ boot: bootId(), ...goods, bases })}\n`;
      if (text === written) return;
      replaceRecord(path, text);
      written = text;
    },
    release() {
      const record = onRecord(path);
      const removal = removeGoods(record.goods);
      const errors = [...removal.errors, ...restore(Object.entries(record.bases))];
      if (errors.length > 0) return { ...removal, errors };
      rmSync(path, { force: true });
      written = undefined;
      bases = {};
      return removal;
    },
  };
}

/** Of each interface with a virtual link the settings from before the first one; those without one get theirs back. */
function basesFor(links: readonly HeldLink[], known: Bases): Bases {
  const names = new Set(links.map(({ base }) => base));
  restore(Object.entries(known).filter(([name]) => !names.has(name)));
  if (names.size === 0) return {};
  return withLinks((kernel) =>
    Object.fromEntries(
      [...names].flatMap((name) => {
        const settings = known[name] ?? kernel.baseSettings(name);
        return settings === undefined ? [] : [[name, settings] as const];
      }),
    ),
  );
}

/** Gives what could not be restored, in words. */
function restore(bases: readonly (readonly [name: string, before: BaseSettings])[]): readonly string[] {
  if (bases.length === 0) return [];
  return withLinks((kernel) =>
    bases.flatMap(([name, before]) => {
      const error = kernel.restore(name, before);
      return error === undefined ? [] : [`could not ${error}`];
    }),
  );
}

function withLinks<T>(use: (links: MacvlanLinks) => T): T {
  const links = new MacvlanLinks();
  try {
    return use(links);
  } finally {
    links.close();
  }
}

/** Takes away what of it is there and ours. */
export function removeGoods({ routing, links }: Goods): Removal {
  try {
    const parts = [removeRouting(routing), removeLinks(links)];
    return {
      removed: parts.flatMap(({ removed }) => removed),
      errors: parts.flatMap(({ errors }) => errors),
    };
  } catch (error) {
    return { removed: [], errors: [`could not remove routes, rules and links: ${(error as Error).message}`] };
  }
}

function removeRouting(routing: readonly RoutingItem[]): Removal {
  if (routing.length === 0) return NOTHING_REMOVED;
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
}

/** With a link go the addresses on it. */
function removeLinks(links: readonly HeldLink[]): Removal {
  if (links.length === 0) return NOTHING_REMOVED;
  return withLinks((kernel) => {
    const present = links.map(({ name }) => name).filter((name) => kernel.has(name));
    const errors = present.map((name) => kernel.remove(name));
    return {
      removed: present.filter((_, i) => errors[i] === undefined).map((name) => `the virtual link ${name}`),
      errors: errors.flatMap((error) => (error === undefined ? [] : [`could not ${error}`])),
    };
  });
}

const NOTHING_REMOVED: Removal = { removed: [], errors: [] };

const isRemoved = (outcome: { ok: boolean; unchanged?: boolean } | undefined): boolean =>
  outcome?.ok === true && outcome.unchanged === false;

/** A file of an earlier boot says nothing: what it names went with that. */
function onRecord(path: string): { readonly goods: Goods; readonly bases: Bases } {
  try {
    const record = JSON.parse(readRecord(path) ?? "{}") as Partial<Goods> & {
      boot?: unknown;
      bases?: Bases;
    };
    const { routing = [], links = [], bases = {} } = record;
    if (record.boot === bootId()) return { goods: { routing, links }, bases };
  } catch {
    // Damaged, and so of no use.
  }
  return { goods: { routing: [], links: [] }, bases: {} };
}
