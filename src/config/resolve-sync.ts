// From `sync` to what the kernel's two sync daemons are started with: refused is what the kernel would refuse, or would
// take and change.

import { isMulticast } from "../core/address.js";
import { mostSyncLength, type SyncConfig } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileConfig, FileSync } from "./schema.js";

export function syncOf(file: FileConfig, report: Report): SyncConfig | undefined {
  const written = file.sync;
  if (written === undefined) return undefined;
  const { backup, ttl } = written;
  if (Object.keys(file.services ?? {}).length === 0 && !report.isBroken(["services"]))
    report.warning(["sync"], "no-effect", "has no effect without services");
  if (backup !== undefined && !written.roles.includes("backup"))
    report.error(
      ["sync", "backup"],
      "misplaced",
      "belongs to the role `backup`, which is not one of the `roles`",
      "Remove it, or add the role.",
    );
  checkSyncLink(written.interface, ["sync", "interface"], file, report);
  if (backup?.interface !== undefined && backup.interface !== written.interface)
    checkSyncLink(backup.interface, ["sync", "backup", "interface"], file, report);
  const [sent, taken] = [written["max-length"], backup?.["max-length"]];
  if (sent !== undefined && taken !== undefined && taken < sent)
    report.warning(
      ["sync", "backup", "max-length"],
      "sync-length",
      `the backup daemon takes ${taken} bytes, and the master of the same file sends up to ${sent}: longer datagrams are lost`,
      "Make it as long, or leave it out.",
    );
  return {
    interface: written.interface,
    id: written.id,
    roles: [...new Set(written.roles)],
    ...syncValues(written, written, ["sync"], file, report),
    ...(ttl === undefined ? {} : { ttl }),
    ...(backup === undefined
      ? {}
      : {
          backup: {
            ...(backup.interface === undefined ? {} : { interface: backup.interface }),
            ...(backup.id === undefined ? {} : { id: backup.id }),
            ...syncValues(backup, written, ["sync", "backup"], file, report),
          },
        }),
  };
}

/** What both daemons have alike; `at` is where it is written. */
function syncValues(
  { group, port, "max-length": maxLength }: Pick<FileSync, "group" | "port" | "max-length">,
  inherited: Pick<FileSync, "group">,
  at: Path,
  file: FileConfig,
  report: Report,
): Pick<SyncConfig, "group" | "port" | "maxLength"> {
  if (group !== undefined && !isMulticast(group))
    report.error([...at, "group"], "not-multicast", `${group} is not a multicast address`);
  const most = mostSyncLength(group ?? inherited.group);
  if (maxLength !== undefined && maxLength > most)
    report.error(
      [...at, "max-length"],
      "sync-length",
      `${maxLength} bytes do not fit into a datagram of IPv6: ${most} are the most`,
    );
  const last = (port ?? 0) + (file.ipvs.sysctl?.["sync-ports"] ?? 1) - 1;
  if (port !== undefined && last > LAST_PORT)
    report.error(
      [...at, "port"],
      "sync-ports",
      `with \`sync-ports\` the daemons have the ports ${port} to ${last}, and there is none above ${LAST_PORT}`,
    );
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(group === undefined ? {} : { group }),
    ...(port === undefined ? {} : { port }),
  };
}
const LAST_PORT = 65_535;

/** Real servers behind NAT use a virtual address as their gateway: their link is no better than the clients'. */
function checkSyncLink(device: string, path: Path, file: FileConfig, report: Report): void {
  const clients = Object.entries(file.vrrp ?? {}).find(
    ([, one]) =>
      one.interface === device ||
      one.addresses.some((entry) => !("length" in entry) && entry.interface === device),
  );
  if (clients !== undefined)
    report.warning(
      path,
      "sync-on-client-link",
      `${device} also carries the virtual addresses of "${clients[0]}"`,
      "Anybody on that link can inject connections: the kernel does not authenticate. Use a link between the directors.",
    );
}
