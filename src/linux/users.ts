// Finds a user's numbers in the password file. Users of a directory service are not in it: name those by
// number, or add them to the file, so that a check does not depend on the network it checks.

import { readFileSync } from "node:fs";

import { err, ok, type Result } from "../core/result.js";

/** Of a user's number; "user 1001" where the file does not know it. */
export function userName(uid: number, path = "/etc/passwd"): string {
  try {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const [name, , number] = line.split(":");
      if (number === String(uid) && name !== undefined && name !== "") return name;
    }
  } catch {
    // Its number says as much.
  }
  return `user ${uid}`;
}

export type User = { readonly uid: number; readonly gid: number };

/** `who` is a name or a number. */
export function findUser(who: string, path = "/etc/passwd"): Result<User, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return err(`user ${who} cannot be looked up: ${path}: ${(error as NodeJS.ErrnoException).code ?? ""}`);
  }
  for (const line of text.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if ((name === who && name !== "") || uid === who) {
      const user = { uid: Number(uid), gid: Number(gid) };
      if (Number.isInteger(user.uid) && Number.isInteger(user.gid)) return ok(user);
    }
  }
  return err(`there is no user ${JSON.stringify(who)} in ${path}`);
}
