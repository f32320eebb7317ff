// Asks the real server for one or several pages over HTTP, plain or with TLS, and judges status and body of each.
// Redirects are not followed: where one leads is not the real server's health. One connection a page,
// because a kept one would say nothing of whether new ones are taken.

import type { ValueTypes } from "../config/values.js";
import { defineChecker, ok, type CheckContext, type CheckPlace, type CheckResult } from "./checker.js";
import { connectOptions, dialRequest, leavesAsRoutesSay, type ConnectOptions } from "./connect.js";
import { bodyWish, type BodyWish } from "./http-body.js";
import { inSet, judge, type StatusRange } from "./http-judge.js";
import {
  headersOption,
  hostHeader,
  looksSecret,
  requestHeaders,
  versionOption,
  type HttpRequest,
  type HttpVersion,
  type Method,
} from "./http-request.js";
import { askPage, mark, type Clock } from "./http-page.js";
import { HttpRuns } from "./http-runs.js";
import { loginOptions, loginProblem, readLogin, type Login, type LoginOptions } from "./login.js";
import {
  HALF_A_PAIR,
  hasKeyPair,
  ISSUERS_UNUSED,
  readsFiles,
  tlsOptions,
  tlsProblem,
  usesIssuers,
  type TlsOptions,
} from "./tls.js";

type Page = {
  readonly path: string;
  readonly method?: Method | undefined;
  readonly status?: readonly StatusRange[] | undefined;
  readonly body?: BodyWish | undefined;
};
export type HttpOptions = ConnectOptions & {
  readonly method: Method;
  readonly path?: string | undefined;
  readonly pages?: readonly Page[] | undefined;
  readonly host?: string | undefined;
  readonly version: HttpVersion;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly auth?: LoginOptions | undefined;
  readonly status: readonly StatusRange[];
  readonly body?: BodyWish | undefined;
  readonly "max-body": number;
};

const pathOption = (v: ValueTypes) =>
  v.text({
    max: 2048,
    pattern: /^\/[\x21-\x7e]*$/,
    what: "A path",
    rule: 'begins with "/", and has %XX for spaces and for what is not ASCII',
  });

const httpOptions = (v: ValueTypes) => ({
  method: v.choice(["GET", "HEAD"]).prefault("GET").describe("The request's method."),
  path: pathOption(v)
    .optional()
    .meta({ default: "/" })
    .describe("What is asked for, with the query if there is one; spaces and other letters as %XX."),
  pages: v
    .list(
      v.section({
        path: pathOption(v).describe("What is asked for, as above."),
        method: v
          .choice(["GET", "HEAD"])
          .optional()
          .meta({ otherwise: "the check's" })
          .describe("The method for this page."),
        status: v
          .statusSet()
          .optional()
          .meta({ otherwise: "the check's" })
          .describe("The status codes that are good for this page."),
        body: bodyWish(v).optional().describe("What must be in the body of this page, or its digest."),
      }),
      { min: 1, max: 20 },
    )
    .optional()
    .describe(
      "Instead of `path` and `body`: several pages, each on a connection of its own, one after the other. All must " +
        "be good, within the one `timeout`.",
    ),
  host: v
    .text({
      max: 255,
      pattern: /^[A-Za-z0-9._:[\]-]+$/,
      what: "A host",
      rule: "has letters, digits and . _ : [ ] -",
    })
    .optional()
    .describe("The Host header; default: the real server's address and port."),
  version: versionOption(v)
    .prefault("1.1")
    .describe(
      "The version of HTTP. 2 is spoken at once, without an upgrade; over TLS the server must choose it by ALPN.",
    ),
  headers: headersOption(v).optional().describe("More headers of the request."),
  auth: v
    .section(loginOptions(v))
    .refine(({ user }) => !user.includes(":"), {
      path: ["user"],
      error:
        "has a colon in it, at which HTTP ends the name\nThe server would take the rest for the password.",
    })
    .optional()
    .describe("The name and password of a user, sent with each request (Basic)."),
  status: v
    .statusSet()
    .prefault("2xx")
    .describe("The status codes that are good. Redirects are not followed: name them if they are good."),
  body: bodyWish(v).optional().describe("What must be in the body, or its digest."),
  "max-body": v
    .integer({ min: 0, max: 16_777_216, what: "The limit of the body" })
    .prefault(262_144)
    .describe("Bytes of the body that are read. `body` can look at no more."),
  ...connectOptions(v),
});

const hasBody = ({ method, body, pages = [] }: Pick<HttpOptions, "method" | "body" | "pages">): boolean =>
  !(method === "HEAD" && body !== undefined) &&
  pages.every((page) => (page.method ?? method) === "GET" || page.body === undefined);
const HEAD_WITH_BODY = {
  path: ["body"],
  error: "cannot be looked for in the answer to HEAD, which has no body\nLeave out `method`, or `body`.",
};
const isOneOrMany = ({ path, body, pages }: Pick<HttpOptions, "path" | "body" | "pages">): boolean =>
  pages === undefined || (path === undefined && body === undefined);
