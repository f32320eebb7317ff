// What may stand under `maintenance`: windows of time in which servers are taken out by themselves.

import { minutes } from "../core/units.js";
import { entryName } from "./schema-names.js";
import { choice, duration, list, section, text } from "./values.js";

const DAY = 24 * 60;
/** A server is compared with each of them. */
const MOST_TARGETS = 256;

export const windowSchema = section({
  services: list(entryName(), { min: 1, max: MOST_TARGETS })
    .optional()
    .describe("Services all of whose servers are taken out."),
  servers: list(text({ max: 150 }), { min: 1, max: MOST_TARGETS })
    .optional()
    .describe(
      "Servers that are taken out: `SERVICE/SERVER`, or `SERVER` alone for that machine in every service; with its port or " +
        "without.",
    ),
  at: text({ max: 200 }).describe(
    'When it opens, as a cron expression of five fields: minute, hour, day of the month, month, day of the week. `"0 2 * * 0"`: ' +
      "Sundays at 2:00. Also `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`.",
  ),
  for: duration({ min: minutes(1), max: minutes(7 * DAY) }).describe("How long it is open, each time."),
  action: choice(["drain", "disable"])
    .prefault("drain")
    .describe(
      "`drain`: no new connections, out of the table when none is left; `disable`: out of the table at once.",
    ),
  deadline: duration({ min: minutes(0), max: minutes(7 * DAY) })
    .optional()
    .meta({ otherwise: "none" })
    .describe(
      "Of a drain: a server that has connections this long after the opening is taken out with them.",
    ),
  timezone: text({ max: 64 })
    .optional()
    .meta({ otherwise: "the machine's" })
    .describe("Whose clock `at` goes by: `Europe/Berlin`, `UTC`."),
}).superRefine((value, context) => {
  if (value.services === undefined && value.servers === undefined)
    context.addIssue({
      code: "custom",
      message: "takes nothing out\nWrite `services: [NAME]`, `servers: [SERVICE/SERVER]`, or both.",
    });
});
