// Links, addresses and neighbours of this network namespace, by rtnetlink: the real RouteKernel port. Answers are
// read on one socket, events on another, so that a storm of events cannot drown an answer.

import { formatPrefix } from "../core/address.js";
import type { Acknowledgement, Message, Request } from "../netlink/message.js";
import {
  addAddressRequest,
  addressesRequest,
  DELETE_ADDRESS,
  DELETE_LINK,
  linksRequest,
  neighboursRequest,
  NEW_ADDRESS,
  NEW_LINK,
  readAddress,
  readLink,
  readNeighbour,
  removeAddressRequest,
  ROUTE_GROUPS,
} from "../netlink/route.js";
import type { AddressOrder, AddressOutcome, RouteEvent, RouteKernel } from "../ports/route.js";
import { NETLINK_PROTOCOL } from "./constants.js";
import { errno, errnoName } from "./errno.js";
import { describeErrno, NetlinkSocket } from "./netlink-socket.js";

/** Throws when no netlink socket can be had. */
export function openRouteKernel(): RouteKernel {
  const socket = new NetlinkSocket(NETLINK_PROTOCOL.ROUTE);
  const listeners = new Set<NetlinkSocket>();
  return {
    links: () =>
      socket.dump("list links", linksRequest, (m) => (m.type === NEW_LINK ? readLink(m) : undefined)),
    addresses: () =>
      socket.dump("list addresses", addressesRequest, (m) =>
        m.type === NEW_ADDRESS ? readAddress(m) : undefined,
      ),
    neighbours: () => socket.dump("list neighbours", neighboursRequest, readNeighbour),
    addAddresses: (orders) => change(socket, orders, addAddressRequest, "add", [errno.EEXIST]),
    // On an interface that is gone the address is gone too.
    removeAddresses: (orders) =>
      change(socket, orders, removeAddressRequest, "remove", [errno.EADDRNOTAVAIL, errno.ENODEV]),
    subscribe(onEvent) {
      const listener = new NetlinkSocket(NETLINK_PROTOCOL.ROUTE, ROUTE_GROUPS);
      listeners.add(listener);
      listener.listen(
        (message) => {
          const event = eventOf(message);
          if (event !== undefined) onEvent(event);
        },
        () => onEvent({ kind: "resync" }),
      );
      return () => {
        if (listeners.delete(listener)) listener.close();
      };
    },
    close() {
      for (const listener of listeners) listener.close();
      listeners.clear();
      socket.close();
    },
  };
}

function change(
  socket: NetlinkSocket,
  orders: readonly AddressOrder[],
  request: (ifindex: number, prefix: AddressOrder["prefix"]) => Request,
  verb: string,
  harmless: readonly number[],
): readonly AddressOutcome[] {
  const answers = socket.transact(orders.map(({ ifindex, prefix }) => request(ifindex, prefix)));
  return orders.map((order, i) => {
    const answer = answers[i] as Acknowledgement;
    if (answer.errno === 0) return { ok: true, unchanged: false };
    if (harmless.includes(answer.errno)) return { ok: true, unchanged: true };
    const error = `${verb} address ${formatPrefix(order.prefix)}: ${describeErrno(answer)}`;
    return { ok: false, code: errnoName(answer.errno), error };
  });
}

function eventOf(message: Message): RouteEvent | undefined {
  switch (message.type) {
    case NEW_LINK:
    case DELETE_LINK: {
      const link = readLink(message);
      return link && { kind: "link", change: message.type === NEW_LINK ? "new" : "deleted", link };
    }
    case NEW_ADDRESS:
    case DELETE_ADDRESS: {
      const address = readAddress(message);
      return (
        address && { kind: "address", change: message.type === NEW_ADDRESS ? "new" : "deleted", address }
      );
    }
    default:
      return undefined;
  }
}
