// Which parts of a file cannot be read, and so what nobody can know of it: whether a name that is looked for is not
// there, or only not legible. Knows paths, and nothing of what is wrong with them.

import { pathId, type Path } from "./diagnostic.js";

export type Lost =
  /** The value at this path. */
  | { readonly kind: "value"; readonly path: Path }
  /** Entries of the mapping at this path, nobody knows of which names. */
  | { readonly kind: "entries"; readonly path: Path }
  /** Keys of the mapping at this path that are not there: any of them might be meant to be. */
  | { readonly kind: "keys"; readonly path: Path; readonly absent: readonly string[] };

/** Stands in a pattern for any step. */
const ANY = "*";

export class Breakage {
  readonly lost: readonly Lost[];
  private readonly places: ReadonlySet<string>;
  private readonly known = new Map<string, boolean>();

  constructor(lost: readonly Lost[] = []) {
    this.lost = lost;
    this.places = new Set(
      lost.flatMap((one) =>
        one.kind === "value"
          ? [pathId(one.path)]
          : one.kind === "keys"
            ? one.absent.map((key) => pathId([...one.path, key]))
            : [],
      ),
    );
  }

  /** Whether something at the pattern ("*" is any step), under it or around it cannot be read. */
  isBroken(pattern: Path): boolean {
    return this.once(pathId(pattern), () =>
      this.lost.some((one) => {
        if (one.kind === "value") return meet(one.path, pattern);
        if (one.kind === "entries") return meet([...one.path, ANY], pattern);
        return one.absent.some((key) => meet([...one.path, key], pattern));
      }),
    );
  }

  /** Whether the mapping at this path may have other names than those that were read. */
  lacksNames(mapping: Path): boolean {
    return this.once(`names of ${pathId(mapping)}`, () =>
      this.lost.some(({ kind, path, ...rest }) => {
        if (kind === "value") return isWithin(mapping, path);
        if (kind === "entries") return mapping.length === path.length && meet(mapping, path);
        return (
          isWithin(mapping, path) && "absent" in rest && rest.absent.includes(String(mapping[path.length]))
        );
      }),
    );
  }

  /** Whether some keys of the mapping at this path are not known. */
  isGap(path: Path): boolean {
    return this.lost.some((one) => one.kind !== "value" && pathId(one.path) === pathId(path));
  }

  /** Whether the path leads to what cannot be read, or into it. */
  contains(path: Path): boolean {
    return this.places.has("") || path.some((_, i) => this.places.has(pathId(path.slice(0, i + 1))));
  }

  private once(question: string, answer: () => boolean): boolean {
    const known = this.known.get(question);
    if (known !== undefined) return known;
    const found = this.lost.length > 0 && answer();
    this.known.set(question, found);
    return found;
  }
}

/** Whether one leads to the other, or both to the same. */
function meet(a: Path, b: Path): boolean {
  for (let i = 0; i < a.length && i < b.length; i++)
    if (a[i] !== b[i] && a[i] !== ANY && b[i] !== ANY) return false;
  return true;
}

const isWithin = (path: Path, outer: Path): boolean => path.length >= outer.length && meet(path, outer);
