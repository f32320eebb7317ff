// Talks with a mail server as a client would before a message: greeting, EHLO (or HELO for a server that does
// not know EHLO), QUIT. RFC 5321 sections 4.1.1.1, 4.2.1 (replies of several lines), 4.3.2 (codes).

import type { Socket } from "node:net";

import { err, ok as okResult, type Result } from "../core/result.js";
import { between } from "../core/units.js";
import { defineChecker, fail, ok, type CheckContext, type CheckResult } from "./checker.js";
import { connect, connectOptions, type ConnectOptions } from "./connect.js";
import { LineReader } from "./line-reader.js";

/** RFC 5321 section 4.5.3.1.5 has 512 with CRLF; real servers are a little more talkative. */
const LONGEST_LINE = 2048;
/** Lines of one reply; the longest EHLO replies have about 20. */
const MOST_LINES = 100;

type SmtpOptions = ConnectOptions & { readonly helo: string };

export const smtp = defineChecker({
  name: "smtp",
  summary: "Exchanges greetings with a mail server, and succeeds when it is ready for mail.",
  options: (v) =>
    v.section({
      helo: v
        .text({ max: 255, pattern: /^[A-Za-z0-9.:[\]_-]+$/, what: "A host name" })
        .prefault("vipd.check.invalid")
        .describe("The name given with EHLO."),
      ...connectOptions(v),
    }),
  async check(context) {
    const began = context.now();
    const opened = await connect(context);
    if (!opened.ok) return opened.error;
    const connectedAt = context.now();
    const { socket } = opened.value;
    socket.on("error", () => undefined);
    const verdict = await converse(socket, context);
    // The server's answer to QUIT is not waited for: its readiness is known.
    if (verdict.ok) socket.write("QUIT\r\n");
    socket.destroySoon();
    const phases = { connect: between(began, connectedAt), answer: between(connectedAt, context.now()) };
    return { ...verdict, phases };
  },
});

async function converse(socket: Socket, context: CheckContext<SmtpOptions>): Promise<CheckResult> {
  const reader = new LineReader(socket, LONGEST_LINE);
  const greeting = await reply(reader, context, "the greeting");
  if (!greeting.ok) return greeting.error;
  if (greeting.value.code !== 220) return fail("bad-greeting", `greeting: ${greeting.value.text}`);
  let hello = await say(socket, reader, context, "EHLO");
  // RFC 5321 section 4.1.4: a server without EHLO answers 500 or 502, and HELO is tried.
  if (hello.ok && [500, 501, 502, 504].includes(hello.value.code))
    hello = await say(socket, reader, context, "HELO");
  if (!hello.ok) return hello.error;
  if (hello.value.code !== 250) return fail("bad-reply", `${hello.value.to}: ${hello.value.text}`);
  return ok(greeting.value.text);
}

type Reply = { readonly to: string; readonly code: number; readonly text: string };

function say(
  socket: Socket,
  reader: LineReader,
  context: CheckContext<SmtpOptions>,
  word: string,
): Promise<Result<Reply, CheckResult>> {
  socket.write(`${word} ${context.options.helo}\r\n`);
  return reply(reader, context, word);
}

/** One reply, with `text` its first line. All its lines must carry one code. */
async function reply(
  reader: LineReader,
  context: CheckContext<SmtpOptions>,
  to: string,
): Promise<Result<Reply, CheckResult>> {
  let first: Reply | undefined;
  for (let lines = 0; lines < MOST_LINES; lines++) {
    const line = await reader.line(context.cancel);
    if (!line.ok) return err(fail(line.error, lineFailure(line.error, to)));
    const parts = /^(\d{3})([ -]|$)/.exec(line.value);
    const text = printable(line.value);
    if (parts === null) return err(fail("bad-reply", `${to}: not SMTP: ${JSON.stringify(text)}`));
    first ??= { to, code: Number(parts[1]), text };
    if (Number(parts[1]) !== first.code)
      return err(
        fail("bad-reply", `${to}: a reply that begins with ${first.code} goes on with ${parts[1] ?? ""}`),
      );
    if (parts[2] !== "-") return okResult(first);
  }
  return err(fail("too-large", `${to}: more than ${MOST_LINES} lines in one reply`));
}

function lineFailure(failure: "read-timeout" | "closed-early" | "too-large", to: string): string {
  const subject = to.startsWith("the ") ? to : `the answer to ${to}`;
  switch (failure) {
    case "read-timeout":
      return `${subject} did not come in time`;
    case "closed-early":
      return `the connection ended before ${subject}`;
    case "too-large":
      return `${subject} has a line longer than ${LONGEST_LINE} characters`;
  }
}

// What the server says goes into logs: no control characters, and not too much.
const printable = (line: string): string => line.replace(/[^\x20-\x7e]/g, "?").slice(0, 120);
