// From `depends-on` as it is written to what a check needs: another check of the same server, a track, a service or
// a server of one. What is written of a service is looked up when all services are known; a circle of services that
// wait for each other, none of which could ever be found up again, is refused.

import { formatEndpoint } from "../core/address.js";
import { serverId, type ServerId } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { CheckNeed, ServiceConfig } from "./model.js";
import type { Report } from "./report.js";
import { trackId } from "./resolve-tracks.js";
import type { FileConfig } from "./schema.js";
import { didYouMean } from "./suggest.js";
import type { Endpoint } from "./values.js";

export type WrittenNeed = {
  readonly check?: string | number | undefined;
  readonly track?: string | undefined;
  readonly service?: string | undefined;
  readonly server?: (Omit<Endpoint, "port"> & { readonly port?: number }) | undefined;
};
type Wait = {
  readonly path: Path;
  readonly service: string;
  readonly server: WrittenNeed["server"];
  readonly found: (server: ServerId) => void;
};

const other = (name: string, names: readonly string[], kind: string): string => {
  const near = didYouMean(name, names);
  return `there is no ${kind} "${name}"${near === undefined ? "" : `, did you mean "${near}"?`}`;
};

export class NeedReader {
  private readonly file: FileConfig;
  private readonly report: Report;
  private readonly waits: Wait[] = [];

  constructor(file: FileConfig, report: Report) {
    this.file = file;
    this.report = report;
  }

  /** `types`: of the checks in the list, of which this is the one at `own`. */
  read(
    written: WrittenNeed | readonly WrittenNeed[],
    types: readonly string[],
    own: number,
    path: Path,
  ): CheckNeed[] {
    const isList = Array.isArray(written);
    const needs = (isList ? written : [written]) as readonly WrittenNeed[];
    return needs.flatMap((need, i): readonly CheckNeed[] => {
      const at: Path = isList ? [...path, i] : path;
      if (need.check !== undefined) return this.check(need.check, types, own, [...at, "check"]);
      if (need.track !== undefined) return this.track(need.track, [...at, "track"]);
      return need.service === undefined ? [] : this.service(need.service, need.server, at);
    });
  }

  /** Once all services are there. */
  finish(services: readonly ServiceConfig[]): void {
    for (const wait of this.waits) {
      const service = services.find(({ name }) => name === wait.service);
      if (service !== undefined && wait.server !== undefined) this.findServer(service, wait.server, wait);
    }
    const circle = this.waits.length === 0 ? undefined : circleOf(services);
    if (circle !== undefined)
      this.report.error(
        ["services", circle[0] ?? ""],
        "circle",
        `its checks depend on themselves: ${[...circle, circle[0]].join(" -> ")}`,
        "Once down, none of them would ever be checked again: take one `depends-on` out.",
      );
  }

  private check(
    written: string | number,
    types: readonly string[],
    own: number,
    path: Path,
  ): readonly CheckNeed[] {
    const places = types.flatMap((type, i) => (type === written ? [i] : []));
    const place = typeof written === "number" ? written - 1 : places[0];
    const list = types.map((type, i) => `${i + 1} ${type}`).join(", ");
    const before = path.slice(0, path.lastIndexOf("depends-on") - 1);
    if ((place === undefined || place >= types.length) && this.report.isBroken(before)) return [];
    if (place === undefined || place >= types.length)
      this.report.error(
        path,
        "unknown-check",
        `there is no check ${written} in the list`,
        `There are: ${list}.`,
      );
    else if (typeof written === "string" && places.length > 1)
      this.report.error(
        path,
        "ambiguous-check",
        `there are ${places.length} checks of type ${written}`,
        `Write the place of one in the list: ${list}.`,
      );
    else if (place >= own)
      this.report.error(
        path,
        "later-check",
        `the check stands at ${own + 1} and what it depends on at ${place + 1}`,
        "A check depends on one that stands before it in the list.",
      );
    else return [{ kind: "check", check: place }];
    return [];
  }

  private track(name: string, path: Path): readonly CheckNeed[] {
    const tracks = this.file.tracks ?? {};
    const track = Object.hasOwn(tracks, name) ? tracks[name] : undefined;
    if (track !== undefined) return [{ kind: "track", id: trackId(name, track), name }];
    const names = Object.keys(tracks);
    if (this.report.lacksNames(["tracks"])) return [];
    this.report.error(
      path,
      "unknown-track",
      other(name, names, "track"),
      names.length === 0
        ? "Describe it under `tracks`, at the top of the file."
        : `The tracks are: ${names.join(", ")}.`,
    );
    return [];
  }

  private service(service: string, server: WrittenNeed["server"], path: Path): readonly CheckNeed[] {
    const services = this.file.services ?? {};
    if (!Object.hasOwn(services, service)) {
      const names = Object.keys(services);
      if (this.report.lacksNames(["services"])) return [];
      this.report.error([...path, "service"], "unknown-service", other(service, names, "service"));
      return [];
    }
    const need = { kind: "server" as const, service, server: "" as ServerId };
    this.waits.push({ path, service, server, found: (id) => void (need.server = id) });
    return server === undefined ? [{ kind: "service", service }] : [need];
  }

  private findServer(
    service: ServiceConfig,
    { address, port }: NonNullable<WrittenNeed["server"]>,
    wait: Wait,
  ): void {
    const found = service.servers.filter(
      ({ server }) => server.address === address && (port === undefined || server.port === port),
    );
    const [only] = found;
    if (only !== undefined && found.length === 1) return wait.found(serverId(only.server));
    const written = port === undefined ? address : formatEndpoint(address, port);
    if (found.length === 0 && this.report.isBroken(["services", service.name, "servers"])) return;
    this.report.error(
      [...wait.path, "server"],
      "unknown-server",
      `${service.name} has ${found.length === 0 ? "no server" : "more than one server"} ${written}`,
      `Name one as the status does: ${service.servers
        .slice(0, 5)
        .map(({ server }) => serverId(server))
        .join(", ")}.`,
    );
  }
}

/** The names of services that wait for each other in a circle, in order. */
function circleOf(services: readonly ServiceConfig[]): readonly string[] | undefined {
  const needed = new Map(services.map((service) => [service.name, servicesNeededBy(service)]));
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (name: string): readonly string[] | undefined => {
    const seen = way.indexOf(name);
    if (seen >= 0) return way.slice(seen);
    if (done.has(name)) return undefined;
    way.push(name);
    for (const next of needed.get(name) ?? []) {
      const circle = visit(next);
      if (circle !== undefined) return circle;
    }
    way.pop();
    done.add(name);
    return undefined;
  };
  for (const { name } of services) {
    const circle = visit(name);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

function servicesNeededBy({ servers }: ServiceConfig): ReadonlySet<string> {
  const names = new Set<string>();
  // Mostly all servers have the very same list of checks.
  for (const checks of new Set(servers.map((server) => server.checks)))
    for (const { needs = [] } of checks)
      for (const need of needs) if ("service" in need) names.add(need.service);
  return names;
}
