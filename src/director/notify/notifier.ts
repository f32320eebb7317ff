// Tells the operator's programs what became of instances and sync groups, of services and their real servers: each in its
// own order, and never on the path of an advert, because this runs in the supervisor. Whatever goes wrong with a program is
// an event.

import { PROGRAM_ENVIRONMENT } from "../../checkers/script.js";
import type { Config, NotifyConfig, NotifyPrograms, NotifyWhen } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import { span } from "../../control/reason.js";
import type { Milliseconds } from "../../core/units.js";
import type { RunEnd } from "../../ports/runner.js";
import { Fifo, type FifoPorts } from "./fifo.js";
import { FifoReader } from "./fifo-reader.js";
import { fifoLine, Notifications, type Notification, type NotifyState } from "./notification.js";
import {
  isOfService,
  programFor,
  serviceEnvironment,
  serviceFifoLine,
  serviceNotification,
  type ServiceNotification,
} from "./service-notification.js";
import { MOST_WAITING, ProgramQueues, type QueuePorts } from "./program-queue.js";

export type NotifierPorts = QueuePorts & {
  readonly openFifo: FifoPorts["open"];
  readonly report: (event: VipdEvent) => void;
};
export type NotifierConfig = Pick<Config, "node" | "notify" | "vrrp">;

const SPECIFIC: Readonly<Record<NotifyState, NotifyWhen>> = {
  MASTER: "master",
  BACKUP: "backup",
  FAULT: "fault",
  STOP: "stop",
  DELETED: "stop",
};

export class Notifier {
  private readonly ports: NotifierPorts;
  private readonly notifications = new Notifications();
  private readonly queues: ProgramQueues;
  private config: NotifierConfig | undefined;
  /** Of instances that the last reload has removed, and that end soon. */
  private readonly leaving = new Map<string, NotifyPrograms>();
  private fifo: Fifo | undefined;
  private reader: FifoReader | undefined;
  private sequence = 0;

  constructor(ports: NotifierPorts) {
    this.ports = ports;
    this.queues = new ProgramQueues(ports);
  }

  configure(config: NotifierConfig): void {
    this.leaving.clear();
    for (const [name, programs] of Object.entries(this.config?.notify.instances ?? {}))
      if (!Object.hasOwn(config.notify.instances, name)) this.leaving.set(name, programs);
    this.config = config;
    this.notifications.configure(config.vrrp);
    this.configureFifo(config.notify.fifo);
  }

  observe(event: VipdEvent): void {
    for (const notification of this.notifications.observe(event)) this.notify(notification);
    // Thousands of servers may fail at once, and mostly nobody is told of any.
    const isHeard = this.fifo !== undefined || this.config?.notify.services !== undefined;
    if (!isHeard) this.sequence += isOfService(event) ? 1 : 0;
    else if (isOfService(event)) this.notifyOfService(serviceNotification(event));
  }

  /** After the last event. What is not done within this time is ended. */
  async finish(within: Milliseconds): Promise<void> {
    await this.queues.finish(within);
    this.fifo?.close();
    await this.reader?.stop();
  }

  private configureFifo(wanted: NotifyConfig["fifo"]): void {
    if (wanted?.path !== this.fifo?.path) {
      this.fifo?.close();
      this.fifo =
        wanted === undefined
          ? undefined
          : new Fifo(wanted.path, {
              open: this.ports.openFifo,
              timers: this.ports.timers,
              warn: (text) => this.ports.report({ kind: "warning", subject: "notify", text }),
            });
    }
    const program = wanted?.reader;
    if (JSON.stringify(program) === JSON.stringify(this.reader?.program)) return;
    void this.reader?.stop();
    this.reader =
      wanted === undefined || program === undefined
        ? undefined
        : new FifoReader(program, wanted.path, this.ports);
  }