const ONE_AND_MANY = {
  path: ["pages"],
  error: "stands beside `path` or `body`\nWrite these for each of the pages.",
};

/** RFC 9113 section 8.2.2: a request that has them is refused. */
const NOT_OF_HTTP_2 = ["keep-alive", "proxy-connection", "te", "upgrade"];
const suitsVersion = ({ version, headers = {} }: Pick<HttpOptions, "version" | "headers">): boolean =>
  version !== "2" || !NOT_OF_HTTP_2.some((name) => Object.hasOwn(headers, name));
const OF_A_CONNECTION = {
  path: ["headers"],
  error: `has what HTTP/2 does not know: one of ${NOT_OF_HTTP_2.join(", ")}\nLeave it out, or write another \`version\`.`,
};

export const http = defineChecker({
  name: "http",
  summary: "Asks for pages by HTTP, and succeeds when status and body are as wanted.",
  options: (v) =>
    v
      .section(httpOptions(v))
      .refine(hasBody, HEAD_WITH_BODY)
      .refine(isOneOrMany, ONE_AND_MANY)
      .refine(suitsVersion, OF_A_CONNECTION),
  mayHaveProblem: ({ auth }) => auth !== undefined,
  problem: (context) => loginProblem(context.options.auth, context),
  check: (context) => checkHttp(context, undefined),
  prepare: (place) => prepareHttp(place),
});

export const https = defineChecker({
  name: "https",
  summary: "As `http`, with TLS.",
  options: (v) =>
    v
      .section({ ...httpOptions(v), ...tlsOptions(v) })
      .refine(hasBody, HEAD_WITH_BODY)
      .refine(isOneOrMany, ONE_AND_MANY)
      .refine(suitsVersion, OF_A_CONNECTION)
      .refine(hasKeyPair, HALF_A_PAIR)
      .refine(usesIssuers, ISSUERS_UNUSED),
  mayHaveProblem: (options) => options.auth !== undefined || readsFiles(options),
  problem: (context) => loginProblem(context.options.auth, context) ?? tlsProblem(context),
  check: (context) => checkHttp(context, context.options),
});

/** One page by HTTP/1, as nearly all ask, and what has to be looked up for each run is the server's answer alone. */
function prepareHttp(place: CheckPlace<HttpOptions>): HttpRuns | undefined {
  const { options, target } = place;
  const { method, version, status, body, path = "/" } = options;
  const port = options.port ?? target.port;
  const isUsual =
    version !== "2" &&
    options.pages === undefined &&
    options.auth === undefined &&
    leavesAsRoutesSay(options);
  if (!isUsual || port === 0) return undefined;
  const address = options.address ?? target.address;
  const headers = requestHeaders(options.host ?? hostHeader(address, port, 80), options.headers, undefined);
  const wish = { method, path, wanted: status, body, maxBody: options["max-body"] };
  return new HttpRuns(place, { address, port }, { ...wish, version, headers });
}

async function checkHttp(
  context: CheckContext<HttpOptions>,
  tls: TlsOptions | undefined,
): Promise<CheckResult> {
  const { options, trace } = context;
  const login = options.auth === undefined ? undefined : readLogin(options.auth, context);
  if (login?.ok === false) return login.error;
  for (const [name, value] of Object.entries(options.headers ?? {}))
    if (looksSecret(name)) trace?.hide(value);
  const clock: Clock = { phases: {}, at: context.now(), hasAnswer: false };
  const pages = options.pages ?? [{ path: options.path ?? "/", body: options.body }];
  let last: CheckResult | undefined;
  for (const page of pages) {
    last = await checkPage(context, page, tls, login?.value, clock);
    if (!last.ok) return last;
  }
  if (last?.ok !== true || pages.length === 1) return last ?? ok("");
  return { ...last, detail: `${pages.length} pages are good, the last: ${last.detail}` };
}

async function checkPage(
  context: CheckContext<HttpOptions>,
  page: Page,
  tls: TlsOptions | undefined,
  login: Login | undefined,
  clock: Clock,
): Promise<CheckResult> {
  const { options } = context;
  const { phases } = clock;
  clock.at = context.now();
  const to = dialRequest(context);
  if (!to.ok) return { ...to.error, phases };
  const method = page.method ?? options.method;
  const wanted = page.status ?? options.status;
  const request: HttpRequest = {
    method,
    path: page.path,
    headers: requestHeaders(
      options.host ?? hostHeader(to.value.address, to.value.port, tls === undefined ? 80 : 443),
      options.headers,
      login,
    ),
    maxBody: options["max-body"],
    keepBody: page.body !== undefined,
    isGood: (status) => inSet(status, wanted),
    onAnswer: () => {
      clock.hasAnswer = true;
      mark(clock, "first-byte", context);
    },
  };
  clock.hasAnswer = false;
  const asked = await askPage(context, to.value, request, tls, clock);
  if (!asked.ok) return asked.error;
  const { answer, warning } = asked.value;
  const wish = { method, path: page.path, wanted, body: page.body, maxBody: options["max-body"] };
  const result = judge(answer, wish, phases);
  return result.ok && warning !== undefined ? { ...result, warning } : result;
}
