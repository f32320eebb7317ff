// Names for addresses and ports, as a listing for people shows them: ports by /etc/services, hosts by /etc/hosts and
// the name servers. Bounded: who does not answer in time stays a number.

import { Resolver } from "node:dns/promises";
import type { IpAddress } from "../core/address.js";
import type { Naming } from "../ipvs/naming.js";
import { hostsFile, servicesFile } from "./name-files.js";

/** All questions together; they are asked at once. */
const TIME_LIMIT_MS = 2000;
/** More are not asked: a table of thousands would flood the name servers. */
const MOST_QUESTIONS = 256;

export async function namesOf(addresses: Iterable<IpAddress>): Promise<Naming> {
  const hosts = new Map<IpAddress, string>();
  // The first name of an address is the one that everybody shows.
  for (const { address, names } of hostsFile())
    if (!hosts.has(address)) hosts.set(address, names[0] ?? address);
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  const limit = setTimeout(() => resolver.cancel(), TIME_LIMIT_MS);
  const unknown = new Set(addresses);
  for (const address of hosts.keys()) unknown.delete(address);
  const questions = [...unknown].slice(0, MOST_QUESTIONS).map(async (address) => {
    try {
      const [name] = await resolver.reverse(address);
      if (name !== undefined && /^[\w.-]+$/.test(name)) hosts.set(address, name);
    } catch {
      // No name, or none in time: the number says it as well.
    }
  });
  await Promise.all(questions);
  clearTimeout(limit);
  const ports = new Map<string, string>();
  for (const { port, names } of servicesFile()) if (!ports.has(port)) ports.set(port, names[0] ?? port);
  return {
    host: (address) => hosts.get(address) ?? address,
    port: (port, protocol) => ports.get(`${port}/${protocol}`) ?? String(port),
  };
}
