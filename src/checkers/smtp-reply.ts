// The two sides of a conversation in SMTP: a command, and the reply to it, of one line or several. Bounded in both.

import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { fail, type CheckResult } from "./checker.js";
import { LineReader, type LineFailure } from "./line-reader.js";
import { printableBytes } from "./printable.js";

/** RFC 5321 section 4.5.3.1.5 has 512 with CRLF; real servers are a little more talkative. */
const LONGEST_LINE = 2048;
/** Lines of one reply; the longest EHLO replies have about 20. */
const MOST_LINES = 100;
/** Of what a server says, for people. */
export const SHOWN = 120;

/** `text`: its first line, for people. `lines`: what follows the code in each. */
export type Reply = {
  readonly to: string;
  readonly code: number;
  readonly text: string;
  readonly lines: readonly string[];
};

export class SmtpTalk {
  readonly socket: Socket;
  private readonly reader: LineReader;
  private readonly cancel: Cancel;

  constructor(socket: Socket, cancel: Cancel) {
    this.socket = socket;
    this.reader = new LineReader(socket, LONGEST_LINE);
    this.cancel = cancel;
  }

  /** `to`: what a failure calls it; the line may be a secret. */
  say(to: string, line: string): Promise<Result<Reply, CheckResult>> {
    this.socket.write(`${line}\r\n`, "latin1");
    return this.reply(to);
  }

  /** All its lines must carry one code. */
  async reply(to: string): Promise<Result<Reply, CheckResult>> {
    let first: { readonly code: number; readonly text: string } | undefined;
    const lines: string[] = [];
    while (lines.length < MOST_LINES) {
      const line = await this.reader.line(this.cancel);
      if (!line.ok) return err(fail(line.error, lineFailure(line.error, to)));
      const parts = /^(\d{3})([ -]|$)/.exec(line.value);
      const text = printableBytes(line.value, SHOWN);
      if (parts === null) return err(fail("bad-reply", `${to}: not SMTP: ${JSON.stringify(text)}`));
      first ??= { code: Number(parts[1]), text };
      if (Number(parts[1]) !== first.code)
        return err(
          fail("bad-reply", `${to}: a reply that begins with ${first.code} goes on with ${parts[1] ?? ""}`),
        );
      lines.push(line.value.slice(4));
      if (parts[2] !== "-") return ok({ to, ...first, lines });
    }
    return err(fail("too-large", `${to}: more than ${MOST_LINES} lines in one reply`));
  }

  /** Leaves the connection to somebody else. What has come beyond the last reply. */
  release(): string {
    this.reader.release();
    return printableBytes(this.reader.rest, SHOWN);
  }
}

function lineFailure(failure: LineFailure, to: string): string {
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
