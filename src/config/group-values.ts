// The kinds of value of a service with many addresses and ports: ranges of addresses with their ports, and lists of
// ports. Knows how they are written, and not what a service makes of them.

import { z } from "zod";

import { parseRange, type AddressRange } from "../core/address-range.js";
import { err, ok, type Result } from "../core/result.js";
import { MOST_KEYS } from "../ipvs/group.js";
import { shown } from "./shown.js";
import { value } from "./values.js";

/** Addresses, and the ports of all of them; without ports they are written beside. */
export type GroupAddresses = AddressRange & { readonly ports?: readonly number[] };

const FORMS = 'Write "10.0.0.1:80", "10.0.0.5-10.0.0.20:80", "10.0.0.5-20:80,443" or "[2001:db8::1-ff]:80".';

/** ADDRESS, FIRST-LAST or FIRST-N, in brackets for IPv6, with ":PORTS" or without. */
export const groupAddresses = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<GroupAddresses>> =>
  value({ kind: "address or range, with its ports or without", type: "string" }, (input) => {
    if (typeof input === "number")
      return err(
        `${shown(input)} is not an address\nBetween [ and ] a comma ends an entry: write "10.0.0.1:80,443" in quotes.`,
      );
    if (typeof input !== "string") return err(`${shown(input)} is not an address\n${FORMS}`);
    const parts = /^\[([^\]]*)\](?::(.*))?$/.exec(input) ?? /^([^:]*)(?::([^:]*))?$/.exec(input);
    // Anything else with colons is of IPv6 without brackets, and so without ports.
    const range = parseRange(parts?.[1] ?? input, MOST_KEYS);
    if (!range.ok) return err(`${range.error}\n${FORMS}`);
    const written = parts?.[2];
    if (written === undefined) return range;
    const ports = portsIn(written);
    return ports.ok ? ok({ ...range.value, ports: ports.value }) : ports;
  });

/** A port, or several: 80, "80,443", "8000-8010". */
export const portList = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<readonly number[]>> =>
  value({ kind: "port or range of ports", range: "0 to 65535", type: ["integer", "string"] }, (input) =>
    typeof input === "number" || typeof input === "string"
      ? portsIn(String(input))
      : err(`${shown(input)} is not a port`),
  );

function portsIn(text: string): Result<readonly number[], string> {
  const ports: number[] = [];
  for (const piece of text.split(",")) {
    const [, from, to = from] = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(piece) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === undefined || last > 65_535)
      return err(`${JSON.stringify(piece.trim())} is not a port from 0 to 65535`);
    if (last < first) return err(`${JSON.stringify(piece.trim())} ends before it begins`);
    if (ports.length + last - first + 1 > MOST_KEYS)
      return err(
        `has more than ${MOST_KEYS} ports\nThat is the most of one service: a \`fwmark\` takes any number.`,
      );
    for (let port = first; port <= last; port++) ports.push(port);
  }
  return ok(ports);
}
