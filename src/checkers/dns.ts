// Asks the real server one question of DNS, by UDP or TCP, and judges what it answers: the response code, how many
// answers there are, and what stands in them. What does not fit into a datagram is asked for again by TCP.

import { randomInt } from "node:crypto";
import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import { err, ok as okResult, type Result } from "../core/result.js";
import { between, milliseconds } from "../core/units.js";
import { ByteReader } from "./byte-reader.js";
import { defineChecker, fail, ok, type CheckContext, type CheckResult } from "./checker.js";
import { connect, connectOptions, type ConnectOptions } from "./connect.js";
import { answerWish, judgeAnswer, type DnsWish } from "./dns-answer.js";
import { decodeMessage, encodeQuery, type DnsMessage, type DnsQuestion } from "./dns-message.js";
import { nameProblem, reverseName, sameName } from "./dns-name.js";
import { DNS_CLASSES, DNS_RCODES, DNS_TYPES, rcodeText, typeText, type DnsClass } from "./dns-types.js";
import { exchange } from "./exchange.js";
import { watch } from "./trace.js";

type DnsOptions = ConnectOptions &
  DnsWish & {
    readonly name: string;
    readonly class: DnsClass;
    readonly recurse: boolean;
    readonly protocol: "udp" | "tcp";
    readonly "edns-size": number;
  };

const TYPES = Object.keys(DNS_TYPES) as (keyof typeof DNS_TYPES)[];
const CLASSES = Object.keys(DNS_CLASSES) as DnsClass[];

/** The schema of a name to ask for. */
const domainName = (v: ValueTypes) =>
  v.value<string>({ kind: "domain name", type: "string", minLength: 1, maxLength: 254 }, (input) => {
    if (typeof input !== "string" || input === "") return err("is not a domain name");
    const problem = input.includes(":") ? undefined : nameProblem(input);
    return problem === undefined ? okResult(input) : err(problem);
  });

export const dns = defineChecker({
  name: "dns",
  summary: "Asks a question of DNS, and succeeds when the answer is as wanted.",
  options: (v) =>
    v
      .section({
        name: domainName(v)
          .prefault(".")
          .describe("The name that is asked for. With `type: PTR` it may be an address."),
        type: v.choice(TYPES).prefault("SOA").describe("The type of record that is asked for."),
        class: v.choice(CLASSES).prefault("IN").describe("The class; CH for `version.bind` and the like."),
        answer: answerWish(v)
          .optional()
          .describe(
            "What must be among the answers: the data of a record, `{ regex: … }`, or a list of these.",
          ),
        "min-answers": v
          .integer({ min: 0, max: 1000, what: "The number of answers" })
          .prefault(1)
          .describe("How many records of the type a reply needs whose response code is NOERROR."),
        rcode: v
          .choice([...DNS_RCODES, "any"])
          .prefault("NOERROR")
          .describe("The response code that is good."),
        recurse: v
          .flag()
          .prefault(true)
          .describe("Whether the server is asked to find the answer elsewhere (the RD bit)."),
        protocol: v
          .choice(["udp", "tcp"])
          .prefault("udp")
          .describe("How the question travels. An answer that UDP cuts off is asked for by TCP."),
        "edns-size": v
          .integer({ min: 0, max: 0xffff, what: "A size in bytes" })
          .prefault(1232)
          .describe(
            "By UDP: how long the server may make its answer (EDNS). 0: the question is without EDNS.",
          ),
        ...connectOptions(v),
      })
      .refine(
        ({ name, type }) => !name.includes(":") || (type === "PTR" && reverseName(name) !== undefined),
        {
          path: ["name"],
          error: "is not a domain name\nOnly with `type: PTR` it may be an address.",
        },
      )
      .refine(({ answer, rcode }) => answer === undefined || rcode === "NOERROR" || rcode === "any", {
        path: ["answer"],
        error: "cannot be in a reply with that `rcode`\nLeave out `answer`, or `rcode`.",
      }),
  check: (context) => (context.options.protocol === "udp" ? byUdp(context) : byTcp(context)),
});

const questionOf = (options: DnsOptions): DnsQuestion => ({
  name: (options.type === "PTR" ? reverseName(options.name) : undefined) ?? options.name,
  type: DNS_TYPES[options.type],
  class: DNS_CLASSES[options.class],
});

/** What to do about an answer instead of judging it: ask by TCP, or without EDNS. */
type Again = "tcp" | "plain";

