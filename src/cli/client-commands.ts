// The commands that talk to a running daemon.

import { span } from "../control/reason.js";
import type { EventRecord } from "../control/event.js";
import { formatJson, formatText, toLogRecord } from "../log/record.js";
import { ask, runtimeDirectoryOf } from "./client.js";
import { EXIT, jsonOption, runtimeDirectoryOption, type Command, type ExitCode } from "./command.js";
import { statusText } from "./status-text.js";

/** As many as a daemon keeps. */
const MOST_EVENTS = 1000;

export const status: Command = {
  word: "status",
  summary: "Who is master and why, which servers are up; exit code 3 when no daemon runs.",
  options: [jsonOption, runtimeDirectoryOption],
  async run(options, output) {
    const result = await ask(runtimeDirectoryOf(options), { request: "status" }, output, (reply) => {
      if (reply.reply !== "status") return;
      output.out(
        options.flag("json")
          ? `${JSON.stringify(reply.status, null, 2)}\n`
          : statusText(reply.status, Date.now()),
      );
    });
    return result === "ok" ? EXIT.ok : result;
  },
};

export const events: Command = {
  word: "events",
  summary: "The last decisions of the daemon, and with --follow those to come.",
  options: [
    { name: "follow", summary: "go on until interrupted" },
    { name: "last", value: "N", summary: "how many past events (20, at most 1000)" },
    jsonOption,
    runtimeDirectoryOption,
  ],
  async run(options, output) {
    const text = options.text("last") ?? "20";
    if (!/^\d{1,6}$/.test(text)) {
      output.err(`vipd events: --last is a whole number, not ${JSON.stringify(text)}\n`);
      return EXIT.usage;
    }
    const request = { request: "events" as const, follow: options.flag("follow"), last: Number(text) };
    const format = options.flag("json") ? formatJson : formatText;
    const seen = new SeenEvents();
    let result: "ok" | ExitCode;
    do {
      result = await ask(runtimeDirectoryOf(options), seen.next(request), output, (reply) => {
        if (reply.reply === "event" && seen.isNew(reply.record))
          output.out(`${format(toLogRecord(reply.record))}\n`);
      });
    } while (result === "ok" && request.follow && seen.hasUpgraded);
    return result === "ok" ? EXIT.ok : result;
  },
};

/** Who follows the events goes on with the successor of a daemon that was upgraded, which knows what was said before. */
class SeenEvents {
  private last: EventRecord | undefined;
  private isSkipping = false;
  /** Whether the last words were those of a daemon that has a successor. */
  hasUpgraded = false;

  /** What to ask for, at first and after an upgrade. */
  next<R extends { readonly last: number }>(request: R): R {
    this.isSkipping = this.hasUpgraded;
    this.hasUpgraded = false;
    return this.isSkipping ? { ...request, last: MOST_EVENTS } : request;
  }

  isNew(record: EventRecord): boolean {
    if (this.isSkipping && this.last !== undefined) {
      const { time, process: of, sequence } = this.last;
      const isLast = record.time === time && record.process === of && record.sequence === sequence;
      this.isSkipping = !isLast && record.time <= time;
      if (isLast || this.isSkipping) return false;
    }
    this.last = record;
    this.hasUpgraded = record.event.kind === "upgraded";
    return true;
  }
}

export const reload: Command = {
  word: "reload",
  summary: "Reads the configuration again; a file with errors changes nothing and gives exit code 1.",
  options: [jsonOption, runtimeDirectoryOption],
  async run(options, output) {
    const outcome = { good: false };
    const result = await ask(runtimeDirectoryOf(options), { request: "reload" }, output, (reply) => {
      if (reply.reply !== "reloaded") return;
      outcome.good = reply.ok;
      if (options.flag("json")) return void output.out(`${JSON.stringify(reply, null, 2)}\n`);
      if (reply.ok)
        output.out(
          reply.changes.length === 0 ? "reloaded: nothing changed\n" : `reloaded:\n${list(reply.changes)}`,
        );
      else output.err(`not reloaded:\n${reply.problems.join("\n")}\n`);
    });
    if (result !== "ok") return result;
    return outcome.good ? EXIT.ok : EXIT.failed;
  },
};

export const upgrade: Command = {
  word: "upgrade",
  summary: "Replaces the running daemon by the program that is installed now; adverts do not pause.",
  options: [runtimeDirectoryOption],
  async run(options, output) {
    const outcome = { good: false };
    const result = await ask(runtimeDirectoryOf(options), { request: "upgrade" }, output, (reply) => {
      if (reply.reply !== "upgraded") return;
      outcome.good = reply.ok;
      if (reply.ok)
        output.out(
          `upgraded: vipd ${reply.from} -> ${reply.to}, pid ${reply.pid}; VRRP paused for ${span(reply.pause_ms)}\n`,
        );
      else output.err(`not upgraded, everything goes on as before: ${reply.problem.trimEnd()}\n`);
    });
    if (result !== "ok") return result;
    return outcome.good ? EXIT.ok : EXIT.failed;
  },
};

export const stop: Command = {
  word: "stop",
  summary: "Hands the addresses to the peer and ends the daemon; returns when it has ended.",
  options: [
    { name: "keep-table", summary: "leave our IPVS entries in the kernel, whatever is configured" },
    { name: "remove-table", summary: "remove our IPVS entries, whatever is configured" },
    {
      name: "keep-vip",
      summary: "leave addresses, routes and IPVS entries for a start within seconds; no word to the peer",
    },
    runtimeDirectoryOption,
  ],
  async run(options, output) {
    const keepVip = options.flag("keep-vip");
    const keep = options.flag("keep-table") || keepVip;
    const remove = options.flag("remove-table");
    if (keep && remove) {
      output.err(`vipd stop: --keep-${keepVip ? "vip" : "table"} and --remove-table exclude each other\n`);
      return EXIT.usage;
    }
    const table = keep ? "keep" : remove ? "remove" : undefined;
    // The daemon keeps the connection open until it has ended.
    const result = await ask(
      runtimeDirectoryOf(options),
      { request: "stop", ...(table && { table }), ...(keepVip && { addresses: "keep" as const }) },
      output,
      () => undefined,
    );
    return result === "ok" ? EXIT.ok : result;
  },
};

const list = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join("");
