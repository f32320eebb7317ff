// Sends a datagram to the real server. UDP has no connections: a server that must answer is asked for a reply; one
// that need not is taken for up unless an ICMP message says that its port is closed or its host out of reach.

import type { ValueTypes } from "../config/values.js";
import { ok as okResult } from "../core/result.js";
import { defineChecker, fail, ok } from "./checker.js";
import { connectOptions } from "./connect.js";
import { exchange } from "./exchange.js";
import { excerpt, patternForms, patternProblem, readPattern, type Pattern } from "./pattern.js";
import { payload, payloadBytes } from "./payload.js";

type Reply = Pattern | { readonly kind: "any" };

/** The schema of `reply`: the word `any`, or a pattern. */
const reply = (v: ValueTypes) =>
  v.value<Reply>({ kind: "`any`, text, or `regex`, `hex`, `text`", anyOf: patternForms }, (input) =>
    input === "any" ? okResult({ kind: "any" }) : readPattern(input),
  );

export const udp = defineChecker({
  name: "udp",
  summary:
    "Sends a datagram, and succeeds when the server replies as wanted, or is not said to be out of reach.",
  options: (v) =>
    v.section({
      payload: payload(v).optional().meta({ otherwise: "an empty datagram" }).describe("What is sent."),
      reply: reply(v)
        .optional()
        .meta({ otherwise: "none is needed" })
        .describe("What the server must reply: `any`thing, or what must be in it."),
      ...connectOptions(v),
    }),
  check: (context) => {
    const { options } = context;
    const question = options.payload === undefined ? new Uint8Array(0) : payloadBytes(options.payload);
    const wanted = options.reply;
    return exchange(context, question, {
      datagram: (bytes) => {
        const problem =
          wanted === undefined || wanted.kind === "any"
            ? undefined
            : patternProblem(wanted, bytes, "the reply");
        return problem === undefined ? ok(`reply of ${excerpt(bytes)}`) : fail("wrong-reply", problem);
      },
      silence: (text) => (wanted === undefined ? ok(`${text}, and none is needed`) : fail("no-reply", text)),
    });
  },
});
