// The log: winston with a transport of our own that hands the lines to the sinks before the call returns. What is said
// together, as when a thousand servers fail at once, is one entry of winston's: its way costs more than a line does.
// (winston's File transport keeps lines in memory; after a process.exit not one of 100,000 was on disk.)
// Repeats are counted before the lines reach winston.

import { writeSync } from "node:fs";
import winston from "winston";
import Transport from "winston-transport";
import type { LogConfig, LogLevel, LogTarget } from "../config/model.js";
import { LOG_LEVELS } from "../config/model.js";
import { fileSink } from "./file-sink.js";
import { journaldSink, syslogSink } from "./datagram-sinks.js";
import { formatJson, formatText, type LogRecord } from "./record.js";
import { Repeats } from "./repeats.js";
import { counting, type SendDatagram, type Sink } from "./sink.js";
import { stderrSink } from "./stderr-sink.js";

const FLUSH_EVERY_MS = 5000;
const levels = Object.fromEntries(LOG_LEVELS.map((level, index) => [level, index]));

export type LogPorts = {
  readonly sendDatagram: SendDatagram;
  readonly describeErrno: (errno: number) => string;
  /** Wall-clock milliseconds. */
  readonly now: () => number;
  /** Monotonic milliseconds, for how long something took; Node's own unless a test has one. */
  readonly monotonic?: () => number;
};

type Entry = winston.Logform.TransformableInfo & { readonly records: readonly LogRecord[] };

/** Writes before winston's call returns. */
const transportTo = (sink: Sink): Transport =>
  new Transport({
    log(entry: Entry, done) {
      sink.write(entry.records);
      done();
    },
  });

/** The sinks make the text: without this, winston makes one of its own for nobody. */
const unformatted = winston.format((entry) => entry)();

export class Log {
  private readonly ports: LogPorts;
  private readonly monotonic: () => number;
  private readonly logger: winston.Logger;
  private readonly repeats: Repeats;
  private readonly flusher: NodeJS.Timeout;
  private sinks: readonly Sink[] = [];
  /** Lines on their way, in one call. */
  private said: LogRecord[] = [];
  private closed = false;

  constructor(config: LogConfig, ports: LogPorts) {
    this.ports = ports;
    this.monotonic = ports.monotonic ?? (() => performance.now());
    this.logger = winston.createLogger({
      levels,
      level: config.level,
      format: unformatted,
      exitOnError: false,
    });
    this.repeats = new Repeats(
      (record) => {
        // A count may be of lines that were shown before a reload, and are not any more.
        if (this.shown(record.level)) this.said.push(record);
      },
      { wall: ports.now, monotonic: this.monotonic },
    );
    this.flusher = setInterval(() => {
      this.repeats.flushDue();
      this.handOver();
    }, FLUSH_EVERY_MS).unref();
    this.configure(config);
  }

  /**
   * Lines go to the new targets from here on. Repeats go on being counted: a reload every second would else make
   * one line of each.
   */
  configure(config: LogConfig): void {
    const old = this.sinks;
    this.sinks = config.targets.map((target) =>
      counting(this.open(target, config), (text) => this.complain(text, target)),
    );
    this.logger.clear();
    this.logger.level = config.level;
    for (const sink of this.sinks) {
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares the class twice over (`export =`); it is the same one.
      this.logger.add(transportTo(sink));
    }
    for (const sink of old) sink.close();
  }

  /** Lines that are said together. They are in the sinks when this returns. */
  write(records: readonly LogRecord[]): void {
    if (this.closed) return;
    for (const record of records) if (this.shown(record.level)) this.repeats.offer(record);
    this.handOver();
  }

  say(level: LogLevel, subject: string, text: string): void {
    this.write([{ time: this.ports.now(), level, subject, text }]);
  }

  /** After a rotation: files are opened anew at their paths. */
  reopen(): void {
    for (const sink of this.sinks) sink.reopen();
  }

  /** Writes the counts of repeats and what a sink still keeps. Lines said afterwards are dropped. */
  close(): void {
    if (this.closed) return;
    this.repeats.flushAll();
    this.handOver();
    this.closed = true;
    clearInterval(this.flusher);
    for (const sink of this.sinks) sink.close();
  }

  private handOver(): void {
    const { said: records } = this;
    const [first] = records;
    if (first === undefined) return;
    this.said = [];
    // All of them are shown: any of their levels is one that winston lets through.
    this.logger.log({ level: first.level, message: "", records });
  }

  private shown(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.logger.level as LogLevel);
  }

  /** Says on standard error, if that is not where it failed, that a target does not take lines. */
  private complain(text: string, target: LogTarget): void {
    if (target.kind === "stderr") return;
    try {
      writeSync(2, `vipd: ${text}\n`);
    } catch {
      // Nobody can be told.
    }
  }

  private open(target: LogTarget, config: LogConfig): Sink {
    const format = config.format === "json" ? formatJson : formatText;
    switch (target.kind) {
      case "stderr":
        // systemd sets JOURNAL_STREAM when standard error leads to its journal (systemd.exec(5)).
        return stderrSink({ format, severityPrefix: process.env["JOURNAL_STREAM"] !== undefined });
      case "file":
        return fileSink(target.path, format, this.monotonic);
      case "journald":
        return journaldSink(this.ports.sendDatagram, this.ports.describeErrno);
      case "syslog":
        return syslogSink(target.facility, this.ports.sendDatagram, this.ports.describeErrno);
    }
  }
}
