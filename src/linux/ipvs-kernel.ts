// The kernel's IPVS as a data plane, by generic netlink. A whole table goes out in a few system calls.

import { err, ok, type Result } from "../core/result.js";
import { readDaemon, readServer, readService } from "../ipvs/answers.js";
import { describeCommand, type Command } from "../ipvs/command.js";
import { familyOfKey } from "../ipvs/group.js";
import {
  commandEncoder,
  daemonsRequest,
  serversRequest,
  servicesRequest,
  startDaemonRequest,
  stopDaemonRequest,
} from "../ipvs/messages.js";
import { serverId, serviceId, type ListedServer, type ListedService, type ServerId } from "../ipvs/model.js";
import { SERVER_COUNTERS, SERVICE_COUNTERS } from "../ipvs/schema.js";
import { serverFilter } from "../ipvs/server-filter.js";
import type { Acknowledgement, Message, Request } from "../netlink/message.js";
import type { ApplyResult, DataPlane, ServerList } from "../ports/data-plane.js";
import { errno as errnos } from "./errno.js";
import { NO_IPVS, openFamily } from "./ipvs-family.js";
import { missingPart } from "./ipvs-parts.js";
import { describeErrno, type NetlinkSocket } from "./netlink-socket.js";

const { EPERM, ENOENT, ESRCH, EEXIST, EINVAL, ENOBUFS } = errnos;

const DO_WITHOUT = "; or remove `services` and `sync` from the configuration: VRRP alone needs no ip_vs";

/** The data plane, or what is missing and how to get it. */
export function openIpvs(): Result<DataPlane, string> {
  const opened = openFamily();
  if (opened.ok) return ok(dataPlane(opened.value.socket, opened.value.family));
  return err(opened.error === NO_IPVS ? `${NO_IPVS}${DO_WITHOUT}` : opened.error);
}

function dataPlane(socket: NetlinkSocket, family: number): DataPlane {
  let known: { readonly list: readonly ListedService[]; readonly digest: number } | undefined;
  const services = (): readonly ListedService[] => {
    const request = servicesRequest(family);
    if (known === undefined || socket.digest(request, SERVICE_COUNTERS) !== known.digest)
      known = socket.dumpWithDigest("list IPVS services", request, readService, SERVICE_COUNTERS);
    return known.list;
  };
  const list = (service: ListedService): ServerList => readServers(socket, family, service);
  const servers: DataPlane["servers"] = (service, only) =>
    only === undefined ? list(service).servers : readSome(socket, family, service, only);
  return {
    name: "ipvs",
    read: () =>
      new Map(services().map((service) => [serviceId(service.key), { service, servers: servers(service) }])),
    services,
    servers,
    serversUnless: (service, known) =>
      known !== undefined && socket.digest(serversRequest(family, service.key), SERVER_COUNTERS) === known
        ? "as known"
        : list(service),
    apply(commands) {
      const answers = socket.transact(commands.map(commandEncoder(family)));
      return commands.map((command, i) => resultOf(command, answers[i] as Acknowledgement));
    },
    sendAhead: (batches) => void socket.sendAhead(batches, family),
    takeAhead: (batches, refusals) => socket.takeAhead(batches, family, refusals),
    syncDaemons: () => socket.dump("list sync daemons", daemonsRequest(family), readDaemon),
    startSync: (role, sync) =>
      single(socket, `start sync ${role} on ${sync.interface}`, startDaemonRequest(family, role, sync)),
    stopSync: (role) => single(socket, `stop sync ${role}`, stopDaemonRequest(family, role), ESRCH),
    close: () => socket.close(),
  };
}

function readServers(socket: NetlinkSocket, family: number, { key }: ListedService): ServerList {
  const servers = new Map<ServerId, ListedServer>();
  const read = (message: Message): ListedServer | undefined => readServer(message, familyOfKey(key));
  const request = serversRequest(family, key);
  const { list, digest } = socket.dumpWithDigest("list IPVS servers", request, read, SERVER_COUNTERS);
  for (const server of list) servers.set(serverId(server), server);
  return { servers, fingerprint: digest };
}

function readSome(
  socket: NetlinkSocket,
  family: number,
  { key }: ListedService,
  asked: NonNullable<Parameters<DataPlane["servers"]>[1]>,
): ServerList["servers"] {
  const isAsked = serverFilter(asked);
  const list = socket.dump("list IPVS servers", serversRequest(family, key), (message) =>
    isAsked(message) ? readServer(message, familyOfKey(key)) : undefined,
  );
  return new Map(list.map((server) => [serverId(server), server]));
}

const DONE: ApplyResult = { ok: true, unchanged: false };
const UNCHANGED: ApplyResult = { ok: true, unchanged: true };

function resultOf(command: Command, answer: Acknowledgement): ApplyResult {
  const { errno } = answer;
  if (errno === 0) return DONE;
  const isRemoval = command.kind === "remove-service" || command.kind === "remove-server";
  // What was to be removed is gone: the service (ESRCH), or the server in it (ENOENT).
  if (isRemoval && errno === (command.kind === "remove-service" ? ESRCH : ENOENT)) return UNCHANGED;
  const isMissingServer = errno === ENOENT && command.kind === "edit-server";
  const error = `${describeCommand(command)}: ${reason(command, answer)}`;
  // With its answer lost, nobody knows what a command did.
  if (errno === ENOBUFS) return { ok: false, outOfStep: true, isUnknown: true, error };
  const outOfStep = errno === EEXIST || errno === ESRCH || isMissingServer;
  return { ok: false, outOfStep, error };
}

/** The kernel's reason, and what to do about it where one errno has one usual cause. */
function reason(command: Command, answer: Acknowledgement): string {
  const words = describeErrno(answer);
  const changesService = command.kind === "add-service" || command.kind === "edit-service";
  if (changesService && answer.errno === ENOENT) return `${words}: ${missingPart(command.service)}`;
  if (answer.errno === EPERM) return `${words}: CAP_NET_ADMIN is needed`;
  if (answer.errno === EINVAL && answer.text === undefined)
    return command.kind === "add-server"
      ? `${words}: the kernel takes unicast addresses only, and needs the loopback interface up`
      : words;
  return words;
}

function single(socket: NetlinkSocket, operation: string, request: Request, harmless?: number): ApplyResult {
  const answer = socket.transact([request])[0] as Acknowledgement;
  if (answer.errno === 0) return DONE;
  if (answer.errno === harmless) return UNCHANGED;
  return { ok: false, outOfStep: answer.errno === EEXIST, error: `${operation}: ${describeErrno(answer)}` };
}
