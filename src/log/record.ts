// One line of the log before it is text, and its two written forms. Knows nothing of where lines go.

import type { LogLevel } from "../config/model.js";
import { describe } from "../control/describe.js";
import type { EventRecord, ProcessName, VipdEvent } from "../control/event.js";

export type LogRecord = {
  /** Wall-clock time, milliseconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  /** What it is about: "vrrp web", "config". */
  readonly subject: string;
  readonly text: string;
  readonly process?: ProcessName;
  /** What the line was made from, for readers of the JSON form. */
  readonly event?: VipdEvent;
};

export const toLogRecord = (record: EventRecord): LogRecord => ({
  time: record.time,
  process: record.process,
  event: record.event,
  ...describe(record.event),
});

/** Severities of syslog (RFC 5424 section 6.2.1), also used by journald and by systemd's "<N>" prefix. */
export const SEVERITY: Record<LogLevel, number> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** "2026-11-20 23:52:01.123", in local time: an operator compares it with a wall clock. */
export function formatTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = formatSecond(new Date(time));
  }
  return `${lastText}.${String(Math.floor(time - second * 1000)).padStart(3, "0")}`;
}

/** Of the last line: most of a burst are of the same second. */
let lastSecond = NaN;
let lastText = "";

function formatSecond(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export const formatMessage = (record: LogRecord): string => oneLine(`${record.subject}: ${record.text}`);

export const formatText = (record: LogRecord): string =>
  `${formatTime(record.time)} ${record.level} ${formatMessage(record)}`;

export const formatJson = (record: LogRecord): string =>
  JSON.stringify({
    time: new Date(record.time).toISOString(),
    level: record.level,
    subject: record.subject,
    text: record.text,
    process: record.process,
    event: record.event,
  });

/**
 * Makes control characters visible. Some of the text comes from other machines and from scripts; none of it
 * may start a line of its own or steer a terminal.
 */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return " ";
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
