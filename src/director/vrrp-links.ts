// Makes sure that instances with a virtual MAC address have their link, and that it is on while they are master:
// a backup must neither answer for the virtual addresses nor take packets for the virtual MAC address (RFC 9568
// section 6.4.2), and a link that is off does neither.

import type { InterfaceView, VrrpPorts } from "../ports/vrrp.js";
import { virtualMacOf, type InstanceConfig } from "../vrrp/instance.js";
import type { LinkTrouble } from "./vrrp-interfaces.js";
import type { Runtime } from "./vrrp-runtime.js";

export class LinkMaker {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "virtualLinks">;

  constructor(ports: Pick<VrrpPorts, "interfaces" | "virtualLinks">) {
    this.ports = ports;
  }

  /** Asks the kernel only when the link is not known to be there. `base` is the instance's interface. */
  ensure(runtime: Runtime, config: InstanceConfig, base: InterfaceView | undefined): LinkTrouble | undefined {
    const { virtualMac, name: instance, interface: on } = config;
    if (virtualMac === undefined || base === undefined) return undefined;
    const { name } = virtualMac;
    const mac = virtualMacOf(config);
    const view = this.ports.interfaces.find(name);
    if (runtime.linkedOn === base.index && view?.mac === mac) return undefined;
    const error = this.ports.virtualLinks.ensure({ name, base: on, mac, instance });
    runtime.linkedOn = error === undefined ? base.index : 0;
    return error === undefined ? undefined : { kind: "no-virtual-link", interface: on, error };
  }

  /**
   * Where adverts leave; 0: nowhere. Peers by unicast may be behind a gateway, which only `base` leads to; and IPv6
   * sends from the link-local address of `base` there alone.
   */
  outOf({ virtualMac, unicast, family }: InstanceConfig, base: InterfaceView | undefined): number {
    const fromLink = virtualMac?.adverts === "virtual" && unicast === undefined && family === "ipv4";
    return (fromLink ? this.ports.interfaces.find(virtualMac.name) : base)?.index ?? 0;
  }
}
