// Logs in at a mail server (RFC 4954): AUTH PLAIN (RFC 4616), or AUTH LOGIN for servers that know nothing better.
// Of the server's words only the codes count: what it asks for is known.

import type { Result } from "../core/result.js";
import { fail, type CheckResult } from "./checker.js";
import { base64, type Login } from "./login.js";
import { printableBytes } from "./printable.js";
import { SHOWN, type Reply, type SmtpTalk } from "./smtp-reply.js";

export const LOGIN_METHODS = ["plain", "login"] as const;
export type LoginMethod = (typeof LOGIN_METHODS)[number];

const GO_ON = 334;
const LOGGED_IN = 235;

/** What went wrong; undefined: we are logged in. `hello`: the reply that says what the server can do. */
export async function logIn(
  talk: SmtpTalk,
  hello: Reply,
  login: Login,
  wanted: LoginMethod | undefined,
): Promise<CheckResult | undefined> {
  const offered = offeredBy(hello);
  const method = wanted ?? LOGIN_METHODS.find((one) => offered.includes(one));
  if (method === undefined || !offered.includes(method)) return notOffered(hello, offered, wanted);
  return method === "plain" ? plain(talk, login) : inTwoSteps(talk, login);
}

/** The methods by their names in lower case. Some servers write "AUTH=". */
const offeredBy = ({ lines }: Reply): string[] =>
  lines.flatMap((line) => {
    const words = /^AUTH[ =](.*)$/i.exec(line)?.[1];
    return words === undefined
      ? []
      : words
          .toLowerCase()
          .split(" ")
          .filter((word) => word !== "");
  });

function notOffered(hello: Reply, offered: readonly string[], wanted: LoginMethod | undefined): CheckResult {
  const missing = (wanted === undefined ? LOGIN_METHODS : [wanted])
    .map((method) => `AUTH ${method.toUpperCase()}`)
    .join(" or ");
  const instead = offered.length === 0 ? "no login" : printableBytes(offered.join(", ").toUpperCase(), SHOWN);
  return fail("wrong-reply", `${hello.to}: the server does not offer ${missing}, but ${instead}`);
}

async function plain(talk: SmtpTalk, { user, password }: Login): Promise<CheckResult | undefined> {
  return refusal(await talk.say("AUTH PLAIN", `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`), LOGGED_IN);
}

async function inTwoSteps(talk: SmtpTalk, { user, password }: Login): Promise<CheckResult | undefined> {
  return (
    refusal(await talk.say("AUTH LOGIN", "AUTH LOGIN"), GO_ON) ??
    refusal(await talk.say("the user's name", base64(user)), GO_ON) ??
    refusal(await talk.say("the password", base64(password)), LOGGED_IN)
  );
}

function refusal(reply: Result<Reply, CheckResult>, wanted: number): CheckResult | undefined {
  if (!reply.ok) return reply.error;
  const { to, code, text } = reply.value;
  if (code === wanted) return undefined;
  // 4xx is a server that cannot look the password up now: nothing was said of the password.
  const reason = code >= 500 ? "login-failed" : "bad-reply";
  return fail(reason, `${to}: ${text}`);
}
