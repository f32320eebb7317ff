// What a batch of alerts says: a mail with a subject and lines for people, or a JSON body for programs.

import { count } from "../../core/words.js";
import type { Alert } from "./alert.js";
import type { Batch } from "./target.js";

/** Lines of a mail; who wants all of a thousand reads the log. */
export const MOST_LINES = 200;

export type Mail = { readonly subject: string; readonly text: string };

export function mailOf(node: string, { alerts, leftOut, reminder }: Batch): Mail {
  const [first] = alerts;
  const bad = alerts.filter((alert) => alert.bad).length;
  const what =
    alerts.length === 1 && first !== undefined
      ? `${first.subject}: ${first.status.toUpperCase()}`
      : `${count(alerts.length, "change")}, ${bad === 0 ? "none" : bad} of them bad`;
  const subject = reminder ? `still wrong: ${count(alerts.length, "subject")}` : what;
  const lines = alerts.slice(0, MOST_LINES).map(lineOf);
  const more = alerts.length - lines.length;
  if (more > 0) lines.push(`... and ${more} more`);
  if (leftOut > 0) lines.push(`${leftOut} older ones are left out: there were too many`);
  const opening = reminder ? "These are still wrong; so each began:\n\n" : "";
  return { subject: oneLine(`vipd ${node}: ${subject}`, 200), text: `${opening}${lines.join("\n")}\n` };
}

const lineOf = ({ at, subject, text }: Alert): string =>
  oneLine(`${new Date(at).toISOString()} ${subject}: ${text}`, 800);

/** What a server says of itself must not begin a line of its own. */
const oneLine = (text: string, most: number): string => text.slice(0, most).replace(/[\x00-\x1f\x7f]/g, "?");

export function jsonOf(node: string, { alerts, leftOut, reminder }: Batch): string {
  return JSON.stringify({
    node,
    reminder,
    left_out: leftOut,
    alerts: alerts.map(({ kind, subject, status, bad, text, at }) => ({
      ...{ time: new Date(at).toISOString(), kind, subject, status, bad, text },
    })),
  });
}
