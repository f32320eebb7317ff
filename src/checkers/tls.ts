// Puts TLS on an open connection, for every checker that speaks it. Certificates are not verified unless
// asked: a check asks whether the service answers, real servers carry the certificate of the virtual name
// and often a private one, and a pair that drops all its servers at the hour a certificate expires has made
// a small trouble a great one.

import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";
import { untilCancelled } from "./cancel.js";
import { datesProblem, expiryWarning } from "./certificate-dates.js";
import type { CheckContext, CheckResult, FailReason, ProbeContext } from "./checker.js";
import { printable } from "./printable.js";

export type TlsOptions = {
  readonly "server-name"?: string | undefined;
  readonly verify: boolean;
  readonly ca?: string | undefined;
  readonly "check-dates": boolean;
  readonly "warn-before-expiry"?: number | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
};

/** To be spread into a checker's `section`. */
export const tlsOptions = (v: ValueTypes) => ({
  "server-name": v
    .text({
      max: 253,
      pattern: /^(?![\d.]+$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/,
      what: "A server name",
      rule: "has letters, digits, _ and - between its dots, and is no address",
    })
    .optional()
    .describe("The name asked for in the TLS handshake (SNI), and verified if `verify` is on."),
  verify: v
    .flag()
    .prefault(false)
    .describe("Whether an expired certificate, a wrong name or an unknown issuer fails the check."),
  ca: v
    .absolutePath()
    .optional()
    .describe("File of issuers to trust instead of the public ones, in PEM; used with `verify`."),
  "check-dates": v
    .flag()
    .prefault(false)
    .describe("Whether an expired certificate, or one not yet valid, fails the check also without `verify`."),
  "warn-before-expiry": v
    .integer({ min: 1, max: 365, what: "A number of days" })
    .optional()
    .describe(
      "Days before the end of the server's certificate from which on there is a warning, once a day.",
    ),
  certificate: v
    .absolutePath()
    .optional()
    .describe("File of the certificate that we show the server, with its issuers, in PEM; needs `key`."),
  key: v
    .absolutePath()
    .optional()
    .describe("File of the private key of `certificate`, in PEM, readable for nobody else."),
});

export const hasKeyPair = ({ certificate, key }: Pick<TlsOptions, "certificate" | "key">): boolean =>
  (certificate === undefined) === (key === undefined);
export const HALF_A_PAIR = {
  path: ["certificate"],
  error: "needs the other half\nWrite `certificate` and `key`, or neither.",
};

/** Whoever gives issuers takes the certificate for verified. */
export const usesIssuers = ({ verify, ca }: Pick<TlsOptions, "verify" | "ca">): boolean =>
  verify || ca === undefined;
export const ISSUERS_UNUSED = {
  path: ["ca"],
  error: "is looked at with `verify: true` alone\nAdd `verify: true`, or leave out `ca`.",
};
/** For checks that speak TLS only when they are told to. */
export const speaksTlsIfMeant = (speaks: boolean, options: TlsOptions): boolean =>
  speaks ||
  !(
    options.verify ||
    options["check-dates"] ||
    [options["server-name"], options["warn-before-expiry"], options.certificate].some(
      (value) => value !== undefined,
    )
  );

export type TlsFailure = { readonly reason: FailReason; readonly detail: string };
export type Secured = {
  readonly socket: TLSSocket;
  readonly warning?: string | undefined;
  /** What the server has said since against this connection. */
  readonly refusal: () => string | undefined;
};

/**
 * By TLS 1.3 a server looks at what we show it only after our side of the handshake is done. To whoever waits for its
 * answer it looks as if the connection had ended.
 */
export const orRefused = (result: CheckResult, secured: Secured | undefined): CheckResult => {
  const refusal = secured?.refusal();
  return result.ok || result.reason !== "closed-early" || refusal === undefined
    ? result
    : { ...result, reason: "tls-failed", detail: refusal };
};

export const readsFiles = ({ verify, ca, certificate }: TlsOptions): boolean =>
  (verify && ca !== undefined) || certificate !== undefined;

/** What would keep every handshake from beginning. */
export function tlsProblem({ options, readSecret }: ProbeContext<TlsOptions>): string | undefined {
  const made = secureContext(options, readSecret);
  return made.ok ? undefined : made.error.detail;
}

/**
 * Ends the connection itself when the handshake fails. `peer` is the address, for a certificate without name.
 * `protocols` are offered by ALPN.
 */
export async function startTls(
  socket: Socket,
  options: TlsOptions,
  peer: string,
  protocols: readonly string[],
  context: Pick<CheckContext<unknown>, "cancel" | "readSecret" | "wallTime">,
): Promise<Result<Secured, TlsFailure>> {
  const made = secureContext(options, context.readSecret);
  if (!made.ok) {
    socket.destroy();
    return made;
  }
  const name = options["server-name"];
  const secured = connect({
    socket,
    secureContext: made.value,
    rejectUnauthorized: options.verify,
    host: name ?? peer,
    // RFC 6066 section 3: a literal address is no server name.
    ...(name === undefined ? {} : { servername: name }),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  });
  let refusal: string | undefined;
  const shaken = await handshake(secured, context, (text) => (refusal = text));
  return shaken.ok ? judgeDates(secured, options, context.wallTime(), () => refusal) : shaken;
}

function handshake(
  secured: TLSSocket,
  { cancel }: Pick<CheckContext<unknown>, "cancel">,
  onRefusal: (text: string) => void,
): Promise<Result<null, TlsFailure>> {
  return untilCancelled<Result<null, TlsFailure>>(
    cancel,
    () => {
      secured.destroy();
      return err({ reason: "read-timeout", detail: "no answer to the TLS handshake in time" });
    },
    (settle) => {
      secured.once("secureConnect", () => {
        settle(ok(null));
      });
      // Stays, so that an error after the handshake is never without a listener.
      secured.on("error", (error: NodeJS.ErrnoException) => {
        secured.destroy();
        const detail = message(error);
        if (error.code?.startsWith("ERR_SSL_") === true) onRefusal(detail);
        settle(err({ reason: REASONS[error.code ?? ""] ?? "tls-failed", detail }));
      });
      secured.once("close", () => {
        settle(err({ reason: "closed-early", detail: "the connection was closed during the TLS handshake" }));
      });
    },
  );
}

function judgeDates(
  socket: TLSSocket,
  { "check-dates": checkDates, "warn-before-expiry": days }: TlsOptions,
  wallTime: number,
  refusal: Secured["refusal"],
): Result<Secured, TlsFailure> {
  // Taking a certificate apart is work that only those pay for who want it.
  if (!checkDates && days === undefined) return ok({ socket, refusal });
  const certificate = socket.getPeerCertificate();
  const problem = checkDates ? datesProblem(certificate, wallTime) : undefined;
  if (problem !== undefined) {
    socket.destroy();
    return err(problem);
  }
  const warning = days === undefined ? undefined : expiryWarning(certificate, days, wallTime);
  return ok({ socket, warning, refusal });
}

/** By the codes of OpenSSL and Node. */
const REASONS: Readonly<Record<string, FailReason>> = {
  CERT_HAS_EXPIRED: "certificate-expired",
  CERT_NOT_YET_VALID: "certificate-not-yet-valid",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate-wrong-name",
  CERT_UNTRUSTED: "certificate-untrusted",
  CERT_REVOKED: "certificate-untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate-untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate-untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "certificate-untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate-untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate-untrusted",
  CERT_SIGNATURE_FAILURE: "certificate-untrusted",
  INVALID_CA: "certificate-untrusted",
  INVALID_PURPOSE: "certificate-untrusted",
};

type Kept = { readonly context: SecureContext; readonly modified: string };
/** Contexts by their files: making one costs milliseconds, and every check of a server needs one. */
const contexts = new Map<string, Kept>();

function secureContext(
  { verify, ca, certificate, key }: TlsOptions,
  readSecret: CheckContext<unknown>["readSecret"],
): Result<SecureContext, TlsFailure> {
  const trusted = verify ? ca : undefined;
  const name = [verify ? (ca ?? "public") : "none", certificate, key].join("\n");
  let reading = "";
  try {
    const modified = [trusted, certificate, key]
      .map((path) => (path === undefined ? "" : statSync((reading = path)).mtimeMs))
      .join(" ");
    const kept = contexts.get(name);
    if (kept?.modified === modified) return ok(kept.context);
    const secret = key === undefined ? undefined : readSecret(key);
    if (secret?.ok === false)
      return err({ reason: "secret-unreadable", detail: `${key ?? ""} ${secret.error}` });
    const read = (path: string): string => readFileSync((reading = path), "latin1");
    const authorities = trusted === undefined ? undefined : read(trusted);
    const own = certificate === undefined ? undefined : read(certificate);
    const unfit =
      unfitFile(trusted, authorities, CERTIFICATE, "certificate") ??
      unfitFile(certificate, own, CERTIFICATE, "certificate") ??
      unfitFile(key, secret?.value, PRIVATE_KEY, "private key");
    if (unfit !== undefined) return err({ reason: "tls-failed", detail: unfit });
    reading = [trusted, certificate, key].filter((path) => path !== undefined).join(", ");
    const context = createSecureContext({
      // An empty list of issuers where none is asked spares loading the public ones: some megabytes.
      ...(authorities !== undefined ? { ca: authorities } : verify ? {} : { ca: [] }),
      ...(own === undefined ? {} : { cert: own }),
      ...(secret === undefined ? {} : { key: secret.value }),
    });
    contexts.set(name, { context, modified });
    return ok(context);
  } catch (error) {
    return err({ reason: "tls-failed", detail: `${reading}: ${fileProblem(error)}` });
  }
}

function fileProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "does not exist";
  if (code === "EISDIR") return "is not a file";
  return code === "EACCES" ? "may not be read" : message(error);
}

