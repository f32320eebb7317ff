// Reads a file that holds a secret, if it is one: whoever else could read it knows it already.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { err, ok, type Result } from "../core/result.js";

const LARGEST = 4096;

/** Its text without the last line's end. The error follows the file's name: "may be read by others (mode 0644): …". */
export function readSecretFile(path: string): Result<string, string> {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return err("is not a file");
    if (stat.uid !== 0 && stat.uid !== process.geteuid?.())
      return err(`belongs to user ${stat.uid}, who could put another key there: chown root it`);
    if ((stat.mode & 0o077) !== 0)
      return err(
        `may be used by others (mode ${(stat.mode & 0o7777).toString(8).padStart(4, "0")}): chmod 0600 it`,
      );
    if (stat.size > LARGEST) return err(`is larger than ${LARGEST} bytes`);
    return ok(readFileSync(fd, "latin1").replace(/\r?\n$/, ""));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return err(code === "ENOENT" ? "is not there" : `cannot be read: ${code ?? String(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
