// One VRRP instance as the engine runs it: its state, the bytes it sends, the bytes it last heard, and its
// counters. The times that change with every advert (heardAt, advertAt) stand beside the state and are put
// into it when a full step needs it.

import { formatPrefix, ip, ipBytes, type Family, type IpAddress, type MacAddress } from "../core/address.js";
import { instant, type Instant } from "../core/units.js";
import type { RejectKind, Takeover, TransitionReason } from "../vrrp/reasons.js";
import type { ResumeOrder } from "../control/ipc.js";
import type { Hmac, InterfaceView } from "../ports/vrrp.js";
import type { InstanceConfig, VirtualAddress } from "../vrrp/instance.js";
import type { Priority } from "../vrrp/priority.js";
import { heardAgain, sentAgain } from "../vrrp/repeat.js";
import type { MachineConfig, Master, State } from "../vrrp/state.js";
import { Rejects } from "./rejects.js";
import { Authenticator } from "./vrrp-authenticator.js";
import { destinationsOf, type Destination } from "./vrrp-destinations.js";
import type { Indices } from "./vrrp-interfaces.js";
import type { SecondPath } from "./vrrp-second-path.js";
import { SpokenVersions } from "./vrrp-versions.js";

const NO_SOURCE: Readonly<Record<Family, IpAddress>> = { ipv4: ip("0.0.0.0"), ipv6: ip("::") };
const NOTHING = new Uint8Array(0);

type Oddity = { readonly texts: readonly string[]; readonly saidAt: Instant; readonly heardAt: Instant };

export class Runtime {
  readonly slot: number;
  /** As the machine sees it, with the effective priority. */
  config: MachineConfig;
  /** As configured. */
  given: InstanceConfig;
  /** How the effective priority comes about. */
  priority: Priority;
  state: State = { kind: "initialize" };
  /** 0 while there is no such interface. */
  ifindex = 0;
  mac: MacAddress | undefined;
  source: Uint8Array = NOTHING;
  destinations: readonly Destination[] = [];
  /** The interfaces it lies on, as they were when it last looked at them. */
  indices: Indices = new Map();
  /** Why the VRRP group cannot be joined on its interface. */
  refused: string | undefined;
  /** The addresses that we added and did not remove since: an owner leaves alone what it found. */
  readonly added = new Set<string>();
  /** On which interface each of its addresses is while we hold it: its name may be another one by now. */
  readonly placed = new Map<string, number>();
  /** Its addresses that somebody else has put on their interface while it is backup, as far as that was said. */
  readonly strangers = new Set<IpAddress>();

  /** Where adverts are sent and heard besides. */
  secondPath: SecondPath | undefined;
  /** When another director was last heard on the first path. */
  firstAt = -Infinity;
  /** With a second path: nothing can leave by the first one. */
  mute = false;

  /** Where its adverts leave: `ifindex`, or the virtual link. */
  outIndex = 0;
  /** The interface on which its virtual link was last made sure of; 0: none. */
  linkedOn = 0;
  /** Whether its routes and rules are in the kernel, or on their way there. */
  routed = false;

  /** The packet whose repetition restarts the timer and does nothing else, without its authenticator; empty: none does. */
  repeated: Uint8Array = NOTHING;
  /** Bytes of the authenticator behind it. */
  repeatedTrailer = 0;
  heardAt = 0;
  advertAt = 0;
  /** Whether heardAt or advertAt is newer than the state. */
  ahead = false;

