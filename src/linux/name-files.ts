// /etc/hosts and /etc/services, line by line. A file that is not there has no lines.

import { readFileSync } from "node:fs";
import { parseIp, type IpAddress } from "../core/address.js";

/** The canonical name first. */
export function hostsFile(): { readonly address: IpAddress; readonly names: readonly string[] }[] {
  return linesOf("/etc/hosts").flatMap(([text = "", ...names]) => {
    const address = parseIp(text);
    return address.ok && names.length > 0 ? [{ address: address.value, names }] : [];
  });
}

/** `port`: "80/tcp"; the official name first. */
export function servicesFile(): { readonly port: string; readonly names: readonly string[] }[] {
  return linesOf("/etc/services").flatMap(([name, port, ...others]) =>
    name !== undefined && port !== undefined && /^\d+\/[a-z]+$/.test(port)
      ? [{ port, names: [name, ...others] }]
      : [],
  );
}

function linesOf(path: string): string[][] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").map((line) =>
    line
      .replace(/#.*/, "")
      .split(/\s+/)
      .filter((word) => word !== ""),
  );
}
