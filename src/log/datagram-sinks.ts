// journald's native protocol (systemd: docs/JOURNAL_NATIVE_PROTOCOL.md) and syslog (RFC 3164, as /dev/log
// takes it). Both are single datagrams to a local socket, sent without waiting.

import { SYSLOG_FACILITIES, type SyslogFacility } from "../config/model.js";
import { DatagramBacklog } from "./datagram-backlog.js";
import { formatMessage, formatTime, SEVERITY, type LogRecord } from "./record.js";
import type { SendDatagram, Sink } from "./sink.js";

const JOURNAL_SOCKET = "/run/systemd/journal/socket";
const SYSLOG_SOCKET = "/dev/log";
/** Longer texts are cut: a datagram has to fit the socket's buffer. */
const LONGEST_MESSAGE = 32 * 1024;

/** A line is a datagram. */
function datagramSink(
  name: string,
  path: string,
  send: SendDatagram,
  describeError: (errno: number) => string,
  text: (record: LogRecord) => string,
): Sink {
  const backlog = new DatagramBacklog(
    (datagram) => send(path, datagram),
    (errno) => `${path}: ${describeError(errno)}`,
  );
  return {
    name,
    write: (records) => backlog.put(records.map((record) => Buffer.from(text(record)))),
    reopen: () => undefined,
    close: () => backlog.close(),
  };
}

export function journaldSink(
  send: SendDatagram,
  describeError: (errno: number) => string,
  path = JOURNAL_SOCKET,
): Sink {
  return datagramSink("journald", path, send, describeError, journalEntry);
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
  return datagramSink(`syslog ${facility}`, path, send, describeError, (record) => {
    const line = `<${number * 8 + SEVERITY[record.level]}>${syslogTime(record.time)} vipd[${process.pid}]: `;
    return line + formatMessage(record).slice(0, LONGEST_MESSAGE);
  });
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Nov 20 23:52:01": RFC 3164 section 4.1.2 wants English months and a space-padded day. */
function syslogTime(time: number): string {
  const at = new Date(time);
  return `${MONTHS[at.getMonth()] ?? ""} ${String(at.getDate()).padStart(2, " ")} ${formatTime(time).slice(11, 19)}`;
}
