// Which capabilities (capabilities(7)) the daemon cannot work without.

/** linux/capability.h */
const NEEDED: readonly (readonly [number, string])[] = [
  [12, "CAP_NET_ADMIN"],
  [13, "CAP_NET_RAW"],
];

/** `effective`: one bit for each capability number. */
export const missingCapabilities = (effective: number): readonly string[] =>
  NEEDED.filter(([bit]) => Math.floor(effective / 2 ** bit) % 2 === 0).map(([, name]) => name);
