// Asks a program on the real server how much it can take: the text protocol of HAProxy's agent check, which the
// feedback agents of appliances speak, too. One line of words is the answer; each answer stands for itself, so that
// nothing adds up however often it is asked.

import { err, ok as okResult, type Result } from "../core/result.js";
import { between } from "../core/units.js";
import { defineChecker, fail, ok, okWith, type CheckResult } from "./checker.js";
import { connect, connectOptions } from "./connect.js";
import { LineReader, type LineFailure } from "./line-reader.js";
import { printableBytes } from "./printable.js";
import { watch } from "./trace.js";

const LONGEST_LINE = 1024;
/** More than the configured weight: HAProxy stops there, too. */
const MOST_PERCENT = 256;

const NO_LINE: Readonly<Record<LineFailure, string>> = {
  "read-timeout": "the agent's answer is one line, and none came",
  "closed-early": "the agent's answer is one line, and the connection ended before its end came",
  "too-large": `the agent's answer is one line, and ${LONGEST_LINE} characters came without its end`,
};

export const agent = defineChecker({
  name: "agent",
  summary:
    "Asks an agent on the real server for its state and for the percentage of its weight that it can take.",
  options: (v) =>
    v.section({
      ...connectOptions(v),
      port: v.port().describe("The agent's port."),
      send: v
        .text({
          max: 255,
          pattern: /^[\x20-\x7e]+$/,
          what: "A line of text",
          rule: "has printable ASCII characters alone",
        })
        .optional()
        .describe("A line that is sent first, for agents that wait for one; its end is added."),
    }),
  async check(context) {
    const began = context.now();
    const opened = await connect(context);
    if (!opened.ok) return opened.error;
    const connectedAt = context.now();
    const socket = watch(opened.value.socket, context.trace);
    socket.on("error", () => undefined);
    if (context.options.send !== undefined) socket.write(`${context.options.send}\n`);
    const line = await new LineReader(socket, LONGEST_LINE).line(context.cancel);
    socket.destroy();
    const phases = { connect: between(began, connectedAt), answer: between(connectedAt, context.now()) };
    if (!line.ok) return fail(line.error, NO_LINE[line.error], phases);
    return { ...verdict(line.value), phases };
  },
});

/** What an answer says. */
export function verdict(line: string): CheckResult {
  const said = printableBytes(line, 120);
  const answer = readAnswer(said);
  if (!answer.ok) return fail("bad-reply", answer.error);
  const { percent, isDown, isDrained } = answer.value;
  if (isDown) return fail("agent-down", `the agent said ${JSON.stringify(said)}`);
  const load = isDrained ? 0 : percent;
  const detail = `the agent said ${JSON.stringify(said)}`;
  return load === undefined ? ok(detail) : okWith({ kind: "percent", percent: load }, detail);
}

type Answer = {
  readonly percent: number | undefined;
  readonly isDown: boolean;
  readonly isDrained: boolean;
};

/** Words between blanks and commas; what follows a # is for people. */
function readAnswer(line: string): Result<Answer, string> {
  let percent: number | undefined;
  let isDown = false;
  let isDrained = false;
  let known = 0;
  for (const word of (line.split("#")[0] ?? "").toLowerCase().split(/[\s,]+/)) {
    const figure = /^(\d{1,9})%$/.exec(word);
    known++;
    if (figure !== null) percent = Math.min(MOST_PERCENT, Number(figure[1]));
    else if (["down", "fail", "failed", "stopped", "maint"].includes(word)) isDown = true;
    else if (word === "drain") isDrained = true;
    else if (word !== "up" && word !== "ready") known--;
  }
  return known === 0
    ? err(
        `the agent said ${JSON.stringify(line)}, which is none of: a percentage, up, ready, drain, maint, down`,
      )
    : okResult({ percent, isDown, isDrained });
}
