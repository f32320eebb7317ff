// A name and password that a check shows a server. The password stands in a file of its own, which is read at each
// run: it may change without a reload, and is in no configuration, saved file or log.

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";
import { fail, type CheckContext, type CheckResult, type ProbeContext } from "./checker.js";

export type LoginOptions = { readonly user: string; readonly "password-file": string };
/** Each character is a byte: the user's name in UTF-8, the password as its file has it. */
export type Login = { readonly user: string; readonly password: string };

/** To be spread into the section of `auth`. */
export const loginOptions = (v: ValueTypes) => ({
  user: v
    .text({ max: 255, pattern: /^[^\x00-\x1f\x7f]+$/, what: "A user", rule: "has no control characters" })
    .describe("The user's name."),
  "password-file": v
    .absolutePath()
    .describe("File with the password, its only line; it may be readable only for vipd's user."),
});

/** Hides the password from whoever watches. */
export function readLogin(
  { user: name, "password-file": path }: LoginOptions,
  { readSecret, trace }: Pick<CheckContext<unknown>, "readSecret" | "trace">,
): Result<Login, CheckResult> {
  const read = readPassword(path, readSecret);
  if (!read.ok) return err(fail("secret-unreadable", read.error));
  const user = Buffer.from(name, "utf8").toString("latin1");
  const password = read.value;
  trace?.hide(base64(`\0${user}\0${password}`), base64(`${user}:${password}`), base64(password), password);
  return ok({ user, password });
}

export const loginProblem = (
  auth: LoginOptions | undefined,
  { readSecret }: Pick<ProbeContext<unknown>, "readSecret">,
): string | undefined => {
  if (auth === undefined) return undefined;
  const read = readPassword(auth["password-file"], readSecret);
  return read.ok ? undefined : read.error;
};

/** The error begins with the file's name. */
function readPassword(path: string, readSecret: CheckContext<unknown>["readSecret"]): Result<string, string> {
  const read = readSecret(path);
  if (!read.ok) return err(`${path} ${read.error}`);
  if (read.value === "") return err(`${path} is empty`);
  // It would be sent as a part of the password, and the login refused.
  return /[\r\n\0]/.test(read.value) ? err(`${path} has more in it than one line of text`) : read;
}

/** Of text of which each character is a byte. */
export const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");
