// Names for addresses and ports, as a listing for people shows them: ports by /etc/services, hosts by /etc/hosts and
// the name servers. Bounded: who does not answer in time stays a number.

import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import type { IpAddress } from "../core/address.js";
import type { Naming } from "../ipvs/naming.js";

/** All questions together; they are asked at once. */
const TIME_LIMIT_MS = 2000;
/** More are not asked: a table of thousands would flood the name servers. */
const MOST_QUESTIONS = 256;

export async function namesOf(addresses: Iterable<IpAddress>): Promise<Naming> {
  const hosts = new Map<IpAddress, string>();
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  const limit = setTimeout(() => resolver.cancel(), TIME_LIMIT_MS);
  const questions = [...new Set(addresses)].slice(0, MOST_QUESTIONS).map(async (address) => {
    try {
      const [name] = await resolver.reverse(address);
      if (name !== undefined && /^[\w.-]+$/.test(name)) hosts.set(address, name);
    } catch {
      // No name, or none in time: the number says it as well.
    }
  });
  await Promise.all(questions);
  clearTimeout(limit);
  const ports = portNames();
  return {
    host: (address) => hosts.get(address) ?? address,
    port: (port, protocol) => ports.get(`${port}/${protocol}`) ?? String(port),
  };
}

/** By "80/tcp"; empty without the file. */
function portNames(): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync("/etc/services", "utf8");
  } catch {
    return new Map();
  }
  const names = new Map<string, string>();
  for (const [, name = "", port = ""] of text.matchAll(/^([^\s#]+)[ \t]+(\d+\/[a-z]+)/gm))
    if (!names.has(port)) names.set(port, name);
  return names;
}
