// Talks with a mail server as a client would before a message: greeting, EHLO (or HELO for a server that does
// not know EHLO), TLS and a login if they are wanted, QUIT. RFC 5321 sections 4.1.1.1, 4.2.1 (replies of several
// lines), 4.3.2 (codes); RFC 3207 (STARTTLS). The login itself is in smtp-login.ts, replies are read in smtp-reply.ts.

import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import { err, ok as okResult, type Result } from "../core/result.js";
import { between, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import { defineChecker, fail, type CheckContext, type CheckResult } from "./checker.js";
import { connect, connectOptions, type ConnectOptions } from "./connect.js";
import { loginOptions, loginProblem, readLogin, type Login, type LoginOptions } from "./login.js";
import { logIn, LOGIN_METHODS, type LoginMethod } from "./smtp-login.js";
import { SmtpTalk, type Reply } from "./smtp-reply.js";
import {
  HALF_A_PAIR,
  hasKeyPair,
  ISSUERS_UNUSED,
  orRefused,
  readsFiles,
  speaksTlsIfMeant,
  startTls,
  tlsOptions,
  tlsProblem,
  usesIssuers,
  type Secured,
  type TlsOptions,
} from "./tls.js";
import { watch } from "./trace.js";

type SmtpOptions = ConnectOptions &
  TlsOptions & {
    readonly helo: string;
    readonly tls: boolean;
    readonly "start-tls": boolean;
    readonly auth?: (LoginOptions & { readonly method?: LoginMethod | undefined }) | undefined;
  };

const authSection = (v: ValueTypes) =>
  v.section({
    ...loginOptions(v),
    method: v
      .choice(LOGIN_METHODS)
      .optional()
      .meta({ otherwise: "`plain`, or `login` where the server offers that alone" })
      .describe("How they are sent: AUTH PLAIN or AUTH LOGIN."),
  });

export const smtp = defineChecker({
  name: "smtp",
  summary: "Exchanges greetings with a mail server, and succeeds when it is ready for mail.",
  options: (v) =>
    v
      .section({
        helo: v
          .text({
            max: 255,
            pattern: /^[A-Za-z0-9.:[\]_-]+$/,
            what: "A host name",
            rule: "has letters, digits and . : [ ] _ -",
          })
          .prefault("vipd.check.invalid")
          .describe("The name given with EHLO."),
        tls: v.flag().prefault(false).describe("Whether the connection begins with TLS, as on port 465."),
        "start-tls": v
          .flag()
          .prefault(false)
          .describe("Whether TLS is begun after EHLO (STARTTLS), as on ports 25 and 587."),
        auth: authSection(v)
          .optional()
          .describe(
            "The name and password of a user, with which we log in. Without TLS they can be read on the way.",
          ),
        ...tlsOptions(v),
        ...connectOptions(v),
      })
      .refine((options) => !options.tls || !options["start-tls"], {
        path: ["start-tls"],
        error: "starts TLS twice\nLeave out `tls`, or `start-tls`.",
      })
      .refine(hasKeyPair, HALF_A_PAIR)
      .refine(usesIssuers, ISSUERS_UNUSED)
      .refine((options) => speaksTlsIfMeant(options.tls || options["start-tls"], options), {
        error:
          "has options of TLS, and speaks none\nAdd `tls: true` or `start-tls: true`, or leave them out.",
      }),
  mayHaveProblem: (options) => options.auth !== undefined || readsFiles(options),
  problem: (context) => loginProblem(context.options.auth, context) ?? tlsProblem(context),
  async check(context) {
    const { auth } = context.options;
    const login = auth === undefined ? undefined : readLogin(auth, context);
    if (login?.ok === false) return login.error;
    const visit = new Visit(context, login?.value);
    const verdict = await visit.go();
    return { ...verdict, phases: visit.phases };
  },
});

type Failure = { readonly ok: false; readonly error: CheckResult };

/** One visit at the server. */
class Visit {
  readonly phases: Record<string, Milliseconds> = {};
  private readonly context: CheckContext<SmtpOptions>;
  private readonly login: Login | undefined;
  private at: Instant;
  private secured: Secured | undefined;

  constructor(context: CheckContext<SmtpOptions>, login: Login | undefined) {
    this.context = context;
    this.login = login;
    this.at = context.now();
  }

  async go(): Promise<CheckResult> {
    const { context } = this;
    const opened = await connect(context);
    this.mark("connect");
    if (!opened.ok) return opened.error;
    let { socket } = opened.value;
    socket.on("error", () => undefined);
    if (context.options.tls) {
      const secured = await this.secure(socket);
      if (!secured.ok) return secured.error;
      socket = secured.value;
    }
    const talk = this.talkOver(socket);
    const verdict = await this.converse(talk);
    this.mark("answer");
    return verdict;
  }

  private async converse(first: SmtpTalk): Promise<CheckResult> {
    let talk = first;
    const answered = await this.answers(talk, (next) => (talk = next));
    if (!answered.ok) {
      talk.socket.destroy();
      return orRefused(answered.error, this.secured);
    }
    // The server's answer to QUIT is not waited for: its readiness is known.
    talk.socket.write("QUIT\r\n");
    talk.socket.destroySoon();
    return { ok: true, detail: answered.value, phases: {}, warning: this.secured?.warning };
  }

  /** The line for people. `goOn`: the conversation has moved to TLS. */
  private async answers(
    first: SmtpTalk,
    goOn: (talk: SmtpTalk) => void,
  ): Promise<Result<string, CheckResult>> {
    const { options } = this.context;
    const greeting = await first.reply("the greeting");
    if (!greeting.ok) return greeting;
    if (greeting.value.code !== 220) return err(fail("bad-greeting", `greeting: ${greeting.value.text}`));
    let talk = first;
    let hello = await this.hello(talk);
    if (!hello.ok) return hello;
    if (options["start-tls"]) {
      const secured = await this.startTls(talk, hello.value);
      if (!secured.ok) return secured;
      goOn((talk = secured.value));
      // RFC 3207 section 4.2: what was said before TLS counts no more.
      hello = await this.hello(talk);
      if (!hello.ok) return hello;
    }
    if (this.login === undefined) return okResult(greeting.value.text);
    const refused = await logIn(talk, hello.value, this.login, options.auth?.method);
    return refused === undefined
      ? okResult(`${greeting.value.text}; logged in as ${options.auth?.user ?? ""}`)
      : err(refused);
  }

  private async hello(talk: SmtpTalk): Promise<Result<Reply, CheckResult>> {
    const { helo } = this.context.options;
    let hello = await talk.say("EHLO", `EHLO ${helo}`);
    // RFC 5321 section 4.1.4: a server without EHLO answers 500 or 502, and HELO is tried.
    if (hello.ok && [500, 501, 502, 504].includes(hello.value.code))
      hello = await talk.say("HELO", `HELO ${helo}`);
    if (!hello.ok || hello.value.code === 250) return hello;
    return err(fail("bad-reply", `${hello.value.to}: ${hello.value.text}`));
  }

  private async startTls(talk: SmtpTalk, hello: Reply): Promise<Result<SmtpTalk, CheckResult>> {
    if (!hello.lines.some((line) => /^STARTTLS *$/i.test(line)))
      return err(fail("wrong-reply", `${hello.to}: the server does not offer STARTTLS`));
    const agreed = await talk.say("STARTTLS", "STARTTLS");
    if (!agreed.ok) return agreed;
    if (agreed.value.code !== 220) return err(fail("bad-reply", `STARTTLS: ${agreed.value.text}`));
    // Whoever sits between could have put words in the server's mouth, which would count as said under TLS.
    const rest = talk.release();
    if (rest !== "")
      return err(fail("bad-reply", `the server goes on talking where TLS begins: ${JSON.stringify(rest)}`));
    this.mark("answer");
    const secured = await this.secure(talk.socket);
    return secured.ok ? okResult(this.talkOver(secured.value)) : secured;
  }

  private async secure(socket: Socket): Promise<Failure | { readonly ok: true; readonly value: Socket }> {
    const { options, target } = this.context;
    const secured = await startTls(socket, options, options.address ?? target.address, [], this.context);
    this.mark("tls");
    if (!secured.ok) return err(fail(secured.error.reason, secured.error.detail));
    this.secured = secured.value;
    return okResult(secured.value.socket);
  }

  private talkOver(socket: Socket): SmtpTalk {
    return new SmtpTalk(watch(socket, this.context.trace), this.context.cancel);
  }

  private mark(phase: string): void {
    const now = this.context.now();
    this.phases[phase] = milliseconds((this.phases[phase] ?? 0) + between(this.at, now));
    this.at = now;
  }
}
