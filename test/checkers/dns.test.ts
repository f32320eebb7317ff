import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { DNS_TYPES } from "../../src/checkers/dns-types.js";
import { seconds } from "../../src/core/units.js";
import { until } from "../lab/wait.js";
import { answerMessage, optRecord } from "./dns-writer.js";
import { assertFails, assertUp, check, closedPort, readOptions, serving, talking } from "./harness.js";
import { answering, closedUdpPort, type Say } from "./udp-server.js";

const A = (last: number) => ({ name: "a.test", type: DNS_TYPES.A, data: [192, 0, 2, last] });
const WANTED = { name: "a.test", type: "A" };
type Change = Parameters<typeof answerMessage>[0];

/** The answer of a scripted server to the question it got. */
const replyTo = (query: Buffer, change: Change): Uint8Array =>
  answerMessage({ id: query.readUInt16BE(0), ...change });
const asked = (change: Change | ((query: Buffer, answer: Say) => void), options: object, timeout?: number) =>
  answering(
    typeof change === "function" ? change : (query, answer) => answer(replyTo(query, change)),
    (port) => check("dns", options, port, timeout),
  );

/** The same by TCP: `send` gets the answer with its length in front. */
const askedByTcp = (
  send: (socket: Socket, framed: Buffer) => void,
  timeout?: number,
  change: Change = { answers: [A(1)] },
): Promise<CheckResult> =>
  serving(
    talking((socket) => {
      socket.once("data", (query: Buffer) => {
        const answer = replyTo(query.subarray(2), change);
        send(socket, Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 0xff), answer]));
      });
    }),
    (port) => check("dns", { ...WANTED, protocol: "tcp" }, port, timeout),
  );

test("dns asks for what it is told to", async () => {
  const heard: string[] = [];
  const listen = (query: Buffer): void => void heard.push(query.subarray(2).toString("hex"));
  await asked(listen, { name: "a.test", type: "MX" }, 100);
  await asked(listen, { name: "version.bind", type: "TXT", class: "CH", recurse: false }, 100);
  await asked(listen, {}, 100);
  await asked(listen, { name: "192.0.2.1", type: "PTR" }, 100);
  await asked(listen, { name: "a.test", type: "MX", "edns-size": 0 }, 100);
  await asked(listen, { "edns-size": 4096 }, 100);
  const edns = (size: string): string => `000029${size}000000000000`;
  assert.deepEqual(heard, [
    "01000001000000000001" + "0161047465737400" + "000f0001" + edns("04d0"),
    "00000001000000000001" + "0776657273696f6e0462696e6400" + "00100003" + edns("04d0"),
    "01000001000000000001" + "00" + "00060001" + edns("04d0"),
    "01000001000000000001" +
      "013101320130033139320769" +
      "6e2d61646472046172706100" +
      "000c0001" +
      edns("04d0"),
    "01000001000000000000" + "0161047465737400" + "000f0001",
    "01000001000000000001" + "00" + "00060001" + edns("1000"),
  ]);
});

test("dns wants as many answers of the type as it is told to", async () => {
  assertUp(
    await asked({ answers: [A(1), A(2)] }, WANTED),
    /^a\.test A: NOERROR, 2 answers: 192\.0\.2\.1, 192\.0\.2\.2$/,
  );
  assertFails(await asked({}, WANTED), "wrong-reply", /NOERROR, no answers; wanted at least 1/);
  assertFails(
    await asked({ answers: [A(1)] }, { ...WANTED, "min-answers": 2 }),
    "wrong-reply",
    /1 answer.*at least 2/,
  );
  assertUp(await asked({}, { ...WANTED, "min-answers": 0 }), /no answers/);
  const alias = { name: "a.test", type: DNS_TYPES.CNAME, data: [0] };
  assertFails(await asked({ answers: [alias] }, WANTED), "wrong-reply", /no answers/);
  const any = { question: { name: "a.test", type: 255, class: 1 }, answers: [alias] };
  assertUp(await asked(any, { name: "a.test", type: "ANY" }), /1 answer: CNAME \./);
});

test("dns looks for its answer, however it is written", async () => {
  const two = { answers: [A(1), A(2)] };
  assertUp(await asked(two, { ...WANTED, answer: "192.0.2.2" }), /2 answers/);
  assertUp(await asked(two, { ...WANTED, answer: { regex: "^192\\.0\\.2\\." } }), /2 answers/);
  assertUp(await asked(two, { ...WANTED, answer: ["192.0.2.2", "192.0.2.1"] }), /2 answers/);
  assertFails(
    await asked(two, { ...WANTED, answer: "192.0.2.3" }),
    "wrong-reply",
    /; 192\.0\.2\.3 is not among them$/,
  );
  assertFails(
    await asked(two, { ...WANTED, answer: { regex: "^10" } }),
    "wrong-reply",
    /\/\^10\/ matches none/,
  );
  const mail = {
    question: { name: "A.TEST", type: DNS_TYPES.MX, class: 1 },
    answers: [{ name: "a.test", type: DNS_TYPES.MX, data: [0, 10, 2, 77, 88, 0] }],
  };
  assertUp(await asked(mail, { name: "a.test.", type: "MX", answer: "10 mx." }), /10 MX/);
});

