// A copy of a tree that can be changed: only what is on the way to a change is copied, because anchors let several
// places of a file share one value, and because most of a large file is as it was.

import type { Path } from "./diagnostic.js";

type Collection = Record<string | number, unknown>;

export class Draft {
  root: unknown;
  private readonly own = new Set<object>();

  constructor(tree: unknown) {
    this.root = tree;
  }

  /** What is not there is made on the way, as a mapping. */
  set(path: Path, value: unknown): void {
    const last = path.at(-1);
    if (last === undefined) this.root = value;
    else this.open(path.slice(0, -1))[last] = value;
  }

  remove(path: Path): void {
    const last = path.at(-1);
    if (last !== undefined) Reflect.deleteProperty(this.open(path.slice(0, -1)), last);
  }

  /** Gives an entry of a mapping another name, at the same place among the others. */
  rename(path: Path, name: string): void {
    const mapping = path.slice(0, -1);
    const old = path.at(-1);
    const entries = Object.entries(this.open(mapping));
    this.set(mapping, Object.fromEntries(entries.map(([key, value]) => [key === old ? name : key, value])));
  }

  private open(path: Path): Collection {
    this.root = this.owned(this.root);
    let at = this.root as Collection;
    for (const step of path) {
      const inner = this.owned(at[step]);
      at[step] = inner;
      at = inner;
    }
    return at;
  }

  private owned(value: unknown): Collection {
    const old = typeof value === "object" && value !== null ? value : {};
    if (this.own.has(old)) return old as Collection;
    const copy = (Array.isArray(old) ? [...(old as unknown[])] : { ...old }) as Collection;
    this.own.add(copy);
    return copy;
  }
}
