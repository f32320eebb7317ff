// Talks to a director of the lab over its control socket, without a process for each word: in the VM one takes seconds.

import { ask } from "../../src/cli/client.js";
import type { ServiceStatus, Status } from "../../src/control/ipc.js";
import type { Reply, Request } from "../../src/control/protocol.js";
import { runtimeDirectory } from "./directors.js";
import type { Host } from "./host.js";
import type { Lab } from "./lab.js";

/** All replies to one request; none when nobody answers. */
export async function request(lab: Lab, host: Host, words: Request): Promise<readonly Reply[]> {
  const replies: Reply[] = [];
  const silent = { out: () => undefined, err: () => undefined };
  await ask(runtimeDirectory(lab, host), words, silent, (reply) => replies.push(reply));
  return replies;
}

export async function statusOf(lab: Lab, host: Host): Promise<Status | undefined> {
  for (const reply of await request(lab, host, { request: "status" }))
    if (reply.reply === "status") return reply.status;
  return undefined;
}

/** Whether every check of the service has run and succeeded, and all of its servers are in the kernel's table. */
export const isServedByAll = ({ servers }: ServiceStatus): boolean =>
  servers.every(
    (one) => one.in_kernel && one.up && one.checks.every(({ runs, up }) => runs > 0 && up === true),
  );
