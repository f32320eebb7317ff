// Writes answers of DNS servers, good and bad ones, for tests. Shares nothing with the code it tests.

type Answer = {
  readonly name: string;
  readonly type: number;
  readonly ttl?: number;
  readonly data: readonly number[];
  /** Bytes in the place of the name. */
  readonly owner?: readonly number[];
};

export const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);

export const nameBytes = (name: string): number[] => [
  ...(name === "." ? [] : name.split(".")).flatMap((label) => [label.length, ...Buffer.from(label)]),
  0,
];

/** A record of EDNS: what the sender takes, and the upper bits of the response code. */
export const optRecord = (size = 1232, upper = 0, data: readonly number[] = []): number[] => [
  ...[0, ...bytesOf(41, 2), ...bytesOf(size, 2), upper, 0, 0, 0],
  ...[...bytesOf(data.length, 2), ...data],
];

export function answerMessage(message: {
  readonly id?: number;
  readonly flags?: number;
  readonly question?: { readonly name: string; readonly type: number; readonly class: number } | null;
  readonly answers?: readonly Answer[];
  /** Records behind the answers, as they are. */
  readonly additional?: readonly (readonly number[])[];
}): Uint8Array {
  const { id = 7, flags = 0x8180, answers = [], additional = [] } = message;
  const question = message.question === undefined ? { name: "a.test", type: 1, class: 1 } : message.question;
  return Uint8Array.from([
    ...[id, flags, question === null ? 0 : 1, answers.length, 0, additional.length].flatMap((word) =>
      bytesOf(word, 2),
    ),
    ...(question === null
      ? []
      : [...nameBytes(question.name), ...bytesOf(question.type, 2), ...bytesOf(question.class, 2)]),
    ...answers.flatMap(({ name, type, ttl = 60, data, owner }) => [
      ...(owner ?? nameBytes(name)),
      ...bytesOf(type, 2),
      ...bytesOf(1, 2),
      ...bytesOf(ttl, 4),
      ...bytesOf(data.length, 2),
      ...data,
    ]),
    ...additional.flat(),
  ]);
}
