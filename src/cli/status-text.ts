// `vipd status` for people: who is master, why and since when, whom we hear, which servers are up and which
// are not and why. Pure: status in, text out.

import { times } from "../core/words.js";
import { describeReason, describeRejected, describeSum, describeWeighing, span } from "../control/reason.js";
import type {
  ChecksStatus,
  CheckStatus,
  InstanceStatus,
  ServerStatus,
  ServiceStatus,
  Status,
  VrrpStatus,
} from "../control/ipc.js";
import { describeConnections } from "../control/describe-clients.js";
import { ago } from "./ago.js";
import { clientLines, takeoverLines } from "./takeover-text.js";
import { orderText, progressText } from "./order-text.js";
import { formatTime } from "../log/record.js";
import type { Weighing } from "../services/weight.js";

export function statusText(status: Status, now: number): string {
  const { config } = status;
  const lines = [
    headline(status),
    ...takeoverLines(status, now),
    `vipd ${status.version} on node ${status.node} (pid ${status.pid}), running for ${ago(now - status.started_at)}`,
    `config ${config.path}, loaded ${formatTime(config.loaded_at).slice(0, 19)}`,
    ...status.processes.map((child) => {
      const restarts = child.restarts === 0 ? "" : `, restarted ${times(child.restarts)}`;
      const state = child.pid === null ? "NOT RUNNING" : `pid ${child.pid}`;
      return `${child.process} process: ${state}${restarts}${child.process === "vrrp" ? realtime(status.vrrp) : ""}`;
    }),
    "",
    ...vrrpLines(status, now),
    "",
    ...serviceLines(status, now),
  ];
  return `${lines.join("\n").trim()}\n`;
}

/** The answer in one line; all that follows says why. */
function headline({ vrrp, checks, config }: Status): string {
  const instances = vrrp?.instances ?? [];
  const states = [...new Set(instances.map(({ state }) => state))].map(
    (state) =>
      `${state.toUpperCase()} of ${named(instances.filter((one) => one.state === state).map(({ instance }) => instance))}`,
  );
  const services = checks?.services ?? [];
  const servers = services.reduce((sum, service) => sum + service.servers.length, 0);
  const alive = services.reduce((sum, service) => sum + service.alive, 0);
  const lost = services.filter(({ quorum }) => !quorum.up).map(({ name }) => name);
  return [
    ...(vrrp === null && config.instances > 0 ? ["VRRP DOES NOT ANSWER"] : []),
    ...states,
    ...(checks === null && config.services > 0 ? ["THE CHECKS DO NOT ANSWER"] : []),
    ...(servers === 0 ? [] : [`${alive} of ${servers} servers up`]),
    ...(lost.length === 0 ? [] : [`NO QUORUM: ${named(lost)}`]),
  ].join("; ");
}

const NAMED_AT_MOST = 6;
const named = (names: readonly string[]): string =>
  names.slice(0, NAMED_AT_MOST).join(", ") +
  (names.length > NAMED_AT_MOST ? ` and ${names.length - NAMED_AT_MOST} more` : "");

const realtime = (vrrp: VrrpStatus | null): string =>
  vrrp === null
    ? ""
    : `, ${vrrp.realtime}, wakes up late by ${span(vrrp.lateness_ms.p99)} (p99), ${span(vrrp.lateness_ms.max)} (most)`;

function vrrpLines(status: Status, now: number): string[] {
  if (status.vrrp === null)
    return [status.config.instances === 0 ? "no VRRP instances" : "VRRP: the process does not answer"];
  if (status.vrrp.instances.length === 0) return ["no VRRP instances"];
  return status.vrrp.instances.flatMap((instance) => instanceLines(instance, status, now));
}

