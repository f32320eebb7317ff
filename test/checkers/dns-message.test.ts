// The codec of DNS: what it writes is what it reads, what real servers wrote is read right, and no bytes trouble it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { decodeMessage, encodeQuery, type DnsMessage } from "../../src/checkers/dns-message.js";
import { nameProblem, reverseName, sameName } from "../../src/checkers/dns-name.js";
import { DNS_TYPES, rcodeText, typeText } from "../../src/checkers/dns-types.js";
import { randomInt, seededRandom } from "../../src/core/random.js";
import { answerMessage, bytesOf, nameBytes, optRecord } from "./dns-writer.js";

const decoded = (bytes: Uint8Array): DnsMessage => {
  const message = decodeMessage(bytes);
  assert.ok(message.ok, message.ok ? "" : message.error);
  return message.value;
};
const problem = (bytes: Uint8Array): string => {
  const message = decodeMessage(bytes);
  assert.ok(!message.ok, JSON.stringify(message));
  return message.error;
};

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,63}$/);
const name = fc
  .array(label, { maxLength: 8 })
  .map((labels) => (labels.length === 0 ? "." : labels.join(".")))
  .filter((text) => nameProblem(text) === undefined);
const number = fc.integer({ min: 0, max: 0xffff });

test("a question is read as it was written", () => {
  fc.assert(
    fc.property(
      number,
      name,
      number,
      number,
      fc.boolean(),
      number,
      (id, asked, type, klass, recurse, size) => {
        const question = { name: asked, type, class: klass };
        const bytes = encodeQuery(id, question, recurse, size);
        assert.equal((bytes[2]! & 1) === 1, recurse);
        const message = decoded(bytes);
        assert.deepEqual([message.id, message.isResponse, message.opcode], [id, false, 0]);
        assert.deepEqual(message.questions, [question]);
        assert.deepEqual(message.answers, []);
        assert.equal(message.hasEdns, size > 0);
        if (size > 0) assert.deepEqual([...bytes.slice(-11)], optRecord(size));
      },
    ),
  );
});

test("an answer is read as it was written, with names that point to others and without", () => {
  const record = fc.record({
    name,
    ttl: fc.integer({ min: 0, max: 0xffffffff }),
    preference: number,
    exchange: name,
  });
  fc.assert(
    fc.property(
      number,
      name,
      fc.array(record, { maxLength: 9 }),
      fc.boolean(),
      (id, asked, records, point) => {
        const bytes = answerMessage({
          id,
          question: { name: asked, type: DNS_TYPES.MX, class: 1 },
          answers: records.map(({ name: owner, ttl, preference, exchange }) => ({
            name: point ? asked : owner,
            type: DNS_TYPES.MX,
            ttl,
            data: [...bytesOf(preference, 2), ...(point ? [0xc0, 12] : nameBytes(exchange))],
          })),
        });
        assert.deepEqual(
          decoded(bytes).answers,
          records.map(({ name: owner, ttl, preference, exchange }) => ({
            name: point ? asked : owner,
            type: DNS_TYPES.MX,
            class: 1,
            ttl,
            data: `${preference} ${point ? asked : exchange}`,
          })),
        );
      },
    ),
  );
});

test("what dnsmasq 2.90 wrote is read right", () => {
  const alias =
    "000785000001000200010000" +
    "05616c696173076578616d706c6504746573740000010001" +
    "c00c0005000100000258001203777777076578616d706c65047465737400" +
    "c03000010001000002580004c000020a" +
    "076578616d706c6504746573740000020001000002580011026e73076578616d706c65047465737400";
  assert.deepEqual(decoded(Buffer.from(alias, "hex")), {
    id: 7,
    isResponse: true,
    opcode: 0,
    truncated: false,
    rcode: 0,
    hasEdns: false,
    questions: [{ name: "alias.example.test", type: 1, class: 1 }],
    answers: [
      { name: "alias.example.test", type: 5, class: 1, ttl: 600, data: "www.example.test" },
      { name: "www.example.test", type: 1, class: 1, ttl: 600, data: "192.0.2.10" },
    ],
  });
});