const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m;
const PRIVATE_KEY = /^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/m;

/** OpenSSL takes a file of issuers that has none for a list of nobody, and says nothing. */
const unfitFile = (
  path: string | undefined,
  text: string | undefined,
  form: RegExp,
  what: string,
): string | undefined =>
  path === undefined || text === undefined || form.test(text) ? undefined : `${path}: has no ${what} in PEM`;

/** What OpenSSL says of an answer that is of another protocol. */
const NO_TLS =
  /wrong version number|packet length too long|http request|unsupported protocol|unknown protocol/;
const LONGEST_MESSAGE = 300;

/** The words of OpenSSL without its addresses and the places in its source. */
function message(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, reason } = error as Error & { readonly code?: string; readonly reason?: unknown };
  if (code === "ECONNRESET") return "the connection ended during the TLS handshake";
  if (code?.startsWith("ERR_SSL_") !== true || typeof reason !== "string")
    return printable((error.message.split("\n")[0] ?? "").slice(0, LONGEST_MESSAGE));
  const alert = /\balert (.*)$/.exec(reason)?.[1];
  if (alert !== undefined) return `the server refuses TLS: ${alert}`;
  return NO_TLS.test(reason) ? `the server's answer is not TLS: ${reason}` : `TLS: ${reason}`;
}
