// `vipd drain`, `undrain`, `disable` and `enable`: a server out of service and back, in one word.

import { userInfo } from "node:os";
import { parseDuration } from "../config/duration.js";
import { LONGEST_ORDER, type OrderedServer, type OrderRequest, type Reply } from "../control/protocol.js";
import { ask, runtimeDirectoryOf } from "./client.js";
import {
  EXIT,
  jsonOption,
  runtimeDirectoryOption,
  type Command,
  type ExitCode,
  type Option,
  type Options,
  type Output,
} from "./command.js";
import { progressText } from "./order-text.js";

const LOOK_EVERY_MS = 1000;
const operand = {
  name: "SERVICE[/SERVER]",
  what: "what is meant: a service, SERVICE/SERVER, or a server's address",
};
const forOption: Option = {
  name: "for",
  value: "TIME",
  summary: "taken back by itself after this time (2h, 30m)",
};
const forceOption: Option = { name: "force", summary: "also when no server of a service would be left" };

export const drain = orderCommand(
  "drain",
  "No new connections for a server; out when none is left, or at the deadline.",
  [
    forOption,
    { name: "deadline", value: "TIME", summary: "connections that are left after this time end (never)" },
    { name: "wait", summary: "return when all of it is drained, and show how it goes" },
    forceOption,
  ],
);
export const disable = orderCommand("disable", "A server out of service at once; its connections end.", [
  forOption,
  forceOption,
]);
export const undrain = orderCommand(
  "undrain",
  "A drained server serves again, as its checks say; the same as enable.",
  [],
);
export const enable = orderCommand(
  "enable",
  "A disabled server serves again, as its checks say; the same as undrain.",
  [],
);

function orderCommand(word: OrderRequest["action"], summary: string, options: readonly Option[]): Command {
  return {
    word,
    summary,
    operand,
    options: [...options, jsonOption, runtimeDirectoryOption],
    async run(given, output) {
      const request = requestOf(word, given, output);
      if (request === undefined) return EXIT.usage;
      const directory = runtimeDirectoryOf(given);
      let answer: Extract<Reply, { readonly reply: "ordered" }> | undefined;
      const result = await ask(directory, request, output, (reply) => {
        if (reply.reply === "ordered") answer = reply;
      });
      if (result !== "ok") return result;
      if (answer?.ok !== true) {
        output.err(`vipd ${word}: ${answer?.problem ?? "the daemon gave no answer"}\n`);
        return EXIT.failed;
      }
      if (given.flag("json")) output.out(`${JSON.stringify(answer.servers, null, 2)}\n`);
      else for (const server of answer.servers) output.out(`${lineOf(server, word)}\n`);
      return given.flag("wait") ? waitFor(answer.servers, directory, given, output) : EXIT.ok;
    },
  };
}

function requestOf(word: OrderRequest["action"], options: Options, output: Output): OrderRequest | undefined {
  const times: Partial<Record<"for_ms" | "deadline_ms", number>> = {};
  for (const [name, key] of [
    ["for", "for_ms"],
    ["deadline", "deadline_ms"],
  ] as const) {
    const text = options.text(name);
    if (text === undefined) continue;
    const time = parseDuration(text);
    const problem = !time.ok
      ? time.error
      : time.value <= 0 || time.value > LONGEST_ORDER
        ? "is a time up to a year"
        : undefined;
    if (problem !== undefined || !time.ok) {
      output.err(`vipd ${word}: --${name}: ${problem ?? ""}\n`);
      return undefined;
    }
    times[key] = time.value;
  }
  return {
    request: "order",
    action: word,
    target: options.operand ?? "",
    by: whoAsks(process.env),
    ...times,
    force: options.flag("force"),
  };
}

/** Root alone may ask; of those who became root the name they came with says more. */
export function whoAsks(environment: NodeJS.ProcessEnv): string {
  const name = environment["SUDO_USER"] ?? environment["DOAS_USER"] ?? ownName();
  return name.replace(/\p{C}/gu, "?").slice(0, 64) || "unknown";
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.geteuid?.() ?? "unknown"}`;
  }
}

function lineOf({ service, server, order }: OrderedServer, word: OrderRequest["action"]): string {
  const name = `${service}/${server}`;
  if (word === "undrain" || word === "enable") return `${name}: serves again, as its checks say`;
  return order === null ? `${name}: is not in the configuration` : `${name}: ${progressText(order)}`;
}

/** Until none of them drains any more. Says each change once. */
async function waitFor(
  targets: readonly OrderedServer[],
  directory: string,
  options: Options,
  output: Output,
): Promise<ExitCode> {
  const said = new Map<string, string>(
    targets.map((target) => [`${target.service}/${target.server}`, lineOf(target, "drain")]),
  );
  let waiting = targets.filter(({ order }) => order?.drain?.done === null || order?.drain === null);
  const lost: string[] = [];
  while (waiting.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    let now: readonly OrderedServer[] = [];
    const result = await ask(directory, { request: "orders" }, output, (reply) => {
      if (reply.reply === "orders") now = reply.servers;
    });
    if (result !== "ok") return result;
    waiting = waiting.filter((target) => {
      const name = `${target.service}/${target.server}`;
      const order = now.find((one) => `${one.service}/${one.server}` === name)?.order;
      if (order?.action !== "drain") {
        lost.push(name);
        output.err(
          `vipd drain: ${name}: the drain was taken back, or ended by its --for, before it was done\n`,
        );
        return false;
      }
      const line = `${name}: ${progressText(order)}`;
      if (line !== said.get(name) && !options.flag("json")) output.out(`${line}\n`);
      said.set(name, line);
      return order.drain === null || order.drain.done === null;
    });
  }
  return lost.length > 0 ? EXIT.failed : EXIT.ok;
}
