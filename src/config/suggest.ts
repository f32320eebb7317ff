// Which known word a misspelt one was probably meant to be. Distance is Damerau-Levenshtein with adjacent
// swaps (optimal string alignment), because swapped letters are the commonest slip of all.

import { meantBy } from "./keepalived-words.js";

/** The nearest of `words`, when it is near enough to be worth saying. */
export function didYouMean(word: string, words: readonly string[]): string | undefined {
  const given = plain(word);
  let best: { word: string; distance: number } | undefined;
  for (const candidate of words) {
    const known = plain(candidate);
    const limit = Math.max(1, Math.floor(Math.max(given.length, known.length) / 3));
    if (Math.abs(given.length - known.length) > limit) continue;
    const distance = given === known ? 0 : editDistance(given, known);
    if (distance <= limit && (best === undefined || distance < best.distance))
      best = { word: candidate, distance };
  }
  return best?.word;
}

/** For a key: what keepalived's word is here, or the nearest of the known ones. */
export function suggestKey(key: string, known: readonly string[]): string | undefined {
  const meant = meantBy(plain(key), known);
  return meant === undefined ? didYouMean(key, known) : meant.here;
}

/** What to do instead of writing `key` at a place where these keys are known. */
export const keyRemedy = (key: string, known: readonly string[]): string | undefined =>
  meantBy(plain(key), known)?.remedy;

/** Upper case, underscores and missing hyphens are no difference: "routerId" means "router-id". */
const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, "").slice(0, 60);

export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => cost[i * width + j] as number;
  for (let i = 0; i <= a.length; i++) cost[i * width] = i;
  for (let j = 0; j <= b.length; j++) cost[j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1);
      cost[i * width + j] = least;
    }
  return at(a.length, b.length);
}
