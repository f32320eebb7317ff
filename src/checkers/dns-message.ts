// DNS messages: makes a question, reads an answer (RFC 1035 section 4). Pure: bytes in and out. Reads the question and
// the answer section; of what follows them only that the server speaks EDNS, and the rest of the response code that
// stands there (RFC 6891). Whatever does not lie in the message as it must makes the whole of it malformed.
//
//   0                             1
//   0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
//   |                      ID                       |
//   |QR|  Opcode   |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
//   |    QDCOUNT    |    ANCOUNT    |    NSCOUNT    |    ARCOUNT    |

import { Reader, Writer } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { dataText } from "./dns-data.js";
import { readName, writeName } from "./dns-name.js";
import { typeText } from "./dns-types.js";

export type DnsQuestion = { readonly name: string; readonly type: number; readonly class: number };
export type DnsRecord = DnsQuestion & {
  /** Seconds. */
  readonly ttl: number;
  /** As a zone file has it, names without their last dot; hexadecimal digits for types that have no form here. */
  readonly data: string;
};
export type DnsMessage = {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly truncated: boolean;
  /** 0 to 15, with EDNS to 4095. */
  readonly rcode: number;
  /** The server has read what EDNS puts into a question. */
  readonly hasEdns: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
};

const HEADER_LENGTH = 12;
/** More than any name has; a message of the greatest length could keep us busy for long with more. */
const MOST_RECORDS = 1000;
/** RFC 6891 section 6.1: a record with neither name nor data, whose class is the size and whose time to live has flags. */
const OPT = 41;
const OPT_LENGTH = 11;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;

/** `name` has been looked at with `nameProblem`. `size`: of datagrams that may come back, by EDNS; 0: without it. */
export function encodeQuery(id: number, question: DnsQuestion, recurse: boolean, size = 0): Uint8Array {
  const writer = new Writer(HEADER_LENGTH + 260 + OPT_LENGTH);
  writer.u16be(id).u16be(recurse ? RECURSION_DESIRED : 0);
  writer
    .u16be(1)
    .u16be(0)
    .u16be(0)
    .u16be(size === 0 ? 0 : 1);
  writeName(writer, question.name);
  writer.u16be(question.type).u16be(question.class);
  if (size > 0) writer.u8(0).u16be(OPT).u16be(size).u32be(0).u16be(0);
  return writer.finish();
}

/** The error says what is wrong, for people. */
export function decodeMessage(bytes: Uint8Array): Result<DnsMessage, string> {
  const reader = new Reader(bytes);
  const id = reader.u16be("id");
  const flags = reader.u16be("flags");
  const questionCount = reader.u16be("question count");
  const answerCount = reader.u16be("answer count");
  const authorityCount = reader.u16be("authority count");
  const additionalCount = reader.u16be("additional count");
  if (questionCount > 1) return err(`it has ${questionCount} questions`);
  if (answerCount > MOST_RECORDS) return err(`it has more than ${MOST_RECORDS} answers`);
  if (authorityCount + additionalCount > MOST_RECORDS)
    return err(`it has more than ${MOST_RECORDS} records beside its answers`);
  const questions: DnsQuestion[] = [];
  for (let i = 0; i < questionCount && reader.error === undefined; i++) {
    const question = readQuestion(reader);
    if (!question.ok) return question;
    questions.push(question.value);
  }
  const answers: DnsRecord[] = [];
  const truncated = (flags & TRUNCATED) !== 0;
  for (let i = 0; i < answerCount && reader.error === undefined; i++) {
    // What was cut off may have been cut in the middle of the records.
    if (truncated && reader.remaining === 0) break;
    const record = readRecord(reader);
    if (!record.ok) return record;
    answers.push(record.value);
  }
  const opt = readOpt(reader, authorityCount + additionalCount, truncated);
  if (!opt.ok) return opt;
  if (reader.error !== undefined)
    return err(`it ends after ${bytes.length} bytes, in the middle of: ${reader.error.field}`);
  return ok({
    id,
    isResponse: (flags & RESPONSE) !== 0,
    opcode: (flags >> 11) & 15,
    truncated,
    rcode: ((opt.value ?? 0) << 4) | (flags & 15),
    hasEdns: opt.value !== undefined,
    questions,
    answers,
  });
}

/** Gives the upper bits of the response code; undefined: among these records there is none of EDNS. */
function readOpt(reader: Reader, count: number, truncated: boolean): Result<number | undefined, string> {
  let upper: number | undefined;
  for (let i = 0; i < count && reader.error === undefined; i++) {
    if (truncated && reader.remaining === 0) break;
    const head = readQuestion(reader);
    if (!head.ok) return head;
    const flags = reader.u32be("time to live");
    reader.skip("data", reader.u16be("data length"));
    if (head.value.type !== OPT) continue;
    if (upper !== undefined) return err("it has two records of EDNS");
    upper = flags >>> 24;
  }
  return ok(upper);
}

function readQuestion(reader: Reader): Result<DnsQuestion, string> {
  const name = readName(reader);
  return name.ok ? ok({ name: name.value, type: reader.u16be("type"), class: reader.u16be("class") }) : name;
}

function readRecord(reader: Reader): Result<DnsRecord, string> {
  const head = readQuestion(reader);
  if (!head.ok) return head;
  const ttl = reader.u32be("time to live");
  const length = reader.u16be("data length");
  const start = reader.offset;
  if (length > reader.remaining) reader.fail("data", length);
  if (reader.error !== undefined) return ok({ ...head.value, ttl, data: "" });
  const data = dataText(head.value.type, reader.bytes, start, start + length);
  if (!data.ok) return err(`${typeText(head.value.type)} record: ${data.error}`);
  reader.skip("data", length);
  return ok({ ...head.value, ttl, data: data.value });
}
