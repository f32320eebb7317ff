// From the places where `notify` may stand to who is told what.

import { seconds } from "../core/units.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import type { NotifyConfig, NotifyPrograms } from "./model.js";
import type { Report } from "./report.js";
import type { FileConfig } from "./schema.js";

type Written = NonNullable<FileConfig["notify"]>;

export function resolveNotify(
  file: FileConfig,
  instances: readonly Pick<InstanceConfig, "group">[],
  report: Report,
): NotifyConfig {
  const { notify, vrrp = {}, groups = {} } = file;
  const members = new Set(instances.map(({ group }) => group));
  for (const name of Object.keys(groups))
    if (!members.has(name))
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
  const user = notify?.user === undefined ? {} : { user: notify.user };
  return {
    ...(notify === undefined ? {} : { all: programsOf(notify) }),
    instances: byName(vrrp),
    groups: byName(groups),
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