test("dns searches all records of an answer within the limit of one regular expression", async () => {
  const text = [...Buffer.from(`!${"a".repeat(30)}!`)];
  text[0] = text.length - 1;
  const answers = Array.from({ length: 1000 }, () => ({
    ...{ name: "a.test", type: DNS_TYPES.TXT, owner: [0xc0, 12] },
    data: text,
  }));
  const wanted = { name: "a.test", type: "TXT", protocol: "tcp", answer: { regex: "^(a+)+$" } };
  const before = process.cpuUsage();
  const result = await serving(
    talking((socket) => {
      socket.once("data", (query: Buffer) => {
        const answer = replyTo(query.subarray(2), {
          answers,
          question: { name: "a.test", type: DNS_TYPES.TXT, class: 1 },
        });
        socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 0xff), answer]));
      });
    }),
    (port) => check("dns", wanted, port),
  );
  assertFails(result, "wrong-reply", /1000 answers: .*; \/\^\(a\+\)\+\$\/ took longer than 50 ms on them$/);
  const { user } = process.cpuUsage(before);
  assert.ok(user / 1000 < 2000, `${user / 1000} ms`);
});

test("dns wants the response code that it is told to", async () => {
  const refused = { flags: 0x8105 };
  assertFails(await asked(refused, WANTED), "bad-rcode", /^a\.test A: REFUSED, wanted NOERROR$/);
  assertUp(await asked({ flags: 0x8103 }, { ...WANTED, rcode: "NXDOMAIN" }), /NXDOMAIN, no answers/);
  assertFails(
    await asked({ answers: [A(1)] }, { ...WANTED, rcode: "NXDOMAIN" }),
    "bad-rcode",
    /NOERROR, wanted NX/,
  );
  assertUp(await asked({ flags: 0x8102 }, { ...WANTED, rcode: "any" }), /SERVFAIL/);
  assertFails(await asked({ flags: 0x8101, question: null }, WANTED), "bad-rcode", /FORMERR/);
});

test("dns asks by TCP for what was cut off, and says when it gets nothing there", async () => {
  const cut = { flags: 0x8380 };
  assertFails(await asked(cut, WANTED), "connect-refused", /refused.* \(cut off by UDP\)$/);
  const both = (flags: number): Promise<CheckResult> =>
    serving(
      talking((socket) => {
        socket.once("data", (query: Buffer) => {
          const answer = replyTo(query.subarray(2), { flags, answers: [A(1), A(2)] });
          socket.end(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 0xff), answer]));
        });
      }),
      (port) =>
        answering(
          (query, answer) => answer(replyTo(query, { ...cut, answers: [A(1)] })),
          () => check("dns", { ...WANTED, "min-answers": 2 }, port),
          port,
        ),
    );
  const whole = await both(0x8180);
  assertUp(whole, /^a\.test A: NOERROR, 2 answers: .* \(cut off by UDP\)$/);
  assert.deepEqual(Object.keys(whole.phases), ["udp", "connect", "answer"]);
  assertUp(await both(0x8380), /2 answers: .* \(cut off\) \(cut off by UDP\)$/);
  // What does not answer the question decides nothing.
  const other = { ...cut, question: { name: "b.test", type: 1, class: 1 } };
  assertFails(await asked(other, WANTED), "bad-reply", /another question/);
});

test("dns asks a server that does not know EDNS without it, once", async () => {
  let asks = 0;
  const old = (query: Buffer, answer: Say): void => {
    asks++;
    const hasEdns = query[11] === 1;
    answer(replyTo(query, hasEdns ? { flags: 0x8181 } : { answers: [A(1)] }));
  };
  assertUp(await asked(old, WANTED), /1 answer: 192\.0\.2\.1 \(without EDNS\)$/);
  assert.equal(asks, 2);
  asks = 0;
  assertFails(
    await asked((query, answer) => {
      asks++;
      answer(replyTo(query, { flags: 0x8181 }));
    }, WANTED),
    "bad-rcode",
    /FORMERR, wanted NOERROR/,
  );
  assert.equal(asks, 2);
  // One that knows it means what it says, and so does one of whom it is wanted.
  const means = { flags: 0x8181, additional: [optRecord()] };
  assertFails(await asked(means, WANTED), "bad-rcode", /FORMERR, wanted NOERROR$/);
  assertUp(await asked({ flags: 0x8181 }, { ...WANTED, rcode: "FORMERR" }), /FORMERR, no answers$/);
});

