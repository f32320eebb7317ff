// The client of the drill, a program of its own: keeps long-lived connections busy and sends short requests, both
// through the virtual address, and notes what a user would have noticed. On its standard input it takes a line
// "report SINCE" (wall-clock ms) and answers with a ClientReport as JSON. Refuses to know anything of directors.

import { connect } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { ECHO_PORT, HTTP_PORT, VIP } from "./configs.js";

export type ClientReport = {
  readonly connections: number;
  /** Connections that never failed and were answered after SINCE. */
  readonly alive: number;
  readonly requests: number;
  /** Requests of all time that got an error instead of an answer. */
  readonly failed: number;
  /** The longest time after SINCE without any answer to a short request, ms. */
  readonly requestGap: number;
  /** The same for the long-lived connections: the longest silence of any that is alive. */
  readonly echoGap: number;
};

const CONNECTIONS = 50;
/** An emulated machine has a tenth of the speed: what it cannot do only delays what is to be measured. */
const gentle = process.argv[2] === "gentle";
const ECHO_EVERY_MS = gentle ? 400 : 100;
const REQUEST_EVERY_MS = gentle ? 40 : 10;
/** More outstanding than this measures only the client itself. */
const MOST_OUTSTANDING = 200;

const now = (): number => performance.timeOrigin + performance.now();

type Link = { socket: Socket; broken: boolean; answers: number[] };
const links: Link[] = [];
const answers: number[] = [];
let requests = 0;
let failed = 0;
let outstanding = 0;

function openLink(): void {
  const socket = connect(ECHO_PORT, VIP);
  const link: Link = { socket, broken: false, answers: [] };
  socket.setNoDelay(true);
  socket.on("data", () => link.answers.push(now()));
  for (const event of ["error", "close"]) socket.on(event, () => (link.broken = true));
  links.push(link);
}

function request(): void {
  if (outstanding >= MOST_OUTSTANDING) return;
  requests++;
  outstanding++;
  const socket = connect(HTTP_PORT, VIP, () =>
    socket.write("GET / HTTP/1.1\r\nHost: vip\r\nConnection: close\r\n\r\n"),
  );
  let answered = false;
  socket.once("data", () => {
    answered = true;
    answers.push(now());
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    outstanding--;
    if (!answered) failed++;
  });
  socket.setTimeout(15_000, () => socket.destroy());
}

/** The longest stretch after `since` in which nothing came. */
function longestGap(times: readonly number[], since: number): number {
  let last = times.findLast((time) => time <= since) ?? since;
  let gap = 0;
  for (const time of times) {
    if (time <= since) continue;
    gap = Math.max(gap, time - last);
    last = time;
  }
  return Math.max(gap, now() - last);
}

function report(since: number): ClientReport {
  const alive = links.filter((link) => !link.broken && (link.answers.at(-1) ?? 0) > since);
  return {
    connections: links.length,
    alive: alive.length,
    requests,
    failed,
    requestGap: longestGap(answers, since),
    echoGap: Math.max(0, ...alive.map((link) => longestGap(link.answers, since))),
  };
}

for (let i = 0; i < CONNECTIONS; i++) setTimeout(openLink, i * 10);
// Spread over the period: fifty bytes at once would measure bursts.
let turn = 0;
setInterval(() => {
  const link = links[turn++ % CONNECTIONS];
  if (link !== undefined && !link.broken && !link.socket.connecting) link.socket.write("x");
}, ECHO_EVERY_MS / CONNECTIONS);
setInterval(request, REQUEST_EVERY_MS);

createInterface({ input: process.stdin }).on("line", (line) => {
  const since = Number(line.split(" ")[1]);
  console.log(JSON.stringify(report(since)));
});
console.log("ready");
