// Succeeds while the number in a file is 0: for whoever finds out by another way how a real server does, and writes it
// down. The same files as those of tracks.

import { defineChecker, fail, ok, type CheckResult } from "./checker.js";

export const file = defineChecker({
  name: "file",
  summary: "Reads a number from a file, and succeeds when it is 0.",
  options: (v) =>
    v.section({
      path: v.absolutePath().describe("The file. In it stands a whole number from -254 to 254."),
      missing: v
        .choice(["up", "down"])
        .prefault("up")
        .describe("What it means when there is no file, or nothing in it."),
    }),
  check: ({ options: { path, missing }, files }) => {
    const number = files.number(path);
    return Promise.resolve(
      number.ok ? verdict(path, number.value, missing) : fail("file-unreadable", number.error),
    );
  },
});

function verdict(path: string, number: number | undefined, missing: "up" | "down"): CheckResult {
  if (number === undefined)
    return missing === "up"
      ? ok(`there is no number in ${path}`)
      : fail("file-unreadable", `there is no number in ${path}`);
  return number === 0 ? ok(`0 in ${path}`) : fail("file-not-zero", `${number} in ${path}`);
}
