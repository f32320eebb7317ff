// How long the kernel remembers connections without packets: IPVS_CMD_GET_CONFIG and SET_CONFIG as messages.

import { attributes, u32 } from "../netlink/attribute.js";
import { genericPayload, writeGenericHeader } from "../netlink/generic.js";
import type { Message, Request } from "../netlink/message.js";
import { COMMAND, FAMILY_VERSION } from "./schema.js";

/** Whole seconds, 1..2147483 (the kernel counts in jiffies). */
export type Timeouts = { readonly tcp: number; readonly tcpFin: number; readonly udp: number };

/** IPVS_CMD_ATTR_TIMEOUT_*. */
export const timeoutAttributes = attributes({ tcp: [4, u32], tcpFin: [5, u32], udp: [6, u32] });

export const timeoutsRequest = (type: number): Request => ({
  type,
  flags: 0,
  body: (out) => void writeGenericHeader(out, COMMAND.getConfig, FAMILY_VERSION),
});

/** What is left out stays: the kernel takes 0 for that. It wants the first two together. */
export const setTimeoutsRequest = (
  type: number,
  { tcp = 0, tcpFin = 0, udp = 0 }: Partial<Timeouts>,
): Request => ({
  type,
  flags: 0,
  body: (out) =>
    timeoutAttributes.write(writeGenericHeader(out, COMMAND.setConfig, FAMILY_VERSION), {
      tcp,
      tcpFin,
      udp,
    }),
});

/** Undefined when it cannot be read. */
export function readTimeouts(message: Message): Timeouts | undefined {
  const input = genericPayload(message);
  const { tcp, tcpFin, udp = 0 } = timeoutAttributes.read(input, input.remaining);
  if (tcp === undefined || tcpFin === undefined || input.error !== undefined) return undefined;
  return { tcp, tcpFin, udp };
}