function instanceLines(instance: InstanceStatus, status: Status, now: number): string[] {
  const since = `${formatTime(instance.since)} (${ago(now - instance.since)})`;
  const lines = [
    `vrrp ${instance.instance}: ${instance.state.toUpperCase()} since ${since}`,
    instance.awaited.length > 0
      ? `  waits for the first result of ${instance.awaited.join(", ")}`
      : `  why: ${describeReason(instance.reason)}`,
    `  ${instance.addresses.join(", ")} on ${instance.interface}, router id ${instance.virtual_router_id}, VRRPv${instance.version}, own priority ${describeSum(instance.sum, instance.priority)}`,
  ];
  lines.push(...clientLines(instance, status, now));
  const { unicast, auth } = instance;
  const travel = [
    ...(unicast === null ? [] : [`by unicast to ${unicast.join(", ")}`]),
    ...(auth === "none" ? [] : [`authentication ${auth}`]),
  ];
  if (travel.length > 0) lines.push(`  adverts ${travel.join("; ")}`);
  if (instance.state === "backup") {
    const { master } = instance;
    lines.push(
      master === null
        ? "  master: none heard yet"
        : `  master: ${master.address}${nodeName(status, master.address)}, priority ${master.priority}, last advert ${span(master.last_advert_ms_ago)} ago`,
    );
  }
  lines.push(...secondPathLines(instance));
  lines.push(...instance.oddities.map((text) => `  warning: ${text}`));
  if (instance.state === "master") lines.push(...othersLines(instance, status));
  const rejected = Object.entries(instance.rejected).map(([kind, count]) => `${count} ${kind}`);
  lines.push(
    `  adverts: ${instance.adverts_sent} sent${unsent(instance)}, ${instance.adverts_received} received` +
      `${rejected.length === 0 ? "" : `, rejected: ${rejected.join(", ")}`}; changed state ${times(instance.transitions)}`,
  );
  return lines;
}

function secondPathLines({ second_path: second, interface: first }: InstanceStatus): string[] {
  if (second === undefined) return [];
  if (second.trouble !== null)
    return [`  warning: no second path: ${second.trouble}; adverts are sent and heard on ${first} alone`];
  const heard = second.last_advert_ms_ago;
  const lines = [
    `  second path ${second.interface}: ${second.adverts_sent} sent, ${second.adverts_received} received` +
      (heard === null ? "" : `, last advert ${span(heard)} ago`),
  ];
  if (second.alone)
    lines.push(`  warning: the master is heard on ${second.interface} alone, and not on ${first}`);
  return lines;
}

const unsent = ({ send_failed: failed, send_error: error }: InstanceStatus): string =>
  error === null ? "" : `, ${failed} not sent (at last: ${error})`;

/** What a master hears of others: nobody, another master below it, or somebody it does not understand. */
function othersLines(
  { second_master: second, rejected_now: rejected }: InstanceStatus,
  status: Status,
): string[] {
  const lines = rejected.map((adverts) => `  hears: ${describeRejected(adverts)}`);
  if (second !== null)
    lines.unshift(
      `  hears: ${second.address}${nodeName(status, second.address)} is master too, with priority ${second.priority}, last advert ${span(second.last_advert_ms_ago)} ago`,
    );
  return lines.length > 0 ? lines : ["  hears: no other master"];
}

function nodeName(status: Status, address: string): string {
  const node = status.nodes.find((candidate) => candidate.address === address);
  return node === undefined ? "" : ` (${node.name})`;
}

function serviceLines(status: Status, now: number): string[] {
  const { checks } = status;
  if (checks === null)
    return [status.config.services === 0 ? "no services" : "services: the check process does not answer"];
  return [
    ...trackLines(checks, now),
    ...(checks.services.length === 0 ? ["no services"] : []),
    ...checks.services.flatMap((service) => oneService(service, now)),
    ...(status.idle_orders ?? []).map(
      (order) =>
        `order of a server that is not configured: ${order.service}/${order.server} ${orderText(order)}`,
    ),
    ...tableLines(checks.table),
    ...syncLines(checks),
  ];
}

function tableLines(table: ChecksStatus["table"]): string[] {
  if (table === null) return [];
  const order = table.in_order
    ? `kernel table in order, looked at ${span(table.checked_ms_ago)} ago`
    : "KERNEL TABLE NOT IN ORDER";
  return [`${order}${table.repairs === 0 ? "" : `, repaired ${times(table.repairs)}`}`];
}

