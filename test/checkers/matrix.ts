// What each kind of check says of a server in each state: the cells of the matrix, all of them. A cell is one or more
// looks at a real server (matrix.netns.test.ts), the test elsewhere that shows it, or the reason why there is none.

import type { FailReason } from "../../src/checkers/checker.js";
import type { Cut, Ports } from "./matrix-servers.js";
import { SLOWNESS } from "./matrix-servers.js";

export const STATES = [
  "up",
  "refused",
  "hung",
  "slow",
  "wrong answer",
  "half an answer",
  "reset",
  "certificate expired",
] as const;
export type State = (typeof STATES)[number];
/** The kinds of check, and forms of them that speak in ways of their own: the first word is the kind. */
export const FORMS = [
  "tcp",
  "http",
  "http by 1.0",
  "http by 2",
  "https",
  "https by 2",
  "smtp",
  "smtp with TLS",
  "dns",
  "udp",
  "ping",
  "script",
  "file",
  "expect",
  "expect with TLS",
  "agent",
] as const;
export type Form = (typeof FORMS)[number];
export const checkerOf = (form: Form): string => form.split(" ", 1)[0] ?? "";

export type Look = {
  readonly at: keyof Ports;
  /** `FOLDER` in a text is that of the servers. */
  readonly options: object;
  /** Milliseconds; absent: as long as it takes. */
  readonly timeout?: number;
  readonly cut?: Cut;
  /** What it warns of, though all is well. */
  readonly warns?: RegExp;
  readonly sees: readonly ["up" | FailReason, RegExp];
};
export type Cell =
  readonly Look[] | { readonly file: string; readonly test: string } | { readonly none: string };

const SHORT = SLOWNESS / 4;
const ENDED = /^the certificate ended at .* 2020/;
const none = (why: string): Cell => ({ none: why });
const noCertificate = none("it sees no certificate");
const elsewhere = (file: string, test: string): Cell => ({ file, test });
const look = (
  at: keyof Ports,
  options: object,
  reason: "up" | FailReason,
  detail: RegExp,
  more: Pick<Look, "timeout" | "cut" | "warns"> = {},
): Look => ({ at, options, sees: [reason, detail], ...more });

const page = { path: "/", body: "test page" };
const big = { path: "/big.html", body: "test page" };
const SMTP_STEPS = [
  { "expect-line": "220 " },
  { "send-line": "EHLO vipd.test" },
  { expect: { regex: "^250 [^\\n]*\\n" } },
];
const TLS_STEPS = [
  ...SMTP_STEPS,
  { "send-line": "STARTTLS" },
  { "expect-line": "220 " },
  { "start-tls": true },
  { "send-line": "EHLO vipd.test" },
  { expect: { regex: "^250 [^\\n]*\\n" } },
];
const ADDRESS = { name: "www.example.test", type: "A", answer: "192.0.2.10" };
/** The same question by hand: www.example.test A, and of slow.test. */
const QUERY = { hex: "0001 0100 0001 0000 0000 0000 03777777 07 6578616d706c65 04 74657374 00 0001 0001" };
const SLOW_QUERY = { hex: "0002 0100 0001 0000 0000 0000 04 736c6f77 04 74657374 00 0001 0001" };
const FOUND = { hex: "c000 020a" };
const script = (name: string): object => ({ command: `FOLDER/${name}` });
const file = (name: string): object => ({ path: `FOLDER/${name}` });

