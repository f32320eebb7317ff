// What a check sent and received, for somebody who wants to see it. Bounded and printable, and the secrets that a
// checker knows of are not in it. A check that nobody watches pays nothing for it.

import type { Socket } from "node:net";

const MOST_BYTES = 16_384;

export type TraceLine = { readonly kind: "sent" | "received" | "note"; readonly text: string };

export class Trace {
  private readonly kept: TraceLine[] = [];
  private readonly secrets: string[] = [];
  private room = MOST_BYTES;

  /** Never to be shown, whatever part of the conversation it is in. */
  hide(...secrets: readonly string[]): void {
    this.secrets.push(...secrets.filter((secret) => secret !== ""));
  }

  note(text: string): void {
    this.kept.push({ kind: "note", text: this.masked(text) });
  }

  bytes(kind: "sent" | "received", bytes: Uint8Array | string): void {
    if (this.room <= 0) return;
    const text = typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1");
    // Masked before it is cut: half a secret is one, too.
    const shown = this.masked(text).slice(0, this.room);
    this.room -= shown.length;
    this.kept.push({ kind, text: shown });
    if (this.room <= 0) this.kept.push({ kind: "note", text: `no more than ${MOST_BYTES} bytes are shown` });
  }

  /** Line by line, each with only printable characters. */
  lines(): TraceLine[] {
    return this.kept.flatMap(({ kind, text }) =>
      text
        .replace(/\r?\n$/, "")
        .split(/\r?\n/)
        .map((line) => ({ kind, text: line.replace(/[^\x20-\x7e]/g, (character) => escaped(character)) })),
    );
  }

  private masked(text: string): string {
    return this.secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
  }
}

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
};

/** Shows `trace` what goes over `socket` from now on. */
export function watch<S extends Socket>(socket: S, trace: Trace | undefined): S {
  if (trace === undefined) return socket;
  // Listeners would make data flow before whoever reads it is there.
  const emit = socket.emit.bind(socket) as (event: string, ...args: readonly unknown[]) => boolean;
  const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean;
  socket.emit = (event: string, ...args: readonly unknown[]): boolean => {
    if (event === "data") trace.bytes("received", args[0] as Uint8Array);
    return emit(event, ...args);
  };
  socket.write = (...args: readonly unknown[]): boolean => {
    trace.bytes("sent", args[0] as Uint8Array | string);
    return write(...args);
  };
  return socket;
}