function oneService(service: ServiceStatus, now: number): string[] {
  const { servers } = service;
  const width = Math.max(0, ...servers.map(({ server }) => server.length));
  return [
    `service ${service.name}: ${service.alive} of ${servers.length} servers up, ${service.service}${furtherText(service)}, ${service.scheduler}`,
    ...quorumLines(service),
    ...servers.flatMap((server) => {
      const state = server.up ? "up  " : server.place === "waits" ? "wait" : "DOWN";
      const missing = server.wanted && !server.in_kernel ? ", NOT IN THE KERNEL" : "";
      const order =
        server.order === undefined ? "" : `  ${orderText(server.order)}: ${progressText(server.order)};`;
      const checks = server.checks.map((check) => checkText(check, now)).join("; ");
      const text = `${weightText(server.weighing)}${placeText(server)}${missing}${order}`;
      return [
        `  ${server.server.padEnd(width)}  ${state}  weight ${text}${checks === "" ? "" : `  ${checks}`}`,
        ...pastLines(server, " ".repeat(width + 4), now),
      ];
    }),
  ];
}

/** All of them stand in the JSON. */
const furtherText = ({ further = [] }: ServiceStatus): string =>
  further.length === 0 ? "" : ` and ${further.length} more ${addressWord(further)}`;

function addressWord(further: readonly string[]): string {
  const noun = further.some((key) => key.startsWith("fwmark")) ? "key" : "address";
  return further.length === 1 ? noun : `${noun}${noun === "key" ? "s" : "es"}`;
}

/** Where a quorum, a sorry server or a mass failure is worth a word. */
function quorumLines({ quorum, sorry, checked, mass_failure: massFails, held }: ServiceStatus): string[] {
  const lines = checked ? [] : ["  not checked: this director does not hold the address"];
  const spread = quorum.hysteresis === 0 ? "" : `, hysteresis ${quorum.hysteresis}`;
  if (quorum.quorum > 1 || !quorum.up || sorry.length > 0)
    lines.push(
      `  quorum ${quorum.up ? "up" : "LOST"}: weight ${quorum.weight}, quorum ${quorum.quorum}${spread}`,
    );
  lines.push(...sorry.map(({ server, serves }) => `  sorry server ${server}${serves ? " SERVES" : ""}`));
  if (massFails || held > 0)
    lines.push(`  MASS FAILURE${held === 0 ? "" : `: ${held} that failed last held in the table`}`);
  return lines;
}

/** Of a server that is down, or was so in the last day. */
function pastLines(server: ServerStatus, indent: string, now: number): string[] {
  const { up, since, why, availability, checks, left_with: had } = server;
  if (up && availability.day === 100) return [];
  const last = checks
    .map(({ past }) => past.map(({ reason }) => reason).join(" "))
    .filter((one) => one !== "");
  return [
    `${indent}${up ? "up" : "down"} since ${formatTime(since).slice(0, 19)} (${ago(now - since)}): ${why}${had === undefined ? "" : `; taken out with ${describeConnections(had)}`}`,
    `${indent}up ${availability.day} % of the last 24 h${last.length === 0 ? "" : `; last results: ${last.join("; ")}`}`,
  ];
}

/** What the state and the weight do not say already. */
function placeText({ place, up }: ServerStatus): string {
  switch (place) {
    case "held":
      return ", held in the table";
    case "inhibited":
      return ", weight 0 in the table";
    case "stands-down":
      return ", stands down for the sorry server";
    case "out":
      return up ? ", ordered out" : "";
    case "serves":
      return up ? "" : ", ordered in";
    case "waits":
      return "";
  }
}

const weightText = (weighing: Weighing): string =>
  weighing.terms.length === 0
    ? String(weighing.effective)
    : `${weighing.effective} (${describeWeighing(weighing)})`;

function checkText(check: CheckStatus, now: number): string {
  if (check.held === true) return `${check.check} waits: ${check.detail}`;
  if (check.up === null) return `${check.check} not run yet`;
  const result = check.up ? "ok" : [check.reason, check.detail].filter((text) => text !== "").join(": ");
  const warning = check.warning === undefined ? "" : ` (WARNING: ${check.warning})`;
  return `${check.check} ${result} for ${ago(now - check.since)}${warning}`;
}

const trackLines = ({ tracks }: ChecksStatus, now: number): string[] =>
  tracks.map((track) => {
    const state = track.up === null ? "unknown" : track.up ? "up" : "DOWN";
    return `track ${track.track}: ${state}, ${checkText(track, now)}`;
  });

const syncLines = (checks: ChecksStatus): string[] =>
  checks.sync.map(
    ({ role, running, interface: device, id }) =>
      `sync ${role}: ${running ? "running" : "NOT RUNNING"} on ${device}, id ${id}`,
  );