/** HTTP and HTTPS alike, by all versions. */
function web(
  at: "http" | "http2" | "https" | "https2",
  version = "1.1",
): Record<Exclude<State, "certificate expired">, readonly Look[]> {
  const of = (options: object): object => ({ version, ...options });
  const slow = of({ path: "/slow.html", body: "test page" });
  return {
    up: [look(at, of(page), "up", /: 200/), look(at, of(big), "up", /: 200/)],
    refused: [look("closed", of(page), "connect-refused", /ECONNREFUSED/)],
    hung: [look(at, of(page), "read-timeout", /./, { timeout: SHORT })],
    slow: [look(at, slow, "up", /: 200/), look(at, slow, "read-timeout", /./, { timeout: SHORT })],
    "wrong answer": [
      look(at, of({ path: "/broken" }), "bad-status", /500/),
      look(at, of({ path: "/", body: "another page" }), "body-mismatch", /"another page" is not in the body/),
    ],
    "half an answer": [
      look(at, of(big), "closed-early", /./, { cut: { after: 10_000, by: "end" } }),
      look(at, of(big), "read-timeout", /./, { cut: { after: 10_000, by: "silence" }, timeout: SLOWNESS }),
    ],
    reset: [
      look(at, of(page), "closed-early", /./, { cut: { after: 0, by: "reset" } }),
      look(at, of(big), "closed-early", /./, { cut: { after: 10_000, by: "reset" } }),
    ],
  };
}

/** What TLS changes about that. */
function secureWeb(at: "https" | "https2", version?: string): Record<State, readonly Look[]> {
  const same = web(at, version);
  const of = (options: object): object => ({ ...(version === undefined ? {} : { version }), ...options });
  const expired = version === undefined ? "httpsExpired" : "https2Expired";
  return {
    ...same,
    "half an answer": [
      ...same["half an answer"],
      // Within the handshake.
      look(at, of(page), "tls-failed", /./, { cut: { after: 100, by: "end" } }),
    ],
    reset: [
      look(at, of(page), "tls-failed", /./, { cut: { after: 0, by: "reset" } }),
      look(at, of(big), "closed-early", /./, { cut: { after: 10_000, by: "reset" } }),
    ],
    hung: [look(at, of(page), "read-timeout", /TLS handshake/, { timeout: SHORT })],
    "certificate expired": [
      look(expired, of({ ...page, "check-dates": true }), "certificate-expired", /2020/),
      look(
        expired,
        of({ ...page, verify: true, ca: "FOLDER/expired.pem", "server-name": "www.vipd.test" }),
        "certificate-expired",
        /expired/,
      ),
      // Unless it is asked to look.
      look(expired, of(page), "up", /: 200/),
      look(expired, of({ ...page, "warn-before-expiry": 1 }), "up", /: 200/, { warns: ENDED }),
    ],
  };
}

