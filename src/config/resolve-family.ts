// What the families of its addresses make of an instance. A virtual router is of one family (RFC 9568 section 5.2.9),
// so an entry of the file with both becomes two instances that are master together or not at all.

import { familyOf, isLinkLocal, type Family, type IpAddress } from "../core/address.js";
import { advertisedAddresses, type InstanceConfig } from "../vrrp/instance.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";

const FAMILIES = ["ipv4", "ipv6"] as const;
export const FAMILY_NAMES: Readonly<Record<Family, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

/** The families that an entry advertises, IPv4 first. What it does not advertise may be of either. */
export const familiesOf = (entry: Pick<InstanceConfig, "addresses">): readonly Family[] =>
  FAMILIES.filter((family) => advertisedAddresses(entry).some((address) => familyOf(address) === family));

/**
 * The instances of an entry that is written as `whole`: itself, or where it advertises both families NAME/ipv4 and
 * NAME/ipv6 in a sync group. No entry can have such a name.
 */
export function splitByFamily(whole: InstanceConfig): readonly InstanceConfig[] {
  const families = familiesOf(whole);
  return families.length < 2 ? [whole] : families.map((family) => partOf(whole, family));
}

function partOf(whole: InstanceConfig, family: Family): InstanceConfig {
  const { sourceAddress, unicast, routing, ...rest } = whole;
  const isOurs = (address: IpAddress): boolean => familyOf(address) === family;
  return {
    ...rest,
    name: `${whole.name}/${family}`,
    group: whole.group ?? whole.name,
    family,
    addresses: whole.addresses.filter(({ prefix }) => isOurs(prefix.address)),
    ...(sourceAddress !== undefined && isOurs(sourceAddress) && { sourceAddress }),
    ...(unicast !== undefined && { unicast: { ...unicast, peers: unicast.peers.filter(isOurs) } }),
    ...(routing !== undefined && {
      routing: {
        routes: routing.routes.filter(({ to }) => isOurs(to.address)),
        rules: routing.rules.filter((rule) => rule.family === family),
      },
    }),
  };
}

/** Reports what does not fit the families of `whole`. */
export function checkFamilies(whole: InstanceConfig, report: Report): void {
  const at: Path = ["vrrp", whole.name];
  if (whole.sourceAddress !== undefined) checkSourceFamily(whole, whole.sourceAddress, report);
  const advertised = advertisedAddresses(whole);
  const six = advertised.findIndex((address) => familyOf(address) === "ipv6");
  const first = advertised[six];
  if (first === undefined) return;
  if (whole.version !== 3)
    report.error(
      [...at, "addresses", six],
      "family",
      `${first} is an IPv6 address, and VRRP version 2 has IPv4 alone`,
      whole.version === 2
        ? "Use `version: 3` on every director of this virtual router."
        : "Give the IPv6 addresses an instance of their own, with `version: 3`.",
    );
  else if (!advertised.some(isLinkLocal) && !report.isBroken([...at, "addresses"]))
    report.warning(
      [...at, "addresses"],
      "no-link-local",
      "has IPv6 addresses, and none of them is link-local",
      `A virtual router has one, which is the first in its adverts (RFC 9568 section 5.2.9) and what hosts use as their gateway. Add it on every director: "fe80::${whole.virtualRouterId.toString(16)}/64".`,
    );
}

function checkSourceFamily(whole: InstanceConfig, source: IpAddress, report: Report): void {
  const path: Path = ["vrrp", whole.name, "source-address"];
  const family = familyOf(source);
  if (!familiesOf(whole).includes(family))
    report.error(
      path,
      "family",
      `${source} is an ${FAMILY_NAMES[family]} address, and the instance has none of that family to advertise`,
      "Adverts go over the family of the addresses they carry.",
    );
  else if (family === "ipv6" && whole.unicast === undefined && !isLinkLocal(source))
    report.error(
      path,
      "not-link-local",
      `${source} is no link-local address, from which multicast over IPv6 is sent`,
      "Write the fe80:: address of the interface (RFC 9568 section 5.1.2.1), or leave it out: vipd finds it.",
    );
}

/** Reports a transport that cannot carry what the instances need. */
export function checkTransport(
  wholes: readonly InstanceConfig[],
  transport: "native" | "raw-socket",
  report: Report,
): void {
  const six = wholes.find((whole) => familiesOf(whole).includes("ipv6"));
  if (transport === "raw-socket" && six !== undefined)
    report.error(
      ["process", "transport"],
      "no-ipv6",
      `the raw-socket package cannot see the hop limit of adverts over IPv6, which "${six.name}" needs`,
      "Leave it out: the native transport carries both families.",
    );
}
