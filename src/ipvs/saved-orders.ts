// What a line of a saved table would add, as a message to the kernel. Unlike the commands of the daemon, which are for
// what its configuration can say, these carry all that ipvsadm can.

import { ipBytes } from "../core/address.js";
import { writeGenericHeader } from "../netlink/generic.js";
import type { Request } from "../netlink/message.js";
import { keyValues, serverValues, serviceValues } from "./messages.js";
import type { Forwarding, Scheduler } from "./model.js";
import type { Addition } from "./saved-parse.js";
import { COMMAND, commandAttributes, FAMILY_VERSION } from "./schema.js";

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

function valuesOf(addition: Addition): Values {
  if (addition.kind === "server") {
    // Nobody can ask for the kernel's two other methods, and no line does (saved-server.ts).
    const forwarding = addition.server.forwarding as Forwarding;
    return { service: keyValues(addition.key), server: serverValues({ ...addition.server, forwarding }) };
  }
  // Of schedulers and engines there may be others in the kernel than those that a configuration can name.
  const { scheduler, engine, ...service } = addition.service;
  const values = serviceValues({ ...service, scheduler: scheduler as Scheduler });
  const mask = service.persistence?.mask;
  return {
    service: {
      ...values,
      ...(engine === undefined ? {} : { engine }),
      ...(mask === undefined ? {} : { netmask: ipBytes(mask) }),
    },
  };
}
