// What a line of a saved table would add, as a message to the kernel. Unlike the commands of the daemon, which are for
// what its configuration can say, these carry all that ipvsadm can.

import { Writer } from "../core/bytes.js";
import { writeGenericHeader } from "../netlink/generic.js";
import type { Request } from "../netlink/message.js";
import { keyValues, serverValues, serviceValues } from "./messages.js";
import type { Forwarding, Scheduler } from "./model.js";
import type { Addition } from "./saved-parse.js";
import { COMMAND, commandAttributes, FAMILY_VERSION, FLAG_PERSISTENT } from "./schema.js";

type Values = Parameters<typeof commandAttributes.write>[1];

export function additionRequest(type: number, addition: Addition): Request {
  const command = addition.kind === "service" ? COMMAND.newService : COMMAND.newServer;
  return {
    type,
    flags: 0,
    body: (out) =>
      commandAttributes.write(writeGenericHeader(out, command, FAMILY_VERSION), valuesOf(addition)),
  };
}

/** All of struct ip_vs_flags counts. */
const ALL_FLAGS = 0xffff_ffff;
const TUNNEL_NUMBER = { ipip: 0, gue: 1, gre: 2 } as const;
/** IP_VS_TUNNEL_ENCAP_FLAG_*. */
const CHECKSUM_FLAG = { none: 0, full: 1, remote: 2 } as const;

function valuesOf(addition: Addition): Values {
  if (addition.kind === "server") {
    const { address, port, weight, upper = 0, lower = 0, tunnel } = addition.server;
    // Nobody can ask for the kernel's two other methods, and no line does (saved-server.ts).
    const forwarding = addition.server.forwarding as Forwarding;
    return {
      service: keyValues(addition.key),
      server: {
        ...serverValues({ address, port, forwarding, weight }),
        ...{ upper, lower },
        ...(tunnel === undefined
          ? {}
          : {
              tunnelType: TUNNEL_NUMBER[tunnel.kind],
              tunnelPort: tunnel.port,
              tunnelFlags: CHECKSUM_FLAG[tunnel.checksum],
            }),
      },
    };
  }
  const { service } = addition;
  const flags = (service.flags ?? 0) | (service.persistence === undefined ? 0 : FLAG_PERSISTENT);
  return {
    service: {
      ...serviceValues({ ...service, scheduler: service.scheduler as Scheduler }),
      flags: new Writer(8).u32ne(flags).u32ne(ALL_FLAGS).finish(),
      ...(service.engine === undefined ? {} : { engine: service.engine }),
    },
  };
}
