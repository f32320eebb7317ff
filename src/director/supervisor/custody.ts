// What the supervisor answers for in place of a VRRP process that is gone: which instances were masters, what they
// may have left on the interfaces, when that must be gone, and the record of it for a successor. Static addresses and
// routes, which belong to no instance, are kept here, too.

import type { ResumeOrder } from "../../control/ipc.js";
import type { StaticInheritance } from "../../control/handover.js";
import type { VipdEvent } from "../../control/event.js";
import { span } from "../../control/reason.js";
import { between, milliseconds, seconds, type Instant } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import type { ConfigHead } from "./config-source.js";
import { joined } from "./held-goods.js";
import { Holdings } from "./holdings.js";
import { Masters } from "./masters.js";
import { StaticGoods } from "./static-goods.js";
import type { KeptState } from "./kept-state.js";
import { removalDelay, StrandedAddresses } from "./stranded-addresses.js";
import type { SupervisorPorts } from "./supervisor-ports.js";

/** What a start may take until VRRP looks after addresses that a stop has left: the peer may have them, too. */
const BACK_WITHIN = seconds(5);

type Ports = Pick<
  SupervisorPorts,
  "removeAddresses" | "recordAddresses" | "releaseAddresses" | "goods" | "monotonic"
>;

export class Custody {
  readonly masters = new Masters();
  private readonly holdings = new Holdings();
  private readonly statics: StaticGoods;
  private readonly stranded: StrandedAddresses;
  private readonly ports: Ports;
  private readonly emit: (event: VipdEvent) => void;

  constructor(ports: Ports, emit: (event: VipdEvent) => void) {
    this.ports = ports;
    this.emit = emit;
    this.statics = new StaticGoods({
      open: ports.goods.open,
      clock: { now: ports.monotonic },
      report: emit,
      record: () => this.record(),
    });
    this.stranded = new StrandedAddresses(ports.removeAddresses, (instance, waited, removed, refused) => {
      const errors = [...refused, ...ports.goods.remove(this.holdings.goodsOfLost(instance))];
      const text =
        errors.length === 0
          ? `the VRRP process is not back after ${span(waited)}: removed ${removed} address${removed === 1 ? "" : "es"}, because the peer may be master now`
          : `the VRRP process is not back after ${span(waited)}: ${errors.join("; ")}`;
      emit({ kind: "warning", subject: `vrrp ${instance}`, text });
    });
  }

  /** Before a VRRP process is told of these. Gives which of them it may resume, and what is not an owner's own. */
  tell(instances: readonly InstanceConfig[]): {
    readonly resume: readonly ResumeOrder[];
    readonly added?: readonly string[];
  } {
    this.holdings.tell(instances);
    this.record();
    const resume = this.masters
      .resumeOrders()
      .filter(({ instance }) => this.holdings.isSameRouter(instance, instances));
    const added = this.holdings.addedByLost(instances);
    return { resume, ...(added.length > 0 && { added }) };
  }

  /** `record`: at once, for a start after a crash. */
  ownerAdded(instance: string, added: readonly string[], record: boolean): void {
    this.holdings.ownerAdded(instance, added);
    if (record) this.record();
  }

  /** The VRRP process died, and was last known to live at `alive`. */
  lost(alive: Instant): void {
    const names = this.masters.processLost(alive);
    // Those it was told of, which the configuration may have left behind since.
    const instances = this.holdings.lose(names);
    this.stranded.expect(instances, milliseconds(between(alive, this.ports.monotonic())));
  }

  /** A VRRP process has taken its orders, and no later ones are on their way: it is told of `instances` alone. */
  taken(instances: readonly InstanceConfig[]): void {
    // The process that held them is gone, and this one does not know them.
    this.warn([
      ...this.ports.goods.remove(this.holdings.orphanGoodsBeside(instances)),
      ...this.ports.removeAddresses(this.holdings.orphansBeside(instances)),
    ]);
    this.holdings.settle(instances);
    this.record();
  }

  /** A VRRP process is there, and looks after its addresses itself. */
  back(): void {
    this.stranded.cancel();
    this.masters.taken();
  }

  configureStatic(head: ConfigHead): void {
    try {
      this.statics.configure(head.static);
    } catch (error) {
      const text = `static addresses, routes and rules: ${(error as Error).message}`;
      this.emit({ kind: "warning", subject: "vrrp", text });
    }
  }

  get inheritance(): StaticInheritance {
    return this.statics.inheritance;
  }

  /** A predecessor's, while its VRRP process hands over: it is told of `instances`. */
  inherit(statics: StaticInheritance, instances: readonly InstanceConfig[]): void {
    this.holdings.settle(instances);
    this.inheritStatics(statics);
  }

  private inheritStatics(statics: StaticInheritance): void {
    try {
      this.statics.inherit(statics);
    } catch (error) {
      this.emit({ kind: "warning", subject: "vrrp", text: `static routes: ${(error as Error).message}` });
    }
  }

  /** Puts the addresses that may be on the interfaces on record. */
  record(): void {
    try {
      this.ports.recordAddresses([...this.holdings.held, ...this.statics.addresses]);
      this.ports.goods.record(joined(this.holdings.goods, this.statics.goods));
    } catch (error) {
      const text = `the virtual addresses could not be put on record, for a start after a crash: ${(error as Error).message}`;
      this.emit({ kind: "warning", subject: "vipd", text });
    }
  }

  /** At a start: a stop has left what is of these in place. VRRP is to look after it soon, or it goes. */
  recall({ at, masters, statics, added = {} }: KeptState): void {
    this.masters.recall(
      masters.map(({ name }) => name),
      at,
    );
    for (const [instance, keys] of Object.entries(added)) this.holdings.ownerAdded(instance, keys);
    const ours = this.holdings.recall(masters);
    this.inheritStatics(statics);
    const since = milliseconds(between(at, this.ports.monotonic()));
    this.stranded.expect(ours, since, (instance) =>
      milliseconds(Math.max(removalDelay(instance), since + BACK_WITHIN)),
    );
  }

  /** Before a stop that leaves all of it in place: the instances that are master, and what is not an owner's own. */
  get held(): Pick<KeptState, "masters" | "added"> {
    return { masters: this.holdings.toldOf(this.masters.names), added: this.holdings.added };
  }

  /** At a stop, the VRRP process being gone: nothing of ours stays. `resigned`: it has taken its own away. */
  release(resigned: boolean, instances: readonly InstanceConfig[]): void {
    this.stranded.cancel();
    // It went without a word: what it may have left on the interfaces is taken away here.
    if (!resigned) this.warn(this.ports.removeAddresses(this.holdings.removable(instances)));
    // Also one that it could not remove.
    this.statics.stop();
    this.warn([...this.ports.goods.release(), ...this.ports.releaseAddresses()]);
  }

  /** A successor goes on with all of it. */
  leave(): void {
    this.stranded.cancel();
    this.statics.stop();
  }

  private warn(errors: readonly string[]): void {
    for (const text of errors) this.emit({ kind: "warning", subject: "vrrp", text });
  }
}
