// What `vipd status` shows of a VRRP instance, from the engine's record of it.

import { formatPrefix } from "../core/address.js";
import { after, instant, milliseconds, type Instant } from "../core/units.js";
import type { InstanceStatus } from "../control/ipc.js";
import { authText } from "../vrrp/auth-text.js";
import type { Takeover } from "../vrrp/reasons.js";
import type { Master, State } from "../vrrp/state.js";
import type { Runtime } from "./vrrp-runtime.js";
import type { SecondPath } from "./vrrp-second-path.js";

/** In intervals: who was heard within this time is heard at present. */
const PRESENT = 4;

type Heard = Master & { readonly heardAt: Instant };
const shown = (
  { address, priority, heardAt }: Heard,
  now: Instant,
): NonNullable<InstanceStatus["master"]> => ({
  address,
  priority,
  last_advert_ms_ago: Math.max(0, now - heardAt),
});

/** `wall` is the wall-clock time of `now`. */
export function instanceStatus(runtime: Runtime, state: State, now: Instant, wall: number): InstanceStatus {
  const { config } = runtime;
  const lately = instant(now - PRESENT * config.advertInterval);
  // Of a sender that is not our master the last advert alone is known.
  const silence = milliseconds(PRESENT * config.advertInterval);
  const master = state.kind === "backup" ? state.master : undefined;
  return {
    instance: config.name,
    state: state.kind,
    since: wall - (now - runtime.since),
    interface: config.interface,
    virtual_router_id: config.virtualRouterId,
    version: config.version,
    priority: config.priority,
    sum: { base: runtime.priority.base, terms: runtime.priority.terms },
    addresses: config.addresses.map(({ prefix }) => formatPrefix(prefix)),
    unicast: config.unicast?.peers.filter((peer) => peer !== config.sourceAddress) ?? null,
    auth: authText(config.auth),
    // An interface that was down may have gone altogether since.
    reason: state.kind === "fault" ? state.cause : runtime.reason,
    awaited: runtime.awaited,
    master: master ? shown(master, now) : null,
    adverts_sent: runtime.sent,
    send_failed: runtime.failed,
    send_error: runtime.sendError,
    adverts_received: runtime.received,
    oddities: [...runtime.oddities].flatMap(([sender, { texts, heardAt }]) =>
      sender === master?.address || now < after(heardAt, silence) ? texts : [],
    ),
    rejected: { ...runtime.rejected },
    rejected_now: runtime.rejects.since(lately),
    second_master:
      runtime.second !== undefined && runtime.second.heardAt >= lately ? shown(runtime.second, now) : null,
    transitions: runtime.transitions,
    ...(runtime.takeover !== undefined && { takeover: takeoverStatus(runtime.takeover, wall - now) }),
    ...(runtime.secondPath !== undefined && { second_path: secondPathStatus(runtime.secondPath, now) }),
  };
}

/** `shift`: from a moment to the time on the wall. */
const takeoverStatus = ({ at, until, vacancy }: Takeover<Instant>, shift: number): Takeover<number> => ({
  at: at + shift,
  until: until === null ? null : until + shift,
  vacancy,
});

const secondPathStatus = (second: SecondPath, now: Instant): NonNullable<InstanceStatus["second_path"]> => ({
  interface: second.name,
  trouble: second.trouble ?? null,
  adverts_sent: second.sent,
  adverts_received: second.received,
  last_advert_ms_ago: second.heardAt === -Infinity ? null : Math.max(0, now - second.heardAt),
  alone: second.alone,
});