test("every type that has a form here is written as zone files have it", () => {
  const data = (type: number, bytes: readonly number[]): string =>
    decoded(answerMessage({ answers: [{ name: "a.test", type, data: bytes }] })).answers[0]!.data;
  const word = (text: string): number[] => [text.length, ...Buffer.from(text)];
  assert.equal(
    data(DNS_TYPES.AAAA, [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 1]),
    "2001:db8::1",
  );
  assert.equal(data(DNS_TYPES.NS, nameBytes("ns.test")), "ns.test");
  assert.equal(
    data(DNS_TYPES.SOA, [
      ...nameBytes("ns"),
      ...nameBytes("mail.test"),
      ...[1, 2, 3, 4, 5].flatMap((n) => bytesOf(n, 4)),
    ]),
    "ns mail.test 1 2 3 4 5",
  );
  assert.equal(data(DNS_TYPES.TXT, [...word("v=spf1 "), ...word("-all")]), "v=spf1 -all");
  assert.equal(data(DNS_TYPES.SRV, [0, 5, 0, 7, 1, 0x85, ...nameBytes("ldap.test")]), "5 7 389 ldap.test");
  assert.equal(data(DNS_TYPES.CAA, [0, ...word("issue"), ...Buffer.from("ca.test")]), '0 issue "ca.test"');
  assert.equal(
    data(DNS_TYPES.NAPTR, [
      0,
      1,
      0,
      2,
      ...word("s"),
      ...word("SIP+D2U"),
      ...word(""),
      ...nameBytes("_sip.test"),
    ]),
    '1 2 "s" "SIP+D2U" "" _sip.test',
  );
  assert.equal(data(DNS_TYPES.DS, [0, 9, 8, 2, 0xab, 0xcd]), "9 8 2 abcd");
  assert.equal(data(DNS_TYPES.HTTPS, [0, 1, 0]), "000100");
  assert.equal(data(999, [1, 2]), "0102");
  assert.equal(typeText(999), "TYPE999");
  assert.equal(typeText(28), "AAAA");
  assert.equal(rcodeText(3), "NXDOMAIN");
  assert.equal(rcodeText(15), "RCODE15");
});

test("what does not lie in the message as it must is refused by name", () => {
  const good = answerMessage({ answers: [{ name: "a.test", type: 1, data: [192, 0, 2, 1] }] });
  for (let length = 0; length < good.length; length++)
    assert.match(problem(good.subarray(0, length)), /ends after \d+ bytes, in the middle of/);
  const answer = (type: number, data: readonly number[], owner?: readonly number[]): string =>
    problem(answerMessage({ answers: [{ name: "a.test", type, data, ...(owner ? { owner } : {}) }] }));
  assert.match(answer(1, [1, 2, 3]), /A record: its data is too short/);
  assert.match(answer(1, [1, 2, 3, 4, 5]), /A record: its data has 1 bytes too many/);
  assert.match(answer(16, [5, 65]), /TXT record: its data is too short/);
  assert.match(answer(15, [0, 1, 0xc0]), /MX record: its data is too short/);
  assert.match(answer(15, [0, 1, 0xff, 0xff]), /points to itself or to what comes after/);
  assert.match(answer(15, [0, 1, 0x80, 1]), /a label of an unknown kind/);
  assert.match(answer(1, [1, 2, 3, 4], [0xc0, 24]), /points to itself/);
  const long = Array.from({ length: 5 }, () => [60, ...new Array<number>(60).fill(97)]).flat();
  assert.match(answer(1, [1, 2, 3, 4], [...long, 0]), /longer than 255 bytes/);
  // Each pointer leads to the one before it, and the first to the name of the question. Data begins at byte 42.
  const chain = Array.from({ length: 40 }, (_, i) => [0xc0, i === 0 ? 12 : 40 + 2 * i]).flat();
  const first = { name: "a.test", type: 999, data: chain };
  const last = { name: "a.test", type: 1, data: [1, 2, 3, 4], owner: [0xc0, 42 + 2 * 39] };
  assert.match(problem(answerMessage({ answers: [first, last] })), /more than 16 pointers/);
  const counts = good.slice();
  counts[5] = 2;
  assert.match(problem(counts), /2 questions/);
  const many = good.slice();
  many[6] = 0x7f;
  assert.match(problem(many), /more than 1000 answers/);
});

