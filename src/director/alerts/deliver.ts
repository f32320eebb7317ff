// Brings one message to its target, by SMTP or by HTTP. Everything that can go wrong is a value, in words for people.

import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { hostname } from "node:os";
import type { AlertTransport } from "../../config/model.js";
import { err, ok, type Result } from "../../core/result.js";
import type { Milliseconds } from "../../core/units.js";
import { readSecretFile } from "../../linux/secret-file.js";
import type { Mail } from "./message.js";

export type DeliveryRequest = {
  readonly by: AlertTransport;
  /** Made for the one kind of target, or for the other. */
  readonly mail: Mail;
  readonly json: string;
  readonly timeout: Milliseconds;
};
/** Ok with a note: it was sent, but not to everybody. */
export type Delivered = Result<string | null, string>;

export async function deliver(request: DeliveryRequest): Promise<Delivered> {
  try {
    return request.by.kind === "mail"
      ? await sendMail(request.by, request.mail, request.timeout)
      : await post(request.by, request.json, request.timeout);
  } catch (error) {
    return err(oneLine((error as Error).message));
  }
}

/** Servers answer with several lines. */
const oneLine = (text: string): string => text.replace(/[\s\x00-\x1f\x7f]+/g, " ").slice(0, 300);

async function sendMail(
  by: Extract<AlertTransport, { kind: "mail" }>,
  mail: Mail,
  timeout: Milliseconds,
): Promise<Delivered> {
  const { host, port, tls, login, caFile, from, to } = by;
  const password = login === undefined ? undefined : secretOf(login.passwordFile);
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    ...{ host, port, name: hostname() },
    ...{ secure: tls === "from-start", requireTLS: tls === "required", ignoreTLS: tls === "never" },
    tls: {
      // Against somebody who only listens any certificate helps, and more was not asked for.
      rejectUnauthorized: tls !== "if-offered",
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    },
    ...(login === undefined ? {} : { auth: { user: login.user, pass: password ?? "" } }),
    ...{ connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: timeout, dnsTimeout: timeout },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  const sent = await transport.sendMail({
    ...{ from, to: [...to], subject: mail.subject, text: mail.text },
    // Automatic answers are for people (RFC 3834).
    headers: { "Auto-Submitted": "auto-generated" },
  });
  const refused = sent.rejected.map(String);
  return ok(refused.length === 0 ? null : oneLine(`not for ${refused.join(", ")}: the server refused`));
}

function secretOf(file: string): string {
  const read = readSecretFile(file);
  if (!read.ok) throw new Error(`${file} ${read.error}`);
  return read.value;
}

async function post(
  by: Extract<AlertTransport, { kind: "webhook" }>,
  json: string,
  timeout: Milliseconds,
): Promise<Delivered> {
  const { url, tokenFile, caFile } = by;
  const token = tokenFile === undefined ? undefined : secretOf(tokenFile);
  const { request } = await (url.startsWith("https:") ? import("node:https") : import("node:http"));
  const body = Buffer.from(json);
  const options: RequestOptions = {
    method: "POST",
    headers: {
      ...{ "content-type": "application/json", "content-length": body.length, "user-agent": "vipd" },
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    timeout,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
  };
  return new Promise((resolve) => {
    const sending = request(url, options, (response) => {
      const { statusCode = 0, statusMessage = "" } = response;
      // What it says further is not read.
      response.destroy();
      const good = statusCode >= 200 && statusCode < 300;
      resolve(good ? ok(null) : err(oneLine(`${url}: answered ${statusCode} ${statusMessage}`)));
    });
    sending.on("timeout", () => sending.destroy(new Error("no answer in time")));
    sending.on("error", (error) => resolve(err(oneLine(`${url}: ${error.message}`))));
    sending.end(body);
  });
}
