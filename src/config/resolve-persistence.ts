// For how long a client comes back to the same server, and which clients count as one.

import { seconds, type Milliseconds } from "../core/units.js";
import type { Persistence } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Keys } from "./resolve-keys.js";
import type { Report } from "./report.js";
import type { FileService } from "./schema.js";

export function persistenceOf(
  written: FileService,
  { families }: Keys,
  path: Path,
  report: Report,
): Persistence | undefined {
  if (written.persistence === undefined) return undefined;
  const given: { readonly timeout: Milliseconds; readonly "prefix-length"?: number | undefined } =
    typeof written.persistence === "number" ? { timeout: written.persistence } : written.persistence;
  const isMixed = families.size > 1;
  if (isMixed && given["prefix-length"] !== undefined)
    report.error(
      [...path, "persistence", "prefix-length"],
      "prefix-length",
      "the service has addresses of both families, which one length does not fit",
      "Remove it, or make a service for each family.",
    );
  // That of the first key; the others have that of their family (ipvs/group.ts).
  const most = families.values().next().value === "ipv4" ? 32 : 128;
  const timeout: Milliseconds = given.timeout;
  if (timeout % 1000 !== 0)
    report.error([...path, "persistence"], "whole-seconds", "the kernel counts persistence in whole seconds");
  const prefixLength = (isMixed ? undefined : given["prefix-length"]) ?? most;
  if (prefixLength > most)
    report.error(
      [...path, "persistence", "prefix-length"],
      "prefix-length",
      `an IPv4 address has ${most} bits`,
    );
  return { timeout: seconds(Math.max(1, Math.floor(timeout / 1000))), prefixLength };
}