async function byUdp(
  context: CheckContext<DnsOptions>,
  size = context.options["edns-size"],
): Promise<CheckResult> {
  const { options } = context;
  const question = questionOf(options);
  const id = randomInt(0x1_0000);
  const asked: { again?: Again } = {};
  const result = await exchange(context, encodeQuery(id, question, options.recurse, size), {
    datagram: (bytes) => {
      // An answer to another question may be late, or forged.
      if (bytes.length < 2 || bytes.readUInt16BE(0) !== id) return undefined;
      const read = readAnswer(bytes, id, question);
      if (!read.ok) return read.error;
      const again = againOf(read.value, size, options);
      if (again !== undefined) asked.again = again;
      return judge(read.value, question, options);
    },
    silence: (text) => fail("no-reply", text),
  });
  if (asked.again === undefined) return result;
  const next = asked.again === "tcp" ? await byTcp(context) : await byUdp(context, 0);
  const why = asked.again === "tcp" ? "cut off by UDP" : "without EDNS";
  const spent = result.phases["answer"] ?? milliseconds(0);
  const phases = { [asked.again === "tcp" ? "udp" : "edns"]: spent, ...next.phases };
  return { ...next, detail: `${next.detail} (${why})`, phases };
}

function againOf(message: DnsMessage, size: number, { rcode }: DnsOptions): Again | undefined {
  if (message.truncated) return "tcp";
  const code = rcodeText(message.rcode);
  // RFC 6891 section 7: what servers say that know nothing of it.
  const isOld = size > 0 && !message.hasEdns && (code === "FORMERR" || code === "NOTIMP");
  return isOld && rcode !== code && rcode !== "any" ? "plain" : undefined;
}

async function byTcp(context: CheckContext<DnsOptions>): Promise<CheckResult> {
  const began = context.now();
  const opened = await connect(context);
  if (!opened.ok) return opened.error;
  const connectedAt = context.now();
  const verdict = await askByTcp(watch(opened.value.socket, context.trace), context);
  opened.value.socket.destroy();
  const phases = { connect: between(began, connectedAt), answer: between(connectedAt, context.now()) };
  return { ...verdict, phases };
}

/** RFC 1035 section 4.2.2: a length of two bytes in front of each message. */
async function askByTcp(socket: Socket, context: CheckContext<DnsOptions>): Promise<CheckResult> {
  const { options } = context;
  const question = questionOf(options);
  const id = randomInt(0x1_0000);
  const query = encodeQuery(id, question, options.recurse);
  const reader = new ByteReader(socket, 2 + 0xffff);
  socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]));
  const lengthOf = (bytes: Buffer): number => (bytes.length < 2 ? Infinity : bytes.readUInt16BE(0));
  const found = await reader.find((bytes) => {
    const length = lengthOf(bytes);
    return bytes.length < 2 + length ? undefined : bytes.subarray(2, 2 + length);
  }, context.cancel);
  if (found.ok) {
    const read = readAnswer(found.value, id, question);
    return read.ok ? judge(read.value, question, options) : read.error;
  }
  const { pending } = reader;
  const progress =
    pending.length < 2 ? "no answer" : `${pending.length - 2} of ${lengthOf(pending)} bytes came`;
  switch (found.error) {
    case "read-timeout":
      return fail(found.error, `${progress} in time`);
    case "closed-early":
      return fail(found.error, `${progress} before the connection ended`);
    case "too-large":
      return fail(found.error, `the answer comes in too many pieces: ${progress}`);
  }
}

const askedFor = ({ name, type }: DnsQuestion): string => `${name} ${typeText(type)}`;

/** What came, when it is an answer to our question. */
function readAnswer(bytes: Buffer, id: number, question: DnsQuestion): Result<DnsMessage, CheckResult> {
  const decoded = decodeMessage(bytes);
  const problem = decoded.ok ? strangeness(decoded.value, id, question) : `not DNS: ${decoded.error}`;
  if (problem !== undefined) return err(fail("bad-reply", `${askedFor(question)}: ${problem}`));
  return decoded as Result<DnsMessage, never>;
}

function judge(message: DnsMessage, question: DnsQuestion, options: DnsOptions): CheckResult {
  const verdict = judgeAnswer(message, question.type, options);
  return verdict.ok
    ? ok(`${askedFor(question)}: ${verdict.value}`)
    : fail(verdict.error.reason, `${askedFor(question)}: ${verdict.error.detail}`);
}

/** What makes a message no answer to our question, or nothing. */
function strangeness(message: DnsMessage, id: number, question: DnsQuestion): string | undefined {
  if (message.id !== id) return `an answer to another question (number ${message.id})`;
  if (!message.isResponse || message.opcode !== 0) return "what came is no answer";
  const [echoed] = message.questions;
  // A server that could not read the question cannot repeat it.
  if (echoed === undefined) return message.rcode === 0 ? `${rcodeText(0)} without the question` : undefined;
  const isOurs =
    echoed.type === question.type &&
    echoed.class === question.class &&
    sameName(echoed.name) === sameName(question.name);
  return isOurs
    ? undefined
    : `the answer is to another question: ${echoed.name.slice(0, 80)} ${typeText(echoed.type)}`;
}
