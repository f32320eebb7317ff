// What may stand under `alerts`: who gets a mail or a request of what happens.

import { z } from "zod";

import { milliseconds, minutes, seconds } from "../core/units.js";
import { ALERT_KINDS, ALERT_STATUS } from "./model.js";
import { absolutePath, choice, duration, list, port, section, text } from "./values.js";

const mailAddress = () => text({ max: 254 });

const mailSchema = section({
  host: text({ max: 253 }).describe("Name or address of the mail server."),
  port: port().optional().meta({ otherwise: "25; 465 with `tls: from-start`" }).describe("Its port."),
  tls: choice(["if-offered", "required", "from-start", "never"])
    .prefault("if-offered")
    .describe(
      "`if-offered`: STARTTLS when the server has it, whatever its certificate; `required` and `from-start` (SMTPS) with a " +
        "certificate that is valid for `host`, or nothing is sent; `never`.",
    ),
  "ca-file": absolutePath()
    .optional()
    .meta({ otherwise: "those that Node.js knows" })
    .describe("Certificates of authorities that count, in PEM."),
  from: mailAddress().describe("Address of the sender."),
  to: z
    .union([mailAddress(), list(mailAddress(), { min: 1, max: 50 })])
    .describe("Address of the receiver, or a list of them."),
  user: text({ max: 254 })
    .optional()
    .describe("Name for the mail server, if it wants one; with `password-file`."),
  "password-file": absolutePath()
    .optional()
    .describe("A file with the password, that nobody but root or vipd's own user may use (mode 0600)."),
});

const webhookSchema = section({
  url: text({ max: 2000 }).describe("Where a JSON object is sent to by POST: `https://` or `http://`."),
  "ca-file": absolutePath()
    .optional()
    .meta({ otherwise: "those that Node.js knows" })
    .describe("Certificates of authorities that count, in PEM."),
  "token-file": absolutePath()
    .optional()
    .describe("A file with a token, sent as `Authorization: Bearer`; as safe as `password-file`."),
});

export const alertSchema = section({
  mail: mailSchema.optional().describe("Sends mails."),
  webhook: webhookSchema.optional().describe("Sends requests."),
  kinds: list(choice(ALERT_KINDS), { min: 1, max: ALERT_KINDS.length })
    .prefault([...ALERT_KINDS])
    .describe("What is of interest."),
  status: list(choice(ALERT_STATUS), { min: 1, max: ALERT_STATUS.length })
    .prefault([...ALERT_STATUS])
    .describe("Which turn of it: `up` and `down` of servers, quorums and mass failures, the others of VRRP."),
  collect: duration({ min: milliseconds(0), max: minutes(60) })
    .prefault("10s")
    .describe("So long after the first alert others join it in the same message."),
  repeat: duration({ min: seconds(60), max: minutes(7 * 24 * 60) })
    .optional()
    .meta({ otherwise: "never" })
    .describe("A reminder of all that is still wrong, this long after the last news."),
  timeout: duration({ min: milliseconds(1000), max: minutes(10) })
    .prefault("30s")
    .describe("What has not been sent in this time has failed, and is tried again."),
}).superRefine((value, context) => {
  if ((value.mail === undefined) === (value.webhook === undefined))
    context.addIssue({
      code: "custom",
      message:
        "is not one target\nWrite either `mail: { host: ..., from: ..., to: ... }` or `webhook: { url: ... }`.",
    });
});
