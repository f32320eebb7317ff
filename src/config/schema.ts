// The whole configuration file as one zod schema: the keys there are, and the kind of each value. The JSON
// Schema for editors and docs/config.md are made from it. Whether the values make sense together is not
// known here (resolve.ts).

import { z } from "zod";

import { milliseconds, minutes } from "../core/units.js";
import type { CheckerSpec } from "./checker-spec.js";
import { LOG_LEVELS, SYSLOG_FACILITIES, type SyslogFacility } from "./model.js";
import { alertSchema } from "./schema-alerts.js";
import { modulesSchema, sysctlSchema, timeoutsSchema } from "./schema-kernel-settings.js";
import { staticSchema } from "./schema-routing.js";
import { massFailureSchema } from "./schema-policy.js";
import { serviceDefaultsSchema, serviceSchema, timingSchema } from "./schema-services.js";
import { globalNotifySchema, groupSchema } from "./schema-notify.js";
import { tracksSchema } from "./schema-tracks.js";
import { entryName, nodeName } from "./schema-names.js";
import { windowSchema } from "./schema-windows.js";
import { instanceSchema, nodeSchema, syncSchema, vrrpDefaultsSchema } from "./schema-vrrp.js";
import { absolutePath, choice, duration, flag, integer, list, section, userName } from "./values.js";

const FACILITIES = Object.keys(SYSLOG_FACILITIES) as [SyslogFacility, ...SyslogFacility[]];

const target = section({
  file: absolutePath().optional().describe("Appends to this file; it is opened again on SIGUSR1."),
  syslog: choice(FACILITIES).optional().describe("Sends to the local syslog with this facility."),
}).superRefine((value, context) => {
  if ((value.file === undefined) === (value.syslog === undefined))
    context.addIssue({
      code: "custom",
      message:
        "is not one target\nWrite one of: stderr, journald, syslog, { file: /PATH }, { syslog: FACILITY }.",
    });
});

const logSchema = section({
  level: choice(LOG_LEVELS)
    .prefault("info")
    .describe("The least important lines that are written: each level includes the ones before it."),
  format: choice(["text", "json"]).prefault("text").describe("`json`: one object a line, with every figure."),
  targets: list(z.union([choice(["stderr", "journald", "syslog"]), target]), { min: 1, max: 8 })
    .prefault(["stderr"])
    .describe("Where lines go: `stderr`, `journald`, `syslog`, `{ file: /PATH }`, `{ syslog: FACILITY }`."),
});

const processSchema = section({
  "realtime-priority": integer({ min: 0, max: 99 })
    .prefault(50)
    .describe(
      "SCHED_FIFO priority of the VRRP process, so that load does not delay adverts. 0: ordinary scheduling.",
    ),
  transport: choice(["native", "raw-socket"])
    .prefault("native")
    .describe("What carries adverts: vipd's own addon, or the raw-socket package."),
});

const scriptsSchema = section({
  security: flag()
    .prefault(true)
    .describe(
      "Whether a program is refused that would run as root although others than root may change it, or a folder " +
        "on the way to it. The log and `vipd check` name the part.",
    ),
  user: userName()
    .optional()
    .meta({ otherwise: "vipd's own, usually root" })
    .describe("Name or number of the user that programs run as, if they name none themselves."),
});

const ipvsSchema = section({
  "reconcile-every": duration({ min: milliseconds(1000), max: minutes(60) })
    .prefault("10s")
    .describe("How often the kernel's table is compared with the wanted one, and repaired."),
  "on-stop": choice(["remove", "keep"])
    .prefault("remove")
    .describe("What a clean stop does with vipd's entries in the kernel's table."),
  timeouts: timeoutsSchema
    .optional()
    .describe(
      "How long the kernel remembers a connection without packets; what was there is put back at a stop.",
    ),
  sysctl: sysctlSchema
    .optional()
    .describe(
      "Settings of net.ipv4.vs by their names in the kernel, with `-`, and three of the network's. What is not written is not touched; what was there is " +
        "put back at a stop that removes the table, and after a crash by the next start.",
    ),
  modules: modulesSchema()
    .optional()
    .describe(
      "Kernel modules that are loaded at the start: `ip_vs_ftp` makes FTP work behind NAT, active and passive, by " +
        "rewriting the addresses that are told in its connection. " +
        "Schedulers and the SIP engine are loaded by the kernel when a service needs them. Under systemd vipd may not load " +
        "modules: name it in `/etc/modules-load.d/`.",
    ),
  "mass-failure": massFailureSchema
    .prefault({})
    .describe(
      "When servers count as having failed together, of a service or of the whole director; then each service's " +
        "`mass-failure` says what follows.",
    ),
});

