// What an operator names on the command line: the servers that are meant, or what could have been meant.

import { didYouMean } from "../config/suggest.js";
import { err, ok, type Result } from "../core/result.js";
import { isTarget, type ServerName } from "../services/order.js";

export type NamedService = { readonly name: string; readonly servers: readonly ServerName[] };
export type Target = { readonly service: string; readonly server: string };

/** How many names a message lists. */
const LISTED_AT_MOST = 20;

/** `idle`: what is ordered of servers that are not there; it can be named, too. The error is for people. */
export function findTargets(
  text: string,
  services: readonly NamedService[],
  idle: readonly Target[],
): Result<readonly Target[], string> {
  const found: Target[] = [];
  for (const { name, servers } of services)
    for (const server of servers)
      if (isTarget(text, name, server)) found.push({ service: name, server: server.id });
  for (const { service, server } of idle)
    if (text === service || text === server || text === `${service}/${server}`)
      found.push({ service, server });
  if (found.length > 0) return ok(found);
  const slash = text.indexOf("/");
  const service = services.find(({ name }) => name === (slash < 0 ? text : text.slice(0, slash)));
  if (service !== undefined && slash < 0) return err(`service ${text} has no servers`);
  const names =
    service === undefined
      ? services.map(({ name }) => name)
      : service.servers.map(({ id }) => `${service.name}/${id}`);
  const what = service === undefined ? "service or server" : "server";
  const meant = didYouMean(text, names);
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  const listed = names.slice(0, LISTED_AT_MOST).join(", ");
  const more = names.length > LISTED_AT_MOST ? ` and ${names.length - LISTED_AT_MOST} more` : "";
  const there = names.length === 0 ? "There are no services." : `There is: ${listed}${more}.`;
  return err(`there is no ${what} "${text}".${hint} ${there}`);
}
