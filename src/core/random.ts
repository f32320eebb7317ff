// A seeded generator of uniform numbers (mulberry32). It is passed in wherever chance is needed, so that a
// run is repeated exactly by repeating its seed. Not for secrets.

/** Returns the next uniform number in [0, 1). */
export type Random = () => number;

/** `seed` is any 32-bit whole number; equal seeds give equal sequences. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number in [0, below). */
export const randomInt = (random: Random, below: number): number => Math.floor(random() * below);
