// What was thrown, in words. Nearly always it is an Error; JavaScript allows anything.

export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