test("EDNS is found behind the answers, whatever lies between, and gives the rest of the response code", () => {
  const other = [...nameBytes("ns.test"), 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53];
  const answers = [{ name: "a.test", type: 1, data: [192, 0, 2, 1] }];
  const read = decoded(answerMessage({ answers, additional: [other, optRecord(4096, 1, [0, 10, 0, 1, 7])] }));
  assert.deepEqual([read.hasEdns, read.rcode, read.answers.length], [true, 16, 1]);
  assert.equal(decoded(answerMessage({ additional: [other] })).hasEdns, false);
  assert.match(problem(answerMessage({ additional: [optRecord(), optRecord()] })), /two records of EDNS/);
  const whole = answerMessage({ answers, additional: [optRecord(512, 0, [1, 2, 3, 4])] });
  for (let cut = 1; cut <= 15; cut++) assert.match(problem(whole.slice(0, -cut)), /in the middle of/);
  // What was cut off ends where it ends.
  const truncated = answerMessage({ flags: 0x8380, answers, additional: [optRecord()] }).slice(0, -11);
  assert.deepEqual([decoded(truncated).truncated, decoded(truncated).hasEdns], [true, false]);
  const many = whole.slice();
  many[8] = 0x7f;
  assert.match(problem(many), /more than 1000 records beside/);
});

test("names are written so that they mean one thing", () => {
  const owner = [3, 0x61, 0x2e, 0x62, 2, 0x07, 0xff, 0];
  const bytes = answerMessage({ answers: [{ name: ".", type: 1, data: [1, 2, 3, 4], owner }] });
  assert.equal(decoded(bytes).answers[0]!.name, "a\\.b.\\007\\255");
  assert.equal(sameName("WWW.Example.Test."), "www.example.test");
  assert.equal(reverseName("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  assert.match(reverseName("2001:db8::1") ?? "", /^1\.0\.0\.0\..*\.8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa$/);
  assert.equal(reverseName("www.test"), undefined);
});

test("a name that cannot be asked for is refused in words", () => {
  assert.match(nameProblem("a..b") ?? "", /empty label/);
  assert.match(nameProblem("bücher.de") ?? "", /characters/);
  assert.match(nameProblem(`${"a".repeat(64)}.de`) ?? "", /more than 63/);
  assert.match(nameProblem(`${"a.".repeat(127)}de`) ?? "", /more than 253/);
  assert.equal(nameProblem("_ldap._tcp.example.test."), undefined);
});

test("no bytes trouble the decoder", () => {
  const valid = answerMessage({
    answers: [
      { name: "a.test", type: DNS_TYPES.MX, data: [0, 1, 0xc0, 12] },
      { name: "a.test", type: DNS_TYPES.TXT, data: [2, 65, 66, 0] },
      { name: "a.test", type: DNS_TYPES.CAA, data: [0, 1, 65, 66] },
    ],
    additional: [optRecord(1232, 0, [0, 3, 0, 1, 120])],
  });
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = seededRandom(seed);
    const isNoise = randomInt(random, 8) === 0;
    const bytes = new Uint8Array(
      randomInt(random, 4) === 0 ? randomInt(random, valid.length + 40) : valid.length,
    );
    if (!isNoise) bytes.set(valid.subarray(0, bytes.length));
    for (let i = isNoise ? bytes.length : 1 + randomInt(random, 4); i > 0 && bytes.length > 0; i--)
      bytes[randomInt(random, bytes.length)] = randomInt(random, 256);
    const message = decodeMessage(bytes);
    if (!message.ok) assert.ok(message.error.length < 200);
  }
});
