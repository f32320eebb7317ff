// The network of the drill: two directors, two real servers behind direct routing, a client and an observer on one
// switch, and a second switch between the directors for connection synchronisation.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import { wallClock } from "../test/lab/wait.js";
import type { DirectorName, ServerName } from "./configs.js";
import { CLIENT, DIRECTORS, SERVERS, VIP } from "./configs.js";

const SYNC = { lb1: "10.51.0.1/24", lb2: "10.51.0.2/24" } as const;

export class Network {
  readonly lab = new Lab();
  readonly switch: Host;
  readonly client: Host;
  readonly observer: Host;
  readonly directors: Record<DirectorName, Host>;
  readonly servers: Record<ServerName, Host>;

  constructor() {
    const { lab } = this;
    this.switch = lab.bridge("sw", "br0", "br1");
    const [lb1, lb2, rs1, rs2, client, observer] = lab.hosts("lb1", "lb2", "rs1", "rs2", "cl", "obs");
    this.directors = { lb1, lb2 };
    this.servers = { rs1, rs2 };
    this.client = client;
    this.observer = observer;
    lab.plug(this.switch, [
      { host: rs1, interface: "eth0", addresses: [`${SERVERS.rs1}/24`] },
      { host: rs2, interface: "eth0", addresses: [`${SERVERS.rs2}/24`] },
      { host: client, interface: "eth0", addresses: [`${CLIENT}/24`] },
      { host: observer, interface: "eth0" },
    ]);
    for (const server of [rs1, rs2]) {
      // The kernel's own recipe for real servers behind direct routing: have the address, never say so.
      server.sysctl({ "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2 });
      server.ip(`address add ${VIP}/32 dev lo`);
    }
    this.#plugDirector("lb1");
    this.#plugDirector("lb2");
  }

  #plugDirector(name: DirectorName): void {
    const host = this.directors[name];
    this.lab.plug(this.switch, [{ host, interface: "eth0", addresses: [`${DIRECTORS[name]}/24`] }]);
    this.lab.plug(this.switch, [{ host, interface: "eth1", addresses: [SYNC[name]] }], "br1");
    // The kernel repeats what it knows of a connection every 50 packets; a quiet connection says few in a drill.
    host.sysctl({ "net.ipv4.ip_forward": 1, "net.ipv4.vs.sync_threshold": "3 10" });
  }

  /** A hand on the plug: an `ip` that has started already, so that cutting takes no time of its own. */
  preparePowerLoss(name: DirectorName): PowerLoss {
    const ip = spawn("ip", ["-n", this.switch.namespace, "-batch", "-"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    return new PowerLoss(this.directors[name], ip);
  }

  /** What is gone with a machine without power: its processes, its addresses, its kernel's tables. */
  discard(name: DirectorName): void {
    this.switch.ip(`link delete ${name}-eth0`, `link delete ${name}-eth1`);
    this.lab.remove(this.directors[name]);
  }

  /** The machine again, as it boots: nothing of before is in it. */
  restore(name: "lb1"): Host {
    const host = this.lab.host(name);
    this.directors[name] = host;
    this.#plugDirector(name);
    return host;
  }
}

export class PowerLoss {
  readonly #host: Host;
  readonly #ip: ChildProcess;

  constructor(host: Host, ip: ChildProcess) {
    this.#host = host;
    this.#ip = ip;
  }

  /** Gives the moment. What runs is looked up before it, so that nothing lies between the two cuts. */
  happen(): number {
    const pids = this.#host.pids();
    const at = wallClock();
    const { name } = this.#host;
    this.#ip.stdin?.end(`link set ${name}-eth0 down\nlink set ${name}-eth1 down\n`);
    this.#host.killAll(pids);
    return at;
  }
}
