// The acts of the drill: starts and ends the programs on the drill's network, and measures each act from outside.
// Knows how both kinds of director are started, and nothing else of them.

import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import type { Milliseconds } from "../src/core/units.js";
import { milliseconds, seconds } from "../src/core/units.js";
import { Capture } from "../test/lab/capture.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import { procServers } from "../test/lab/ipvs.js";
import type { LabProcess } from "../test/lab/process.js";
import { until, wallClock } from "../test/lab/wait.js";
import type { ClientReport } from "./client.js";
import type { DirectorName } from "./configs.js";
import { DIRECTORS, HTTP_PORT, SERVERS, VIP, keepalivedConfig, vipdConfig } from "./configs.js";
import { Network } from "./network.js";
import { quote } from "./tell.js";

export type DirectorKind = "vipd" | "keepalived";

export type Failover = {
  readonly killedAt: number;
  readonly lastAdvertAt: number;
  readonly firstAdvertAt: number;
  readonly firstArpAt: number;
};
export type Return = { readonly startedAt: number; readonly masterAt: number; readonly client: ClientReport };

/** Everything here is slow in an emulated machine on a busy host; what is awaited usually comes far sooner. */
const PATIENCE = seconds(120);

export class Drill {
  readonly #network = new Network();
  readonly #kind: DirectorKind;
  readonly #config: string;
  #servers: LabProcess[] = [];
  #client: LabProcess | undefined;
  #capture: Capture | undefined;
  /** What the directors say while everything around them is taken away is not part of the story. */
  #ending = false;

  constructor(kind: DirectorKind) {
    this.#kind = kind;
    this.#config = this.#network.lab.file("vipd.yaml", vipdConfig());
  }

  get #packets(): Capture {
    if (this.#capture === undefined) throw new Error("the observer is not there yet");
    return this.#capture;
  }

  async startServers(): Promise<void> {
    const { rs1, rs2 } = this.#network.servers;
    this.#servers = [rs1, rs2].map((host) =>
      host.spawn([process.execPath, join(import.meta.dirname, "real-server.js")]),
    );
    this.#capture = await Capture.start(this.#network.observer, "eth0");
    for (const server of this.#servers) await server.waitFor(/^ready/, PATIENCE);
  }

  startDirector(name: DirectorName): Promise<void> {
    const { lab, directors } = this.#network;
    const host = directors[name];
    const director =
      this.#kind === "vipd"
        ? startVipd(lab, host, this.#config, { node: name })
        : startKeepalived(lab, host, keepalivedConfig(name));
    director.onLine(({ text }) => {
      if (!this.#ending) quote(name, text);
    });
    return Promise.resolve();
  }

  /** When `name` was seen as master after `since`: it sends adverts and has said that the address is its own. */
  async masterIs(name: DirectorName, since: number): Promise<number> {
    const advert = await until(`${name} to be master`, PATIENCE, () =>
      this.#packets.adverts(DIRECTORS[name]).find((seen) => seen.at > since && seen.priority > 0),
    );
    await until(`${name} to have ${VIP}`, PATIENCE, () =>
      this.#network.directors[name]
        .run("ip", "-br", "-4", "address", "show", "dev", "eth0")
        .includes(`${VIP}/`),
    );
    return advert.at;
  }

  async tableComplete(name: DirectorName): Promise<void> {
    await until(`the table of ${name}`, PATIENCE, () => {
      const present = procServers(this.#network.directors[name]).filter((server) => server.weight > 0);
      return present.length === 2 * Object.keys(SERVERS).length;
    });
  }

  /** The roles in which the kernel of a director sends or receives connections, as ipvsadm names them. */
  syncRoles(name: DirectorName): string[] {
    const listed = this.#network.directors[name].run("ipvsadm", "-l", "--daemon");
    return [...listed.matchAll(/^(master|backup) sync daemon/gm)].map(([, role]) => role ?? "").sort();
  }

  async startClient(): Promise<void> {
    this.#client = this.#network.client.spawn([
      process.execPath,
      join(import.meta.dirname, "client.js"),
      ...(process.env["VIPD_VM"] === "tcg" ? ["gentle"] : []),
    ]);
    await this.#client.waitFor(/^ready/, PATIENCE);
    await until("50 connections of the client", PATIENCE, async () => {
      const since = wallClock();
      await pause(1000);
      const report = await this.clientReport(since);
      return report.connections === 50 && report.alive === 50;
    });
  }

  async clientReport(since: number): Promise<ClientReport> {
    const client = this.#client;
    if (client === undefined) throw new Error("the client is not there yet");
    const seen = client.lines.length;
    client.write(`report ${since}\n`);
    const line = await client.waitFor(/^\{/, PATIENCE, seen);
    return JSON.parse(line.text) as ClientReport;
  }

  async settle(time: Milliseconds, why: string): Promise<void> {
    quote("drill", `${time / 1000} s of calm: ${why}`);
    await pause(time);
  }

  async powerLoss(): Promise<Failover> {
    const power = this.#network.preparePowerLoss("lb1");
    await pause(500);
    const killedAt = power.happen();
    const firstAdvertAt = (
      await until("lb2's first advert", PATIENCE, () =>
        this.#packets.adverts(DIRECTORS.lb2).find((seen) => seen.at > killedAt),
      )
    ).at;
    const firstArpAt = (
      await until("lb2's gratuitous ARP", PATIENCE, () =>
        this.#packets.gratuitousArps(VIP).find((seen) => seen.at > killedAt),
      )
    ).at;
    const lastAdvertAt = this.#packets.adverts(DIRECTORS.lb1).at(-1)?.at ?? killedAt;
    this.#network.discard("lb1");
    return { killedAt, lastAdvertAt, firstAdvertAt, firstArpAt };
  }

  /** Waits until all connections are answered again, as TCP's own retransmission allows. */
  async connectionsGoOn(takeoverAt: number, expected: number): Promise<ClientReport> {
    const deadline = wallClock() + 15_000;
    for (;;) {
      const report = await this.clientReport(takeoverAt - 3000);
      const since = await this.clientReport(takeoverAt);
      if (since.alive >= expected || wallClock() > deadline) return { ...report, alive: since.alive };
      await pause(200);
    }
  }

  /** Gives how long it took from the turn of the page until the active kernel's table shows it. */
  async pageTurns(to: "bad" | "good"): Promise<Milliseconds> {
    const began = wallClock();
    this.#servers[0]?.write(`${to}\n`);
    await until(`rs1 to ${to === "bad" ? "leave" : "re-enter"} the table`, PATIENCE, () => {
      const entry = procServers(this.#network.directors.lb2).find(
        (server) =>
          server.service === `tcp ${VIP}:${HTTP_PORT}` && server.server === `${SERVERS.rs1}:${HTTP_PORT}`,
      );
      const serves = entry !== undefined && entry.weight > 0;
      return serves === (to === "good");
    });
    return milliseconds(wallClock() - began);
  }

  async powerReturns(expected: number): Promise<Return> {
    this.#network.restore("lb1");
    const startedAt = wallClock();
    await this.startDirector("lb1");
    const masterAt = await this.masterIs("lb1", startedAt);
    const client = await this.connectionsGoOn(masterAt, expected);
    return { startedAt, masterAt, client };
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#capture?.stop();
    this.#network.lab.close();
  }
}
