// The commands that make a whole table, as the bytes that the kernel is sent, made before there is anybody to send
// them: by whoever reads the configuration, so that a start has nothing to work out before the table is in place. The
// kernel's number of the family is not known then (netlink/batch.ts).

import { joinBytes, Writer } from "../core/bytes.js";
import { cutBatches, uncutBatches, writeBatch } from "../netlink/batch.js";
import { MESSAGE_HEADER_LENGTH, messagesIn, type Acknowledgement } from "../netlink/message.js";
import type { Command } from "./command.js";
import { commandEncoder } from "./messages.js";
import type { ServiceId } from "./model.js";
import { COMMAND } from "./schema.js";

export type PreparedTable = {
  /** The services that it makes. */
  readonly ids: readonly ServiceId[];
  /** Each for one system call. */
  readonly batches: readonly Uint8Array[];
};

/** Of one that was sent: the number of a command, and what the kernel answered to it. */
export type Refusal = readonly [number, Acknowledgement];

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

/**
 * What takes the services of a prepared table away again, the last one first (director/ipvs-removal.ts); their servers go
 * with them. The kernel finds a service by the part of its description that says what it balances.
 */
export function removalOf(batches: readonly Uint8Array[]): readonly Uint8Array[] {
  const all = uncutBatches(batches);
  const removals: Uint8Array[] = [];
  for (const { from, to } of messagesIn(all, all.length)) {
    if (all[from] !== COMMAND.newService) continue;
    const removal = all.slice(from - MESSAGE_HEADER_LENGTH, (to + 3) & ~3);
    removal[MESSAGE_HEADER_LENGTH] = COMMAND.deleteService;
    removals.push(removal);
  }
  return cutBatches(joinBytes(removals.reverse()));
}
