// Numbers in sentences.

/** "1 service", "2 services". */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** "once", "2 times". */
export const times = (n: number): string => (n === 1 ? "once" : `${n} times`);
