// Links, addresses and neighbours of this network namespace, by rtnetlink: the real RouteKernel port. Answers are
// read on one socket, events on another, so that a storm of events cannot drown an answer.

import { formatPrefix } from "../core/address.js";
import { formatItem, type RoutingItem } from "../core/routing.js";
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
import {
  addRouteRequest,
  addRuleRequest,
  removeRouteRequest,
  removeRuleRequest,
} from "../netlink/routing.js";
import type { AddressOrder, AddressOutcome, RouteEvent, RouteKernel } from "../ports/route.js";
import { NETLINK_PROTOCOL } from "./constants.js";
import { errno, errnoName } from "./errno.js";
import { native } from "./native.js";
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
    addRouting: (items) => addRouting(socket, items),
    removeRouting: (items) => removeRouting(socket, items),
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

/** In order; one whose interface is missing is not even tried. */
function addRouting(socket: NetlinkSocket, items: readonly RoutingItem[]): readonly AddressOutcome[] {
  const missing = items.map(missingInterface);
  const tried = items.filter((_, i) => missing[i] === undefined);
  const answers = socket.transact(
    tried.map((item) =>
      item.kind === "route"
        ? addRouteRequest(item.route, (name) => native.ifIndex(name))
        : addRuleRequest(item.rule),
    ),
  );
  let next = 0;
  return items.map((item, i) => {
    const what = `add ${formatItem(item)}`;
    const absent = missing[i];
    return absent === undefined
      ? outcomeOf(answers[next++] as Acknowledgement, [errno.EEXIST], what)
      : { ok: false, code: "ENODEV", error: `${what}: there is no interface ${absent}` };
  });
}

const missingInterface = (item: RoutingItem): string | undefined =>
  item.kind === "rule"
    ? undefined
    : item.route.hops
        .map((hop) => hop.interface)
        .find((name) => name !== undefined && native.ifIndex(name) < 0);

function removeRouting(socket: NetlinkSocket, items: readonly RoutingItem[]): readonly AddressOutcome[] {
  // Without the interface the rest names the route well enough: it may have another name by now.
  const indexOf = (name: string): number => Math.max(0, native.ifIndex(name));
  const answers = socket.transact(
    items.map((item) =>
      item.kind === "route" ? removeRouteRequest(item.route, indexOf) : removeRuleRequest(item.rule),
    ),
  );
  return items.map((item, i) =>
    outcomeOf(answers[i] as Acknowledgement, ABSENT, `remove ${formatItem(item)}`),
  );
}

/** A route goes with its interface; of a family that the kernel does not have there are none. */
const ABSENT = [errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EAFNOSUPPORT];

function change(
  socket: NetlinkSocket,
  orders: readonly AddressOrder[],
  request: (ifindex: number, prefix: AddressOrder["prefix"]) => Request,
  verb: string,
  harmless: readonly number[],
): readonly AddressOutcome[] {
  const answers = socket.transact(orders.map(({ ifindex, prefix }) => request(ifindex, prefix)));
  return orders.map(({ prefix }, i) =>
    outcomeOf(answers[i] as Acknowledgement, harmless, `${verb} address ${formatPrefix(prefix)}`),
  );
}

function outcomeOf(answer: Acknowledgement, harmless: readonly number[], what: string): AddressOutcome {
  if (answer.errno === 0) return { ok: true, unchanged: false };
  if (harmless.includes(answer.errno)) return { ok: true, unchanged: true };
  return { ok: false, code: errnoName(answer.errno), error: `${what}: ${describeErrno(answer)}` };
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
