// What the names in a saved table stand for, as the system's own resolver says it: hosts by /etc/hosts and the name
// servers, ports by /etc/services.

import { lookup } from "node:dns/promises";
import { familyOf, parseIp, type IpAddress } from "../core/address.js";
import { hostNamesIn, type SavedNames } from "../ipvs/saved-values.js";
import { servicesFile } from "./name-files.js";

/** All hosts are asked for at once, and none where there are only numbers. */
export async function namesIn(text: string): Promise<SavedNames> {
  const hosts = new Map<string, readonly IpAddress[]>();
  const questions = Array.from(hostNamesIn(text), async (name) => hosts.set(name, await addressesOf(name)));
  await Promise.all(questions);
  const ports = new Map<string, number>();
  // The first line that has a name counts.
  for (const { port, names } of servicesFile().reverse()) {
    const [number, protocol = ""] = port.split("/");
    for (const name of names) ports.set(`${name}/${protocol}`, Number(number));
  }
  return {
    address: (name, family) => {
      const all = hosts.get(name) ?? [];
      return (
        all.find((address) => familyOf(address) === (family ?? "ipv4")) ??
        (family === undefined ? all[0] : undefined)
      );
    },
    port: (name, protocol) => ports.get(`${name}/${protocol}`),
  };
}

async function addressesOf(name: string): Promise<readonly IpAddress[]> {
  try {
    const found = await lookup(name, { all: true });
    return found.flatMap(({ address }) => {
      const read = parseIp(address);
      return read.ok ? [read.value] : [];
    });
  } catch {
    // That nobody knows it is told with its line.
    return [];
  }
}