  /** Another host that said it holds one of our addresses while we are master. */
  conflict: { readonly address: IpAddress; readonly mac: MacAddress } | undefined;
  reason: TransitionReason = { kind: "startup" };
  since: Instant;
  /** The last time that it became master, since the start. */
  takeover: Takeover<Instant> | undefined;
  /** What a predecessor left to it, until it takes part. */
  resume: ResumeOrder | undefined;
  /** What it has yet to hear of before it takes part, for people. */
  awaited: readonly string[] = [];
  /** Adverts that left late, one after the other. */
  lateAdverts = 0;
  sent = 0;
  /** Messages that could not leave, and why the last of them could not. */
  failed = 0;
  sendError: string | null = null;
  /** To how many destinations the last advert was to go, and to how many of them it could not be sent. */
  aimed = 0;
  unsent = 0;
  received = 0;
  transitions = 0;
  readonly rejected: Partial<Record<RejectKind, number>> = {};
  readonly rejects = new Rejects();
  /** The last other master that was heard while this one was master. */
  second: (Master & { readonly heardAt: Instant }) | undefined;
  /** What is odd about the last advert of a sender, for people, and when that was said. */
  readonly oddities = new Map<IpAddress, Oddity>();
  lastOdd: IpAddress | undefined;

  /** Signs and verifies adverts; absent without HMAC. */
  authenticator: Authenticator | undefined;
  /** Which versions others speak; absent where we speak one. */
  versions: SpokenVersions | undefined;
  private readonly hmac: Hmac;

  constructor(slot: number, config: InstanceConfig, now: Instant, hmac: Hmac) {
    this.hmac = hmac;
    this.authenticate(config);
    this.slot = slot;
    this.since = now;
    this.given = config;
    this.priority = { effective: config.priority, base: config.priority, terms: [] };
    this.config = { ...config, sourceAddress: config.sourceAddress ?? NO_SOURCE[config.family] };
  }

  get name(): string {
    return this.given.name;
  }

  get key(): number {
    return tableKey(this.ifindex, this.config.family, this.config.virtualRouterId);
  }

  /** Takes a new configuration or a changed interface over; the bytes to send are made here, once. */
  adopt(
    given: InstanceConfig,
    priority: Priority,
    leavesTies: boolean,
    view: InterfaceView | undefined,
    source: IpAddress | undefined,
  ): void {
    this.given = given;
    this.priority = priority;
    const sourceAddress = source ?? NO_SOURCE[given.family];
    this.config = { ...given, priority: priority.effective, sourceAddress, leavesTies };
    this.ifindex = view?.index ?? 0;
    this.mac = view?.mac;
    this.source = ipBytes(this.config.sourceAddress);
    this.destinations = destinationsOf(this.config);
    this.secondPath?.encode(this.config);
    this.forgetRepeated();
    this.versions = given.version === "2+3" ? (this.versions ?? new SpokenVersions()) : undefined;
    this.authenticate(given);
  }

  /** The state with the newest times in it. */
  current(): State {
    if (!this.ahead) return this.state;
    this.ahead = false;
    if (this.state.kind === "backup") this.state = heardAgain(this.state, instant(this.heardAt));
    else if (this.state.kind === "master") this.state = sentAgain(this.state, instant(this.advertAt));
    return this.state;
  }

  /** The last advert could not be sent to one more destination. One that reached none was not sent. */
  advertFailed(error: string): void {
    this.failed += 1;
    this.sendError = error;
    this.unsent += 1;
    if (this.reachedNobody) this.sent -= 1;
  }

  /** The last advert could leave for none of its destinations. */
  get reachedNobody(): boolean {
    return this.unsent > 0 && this.unsent === this.aimed;
  }

  forgetRepeated(): void {
    this.repeated = NOTHING;
    this.secondPath?.forgetRepeated();
  }

  /** Other keys and rules do not make senders unknown. */
  private authenticate({ auth }: InstanceConfig): void {
    if (auth?.kind !== "hmac") this.authenticator = undefined;
    else if (this.authenticator === undefined) this.authenticator = new Authenticator(this.hmac, auth);
    else this.authenticator.adopt(auth);
  }
}

/** Interface, family and virtual router id name an instance on the wire (erratum 8298 to RFC 9568 section 7.1). */
export const tableKey = (ifindex: number, family: Family, virtualRouterId: number): number =>
  (ifindex * 2 + (family === "ipv6" ? 1 : 0)) * 256 + virtualRouterId;

/** Names an address of an instance in `added` and `placed`. */
export const placeKey = ({ interface: name, prefix }: VirtualAddress): string =>
  `${formatPrefix(prefix)} ${name}`;
