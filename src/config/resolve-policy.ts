// From what is written of a service's policy to the policy: defaults filled in, and refused what could never come
// true, as a quorum that all servers together do not make up.

import type { IpAddress } from "../core/address.js";
import { serverId, type RealServer } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import { DEFAULT_POLICY, type ServerConfig, type ServicePolicy } from "./model.js";
import type { Report } from "./report.js";
import type { Keys } from "./resolve-keys.js";
import type { FileConfig, FileService } from "./schema.js";

const KEYS = [
  "quorum",
  "hysteresis",
  "sorry-server",
  "sorry-server-inhibit",
  "before-first-check",
  "check-when",
  "slow-start",
  "weight-hysteresis",
  "mass-failure",
  "down-on-stop",
] as const;

/** Undefined: nothing of it is written, and everything is as by default. */
export function policyOf(
  written: FileService,
  keys: Keys,
  servers: readonly ServerConfig[],
  sorry: readonly RealServer[],
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): ServicePolicy | undefined {
  const defaults = file.defaults?.service ?? {};
  const said = { ...defaults, ...written };
  // Whoever is told of the quorum wants to hear of the first one too, which a service without a policy does not tell.
  const tells = written.notify?.["quorum-up"] ?? defaults.notify?.["quorum-up"];
  if (tells === undefined && KEYS.every((name) => said[name as keyof typeof said] === undefined))
    return undefined;
  const firstCheck = said["before-first-check"];
  const massFailure = said["mass-failure"];
  const slowStart = said["slow-start"];
  const weightHysteresis = said["weight-hysteresis"];
  const policy: ServicePolicy = {
    quorum: written.quorum ?? DEFAULT_POLICY.quorum,
    hysteresis: written.hysteresis ?? DEFAULT_POLICY.hysteresis,
    sorry,
    inhibitSorry: written["sorry-server-inhibit"] ?? DEFAULT_POLICY.inhibitSorry,
    ...(firstCheck === undefined ? {} : { beforeFirstCheck: firstCheck }),
    ...(massFailure === undefined ? {} : { massFailure }),
    ...(slowStart === undefined ? {} : { slowStart }),
    ...(weightHysteresis === undefined ? {} : { weightHysteresis }),
    checkWhen: said["check-when"] ?? DEFAULT_POLICY.checkWhen,
    downOnStop: written["down-on-stop"] ?? DEFAULT_POLICY.downOnStop,
  };
  checkQuorum(policy, servers, path, report);
  checkSorry(written, policy, servers, path, report);
  if (policy.checkWhen === "master") checkMaster(written, keys, virtual, path, report);
  return policy;
}

function checkQuorum(
  { quorum, hysteresis }: ServicePolicy,
  servers: readonly ServerConfig[],
  path: Path,
  report: Report,
): void {
  const all = servers.reduce((sum, { server }) => sum + server.weight, 0);
  const sum = `the weights of all its servers make ${all}`;
  if (hysteresis >= quorum && hysteresis > 0)
    report.error(
      [...path, "hysteresis"],
      "hysteresis",
      `${hysteresis} is not less than the quorum ${quorum}: the quorum would never be lost`,
      quorum === 1 ? "Leave it out, or choose a greater quorum." : `Write ${quorum - 1} or less.`,
    );
  else if (quorum > 1 && quorum > all)
    report.error(
      [...path, "quorum"],
      "quorum-too-large",
      `${quorum} can never be reached: ${sum}`,
      "The quorum counts weights, not servers.",
    );
  else if (quorum + hysteresis > all && hysteresis > 0)
    report.error(
      [...path, "hysteresis"],
      "hysteresis",
      `once lost, the quorum would be back at ${quorum} + ${hysteresis} = ${quorum + hysteresis}, and ${sum}`,
      "Choose a smaller hysteresis, or a smaller quorum.",
    );
}

function checkSorry(
  written: FileService,
  { sorry }: ServicePolicy,
  servers: readonly ServerConfig[],
  path: Path,
  report: Report,
): void {
  const at: Path = [...path, "sorry-server"];
  if (sorry.length === 0) {
    if (written["sorry-server-inhibit"] !== undefined)
      report.error([...path, "sorry-server-inhibit"], "misplaced", "belongs to a `sorry-server`");
    return;
  }
  const real = new Set(servers.map(({ server }) => serverId(server)));
  const seen = new Set<string>();
  for (const server of sorry) {
    const id = serverId(server);
    if (real.has(id))
      report.error(
        at,
        "sorry-is-server",
        `${id} is one of the service's servers`,
        "It is to serve when they do not: name another one.",
      );
    else if (seen.has(id)) report.error(at, "server-twice", `${id} stands here for the second time`);
    seen.add(id);
  }
  if (sorry.every(({ weight }) => weight === 0))
    report.error(
      at,
      "sorry-weightless",
      `weight 0 gets no connections: ${sorry.length === 1 ? "it" : "none of them"} would never serve`,
      "Write a weight of 1 or more.",
    );
  if (servers.length > 0 && servers.every(({ checks }) => checks.length === 0))
    report.warning(
      at,
      "sorry-unused",
      "will not be needed: without checks no server is ever down",
      "Add a `check`.",
    );
}

/** Without an address that moves the checks would be at rest for ever. */
function checkMaster(
  written: FileService,
  { all, addresses }: Keys,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): void {
  const at: Path = written["check-when"] === undefined ? path : [...path, "check-when"];
  const [first] = addresses;
  if (first === undefined)
    report.error(
      at,
      "check-when",
      "`check-when: master` needs an address that says who is master, and a fwmark service has none",
      "Write `check-when: always`.",
    );
  else if (
    ![...addresses].some((address) => virtual.has(address)) &&
    !report.isBroken(["vrrp", "*", "addresses"])
  )
    report.error(
      at,
      "check-when",
      `${first}${all.length > 1 ? ", like the others," : ""} is not an address of any instance under \`vrrp\`: its servers would never be checked`,
      "Add the address to an instance, or write `check-when: always`.",
    );
}