test("dns fails on what is no answer to its question", async () => {
  const bad = async (change: Change): Promise<CheckResult> => asked({ answers: [A(1)], ...change }, WANTED);
  assertFails(await bad({ flags: 0x0100 }), "bad-reply", /what came is no answer/);
  assertFails(await bad({ flags: 0x9000 }), "bad-reply", /what came is no answer/);
  assertFails(
    await bad({ question: { name: "b.test", type: 1, class: 1 } }),
    "bad-reply",
    /another question: b\.test A/,
  );
  assertFails(
    await bad({ question: { name: "a.test", type: 28, class: 1 } }),
    "bad-reply",
    /another question: a\.test AAAA/,
  );
  assertFails(await bad({ question: null }), "bad-reply", /NOERROR without the question/);
  const half = (query: Buffer, answer: Say): void =>
    answer(replyTo(query, { answers: [A(1)] }).subarray(0, 30));
  assertFails(await asked(half, WANTED), "bad-reply", /not DNS: it ends after 30 bytes/);
});

test("dns waits for its own answer among others", async () => {
  const late = (query: Buffer, answer: Say): void => {
    answer(Buffer.of(1));
    answer(answerMessage({ id: query.readUInt16BE(0) ^ 1, flags: 0x8105 }));
    setTimeout(() => answer(replyTo(query, { answers: [A(1)] })), 30);
  };
  assertUp(await asked(late, WANTED), /192\.0\.2\.1/);
});

test("dns fails when nobody answers", async () => {
  assertFails(
    await asked(() => undefined, WANTED, 100),
    "no-reply",
    /no reply from 127\.0\.0\.1:\d+ in \d+ ms/,
  );
  assertFails(await check("dns", WANTED, await closedUdpPort()), "connect-refused", /refused/);
  assertFails(await check("dns", WANTED, 0), "no-port", /port/);
  const tcp = { ...WANTED, protocol: "tcp" };
  assertFails(await check("dns", tcp, await closedPort()), "connect-refused", /refused/);
});

test("dns by TCP reads an answer in any pieces, and says how far it came", async () => {
  assertUp(await askedByTcp((socket, framed) => socket.write(framed)), /^a\.test A: NOERROR, 1 answer/);
  const slowly = (socket: Socket, framed: Buffer): void => {
    framed.forEach((byte, i) => void setTimeout(() => socket.write(Buffer.of(byte)), i));
  };
  assertUp(await askedByTcp(slowly), /1 answer/);
  assertFails(await askedByTcp(() => undefined, 100), "read-timeout", /^no answer in time$/);
  const half = (end: boolean) => (socket: Socket, framed: Buffer) =>
    end ? socket.end(framed.subarray(0, 20)) : socket.write(framed.subarray(0, 20));
  assertFails(await askedByTcp(half(false), 2000), "read-timeout", /^18 of \d+ bytes came in time$/);
  assertFails(await askedByTcp(half(true)), "closed-early", /18 of \d+ bytes came before/);
  assertFails(
    await askedByTcp((socket) => socket.end()),
    "closed-early",
    /no answer before the connection ended/,
  );
  assertFails(await askedByTcp((socket) => socket.resetAndDestroy()), "closed-early", /no answer/);
  assertFails(
    await askedByTcp((socket) => socket.write("HTTP/1.1 400 Bad")),
    "read-timeout",
    /of 18516 bytes/,
  );
});

test("dns refuses options that cannot work", () => {
  const wrong = (options: object, message: RegExp): void => {
    assert.throws(() => readOptions("dns", options), message);
  };
  wrong({ name: "a..b" }, /empty label/);
  wrong({ name: "2001:db8::1" }, /Only with `type: PTR`/);
  wrong({ name: "x:y", type: "PTR" }, /Only with `type: PTR`/);
  wrong({ type: "a" }, /did you mean/);
  wrong({ answer: [] }, /wants nothing/);
  wrong({ answer: { regex: "(" } }, /bad regular expression/);
  wrong({ answer: { sha256: "x" } }, /nothing to look for/);
  wrong({ answer: "x", rcode: "NXDOMAIN" }, /cannot be in a reply with that/);
  wrong({ rcode: "BADKEY" }, /one of/);
  wrong({ "edns-size": 65_536 }, /out of range/);
  wrong({ "edns-size": "big" }, /not a whole number/);
});

