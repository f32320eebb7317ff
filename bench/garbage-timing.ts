// When garbage.ts begins inside a program that it was loaded into; apart from it, because importing it starts it.

/** By then a director has started, also on a slow machine. */
export const GARBAGE_AFTER_MS = 10_000;
