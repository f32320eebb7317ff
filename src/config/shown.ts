// A value as it is quoted in an error: short, on one line, and never a reason to fail itself.

export function shown(input: unknown): string {
  if (input === null || input === undefined) return "nothing";
  let json: string | undefined;
  try {
    json = JSON.stringify(input);
  } catch {
    // A mapping that contains itself, by an alias.
    json = Array.isArray(input) ? "a list" : "a mapping";
  }
  const text = (json as string | undefined) ?? typeof input;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
