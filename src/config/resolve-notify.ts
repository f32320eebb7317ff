// From the places where `notify` may stand to who is told what.

import { seconds } from "../core/units.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { serverId } from "../ipvs/model.js";
import type { NotifyConfig, NotifyPrograms, ServiceConfig, ServicePrograms } from "./model.js";
import type { Report } from "./report.js";
import type { FileConfig } from "./schema.js";

type Written = NonNullable<FileConfig["notify"]>;

export function resolveNotify(
  file: FileConfig,
  instances: readonly Pick<InstanceConfig, "group">[],
  configured: readonly ServiceConfig[],
  report: Report,
): NotifyConfig {
  const { notify, vrrp = {}, groups = {} } = file;
  const members = new Set(instances.map(({ group }) => group));
  for (const name of Object.keys(groups))
    if (!members.has(name) && !report.isBroken(["vrrp", "*", "group"]))
      report.warning(
        ["groups", name],
        "no-effect",
        "no instance is in this group",
        `Add \`group: ${name}\` to its instances.`,
      );
  const fifo = notify?.fifo;
  const reader = notify?.["fifo-reader"];
  if (reader !== undefined && fifo === undefined)
    report.error(
      ["notify", "fifo-reader"],
      "fifo-missing",
      "there is no FIFO to read",
      "Say where it is: fifo: /run/vipd/notify.fifo",
    );
  const services = servicesNotify(file, configured);
  const user = notify?.user === undefined ? {} : { user: notify.user };
  return {
    ...(notify === undefined ? {} : { all: programsOf(notify) }),
    instances: byName(vrrp),
    groups: byName(groups),
    ...(services === undefined ? {} : { services }),
    ...(fifo === undefined
      ? {}
      : { fifo: { path: fifo, ...(reader === undefined ? {} : { reader: { argv: reader, ...user } }) } }),
  };
}

function byName(
  entries: Readonly<Record<string, { readonly notify?: Omit<Written, "fifo" | "fifo-reader"> | undefined }>>,
): Record<string, NotifyPrograms> {
  return Object.fromEntries(
    Object.entries(entries).flatMap(([name, { notify }]) =>
      notify === undefined ? [] : [[name, programsOf(notify)]],
    ),
  );
}

function programsOf({
  master,
  backup,
  fault,
  stop,
  any,
  timeout,
  user,
}: Omit<Written, "fifo" | "fifo-reader">): NotifyPrograms {
  return {
    when: {
      ...(master === undefined ? {} : { master }),
      ...(backup === undefined ? {} : { backup }),
      ...(fault === undefined ? {} : { fault }),
      ...(stop === undefined ? {} : { stop }),
      ...(any === undefined ? {} : { any }),
    },
    timeout: timeout ?? seconds(30),
    ...(user === undefined ? {} : { user }),
  };
}

type WrittenForService = NonNullable<NonNullable<FileConfig["services"]>[string]["notify"]>;

function servicesNotify(
  { services = {}, defaults }: FileConfig,
  configured: readonly ServiceConfig[],
): NotifyConfig["services"] {
  const all = defaults?.service?.notify;
  const own: Record<string, ServicePrograms & { servers: Record<string, ServicePrograms> }> = {};
  for (const { name, servers: resolved } of configured) {
    const written = services[name];
    if (written === undefined) continue;
    const servers: Record<string, ServicePrograms> = {};
    for (const [i, server] of written.servers.entries()) {
      const notify = "notify" in server ? server.notify : undefined;
      const at = resolved[i];
      if (notify !== undefined && at !== undefined) servers[serverId(at.server)] = serviceProgramsOf(notify);
    }
    if (written.notify !== undefined || Object.keys(servers).length > 0)
      own[name] = { ...serviceProgramsOf(written.notify ?? {}), servers };
  }
  if (all === undefined && Object.keys(own).length === 0) return undefined;
  return { ...(all === undefined ? {} : { all: serviceProgramsOf(all) }), own };
}

function serviceProgramsOf({ timeout, user, ...programs }: WrittenForService): ServicePrograms {
  const when = Object.fromEntries(Object.entries(programs).filter(([, program]) => program !== undefined));
  return { when, timeout: timeout ?? seconds(30), ...(user === undefined ? {} : { user }) };
}