const DNSMASQ = "/usr/sbin/dnsmasq";
const skip = existsSync(DNSMASQ) ? false : "needs dnsmasq (tools/setup.sh installs it)";
const ZONE = [
  "no-resolv",
  "no-hosts",
  "bind-interfaces",
  "listen-address=127.0.0.1",
  "host-record=www.example.test,192.0.2.10,2001:db8::10",
  "cname=alias.example.test,www.example.test",
  "mx-host=example.test,mail.example.test,10",
  'txt-record=example.test,"v=spf1 -all"',
  "srv-host=_ldap._tcp.example.test,ldap.example.test,389,5,7",
  "caa-record=example.test,0,issue,ca.example",
  "ptr-record=10.2.0.192.in-addr.arpa,www.example.test",
  `txt-record=long.example.test${`,${"x".repeat(250)}`.repeat(3)}`,
  ...Array.from({ length: 120 }, (_, i) => `host-record=many.example.test,192.0.2.${i + 1}`),
  "auth-server=ns.example.test,127.0.0.1",
  "auth-zone=example.test",
  "auth-soa=7,hostmaster.example.test",
];

let folder = "";
let port = 0;
let end = async (): Promise<void> => Promise.resolve();

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), "vipd-dnsmasq-"));
  port = await closedUdpPort();
  const config = join(folder, "dnsmasq.conf");
  writeFileSync(config, `${[...ZONE, `port=${port}`].join("\n")}\n`);
  const user = process.getuid?.() === 0 ? ["--user=root"] : [];
  const args = ["--keep-in-foreground", `--conf-file=${config}`, "--pid-file=", "--log-facility=-", ...user];
  const server = spawn(DNSMASQ, args, { stdio: "ignore" });
  end = async () => {
    if (server.exitCode !== null) return;
    server.kill();
    await once(server, "exit");
  };
  await until("dnsmasq answers", seconds(20), async () => {
    const result = await check("dns", { name: "example.test", type: "SOA" }, port, 500);
    return result.ok ? true : undefined;
  });
});
after(async () => {
  await end();
  if (folder !== "") rmSync(folder, { recursive: true });
});

test("dns asks dnsmasq for every type of record", { skip }, async () => {
  const is = async (
    name: string,
    type: string,
    answer: string,
    shown: RegExp,
    more: object = {},
  ): Promise<void> => assertUp(await check("dns", { name, type, answer, ...more }, port), shown);
  await is("www.example.test", "A", "192.0.2.10", /1 answer: 192\.0\.2\.10$/);
  await is("www.example.test", "AAAA", "2001:0DB8::10", /2001:db8::10$/);
  await is("example.test", "MX", "10 mail.example.test", /10 mail\.example\.test$/);
  await is("example.test", "TXT", "v=spf1 -all", /v=spf1 -all$/);
  await is("example.test", "NS", "ns.example.test", /ns\.example\.test/);
  await is("_ldap._tcp.example.test", "SRV", "5 7 389 ldap.example.test.", /5 7 389/);
  await is("alias.example.test", "CNAME", "www.example.test.", /www\.example\.test$/);
  await is("alias.example.test", "A", "192.0.2.10", /1 answer: 192/);
  assertUp(
    await check(
      "dns",
      { name: "example.test", answer: { regex: "^ns\\.example\\.test hostmaster\\S* 7 " } },
      port,
    ),
    /SOA: NOERROR, 1 answer: ns\.example\.test hostmaster/,
  );
  await is("www.example.test", "A", "192.0.2.10", /1 answer/, { protocol: "tcp" });
});

test("dns gets from dnsmasq what is too long for 512 bytes, and for any datagram", { skip }, async () => {
  const long = { name: "long.example.test", type: "TXT", answer: "x".repeat(750) };
  const inOne = await check("dns", long, port);
  assertUp(inOne, /1 answer: x+$/);
  assert.deepEqual(Object.keys(inOne.phases), ["answer"]);
  for (const size of [0, 512]) {
    const cut = await check("dns", { ...long, "edns-size": size }, port);
    assertUp(cut, /1 answer: x+ \(cut off by UDP\)$/);
  }
  const many = { name: "many.example.test", type: "A", "min-answers": 120, answer: "192.0.2.120" };
  assertUp(await check("dns", many, port), /120 answers: .* \(cut off by UDP\)$/);
});

test("dns hears from dnsmasq what there is not", { skip }, async () => {
  const nothing = { name: "no.example.test", type: "A" };
  assertFails(await check("dns", nothing, port), "bad-rcode", /NXDOMAIN, wanted NOERROR/);
  assertUp(await check("dns", { ...nothing, rcode: "NXDOMAIN" }, port), /NXDOMAIN/);
  assertUp(await check("dns", { ...nothing, rcode: "NXDOMAIN", protocol: "tcp" }, port), /NXDOMAIN/);
  assertFails(await check("dns", {}, port), "bad-rcode", /^\. SOA: REFUSED/);
  const wrong = { name: "www.example.test", type: "A", answer: "192.0.2.11" };
  assertFails(
    await check("dns", wrong, port),
    "wrong-reply",
    /192\.0\.2\.10; 192\.0\.2\.11 is not among them/,
  );
});