const defaultsSchema = section({
  vrrp: vrrpDefaultsSchema.optional().describe("For every instance under `vrrp`."),
  service: serviceDefaultsSchema.optional().describe("For every service under `services`."),
  check: timingSchema.optional().describe("Timing of every check."),
});

export function fileSchema(checkers: readonly CheckerSpec[]) {
  return section({
    nodes: z
      .record(nodeName(), nodeSchema)
      .describe(
        "The directors that share this file, by host name. Each finds itself by its host name, or by `--node`.",
      ),
    vrrp: z
      .record(entryName(), instanceSchema)
      .optional()
      .describe("VRRP instances (virtual routers) by name."),
    static: staticSchema
      .optional()
      .describe(
        "Addresses, routes and rules that are there from the start to the stop of vipd, whoever is master. What " +
          "was there before stays after the stop.",
      ),
    tracks: z
      .record(entryName(), tracksSchema(checkers))
      .optional()
      .describe(
        "What instances can follow (`vrrp.NAME.track`), by name: a script, processes or a file, whose state " +
          "changes their priority or is a fault.",
      ),
    groups: z
      .record(entryName(), groupSchema)
      .optional()
      .describe("What belongs to a sync group as a whole, by its name."),
    notify: globalNotifySchema
      .optional()
      .describe(
        "Programs that are told when an instance or a sync group changes its state, whichever it is.",
      ),
    alerts: z
      .record(entryName(), alertSchema)
      .optional()
      .describe("Who gets mails or web requests of what happens, by name."),
    sync: syncSchema
      .optional()
      .describe("The kernel's connection synchronisation, so that connections survive a failover."),
    services: z
      .record(entryName(), serviceSchema(checkers))
      .optional()
      .describe("Virtual services of the kernel's load balancer (IPVS) by name."),
    maintenance: z
      .record(entryName(), windowSchema)
      .optional()
      .describe("Windows of time in which servers are taken out and brought back by themselves, by name."),
    defaults: defaultsSchema
      .optional()
      .describe("Values for all instances, services and checks that do not set their own."),
    log: logSchema.prefault({}).describe("What is written about the work, and where."),
    ipvs: ipvsSchema.prefault({}).describe("The kernel's table as a whole."),
    scripts: scriptsSchema
      .prefault({})
      .describe("The programs of your own that vipd runs: checks, tracks and notifications."),
    process: processSchema.prefault({}).describe("The VRRP process."),
  });
}

/** The file as the schema gives it: every value read, nothing decided. */
export type WrittenFile = z.output<ReturnType<typeof fileSchema>>;
export type WrittenInstance = NonNullable<WrittenFile["vrrp"]>[string];

/** Of what may be written for each node, the value of one (per-node.ts). */
type Here<T> = {
  [K in keyof T]: K extends "interface" ? Exclude<T[K], Readonly<Record<string, string>>> : T[K];
};
/** An instance as one node reads it. */
export type FileInstance = Omit<
  WrittenInstance,
  "interface" | "second-path" | "addresses" | "excluded-addresses" | "track"
> & {
  readonly interface: string;
  readonly "second-path"?: string;
  readonly addresses: readonly Here<WrittenInstance["addresses"][number]>[];
  readonly "excluded-addresses"?: readonly Here<WrittenInstance["addresses"][number]>[];
  readonly track?: readonly Here<NonNullable<WrittenInstance["track"]>[number]>[];
};
type WrittenSync = NonNullable<WrittenFile["sync"]>;
export type FileSync = Omit<Here<WrittenSync>, "backup"> & {
  readonly backup?: Here<NonNullable<WrittenSync["backup"]>>;
};
/** The file as one node reads it. */
export type FileConfig = Omit<WrittenFile, "vrrp" | "sync"> & {
  readonly vrrp?: Readonly<Record<string, FileInstance>>;
  readonly sync?: FileSync;
};
export type FileRoute = NonNullable<FileInstance["routes"]>[number];
export type FileRule = NonNullable<FileInstance["rules"]>[number];
export type FileService = NonNullable<FileConfig["services"]>[string];
export type FileServer = FileService["servers"][number];
export type FileCheck = NonNullable<FileService["check"]>;