export const MATRIX: Record<Form, Record<State, Cell>> = {
  tcp: {
    up: [look("http", {}, "up", /./)],
    refused: [look("closed", {}, "connect-refused", /ECONNREFUSED/)],
    // The kernel goes on accepting for it, until its queue is full: tcp.test.ts. That is what the other checks are for.
    hung: [look("http", {}, "up", /./)],
    slow: elsewhere("checkers/tcp.test.ts", "tcp times out on a server whose queue of connections is full"),
    "wrong answer": none("it reads nothing"),
    "half an answer": none("it reads nothing"),
    // The connection was opened.
    reset: [look("http", {}, "up", /./, { cut: { after: 0, by: "reset" } })],
    "certificate expired": noCertificate,
  },
  http: { ...web("http"), "certificate expired": noCertificate },
  "http by 1.0": { ...web("http", "1.0"), "certificate expired": noCertificate },
  "http by 2": { ...web("http2", "2"), "certificate expired": noCertificate },
  https: secureWeb("https"),
  "https by 2": secureWeb("https2", "2"),
  smtp: {
    up: [look("smtp", {}, "up", /^220 mx\.vipd\.test/), look("smtp", { "start-tls": true }, "up", /^220 /)],
    refused: [look("closed", {}, "connect-refused", /ECONNREFUSED/)],
    hung: [look("smtp", {}, "read-timeout", /./, { timeout: SHORT })],
    slow: [
      look("smtpSlow", {}, "up", /^220 mx\.vipd\.test/),
      look("smtpSlow", {}, "read-timeout", /./, { timeout: SHORT }),
    ],
    "wrong answer": [look("smtpRefusing", {}, "bad-greeting", /550 no mail today/)],
    "half an answer": [
      look("smtp", {}, "closed-early", /./, { cut: { after: 10, by: "end" } }),
      look("smtp", {}, "read-timeout", /./, { cut: { after: 10, by: "silence" }, timeout: SLOWNESS }),
    ],
    reset: [look("smtp", {}, "closed-early", /./, { cut: { after: 60, by: "reset" } })],
    "certificate expired": [
      look("smtpExpired", { "start-tls": true, "check-dates": true }, "certificate-expired", /2020/),
      look("smtpExpired", { "start-tls": true }, "up", /^220 /),
      look("smtpExpired", { "start-tls": true, "warn-before-expiry": 1 }, "up", /^220 /, { warns: ENDED }),
    ],
  },
  "smtp with TLS": {
    up: [look("smtps", { tls: true }, "up", /^220 mx\.vipd\.test/)],
    refused: [look("closed", { tls: true }, "connect-refused", /ECONNREFUSED/)],
    hung: [look("smtps", { tls: true }, "read-timeout", /TLS handshake/, { timeout: SHORT })],
    slow: [
      look("smtpSlow", { "start-tls": true }, "up", /^220 /),
      look("smtpSlow", { "start-tls": true }, "read-timeout", /the greeting/, { timeout: SHORT }),
    ],
    "wrong answer": [
      // It greets before TLS, as all do that are told to begin it later.
      look("smtp", { tls: true }, "tls-failed", /is not TLS/),
      look("smtpPlain", { "start-tls": true }, "wrong-reply", /does not offer STARTTLS/),
    ],
    "half an answer": [
      look("smtps", { tls: true }, "tls-failed", /ended during the TLS handshake/, {
        cut: { after: 100, by: "end" },
      }),
      look("smtps", { tls: true }, "read-timeout", /TLS handshake/, {
        ...{ cut: { after: 100, by: "silence" }, timeout: SLOWNESS },
      }),
    ],
    reset: [look("smtps", { tls: true }, "tls-failed", /./, { cut: { after: 0, by: "reset" } })],
    "certificate expired": [
      look("smtpsExpired", { tls: true, "check-dates": true }, "certificate-expired", /2020/),
      look("smtpsExpired", { tls: true }, "up", /^220 /),
      look("smtpsExpired", { tls: true, "warn-before-expiry": 1 }, "up", /^220 /, { warns: ENDED }),
    ],
  },
  dns: {
    up: [
      look("dns", ADDRESS, "up", /192\.0\.2\.10/),
      look("dns", { ...ADDRESS, protocol: "tcp" }, "up", /192/),
    ],
    refused: [
      look("closedUdp", ADDRESS, "connect-refused", /ECONNREFUSED/),
      look("closed", { ...ADDRESS, protocol: "tcp" }, "connect-refused", /ECONNREFUSED/),
    ],
    hung: [
      look("dns", ADDRESS, "no-reply", /./, { timeout: SHORT }),
      look("dns", { ...ADDRESS, protocol: "tcp" }, "read-timeout", /./, { timeout: SHORT }),
    ],
    slow: [
      look("dns", { name: "slow.test", type: "A" }, "up", /192\.0\.2\.11/),
      look("dns", { name: "slow.test", type: "A" }, "no-reply", /./, { timeout: SHORT }),
    ],
    "wrong answer": [
      look("dns", { ...ADDRESS, answer: "192.0.2.99" }, "wrong-reply", /192\.0\.2\.99 is not among them/),
      look("dns", { name: "www.other.test", type: "A" }, "bad-rcode", /REFUSED|NXDOMAIN/),
    ],
    "half an answer": [
      look("dns", ADDRESS, "bad-reply", /./, { cut: { after: 40, by: "end" } }),
      look("dns", { ...ADDRESS, protocol: "tcp" }, "closed-early", /./, { cut: { after: 20, by: "end" } }),
    ],
    reset: [
      look("dns", { ...ADDRESS, protocol: "tcp" }, "closed-early", /./, { cut: { after: 0, by: "reset" } }),
    ],
    "certificate expired": noCertificate,
  },
  udp: {
    up: [look("dns", { payload: QUERY, reply: FOUND }, "up", /reply of \d+ bytes/)],
    refused: [look("closedUdp", { payload: QUERY, reply: FOUND }, "connect-refused", /ECONNREFUSED/)],
    hung: [look("dns", { payload: QUERY, reply: FOUND }, "no-reply", /./, { timeout: SHORT })],
    slow: [
      look("dns", { payload: SLOW_QUERY, reply: { hex: "c000 020b" } }, "up", /reply of/),
      look("dns", { payload: SLOW_QUERY, reply: "any" }, "no-reply", /./, { timeout: SHORT }),
    ],
    "wrong answer": [look("dns", { payload: QUERY, reply: { hex: "c000 0263" } }, "wrong-reply", /hex/)],
    "half an answer": [
      look("dns", { payload: QUERY, reply: FOUND }, "wrong-reply", /./, { cut: { after: 40, by: "end" } }),
    ],
    reset: none("a datagram has no connection; what the kernel of a closed port says is `refused`"),
    "certificate expired": noCertificate,
  },
  ping: {
    up: [look("closed", {}, "up", /^reply from 127\.0\.0\.1$/)],
    refused: elsewhere("checkers/ping.netns.test.ts", "ping says who said that a server is out of reach"),
    hung: elsewhere("checkers/ping.netns.test.ts", "ping does not wait for longer than its time"),
    slow: elsewhere("checkers/ping.netns.test.ts", "ping takes an answer that comes late"),
    "wrong answer": elsewhere("checkers/ping.netns.test.ts", "ping takes no answer that is not its own"),
    "half an answer": none("the kernel gives whole packets, and those that are not ours are passed over"),
    reset: none("it has no connection"),
    "certificate expired": noCertificate,
  },
  script: {
    up: [look("closed", script("good"), "up", /./)],
    refused: [look("closed", script("none"), "script-not-runnable", /./)],
    hung: [look("closed", script("hung"), "script-timeout", /./, { timeout: SHORT })],
    slow: [
      look("closed", script("slow"), "up", /./),
      look("closed", script("slow"), "script-timeout", /./, { timeout: SHORT }),
    ],
    "wrong answer": [look("closed", script("bad"), "script-failed", /exit code 1/)],
    "half an answer": [look("closed", script("killed"), "script-failed", /SIGKILL|signal/)],
    reset: none("it has no connection; what the script has is its own"),
    "certificate expired": none("the script's own"),
  },
  file: {
    up: [look("closed", file("zero"), "up", /./)],
    refused: [
      look("closed", { ...file("none"), missing: "down" }, "file-unreadable", /there is no number/),
      // As for a track, unless it is told otherwise.
      look("closed", file("none"), "up", /there is no number/),
    ],
    hung: elsewhere("checkers/file.test.ts", "file fails on what is no number, and on what is no file"),
    slow: none("a file is there or not; it is not on a network"),
    "wrong answer": [look("closed", file("one"), "file-not-zero", /1/)],
    "half an answer": [
      look("closed", { ...file("half"), missing: "down" }, "file-unreadable", /there is no number/),
    ],
    reset: none("it has no connection"),
    "certificate expired": noCertificate,
  },
  "expect with TLS": {
    up: [
      look("smtp", { steps: TLS_STEPS }, "up", /8 steps/),
      look("smtps", { tls: true, steps: SMTP_STEPS }, "up", /3 steps/),
    ],
    refused: [look("closed", { tls: true, steps: SMTP_STEPS }, "connect-refused", /ECONNREFUSED/)],
    hung: [
      look("smtps", { tls: true, steps: SMTP_STEPS }, "read-timeout", /TLS handshake/, { timeout: SHORT }),
    ],
    slow: [
      look("smtpSlow", { steps: TLS_STEPS }, "up", /8 steps/),
      look("smtpSlow", { steps: TLS_STEPS }, "read-timeout", /step 1/, { timeout: SHORT }),
    ],
    "wrong answer": [
      look("smtp", { tls: true, steps: SMTP_STEPS }, "tls-failed", /is not TLS/),
      look(
        "smtps",
        { tls: true, steps: [{ "expect-line": "+OK" }] },
        "wrong-reply",
        /step 1: "\+OK" is not in/,
      ),
    ],
    "half an answer": [
      look("smtps", { tls: true, steps: SMTP_STEPS }, "tls-failed", /ended during/, {
        cut: { after: 100, by: "end" },
      }),
      look("smtps", { tls: true, steps: SMTP_STEPS }, "read-timeout", /TLS handshake/, {
        ...{ cut: { after: 100, by: "silence" }, timeout: SLOWNESS },
      }),
    ],
    reset: [
      look("smtps", { tls: true, steps: SMTP_STEPS }, "tls-failed", /./, { cut: { after: 0, by: "reset" } }),
    ],
    "certificate expired": [
      look("smtpExpired", { steps: TLS_STEPS, "check-dates": true }, "certificate-expired", /step 6: .*2020/),
      look(
        "smtpsExpired",
        { tls: true, steps: SMTP_STEPS, "check-dates": true },
        "certificate-expired",
        /2020/,
      ),
      look("smtpsExpired", { tls: true, steps: SMTP_STEPS }, "up", /3 steps/),
      look("smtpExpired", { steps: TLS_STEPS, "warn-before-expiry": 1 }, "up", /8 steps/, { warns: ENDED }),
    ],
  },
  // Debian has none: it is a program of the operator's behind a port, here some lines of Perl.
  agent: {
    up: [
      look("agent", {}, "up", /the agent said "up 75%"/),
      look("agentDrained", {}, "up", /the agent said "drain"/),
    ],
    refused: [look("closed", {}, "connect-refused", /ECONNREFUSED/)],
    hung: [look("agent", {}, "read-timeout", /none came/, { timeout: SHORT })],
    slow: elsewhere(
      "checkers/agent.test.ts",
      "an agent that takes its time is waited for until its deadline",
    ),
    "wrong answer": [
      look("agentDown", {}, "agent-down", /the agent said "maint"/),
      look("http", { send: "x" }, "bad-reply", /which is none of/),
    ],
    "half an answer": [
      look("agent", {}, "closed-early", /before its end came/, { cut: { after: 2, by: "end" } }),
      look("agent", {}, "read-timeout", /none came/, { cut: { after: 2, by: "silence" }, timeout: SHORT }),
    ],
    reset: [look("agent", {}, "closed-early", /before its end came/, { cut: { after: 2, by: "reset" } })],
    "certificate expired": noCertificate,
  },
  expect: {
    up: [look("smtp", { steps: SMTP_STEPS }, "up", /3 steps/)],
    refused: [look("closed", { steps: SMTP_STEPS }, "connect-refused", /ECONNREFUSED/)],
    hung: [look("smtp", { steps: SMTP_STEPS }, "read-timeout", /step 1/, { timeout: SHORT })],
    slow: [
      look("smtpSlow", { steps: SMTP_STEPS }, "up", /3 steps/),
      look("smtpSlow", { steps: SMTP_STEPS }, "read-timeout", /step 1/, { timeout: SHORT }),
    ],
    "wrong answer": [
      look("smtpRefusing", { steps: SMTP_STEPS }, "wrong-reply", /step 1: .*550 no mail today/),
    ],
    "half an answer": [
      look("smtp", { steps: SMTP_STEPS }, "closed-early", /step 1/, { cut: { after: 10, by: "end" } }),
      look("smtp", { steps: SMTP_STEPS }, "read-timeout", /step 1/, {
        ...{ cut: { after: 10, by: "silence" }, timeout: SLOWNESS },
      }),
    ],
    reset: [look("smtp", { steps: SMTP_STEPS }, "closed-early", /step/, { cut: { after: 70, by: "reset" } })],
    "certificate expired": noCertificate,
  },
};
