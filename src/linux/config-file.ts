// Reads the configuration file and says in plain words why it cannot be read. What is in it is not known here.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

import type { Diagnostic } from "../config/diagnostic.js";
import { err, ok, type Result } from "../core/result.js";

/** Ten times the largest configuration that makes sense; a wrong path may be a disk. */
const LARGEST = 64 * 1024 * 1024;

/** The text of the file, or a diagnostic. Waits for the disk, and for nobody else. */
export function readConfigFile(path: string): Result<string, Diagnostic> {
  let fd: number | undefined;
  try {
    // Of a pipe nobody writes to even the opening would wait.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stat = fstatSync(fd);
    if (stat.isDirectory())
      return err(problem(path, "is a directory", "Name the file in it: vipd reads one file."));
    if (stat.isFIFO())
      return err(problem(path, "is a pipe", "Write it to a file first: a reload reads it again."));
    if (!stat.isFile()) return err(problem(path, "is not a file", "Name a file of text."));
    if (stat.size > LARGEST) return err(problem(path, "is larger than 64 MiB", "Is this the right file?"));
    const bytes = readFileSync(fd);
    try {
      return ok(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return err(notUtf8(path, bytes));
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const known = REASONS[code];
    return err(
      known === undefined
        ? problem(path, `cannot be read: ${code}`)
        : problem(path, known.message, known.hint),
    );
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const REASONS: Readonly<Record<string, { readonly message: string; readonly hint?: string }>> = {
  ENOENT: {
    message: "there is no such file",
    hint: "Name the configuration with --config FILE; begin with an example: conf/vipd.yaml, where vipd is installed.",
  },
  EACCES: {
    message: "permission denied",
    hint: "vipd must be able to read the file and to enter each directory on the way to it.",
  },
  EPERM: { message: "permission denied" },
  EISDIR: { message: "is a directory", hint: "Name the file in it: vipd reads one file." },
  ENOTDIR: { message: "a part of the path is not a directory" },
  ELOOP: { message: "its symbolic links lead in a circle" },
  ENAMETOOLONG: { message: "the path is too long" },
};

function problem(file: string, message: string, hint?: string): Diagnostic {
  return {
    severity: "error",
    file,
    line: 1,
    column: 1,
    length: 1,
    message,
    ...(hint === undefined ? {} : { hint }),
    code: "file",
  };
}

/** The place of the first byte that does not belong into UTF-8. */
function notUtf8(path: string, bytes: Uint8Array): Diagnostic {
  const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
  let line = 1;
  let start = 0;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== 0x0a) continue;
    const text = lenient.decode(bytes.subarray(start, at));
    const column = text.indexOf("\ufffd");
    if (column >= 0)
      return {
        ...problem(path, "is not UTF-8 text", "Save the file in UTF-8."),
        line,
        column: column + 1,
        code: "encoding",
      };
    start = at + 1;
    line++;
  }
  return { ...problem(path, "is not UTF-8 text", "Save the file in UTF-8."), code: "encoding" };
}
