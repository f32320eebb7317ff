// Runs examples of conf/, as they stand there, in the network that each is written for: its directors take it without a
// complaint and find every server, and a client is served by all of these through the virtual address; where a pair
// runs, by the second director too, after the first has stopped.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Config } from "../../src/config/model.js";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { check, root } from "../config/load.js";
import { often } from "../lab/asking.js";
import { isServedByAll, statusOf } from "../lab/control.js";
import { runtimeDirectory, startVipd } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";
import { address, buildNetwork, type Network } from "./example-network.js";
import { SITES, type Asked, type Site } from "./example-sites.js";

const PATIENCE = seconds(300);
/** Of one question: enough for the least of the servers to get one of them. */
const REQUESTS = 12;

/** Warnings and errors; those that an emulated machine may earn by being slow do not count. */
const COMPLAINT =
  /^\S+ \S+ (warning|error) (?!(checks?|services?)\b|vrrp \S+: .*(this process was stopped|is master too)|vipd: the \w+ process has not taken)/;

type Director = { readonly host: Host; readonly daemon: LabProcess };

function start({ lab }: Network, host: Host, { file }: Site, node: string): Director {
  rmSync(runtimeDirectory(lab, host), { recursive: true, force: true });
  return { host, daemon: startVipd(lab, host, join(root, "conf", file), { node }) };
}

async function stop({ daemon, host }: Director): Promise<void> {
  daemon.kill("SIGTERM");
  assert.equal(await daemon.exited(PATIENCE), 0, daemon.text);
  const complaints = daemon.lines.map(({ text }) => text).filter((text) => COMPLAINT.test(text));
  assert.deepEqual(complaints, []);
  assert.doesNotMatch(host.procNet("ip_vs"), /^(TCP|UDP)/m);
}

/** The instances that a director is master of, beside another one or alone. */
const mastersOf = ({ vrrp }: Config, other?: Config): ReadonlySet<string> =>
  new Set(
    vrrp.filter(({ priority }, i) => priority > (other?.vrrp[i]?.priority ?? 0)).map(({ name }) => name),
  );

/** Until it is master of what it should be master of, and backup of the rest, and has found every server. */
async function settle(
  { lab }: Network,
  { host, daemon }: Director,
  masters: ReadonlySet<string>,
): Promise<void> {
  let status: Status | undefined;
  const what = (): string =>
    `${host.name} to settle, which is ${JSON.stringify(status)}; it said\n${daemon.text}`;
  await daemon.waitFor(/is ready as node/, PATIENCE);
  await until(
    what,
    PATIENCE,
    async () => {
      status = await statusOf(lab, host);
      const isAsWanted = status?.vrrp?.instances.every(
        ({ instance, state }) => state === (masters.has(instance) ? "master" : "backup"),
      );
      return isAsWanted === true && (status?.checks?.services ?? []).every(isServedByAll);
    },
    seconds(0.2),
  );
}

async function serves(
  { hosts, client }: Network,
  { kind, by = "client", host, port, ...due }: Asked,
): Promise<void> {
  if (kind === "ping") {
    // The first packets may go before everybody has learnt who has the address.
    const isAnswered = (): boolean => hosts[by].try("ping", "-c1", "-W1", host).status === 0;
    await until(`an answer of ${host}`, PATIENCE, isAnswered);
    return;
  }
  const from = often(host.includes(":") ? "::" : "0.0.0.0", REQUESTS);
  const wanted = due.answers.toSorted();
  let answered: readonly string[] = [];
  // On a busy machine a check may have been late, and its server be out for a moment.
  await until(
    () => `answers of ${host}: ${wanted.join(", ")} instead of ${answered.join(", ")}`,
    PATIENCE,
    async () => {
      answered = [...new Set(await client.ask({ kind, host, port, from }))].toSorted();
      if (due.one === undefined) return answered.join() === wanted.join();
      return answered.length === 1 && wanted.includes(answered[0] ?? "");
    },
  );
}

async function run(network: Network, site: Site): Promise<void> {
  address(network, site.addressing);
  const [one, two] = check(readFileSync(join(root, "conf", site.file), "utf8"), site.file).configs;
  assert.ok(one !== undefined);
  const serveAll = async (): Promise<void> => {
    for (const asked of site.asked) await serves(network, asked);
  };
  const { d1, d2 } = network.hosts;
  // One after the other: an example may say that whoever is master first stays so.
  const first = start(network, d1, site, one.node);
  await settle(network, first, mastersOf(one));
  if (two === undefined) {
    await serveAll();
    await stop(first);
    return;
  }
  const second = start(network, d2, site, two.node);
  await settle(network, second, mastersOf(two, one));
  await settle(network, first, mastersOf(one, two));
  await serveAll();
  await stop(first);
  await settle(network, second, mastersOf(two));
  await serveAll();
  await stop(second);
}

/** One test for each example of a folder: all of them have a network. */
export function examplesServe(folder: "" | "examples/"): void {
  const files = readdirSync(join(root, "conf", folder)).filter((name) => name.endsWith(".yaml"));
  test(`the examples of conf/${folder} serve`, async (t) => {
    const lab = new Lab();
    try {
      const network = await buildNetwork(lab);
      for (const file of files) {
        const site = SITES.find((one) => one.file === folder + file);
        await t.test(`conf/${folder}${file}`, async () => {
          assert.ok(site !== undefined, "no network is laid for it");
          try {
            await run(network, site);
          } finally {
            // For the next example, whatever has become of this one.
            for (const host of [network.hosts.d1, network.hosts.d2]) {
              host.killAll();
              host.run("ipvsadm", "-C");
            }
          }
        });
      }
    } finally {
      lab.close();
    }
  });
}
