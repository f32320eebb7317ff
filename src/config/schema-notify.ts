// What may stand under `notify`: programs that are told of changes, for all instances and groups, for one of them, for
// services and their real servers, and the FIFO.

import { milliseconds, minutes } from "../core/units.js";
import { absolutePath, duration, programWords, section, userName } from "./values.js";

const program = () => programWords().optional();

const limitsShape = () => ({
  timeout: duration({ min: milliseconds(100), max: minutes(60) })
    .optional()
    .meta({ default: "30s" })
    .describe("A program that takes longer is ended; the next one for the same subject waits so long."),
  user: userName()
    .optional()
    .meta({ otherwise: "`scripts.user`" })
    .describe("Name or number of the user to run them as."),
});

const programsShape = () => ({
  any: program().describe(
    "Run at every change, after the one for the new state, with four more arguments: INSTANCE or GROUP, the name, " +
      "MASTER, BACKUP, FAULT, STOP or DELETED, and the priority (of a group: 0).",
  ),
  master: program().describe("Run when it has become master, or had to assert itself against another one."),
  backup: program().describe("Run when it has become backup."),
  fault: program().describe("Run when it has gone into fault."),
  stop: program().describe("Run when vipd stops, or a reload has removed it."),
  ...limitsShape(),
});

export const notifySchema = section(programsShape());

const serverProgramsShape = () => ({
  up: program().describe("Run when a real server is up again, or for the first time after it had to wait."),
  down: program().describe("Run when a real server is down."),
});

/** Of one real server; a program that is not there is the service's. */
export const serverNotifySchema = section({ ...serverProgramsShape(), ...limitsShape() });

/** Of a service and its real servers. */
export const serviceNotifySchema = section({
  ...serverProgramsShape(),
  "quorum-up": program().describe(
    "Run when the weights of the servers that serve make up the quorum, the first time after the start included.",
  ),
  "quorum-down": program().describe("Run when they no longer do."),
  ...limitsShape(),
});

export const groupSchema = section({
  notify: notifySchema.optional().describe("Programs that are told when the group changes its state."),
});

export const globalNotifySchema = section({
  ...programsShape(),
  fifo: absolutePath()
    .optional()
    .describe(
      'A FIFO to which every change is written as a line: `INSTANCE "web" MASTER 150`, ' +
        "`RS [192.168.1.4]:tcp:80 [192.168.1.1]:tcp:80 DOWN`. It is made, for root alone, when it is not there.",
    ),
  "fifo-reader": program().describe(
    "A program that vipd starts, and starts again when it ends, to read the FIFO; the FIFO's path is its last argument.",
  ),
});
