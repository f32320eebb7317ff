// From the `maintenance` section to windows: what is taken out has to be there, and the times have to be understood.
// Cron expressions are read by a function that comes in, so that their package is loaded only for files that have some.

import { parseIp } from "../core/address.js";
import { serverId } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { ServiceConfig, WindowConfig } from "./model.js";
import type { Report } from "./report.js";
import type { ReadSchedule } from "./schedule.js";
import type { FileConfig } from "./schema.js";
import { didYouMean } from "./suggest.js";

/** Whether a file may have windows: they name things of the whole file, and have to be read with it. */
export const mayHaveWindows = (text: string): boolean => /maintenance["']?\s*:/.test(text);

/** How many names a hint lists. */
const LISTED_AT_MOST = 12;

export function resolveWindows(
  file: FileConfig,
  services: readonly ServiceConfig[],
  readSchedule: ReadSchedule,
  report: Report,
): readonly WindowConfig[] {
  const names = new Names(file, services, report);
  return Object.entries(file.maintenance ?? {}).map(([name, written]) => {
    const path: Path = ["maintenance", name];
    const { at, timezone, action, deadline, for: lasts } = written;
    const read = readSchedule(at, timezone);
    if (!read.ok) report.error([...path, read.error.part], "schedule", read.error.problem, read.error.hint);
    if (deadline !== undefined) {
      if (action !== "drain")
        report.error(
          [...path, "deadline"],
          "no-effect",
          "is for `action: drain`: this one takes servers out at once",
        );
      else if (deadline >= lasts)
        report.error(
          [...path, "deadline"],
          "deadline",
          "is not before the end of the window",
          "Make it less than `for`.",
        );
    }
    written.services?.forEach((service, i) => names.checkService(service, [...path, "services", i]));
    const servers = (written.servers ?? []).map((server, i) => names.target(server, [...path, "servers", i]));
    return {
      ...{ name, targets: [...new Set([...(written.services ?? []), ...servers])], at, lasts, action },
      ...(deadline === undefined ? {} : { deadline }),
      ...(timezone === undefined ? {} : { timezone }),
    };
  });
}

/** What windows can name. */
class Names {
  private readonly services: readonly string[];
  private readonly servers = new Set<string>();
  /** Those that are wrong themselves: what is said of them is enough. */
  private readonly unread: ReadonlySet<string>;
  private readonly report: Report;

  constructor(file: FileConfig, services: readonly ServiceConfig[], report: Report) {
    this.report = report;
    this.services = Object.keys(file.services ?? {});
    const read = new Set(services.map(({ name }) => name));
    this.unread = new Set(this.services.filter((name) => !read.has(name)));
    for (const { name, servers } of services)
      for (const { server } of servers)
        for (const word of [serverId(server), server.address]) this.servers.add(word).add(`${name}/${word}`);
  }

  checkService(name: string, path: Path): void {
    if (!this.services.includes(name) && !this.report.lacksNames(["services"]))
      this.unknown(`there is no service "${name}"`, name, this.services, path);
  }

  /** As orders name servers: addresses in their usual form. */
  target(written: string, path: Path): string {
    const slash = written.indexOf("/");
    const service = slash < 0 ? undefined : written.slice(0, slash);
    const server = usual(written.slice(slash + 1));
    const target = service === undefined ? server : `${service}/${server}`;
    if (this.servers.has(target)) return target;
    if (service === undefined) {
      if (this.services.includes(written))
        this.report.error(
          path,
          "unknown-server",
          `"${written}" is a service`,
          "It belongs under `services`.",
        );
      else if (this.unread.size === 0 && !this.report.isBroken(["services", "*", "servers"]))
        this.unknown(`there is no server "${written}"`, target, this.known(undefined), path);
    } else if (!this.services.includes(service)) this.checkService(service, path);
    else if (!this.unread.has(service) && !this.report.isBroken(["services", service, "servers"]))
      this.unknown(`service "${service}" has no server "${server}"`, target, this.known(service), path);
    return target;
  }

  private known(service: string | undefined): readonly string[] {
    return [...this.servers].filter((name) =>
      service === undefined ? !name.includes("/") : name.startsWith(`${service}/`),
    );
  }

  private unknown(message: string, name: string, known: readonly string[], path: Path): void {
    const near = didYouMean(name, known);
    const listed = known.slice(0, LISTED_AT_MOST).join(", ");
    const more = known.length > LISTED_AT_MOST ? ` and ${known.length - LISTED_AT_MOST} more` : "";
    this.report.error(
      path,
      "unknown-target",
      message,
      `${near === undefined ? "" : `Did you mean "${near}"? `}There is: ${known.length === 0 ? "none" : listed + more}.`,
    );
  }
}

function usual(server: string): string {
  const address = parseIp(server);
  return address.ok ? address.value : server;
}
