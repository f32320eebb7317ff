// Puts TLS on an open connection, for every checker that speaks it. Certificates are not verified unless
// asked: a check asks whether the service answers, real servers carry the certificate of the virtual name
// and often a private one, and a pair that drops all its servers at the hour a certificate expires has made
// a small trouble a great one.

import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import type { FailReason } from "./checker.js";

export type TlsOptions = {
  readonly "server-name"?: string | undefined;
  readonly verify: boolean;
  readonly ca?: string | undefined;
};

/** To be spread into a checker's `section`. */
export const tlsOptions = (v: ValueTypes) => ({
  "server-name": v
    .text({ max: 253, pattern: /^[A-Za-z0-9._-]+$/, what: "A server name" })
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
});

export type TlsFailure = { readonly reason: FailReason; readonly detail: string };

/**
 * Ends the connection itself when the handshake fails. `peer` is the address, for a certificate without name.
 * `protocols` are offered by ALPN.
 */
export function startTls(
  socket: Socket,
  options: TlsOptions,
  peer: string,
  cancel: Cancel,
  protocols: readonly string[] = ["http/1.1"],
): Promise<Result<TLSSocket, TlsFailure>> {
  let context: SecureContext;
  try {
    context = secureContext(options);
  } catch (error) {
    socket.destroy();
    return Promise.resolve(
      err({ reason: "tls-failed", detail: `ca ${options.ca ?? ""}: ${message(error)}` }),
    );
  }
  const name = options["server-name"];
  const secured = connect({
    socket,
    secureContext: context,
    rejectUnauthorized: options.verify,
    host: name ?? peer,
    // RFC 6066 section 3: a literal address is no server name.
    ...(name === undefined ? {} : { servername: name }),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  });
  return untilCancelled<Result<TLSSocket, TlsFailure>>(
    cancel,
    () => {
      secured.destroy();
      return err({ reason: "read-timeout", detail: "no answer to the TLS handshake in time" });
    },
    (settle) => {
      secured.once("secureConnect", () => {
        settle(ok(secured));
      });
      // Stays, so that an error after the handshake is never without a listener.
      secured.on("error", (error) => {
        secured.destroy();
        settle(err({ reason: "tls-failed", detail: message(error) }));
      });
      secured.once("close", () => {
        settle(err({ reason: "closed-early", detail: "the connection was closed during the TLS handshake" }));
      });
    },
  );
}

type Kept = { readonly context: SecureContext; readonly modified: number };
/** Contexts by CA file: making one costs milliseconds, and every check of a server needs one. */
const contexts = new Map<string, Kept>();

function secureContext(options: TlsOptions): SecureContext {
  const path = options.verify ? (options.ca ?? "public") : "none";
  const isFile = options.verify && options.ca !== undefined;
  const modified = isFile ? statSync(path).mtimeMs : 0;
  const kept = contexts.get(path);
  if (kept?.modified === modified) return kept.context;
  // An empty list of issuers where none is asked spares loading the public ones: some megabytes.
  const context = createSecureContext(isFile ? { ca: readFileSync(path) } : options.verify ? {} : { ca: [] });
  contexts.set(path, { context, modified });
  return context;
}

const message = (error: unknown): string =>
  error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
