// What the dates of a certificate mean now: whether it is good, and whether its end is near.

import type { PeerCertificate } from "node:tls";
import type { FailReason } from "./checker.js";

const DAY = 86_400_000;
type Dates = Pick<PeerCertificate, "valid_from" | "valid_to">;

export function datesProblem(
  { valid_from: from, valid_to: to }: Dates,
  now: number,
): { readonly reason: FailReason; readonly detail: string } | undefined {
  if (Date.parse(to) <= now)
    return { reason: "certificate-expired", detail: `the certificate ended at ${to}` };
  if (Date.parse(from) > now)
    return { reason: "certificate-not-yet-valid", detail: `the certificate begins at ${from}` };
  return undefined;
}

export function expiryWarning({ valid_to: to }: Dates, days: number, now: number): string | undefined {
  const left = Date.parse(to) - now;
  if (left > days * DAY) return undefined;
  if (left <= 0) return `the certificate ended at ${to}`;
  const whole = Math.floor(left / DAY);
  return `the certificate ends in ${whole === 0 ? "less than a day" : whole === 1 ? "1 day" : `${whole} days`}, at ${to}`;
}
