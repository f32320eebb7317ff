// From the `alerts` section to targets. Secrets stay in their files: they are looked at here, and read when they are used.

import type { Path } from "./diagnostic.js";
import type { AlertTargetConfig, AlertTransport } from "./model.js";
import type { Report } from "./report.js";
import type { ReadSecret } from "./resolve-adverts.js";
import type { FileConfig } from "./schema.js";

type Written = NonNullable<FileConfig["alerts"]>[string];

export function resolveAlerts(
  { alerts = {} }: FileConfig,
  readSecret: ReadSecret,
  report: Report,
): readonly AlertTargetConfig[] {
  return Object.entries(alerts).flatMap(([name, written]) => {
    const path: Path = ["alerts", name];
    const by = transportOf(written, path, readSecret, report);
    if (by === undefined) return [];
    const { kinds, status, collect, repeat, timeout } = written;
    checkTurns(kinds, status, path, report);
    return [
      {
        ...{ name, by, kinds: [...new Set(kinds)], status: [...new Set(status)], collect, timeout },
        ...(repeat === undefined ? {} : { repeat }),
      },
    ];
  });
}

/** `up` and `down` of all but VRRP, and the others of VRRP alone. */
function checkTurns(kinds: Written["kinds"], status: Written["status"], path: Path, report: Report): void {
  const isTurnOf = (kind: string, turn: string): boolean =>
    (kind === "vrrp") !== (turn === "up" || turn === "down");
  if (kinds.some((kind) => status.some((turn) => isTurnOf(kind, turn)))) return;
  report.error(
    [...path, "status"],
    "no-effect",
    `nothing would ever be sent: no turn of ${kinds.join(", ")} is among these`,
    "`up` and `down` are of servers, quorums and mass failures, the others of VRRP.",
  );
}

function transportOf(
  { mail, webhook }: Written,
  path: Path,
  readSecret: ReadSecret,
  report: Report,
): AlertTransport | undefined {
  if (mail !== undefined) return mailOf(mail, [...path, "mail"], readSecret, report);
  return webhook === undefined ? undefined : webhookOf(webhook, [...path, "webhook"], readSecret, report);
}

function mailOf(
  mail: NonNullable<Written["mail"]>,
  path: Path,
  readSecret: ReadSecret,
  report: Report,
): AlertTransport {
  const { host, port, tls, from, to, user, "password-file": passwordFile, "ca-file": caFile } = mail;
  const receivers = typeof to === "string" ? [to] : to;
  for (const [key, address] of [["from", from] as const, ...receivers.map((one) => ["to", one] as const)])
    if (!/^[^\s@<>,;:"\\]+@[^\s@<>,;:"\\]+$/.test(address))
      report.error(
        [...path, key],
        "mail-address",
        `${JSON.stringify(address)} is not a mail address`,
        "Write NAME@DOMAIN alone.",
      );
  if ((user === undefined) !== (passwordFile === undefined))
    report.error(
      [...path, user === undefined ? "password-file" : "user"],
      "half-a-login",
      user === undefined
        ? "there is no `user` for this password"
        : "there is no `password-file` for this user",
    );
  if (passwordFile !== undefined) {
    if (tls === "if-offered" || tls === "never")
      report.error(
        [...path, "password-file"],
        "password-in-the-clear",
        `with \`tls: ${tls}\` anybody on the way could have the password`,
        "Write `tls: required` or `tls: from-start`.",
      );
    checkSecret(passwordFile, [...path, "password-file"], readSecret, report);
  }
  return {
    ...{ kind: "mail", host, port: port ?? (tls === "from-start" ? 465 : 25), tls, from, to: receivers },
    ...(user === undefined || passwordFile === undefined ? {} : { login: { user, passwordFile } }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function webhookOf(
  webhook: NonNullable<Written["webhook"]>,
  path: Path,
  readSecret: ReadSecret,
  report: Report,
): AlertTransport {
  const { url, "token-file": tokenFile, "ca-file": caFile } = webhook;
  // No URL is parsed here: that is the platform's, and this folder has none.
  if (!/^https?:\/\/[^\s/@]+(?:\/\S*)?$/.test(url))
    report.error(
      [...path, "url"],
      "url",
      `${JSON.stringify(url)} is not an address for requests`,
      "Write https://HOST/PATH, without a name or a password in it.",
    );
  if (tokenFile !== undefined) {
    if (!url.startsWith("https:"))
      report.error(
        [...path, "token-file"],
        "password-in-the-clear",
        "with http anybody on the way could have the token",
        "Write https://.",
      );
    checkSecret(tokenFile, [...path, "token-file"], readSecret, report);
  }
  return {
    ...{ kind: "webhook", url },
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function checkSecret(file: string, path: Path, readSecret: ReadSecret, report: Report): void {
  const read = readSecret(file);
  if (!read.ok) report.error(path, "secret-file", `${file} ${read.error}`);
  else if (read.value === "") report.error(path, "secret-file", `${file} is empty`);
}
