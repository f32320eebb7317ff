// The three VRRP routers of the interop matrix behind one face: vipd, Debian's keepalived, FRR's vrrpd. Each speaks all
// pairings it has at once.

import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seconds } from "../../src/core/units.js";
import type { RejectKind } from "../../src/vrrp/reasons.js";
import { startKeepalived } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import type { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";
import { addressOf, frrConfig, keepalivedConfig, nameOf, ours, type Pairing } from "./pairings.js";
import { VrrpChild } from "./vrrp-child.js";

export type Router = {
  readonly host: Host;
  start(priority: number): Promise<void>;
  /** As its service manager would. */
  stop(): Promise<void>;
  /** As a power failure would: nothing of it answers afterwards. */
  kill(): void;
  setPriority(priority: number): Promise<void>;
  /** Those it is master of. */
  masterOf(): Promise<ReadonlySet<Pairing>>;
  /** Whom neighbours shall find behind the virtual address. */
  mac(pairing: Pairing): string;
};

const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();

export class VipdRouter implements Router {
  readonly host: Host;
  private readonly pairings: readonly Pairing[];
  private readonly ownMac: string;
  private child: VrrpChild | undefined;

  constructor(host: Host, pairings: readonly Pairing[]) {
    this.host = host;
    this.pairings = pairings;
    this.ownMac = macOf(host);
  }

  async start(priority: number): Promise<void> {
    this.child = new VrrpChild(this.host);
    await this.setPriority(priority);
  }

  async stop(): Promise<void> {
    await this.child?.stop();
    this.child = undefined;
  }

  kill(): void {
    this.child?.signal("SIGKILL");
    this.child = undefined;
  }

  async setPriority(priority: number): Promise<void> {
    await this.child?.configure(this.pairings.map((pairing) => ours(pairing, priority)));
  }

  async masterOf(): Promise<ReadonlySet<Pairing>> {
    const states = await this.states();
    return new Set(this.pairings.filter((pairing) => states.get(nameOf(pairing))?.state === "master"));
  }

  mac(): string {
    return this.ownMac;
  }

  /** Adverts that it refused, by instance and kind; empty when all of them counted. */
  async rejected(): Promise<Record<string, Partial<Record<RejectKind, number>>>> {
    const states = [...(await this.states())].filter(([, { rejected }]) => Object.keys(rejected).length > 0);
    return Object.fromEntries(states.map(([name, { rejected }]) => [name, rejected]));
  }

  /** Why each was last made what it is. */
  async reasons(): Promise<ReadonlyMap<string, string>> {
    return new Map([...(await this.states())].map(([name, { reason }]) => [name, reason.kind]));
  }

  private async states(): Promise<ReadonlyMap<string, Awaited<ReturnType<VrrpChild["instance"]>>>> {
    const instances = (await this.child?.status())?.instances ?? [];
    return new Map(instances.map((state) => [state.instance, state]));
  }
}

export class KeepalivedRouter implements Router {
  readonly host: Host;
  private readonly lab: Lab;
  private readonly pairings: readonly Pairing[];
  private readonly ownMac: string;
  private readonly configPath: string;
  private process: LabProcess | undefined;

  constructor(lab: Lab, host: Host, pairings: readonly Pairing[]) {
    this.lab = lab;
    this.host = host;
    this.pairings = pairings;
    this.ownMac = macOf(host);
    this.configPath = join(lab.directory, "keepalived.conf");
  }

  async start(priority: number): Promise<void> {
    const config = keepalivedConfig(this.pairings, priority);
    this.process = startKeepalived(this.lab, this.host, config, {
      vrrpOnly: true,
      configPath: this.configPath,
    });
    await this.process.waitFor(/Entering BACKUP STATE/, seconds(30));
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  kill(): void {
    this.host.killAll();
    const virtual = this.pairings.flatMap(({ addresses }) => addresses);
    for (const address of virtual) this.host.try("ip", "address", "delete", address, "dev", "eth0");
  }

  setPriority(priority: number): Promise<void> {
    writeFileSync(this.configPath, keepalivedConfig(this.pairings, priority));
    this.process?.kill("SIGHUP");
    return Promise.resolve();
  }

  masterOf(): Promise<ReadonlySet<Pairing>> {
    const text = this.host.run("ip", "-o", "address", "show", "dev", "eth0");
    return Promise.resolve(
      new Set(this.pairings.filter((pairing) => text.includes(` ${addressOf(pairing)}/`))),
    );
  }

  mac(): string {
    return this.ownMac;
  }
}

const FRR = "/usr/lib/frr";
/** Of Debian's package; the daemons change to it, and refuse to be root. */
const FRR_USER = "frr";

/** One macvlan for each virtual router, with the virtual MAC: made beforehand, as FRR wants it. */
export class FrrRouter implements Router {
  readonly host: Host;
  private readonly pairings: readonly Pairing[];
  private readonly directory: string;
  private zebra: LabProcess | undefined;
  private process: LabProcess | undefined;

  constructor(lab: Lab, host: Host, pairings: readonly Pairing[]) {
    this.host = host;
    this.pairings = pairings;
    this.directory = join(lab.directory, `frr-${host.name}`);
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(host.run("id", flag, FRR_USER)));
    chmodSync(lab.directory, 0o711);
    mkdirSync(this.directory);
    chownSync(this.directory, uid ?? 0, gid ?? 0);
    for (const pairing of pairings) {
      const device = deviceOf(pairing);
      host.ip(
        `link add ${device} link eth0 type macvlan mode bridge`,
        `link set ${device} address ${this.mac(pairing)} addrgenmode random`,
        ...pairing.addresses.map((address) => `address add ${address} dev ${device} nodad`),
        `link set ${device} up`,
      );
    }
  }

  async start(priority: number): Promise<void> {
    const config = join(this.directory, "vrrpd.conf");
    writeFileSync(config, frrConfig(this.pairings, priority), { mode: 0o644 });
    this.zebra ??= this.daemon("zebra", "/dev/null");
    await until("zebra's socket", seconds(30), () => this.vtysh("zebra", "show version") !== undefined);
    this.process = this.daemon("vrrpd", config);
    await until("vrrpd's socket", seconds(30), () => this.vtysh("vrrpd", "show version") !== undefined);
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  kill(): void {
    this.process?.kill("SIGKILL");
    this.host.ip(...this.pairings.map((pairing) => `link set ${deviceOf(pairing)} protodown on`));
  }

  setPriority(priority: number): Promise<void> {
    const orders = this.pairings.map(({ vrid }) => `vrrp ${String(vrid)} priority ${String(priority)}`);
    this.vtysh("vrrpd", "configure terminal", "interface eth0", ...orders);
    return Promise.resolve();
  }

  masterOf(): Promise<ReadonlySet<Pairing>> {
    const text = this.process?.running === true ? this.vtysh("vrrpd", "show vrrp json") : undefined;
    type Shown = { readonly vrid: number; readonly v4: { status: string }; readonly v6: { status: string } };
    const shown = JSON.parse(text ?? "[]") as readonly Shown[];
    const masters = this.pairings.filter(({ vrid, family }) => {
      const router = shown.find((one) => one.vrid === vrid);
      return router?.[family === "ipv4" ? "v4" : "v6"].status === "Master";
    });
    return Promise.resolve(new Set(masters));
  }

  /** RFC 9568 section 7.3. */
  mac({ family, vrid }: Pairing): string {
    return `00:00:5e:00:0${family === "ipv4" ? "1" : "2"}:${vrid.toString(16).padStart(2, "0")}`;
  }

  private daemon(name: "zebra" | "vrrpd", config: string): LabProcess {
    const own = (file: string): string => join(this.directory, file);
    const user = ["-u", FRR_USER, "-g", FRR_USER];
    const sockets = ["-z", own("zserv"), "-i", own(`${name}.pid`), "--vty_socket", this.directory, "-P", "0"];
    return this.host.spawn([join(FRR, name), ...user, ...sockets, "-f", config]);
  }

  /** What the daemon answers to the last command; undefined when it does not listen. */
  private vtysh(daemon: string, ...commands: readonly string[]): string | undefined {
    const words = commands.flatMap((command) => ["-c", command]);
    const result = this.host.try("vtysh", "--vty_socket", this.directory, "-d", daemon, ...words);
    return result.status === 0 ? result.stdout : undefined;
  }
}

const deviceOf = ({ vrid }: Pairing): string => `vrrp${String(vrid)}`;
