// A network of hosts in network namespaces, made for one test and removed after it, also when the test's process
// ends early. The namespace the test itself runs in is never touched: bridges live in a namespace of their own.
// Refuses to know which programs run on the hosts.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Host, ipBatch } from "./host.js";

const open = new Set<Lab>();
let guarded = false;
let counter = 0;

/** What the test leaves behind when it is interrupted or fails half-way is removed from here. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  process.on("exit", () => {
    for (const lab of open) lab.close();
  });
  const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, status] of Object.entries(statuses)) process.on(signal, () => process.exit(status));
}

export type End = { readonly host: Host; readonly interface: string; readonly addresses?: readonly string[] };

export class Lab {
  /** Starts every namespace's name; has the pid in it, so that labs of several processes never meet. */
  readonly prefix: string;
  /** For config, pid and capture files. */
  readonly directory: string;
  readonly #hosts = new Map<string, Host>();

  constructor() {
    guard();
    counter++;
    this.prefix = `vl${String(process.pid)}x${String(counter)}`;
    this.directory = mkdtempSync(join(tmpdir(), "vipd-lab-"));
    open.add(this);
  }

  /** A new host with nothing but its loopback, which is up: without it the kernel refuses IPVS services. */
  host(name: string): Host {
    const [host] = this.hosts(name);
    return host;
  }

  hosts<const Names extends readonly string[]>(...names: Names): { [K in keyof Names]: Host } {
    const made = names.map((name) => new Host(name, `${this.prefix}-${name}`));
    for (const host of made) this.#hosts.set(host.name, host);
    ipBatch(made.map((host) => `netns add ${host.namespace}`));
    for (const host of made) host.ip("link set lo up");
    return made as { [K in keyof Names]: Host };
  }

  /** A cable between two hosts; both ends are up. */
  cable(a: Host, aName: string, b: Host, bName: string): void {
    ipBatch([`link add ${aName} netns ${a.namespace} type veth peer name ${bName} netns ${b.namespace}`]);
    a.ip(`link set ${aName} up`);
    b.ip(`link set ${bName} up`);
  }

  /** A namespace that holds switches which are not joined to each other; give it to `plug`. */
  bridge(name: string, ...devices: readonly string[]): Host {
    const box = this.host(name);
    for (const device of devices.length === 0 ? ["br0"] : devices) {
      box.ip(
        `link add name ${device} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
        `link set ${device} up`,
      );
    }
    return box;
  }

  /**
   * Plugs interfaces into a switch. The far end on the switch is called after the host and the interface, so that a
   * test can pull the cable there (`setPort`).
   */
  plug(box: Host, ends: readonly End[], device = "br0"): void {
    ipBatch(
      ends.map(
        ({ host, interface: name }) =>
          `link add ${name} netns ${host.namespace} type veth peer name ${portName(host, name)} netns ${box.namespace}`,
      ),
    );
    box.ip(
      ...ends.map(({ host, interface: name }) => `link set ${portName(host, name)} master ${device} up`),
    );
    for (const { host, interface: name, addresses = [] } of ends) {
      host.ip(`link set ${name} up`, ...addresses.map((address) => addressCommand(address, name)));
    }
  }

  /** Pulls or puts the cable at the switch: the host sees its carrier go and come. */
  setPort(bridge: Host, host: Host, name: string, state: "up" | "down"): void {
    bridge.ip(`link set ${portName(host, name)} ${state}`);
  }

  /** Writes a file for the programs of the lab; gives its path. */
  file(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** Takes one host away with everything on it; the far ends of its cables vanish a little later. */
  remove(host: Host): void {
    host.killAll();
    spawnSync("ip", ["netns", "delete", host.namespace]);
    this.#hosts.delete(host.name);
  }

  /** Ends every process in the lab, removes every namespace and file. Synchronous: it also runs while exiting. */
  close(): void {
    if (!open.delete(this)) return;
    for (const host of this.#hosts.values()) host.killAll();
    const deletions = [...this.#hosts.values()].map((host) => `netns delete ${host.namespace}`);
    spawnSync("ip", ["-force", "-batch", "-"], { input: `${deletions.join("\n")}\n` });
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Duplicate address detection would hold the host's IPv6 back for a second; nobody here has a duplicate. */
function addressCommand(address: string, name: string): string {
  return `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`;
}

/** At most 15 characters, the kernel's limit for an interface name. */
function portName(host: Host, name: string): string {
  const port = `${host.name}-${name}`;
  if (port.length > 15) throw new Error(`${port}: host and interface names are too long together`);
  return port;
}
