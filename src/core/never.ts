// The end of an exhaustive switch: the compiler proves that it is not reached, and a bug that reaches it
// all the same says with what.

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
