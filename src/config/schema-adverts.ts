// What may be said of how adverts travel between directors: unicast peers, and how adverts prove where they come
// from. Only the shape and the range of each value; what values mean together is checked in resolve-adverts.ts.
// No error repeats a secret.

import { z } from "zod";

import { minutes, seconds } from "../core/units.js";
import { err, ok } from "../core/result.js";
import { absolutePath, choice, duration, flag, integer, ipAddress, list, section, value } from "./values.js";

const ttl = () => integer({ min: 1, max: 255, what: "A TTL" }).optional().meta({ default: 255 });

const unicastSection = section({
  peers: list(ipAddress(), { min: 1, max: 64 })
    .optional()
    .meta({ otherwise: "the `address` of every other node" })
    .describe(
      "Where adverts go. One list serves all directors: each leaves its own address (the node's `address`, or " +
        "where it sends from) out.",
    ),
  "check-source": flag()
    .optional()
    .meta({ default: true })
    .describe("Whether adverts of anybody who is not a peer are refused (counted as `not-a-peer`)."),
  ttl: section({
    min: ttl().describe(
      "The least TTL of an accepted advert: 255 less the number of routers between. Below 255 anybody who is as " +
        "few routers away can send adverts: use `auth.hmac`.",
    ),
    max: ttl().describe(
      "The greatest one: less than 255 refuses adverts that come a shorter way than expected.",
    ),
  })
    .optional()
    .describe("TTLs (hop limits) of accepted adverts. They always leave with 255. keepalived accepts any."),
});

export const unicastValue = () =>
  z
    .union([flag(), unicastSection])
    .optional()
    .meta({ default: false })
    .describe(
      "Adverts to each director instead of the multicast group, for networks without multicast: `true`, or a " +
        "mapping. All directors of a virtual router must agree. No RFC has this; keepalived's `unicast_peer`.",
    );

/** Digits without quotes have lost their leading zeros by now. */
const notQuoted = err("is not text\nWrite it in quotes.");

/** RFC 2338 section 5.3.10: 8 bytes. */
const MOST_PASSWORD = 8;
const password = () =>
  value(
    { kind: "text", range: "1 to 8 characters", type: "string", minLength: 1, maxLength: MOST_PASSWORD },
    (input) => {
      if (typeof input !== "string") return notQuoted;
      if (!/^[\x20-\x7e]+$/.test(input)) return err("is empty, or has characters that are not ASCII");
      if (input.length > MOST_PASSWORD)
        return err(
          `has ${input.length} characters, and an advert has room for ${MOST_PASSWORD}\n` +
            "keepalived cuts a longer one off silently: write the first 8 to talk with it.",
        );
      return ok(input);
    },
  );

const secret = () =>
  value({ kind: "text", type: "string", minLength: 1 }, (input) =>
    typeof input === "string" ? ok(input) : notQuoted,
  );

const keySchema = section({
  id: integer({ min: 1, max: 255, what: "A key id" }).describe("Its number in adverts."),
  key: secret()
    .optional()
    .describe("The key itself: 32 to 64 ASCII characters, or `hex:` and 64 to 128 hexadecimal digits."),
  "key-file": absolutePath()
    .optional()
    .describe(
      "The file that holds the key, in the same form. It must be root's (or vipd's user's), and nobody else may " +
        "read it (mode 0600). A reload reads it again.",
    ),
}).superRefine((one, context) => {
  if ((one.key === undefined) === (one["key-file"] === undefined))
    context.addIssue({ code: "custom", message: "needs either `key` or `key-file`" });
});

const hmacSchema = section({
  keys: list(keySchema, { min: 1, max: 16 }).describe(
    "Keys whose adverts are accepted. To change the key: add the new one on all directors, then `send` with it, then " +
      "remove the old one.",
  ),
  send: integer({ min: 1, max: 255, what: "A key id" })
    .optional()
    .meta({ otherwise: "the first key" })
    .describe("The id of the key that signs."),
  mode: choice(["enforce", "permissive", "receive-only"])
    .optional()
    .meta({ default: "enforce" })
    .describe(
      "`permissive` accepts adverts without an authenticator too; `receive-only` sends none either. To introduce it " +
        "without a gap: `receive-only` on all directors, then `permissive`, then `enforce`. One that is there is " +
        "always checked.",
    ),
  "anti-replay": choice(["time", "monotonic"])
    .optional()
    .meta({ default: "time" })
    .describe(
      "What keeps recorded adverts out. `time`: they must be newer than the last one and near our clock (keep the " +
        "clocks in step). `monotonic`: newer only, for directors without a clock; a director that restarts believes " +
        "the first one it hears.",
    ),
  window: duration({ min: seconds(1), max: minutes(5) })
    .optional()
    .meta({ otherwise: "3 advert intervals, at least 5s" })
    .describe("How far the sender's clock may be from ours (`anti-replay: time`)."),
});

const NO_AH = err(
  '"ah" (the authentication header of RFC 2338) is obsolete since RFC 3768, and not supported\n' +
    "Use hmac: { keys: [{ id: 1, key-file: /etc/vipd/vrrp.key }] } on every director.",
);

export const authValue = () =>
  z
    .union([
      value({ kind: "`none`", enum: ["none"] }, (input) => {
        if (input === "none") return ok("none" as const);
        return typeof input === "string" && input.toLowerCase() === "ah"
          ? NO_AH
          : err("is not a way to authenticate\nWrite none, { password: … }, or { hmac: … }.");
      }),
      section({
        password: password()
          .optional()
          .describe(
            "Version 2 only (RFC 2338): stands in clear in every advert, so it guards against mistakes, not against anybody.",
          ),
        hmac: hmacSchema
          .optional()
          .describe("An authenticator behind every advert (HMAC-SHA256), as keepalived 2.4's `auth_hmac`."),
      }).superRefine((one, context) => {
        if ((one.password === undefined) === (one.hmac === undefined))
          context.addIssue({ code: "custom", message: "needs either `password` or `hmac`" });
      }),
    ])
    .optional()
    .meta({ default: "none" })
    .describe("How adverts prove where they come from. All directors of a virtual router must agree.");
