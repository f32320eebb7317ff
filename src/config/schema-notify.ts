// What may stand under `notify`: programs that are told of changes, for all instances and groups, for one of them,
// and the FIFO.

import { milliseconds, minutes } from "../core/units.js";
import { absolutePath, duration, programWords, section, userName } from "./values.js";

const program = () => programWords().optional();

const programsShape = () => ({
  any: program().describe(
    "Run at every change, after the one for the new state, with four more arguments: INSTANCE or GROUP, the name, " +
      "MASTER, BACKUP, FAULT, STOP or DELETED, and the priority (of a group: 0).",
  ),
  master: program().describe("Run when it has become master, or had to assert itself against another one."),
  backup: program().describe("Run when it has become backup."),
  fault: program().describe("Run when it has gone into fault."),
  stop: program().describe("Run when vipd stops, or a reload has removed it."),
  timeout: duration({ min: milliseconds(100), max: minutes(60) })
    .optional()
    .meta({ default: "30s" })
    .describe("A program that takes longer is ended; the next one of the same instance waits so long."),
  user: userName()
    .optional()
    .meta({ otherwise: "`scripts.user`" })
    .describe("Name or number of the user to run them as."),
});

export const notifySchema = section(programsShape());

export const groupSchema = section({
  notify: notifySchema.optional().describe("Programs that are told when the group changes its state."),
});

export const globalNotifySchema = section({
  ...programsShape(),
  fifo: absolutePath()
    .optional()
    .describe(
      'A FIFO to which every change is written as a line: `INSTANCE "web" MASTER 150`. It is made, for root alone, ' +
        "when it is not there.",
    ),
  "fifo-reader": program().describe(
    "A program that vipd starts, and starts again when it ends, to read the FIFO; the FIFO's path is its last argument.",
  ),
});
