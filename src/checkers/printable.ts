// What others wrote, for logs, events and terminals: nothing of it may steer one, hide or turn round what stands beside
// it, or begin a line of its own. Every checker passes through here what a server, a script or a file says.

/** Controls of both sets, marks that turn the direction of text, unpaired halves, ends of lines and paragraphs. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text whose encoding is known. */
export const printable = (text: string): string => text.replace(UNSEEN, "?");

/** The same of several lines, which stay. */
export const printableLines = (text: string): string => text.split(/\r?\n/).map(printable).join("\n");

/** Bytes of a protocol, one character each: of what is not ASCII nobody knows what it means. */
export const printableBytes = (text: string, most: number): string =>
  text.slice(0, most).replace(/[^\x20-\x7e]/g, "?");
