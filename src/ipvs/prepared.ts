// The commands that make a whole table, as the bytes that the kernel is sent, made before there is anybody to send
// them: by whoever reads the configuration, so that a start has nothing to work out before the table is in place. The
// kernel's number of the family is not known then (netlink/batch.ts).

import { Writer } from "../core/bytes.js";
import { writeBatch } from "../netlink/batch.js";
import type { Command } from "./command.js";
import { commandEncoder } from "./messages.js";
import type { ServiceId } from "./model.js";

export type PreparedTable = {
  /** The services that it makes. */
  readonly ids: readonly ServiceId[];
  /** Each for one system call. */
  readonly batches: readonly Uint8Array[];
};

export function prepareBatches(commands: readonly Command[]): readonly Uint8Array[] {
  const requests = commands.map(commandEncoder(0));
  const out = new Writer(256 * 1024);
  const batches: Uint8Array[] = [];
  for (let next = 0; next < requests.length;) {
    next = writeBatch(out, requests, next, 0);
    batches.push(out.finish());
  }
  return batches;
}
