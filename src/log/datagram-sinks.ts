// journald's native protocol (systemd: docs/JOURNAL_NATIVE_PROTOCOL.md) and syslog (RFC 3164, as /dev/log
// takes it). Both are single datagrams to a local socket, sent without waiting.

import { SYSLOG_FACILITIES, type SyslogFacility } from "../config/model.js";
import { formatMessage, formatTime, SEVERITY, type LogRecord } from "./record.js";
import type { Loss, SendDatagram, Sink } from "./sink.js";

const JOURNAL_SOCKET = "/run/systemd/journal/socket";
const SYSLOG_SOCKET = "/dev/log";
/** Longer texts are cut: a datagram has to fit the socket's buffer. */
const LONGEST_MESSAGE = 32 * 1024;

/** A line is a datagram: one that is refused loses no other one. */
const eachAlone =
  (path: string, describeError: (errno: number) => string, send: (record: LogRecord) => number) =>
  (records: readonly LogRecord[]): Loss | undefined => {
    let loss: Loss | undefined;
    for (const record of records) {
      const sent = send(record);
      if (sent < 0) loss = { lines: (loss?.lines ?? 0) + 1, why: `${path}: ${describeError(sent)}` };
    }
    return loss;
  };

const passive = { reopen: () => undefined, close: () => undefined };

export function journaldSink(
  send: SendDatagram,
  describeError: (errno: number) => string,
  path = JOURNAL_SOCKET,
): Sink {
  return {
    name: "journald",
    write: eachAlone(path, describeError, (record) => send(path, Buffer.from(journalEntry(record)))),
    ...passive,
  };
}

export function journalEntry(record: LogRecord): string {
  const fields: Record<string, string> = {
    MESSAGE: formatMessage(record).slice(0, LONGEST_MESSAGE),
    PRIORITY: String(SEVERITY[record.level]),
    SYSLOG_IDENTIFIER: "vipd",
    VIPD_SUBJECT: record.subject,
    VIPD_TIME: new Date(record.time).toISOString(),
  };
  if (record.process !== undefined) fields["VIPD_PROCESS"] = record.process;
  if (record.event !== undefined) {
    fields["VIPD_KIND"] = record.event.kind;
    fields["VIPD_EVENT"] = JSON.stringify(record.event).slice(0, LONGEST_MESSAGE);
  }
  // No value holds a newline, so that the simple form of the protocol does: NAME=value.
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}\n`)
    .join("");
}

export function syslogSink(
  facility: SyslogFacility,
  send: SendDatagram,
  describeError: (errno: number) => string,
  path = SYSLOG_SOCKET,
): Sink {
  const number = SYSLOG_FACILITIES[facility];
  return {
    name: `syslog ${facility}`,
    write: eachAlone(path, describeError, (record) => {
      const line = `<${number * 8 + SEVERITY[record.level]}>${syslogTime(record.time)} vipd[${process.pid}]: `;
      return send(path, Buffer.from(line + formatMessage(record).slice(0, LONGEST_MESSAGE)));
    }),
    ...passive,
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Nov 20 23:52:01": RFC 3164 section 4.1.2 wants English months and a space-padded day. */
function syslogTime(time: number): string {
  const at = new Date(time);
  return `${MONTHS[at.getMonth()] ?? ""} ${String(at.getDate()).padStart(2, " ")} ${formatTime(time).slice(11, 19)}`;
}
