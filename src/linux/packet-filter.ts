// The real PacketFilter: a table of nf_tables, by nfnetlink. The table is not bound to our socket (no "owner" flag): it
// stays when this process dies, as the addresses do.

import type { IpAddress } from "../core/address.js";
import {
  addElements,
  batchOf,
  chainRequest,
  isChange,
  isWhole,
  NFTABLES_GROUPS,
  removeElements,
  removeTableRequest,
  tableRequests,
} from "../netlink/nftables.js";
import type { Request } from "../netlink/message.js";
import type { PacketFilter } from "../ports/packet-filter.js";
import { NETLINK_PROTOCOL } from "./constants.js";
import { errno } from "./errno.js";
import { describeErrno, NetlinkError, NetlinkSocket } from "./netlink-socket.js";

/** Addresses in a batch, which is one datagram. */
const ADDRESSES_IN_A_BATCH = 2000;
/** Without our table, and without nf_tables at all, nothing is refused. */
const ABSENT: readonly number[] = [errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT];

export class NftablesFilter implements PacketFilter {
  private socket: NetlinkSocket | undefined;
  private listener: NetlinkSocket | undefined;
  private readonly changed: () => void;
  /** What is in our table, when it is known to be there. */
  private refused: ReadonlySet<IpAddress> | undefined;

  /** `changed` is called when any table was changed, by whomever, from the first `refuse` on. */
  constructor(changed: () => void) {
    this.changed = changed;
  }

  refuse(addresses: readonly IpAddress[]): string | undefined {
    const { refused } = this;
    const fresh = refused === undefined ? addresses : addresses.filter((address) => !refused.has(address));
    const wanted = new Set(addresses);
    const gone = refused === undefined ? [] : [...refused].filter((address) => !wanted.has(address));
    // A table that somebody has changed is made anew.
    const base = refused === undefined ? tableRequests(true) : [];
    const first = fresh.slice(0, ADDRESSES_IN_A_BATCH);
    const batches: Request[][] = [[...base, ...removeElements(gone), ...addElements(first)]];
    for (let i = ADDRESSES_IN_A_BATCH; i < fresh.length; i += ADDRESSES_IN_A_BATCH)
      batches.push([...addElements(fresh.slice(i, i + ADDRESSES_IN_A_BATCH))]);
    const error = this.inOrder(batches);
    this.refused = error === undefined ? wanted : undefined;
    return error;
  }

  remove(): string | undefined {
    this.refused = undefined;
    const error = this.commit([removeTableRequest()], ABSENT);
    this.listener?.close();
    this.listener = undefined;
    this.socket?.close();
    this.socket = undefined;
    return error;
  }

  isWhole(): boolean {
    try {
      const whole =
        this.refused !== undefined && this.opened().query("ask for a chain", chainRequest(), isWhole);
      if (!whole) this.refused = undefined;
      return whole;
    } catch {
      this.refused = undefined;
      return false;
    }
  }

  private inOrder(batches: readonly (readonly Request[])[]): string | undefined {
    for (const batch of batches) {
      const error = batch.length === 0 ? undefined : this.commit(batch, []);
      if (error !== undefined) return error;
    }
    this.listen();
    return undefined;
  }

  private commit(requests: readonly Request[], harmless: readonly number[]): string | undefined {
    try {
      const answer = this.opened().commit(batchOf(requests));
      return answer.errno === 0 || harmless.includes(answer.errno) ? undefined : describeErrno(answer);
    } catch (error) {
      // Without nfnetlink there is not even a socket.
      if (!(error instanceof NetlinkError)) throw error;
      return harmless.length > 0 ? undefined : error.message;
    }
  }

  private opened(): NetlinkSocket {
    return (this.socket ??= new NetlinkSocket(NETLINK_PROTOCOL.NETFILTER));
  }

  private listen(): void {
    if (this.listener !== undefined) return;
    this.listener = new NetlinkSocket(NETLINK_PROTOCOL.NETFILTER, NFTABLES_GROUPS);
    this.listener.listen(
      (message) => {
        if (isChange(message)) this.changed();
      },
      () => this.changed(),
    );
  }
}
