// Keeps the second paths of instances attached to their interfaces. An interface that is not there, or of no use, is no
// fault of the instance: it goes on with the first path, and says so.

import type { IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { InterfaceView, VrrpPorts } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { sourceOf, type Memberships } from "./vrrp-interfaces.js";
import type { Roster } from "./vrrp-roster.js";
import type { Runtime } from "./vrrp-runtime.js";
import { SecondPath } from "./vrrp-second-path.js";

export class SecondPaths {
  private readonly ports: Pick<VrrpPorts, "interfaces" | "report">;
  private readonly roster: Roster;
  private readonly memberships: Memberships;

  constructor(ports: Pick<VrrpPorts, "interfaces" | "report">, roster: Roster, memberships: Memberships) {
    this.ports = ports;
    this.roster = roster;
    this.memberships = memberships;
  }

  /** Takes over what the interface is now. */
  attach(runtime: Runtime, given: InstanceConfig, now: Instant): void {
    const { secondPath: name } = given;
    if (runtime.secondPath?.name !== name) {
      this.leave(runtime);
      runtime.secondPath = name === undefined ? undefined : new SecondPath(name, now);
    }
    const { secondPath: second } = runtime;
    if (second === undefined) return;
    const view = this.ports.interfaces.find(second.name);
    this.join(second, view?.index ?? 0, given);
    const source = this.sourceOn(second, given);
    if (source !== second.address || second.destinations.length === 0) {
      second.address = source;
      second.encode(runtime.config);
      second.forgetRepeated();
    }
    const { isUsable } = second;
    second.trouble = troubleOf(second, view, given);
    if (second.isUsable === isUsable) return;
    second.alone = false;
    second.readyAt = now;
  }

  /** Says what has become of it, once. */
  say({ secondPath: second, given }: Runtime): void {
    if (second === undefined || second.trouble === second.said) return;
    second.said = second.trouble;
    this.ports.report({
      kind: "vrrp-second-path",
      instance: given.name,
      interface: given.interface,
      second: second.name,
      what: second.isUsable ? "usable" : "unusable",
      sender: "",
      detail: second.trouble ?? "",
    });
  }

  leave({ secondPath: second, config }: Runtime): void {
    if (second !== undefined) this.memberships.leave(second.ifindex, config.family);
  }

  private join(second: SecondPath, ifindex: number, { family }: InstanceConfig): void {
    if (ifindex === second.ifindex && second.refused === undefined) return;
    this.memberships.leave(second.ifindex, family);
    second.ifindex = ifindex;
    second.refused = this.memberships.join(ifindex, family);
  }

  /** A configured source is one of the first path. */
  private sourceOn(second: SecondPath, given: InstanceConfig): IpAddress | undefined {
    const there = { ...given, interface: second.name };
    delete (there as { sourceAddress?: IpAddress }).sourceAddress;
    return sourceOf(there, this.ports.interfaces, this.roster.virtual);
  }
}

function troubleOf(
  { name, address, refused }: SecondPath,
  view: InterfaceView | undefined,
  { family }: InstanceConfig,
): string | undefined {
  if (view === undefined) return `there is no interface ${name}`;
  if (!view.up) return `${name} is down`;
  if (!view.multicast) return `${name} has no multicast`;
  if (address === undefined)
    return family === "ipv4"
      ? `${name} has no IPv4 address to send from`
      : `${name} has no link-local address to send from`;
  return refused === undefined ? undefined : `the VRRP group cannot be joined on ${name}: ${refused}`;
}