  private notify(notification: Notification): void {
    this.sequence++;
    this.fifo?.write(fifoLine(notification));
    const { config } = this;
    if (config === undefined) return;
    const { name, type, to } = notification;
    const { all, instances, groups } = config.notify;
    // Of an entry with both families, each part is told by the entry's programs.
    const [entry = name] = name.split("/");
    const own = type === "GROUP" ? groups[name] : (instances[entry] ?? this.leaving.get(entry));
    for (const programs of [own, all])
      for (const when of [SPECIFIC[to], "any"] as const) {
        const words = programs?.when[when];
        if (programs !== undefined && words !== undefined)
          this.enqueue(
            { queue: `${type} ${name}`, subject: name, group: type === "GROUP", to },
            programs,
            when === "any" ? [...words, ...argumentsOf(notification)] : words,
            environmentOf(notification),
          );
      }
  }

  private notifyOfService(notification: ServiceNotification): void {
    this.sequence++;
    this.fifo?.write(serviceFifoLine(notification));
    const programs = this.config && programFor(this.config.notify, notification);
    if (programs === undefined) return;
    const { service, server, to } = notification;
    const subject = `service ${service}${server === undefined ? "" : ` ${server}`}`;
    this.enqueue(
      { queue: subject, subject, group: false, to },
      programs,
      programs.argv,
      serviceEnvironment(notification),
    );
  }

  private enqueue(
    told: Told,
    { timeout, user }: Pick<NotifyPrograms, "timeout" | "user">,
    argv: readonly [string, ...string[]],
    environment: Readonly<Record<string, string>>,
  ): void {
    const { sequence } = this;
    const lost = this.queues.add(told.queue, {
      command: {
        argv,
        environment: {
          ...PROGRAM_ENVIRONMENT,
          VIPD_NODE: this.config?.node ?? "",
          ...environment,
          VIPD_SEQUENCE: String(sequence),
        },
        ...(user === undefined ? {} : { user }),
      },
      timeout,
      done: (end, waited, took) => this.report(told, sequence, argv[0], end, waited, took, timeout),
    });
    if (lost > 0) {
      const text = `a notification was left out: ${MOST_WAITING} newer ones wait for programs that take too long`;
      this.ports.report({ kind: "warning", subject: `notify ${told.subject}`, text });
    }
  }

  private report(
    { subject, group, to }: Told,
    sequence: number,
    program: string,
    end: RunEnd,
    waited: Milliseconds,
    took: Milliseconds,
    timeout: Milliseconds,
  ): void {
    this.ports.report({
      kind: "notified",
      subject,
      group,
      state: to,
      program,
      ok: end.kind === "exited" && end.code === 0,
      result: resultOf(end, took < timeout ? "at the stop of vipd" : `after ${span(timeout)}`),
      sequence,
      waited_ms: Math.round(waited),
      took_ms: Math.round(took),
    });
  }
}

/** Who or what a program is told of: in which queue, and in which words. */
type Told = {
  readonly queue: string;
  readonly subject: string;
  readonly group: boolean;
  readonly to: string;
};

function environmentOf(notification: Notification): Record<string, string> {
  const { type, name, from, to, priority, reason, detail } = notification;
  return {
    VIPD_TYPE: type,
    VIPD_NAME: name,
    VIPD_FROM: from ?? "",
    VIPD_TO: to,
    VIPD_PRIORITY: String(priority),
    VIPD_REASON: reason,
    VIPD_REASON_TEXT: detail,
  };
}

/** As keepalived passes them. */
const argumentsOf = ({ type, name, to, priority }: Notification): readonly string[] => [
  type,
  name,
  to,
  String(priority),
];

/** `limit`: when it was ended, if it was. */
function resultOf(end: RunEnd, limit: string): string {
  if (end.kind === "not-runnable") return end.why;
  const [line = ""] = end.stderr.split("\n");
  const said = line === "" ? "" : `: ${line.slice(0, 200).replace(/[\x00-\x1f\x7f]/g, "?")}`;
  switch (end.kind) {
    case "exited":
      return `exit code ${end.code}${said}`;
    case "killed":
      return `killed by ${end.signal}${said}`;
    case "cancelled":
      return `not done ${limit}: ended with TERM${said}`;
  }
}
