// A socket for the kernel's IPVS, by generic netlink. What is said over it is not known here.

import { err, ok, type Result } from "../core/result.js";
import { FAMILY_NAME } from "../ipvs/schema.js";
import { familyRequest, readFamily } from "../netlink/generic.js";
import { NETLINK_PROTOCOL } from "./constants.js";
import { NetlinkError, NetlinkSocket } from "./netlink-socket.js";

/** Some twenty servers: a table is mostly read service by service, and the kernel clears what it offers each time. */
const DATAGRAM = 8 * 1024;
export const NO_IPVS = "the kernel has no ip_vs: modprobe ip_vs";

export type IpvsSocket = { readonly socket: NetlinkSocket; readonly family: number };

/** A socket for the kernel's IPVS family, whose number the kernel chooses when it loads the module. */
export function openFamily(): Result<IpvsSocket, string> {
  let socket: NetlinkSocket | undefined;
  try {
    socket = new NetlinkSocket(NETLINK_PROTOCOL.GENERIC, undefined, undefined, DATAGRAM);
    const family = socket.query(
      `look up netlink family ${FAMILY_NAME}`,
      familyRequest(FAMILY_NAME),
      readFamily,
    );
    if (family !== undefined) return ok({ socket, family });
    socket.close();
    return err(`the kernel's answer about netlink family ${FAMILY_NAME} cannot be read`);
  } catch (error) {
    socket?.close();
    if (!(error instanceof NetlinkError)) throw error;
    return err(error.code === "ENOENT" ? NO_IPVS : error.message);
  }
}
