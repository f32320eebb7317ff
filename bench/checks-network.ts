// A director's host with a cable to another one that is all the real servers at once: it has all their addresses,
// and one nginx answers for them, which costs the same whoever asks. Some ports never answer, or stop to do so.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import type { LabProcess } from "../test/lab/process.js";
import { until } from "../test/lab/wait.js";
import { CONFIGS, NETWORKS, PORTS, SERVERS, type Director, type Subject } from "./checks-config.js";

const SLUGGISH = `
const { createServer } = require("node:net");
let hangs = false;
const answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
const take = (says) => (socket) => {
  socket.on("error", () => undefined);
  socket.on("data", () => { if (says()) socket.end(answer); });
};
createServer(take(() => false)).listen({ port: ${PORTS.hung}, host: "0.0.0.0", backlog: 4096 });
createServer(take(() => !hangs)).listen({ port: ${PORTS.victim}, host: "0.0.0.0", backlog: 4096 }, () => console.log("ready"));
process.stdin.on("data", () => { hangs = true; console.log("hangs"); });
`;

/** A look at the whole table is work for the kernel too: not more often than this. */
const LOOK_EVERY = milliseconds(100);
/** For a start or an end; the slowest was that of keepalived in a busy emulation. */
const LIMIT = seconds(120);

export class CheckNetwork {
  private readonly lab = new Lab();
  private readonly host: Host;
  private readonly servers: Host;
  private sluggish: LabProcess | undefined;
  private director: LabProcess | undefined;

  constructor() {
    this.host = this.lab.host("lb1");
    this.servers = this.lab.host("servers");
  }

  async prepare(): Promise<void> {
    const { lab, host, servers } = this;
    lab.cable(host, "eth0", servers, "eth0");
    host.ip("address add 192.0.2.1/24 dev eth0");
    servers.ip("address add 192.0.2.2/24 dev eth0");
    for (const network of Object.values(NETWORKS)) {
      host.ip(`route add ${network} via 192.0.2.2`);
      servers.ip(`route add local ${network} dev lo`);
    }
    const folder = join(lab.directory, "nginx");
    mkdirSync(folder);
    const nginx = lab.file(
      "nginx.conf",
      `user root; worker_processes 1; daemon off; pid ${folder}/pid; error_log /dev/null;
events { worker_connections 8192; }
http { access_log off; client_body_temp_path ${folder}/1; proxy_temp_path ${folder}/2; fastcgi_temp_path ${folder}/3;
  uwsgi_temp_path ${folder}/4; scgi_temp_path ${folder}/5;
  server { listen ${PORTS.well} backlog=4096; location / { return 200 "ok"; } } }
`,
    );
    const server = servers.spawn(["nginx", "-e", "stderr", "-p", folder, "-c", nginx]);
    this.sluggish = servers.spawn([process.execPath, "-e", SLUGGISH]);
    await this.sluggish.waitFor(/ready/, seconds(60));
    await until(`nginx (it said: ${server.text})`, seconds(60), () =>
      servers.run("ss", "-ltnH", `sport = :${PORTS.well}`).includes(`:${PORTS.well}`),
    );
    host.procNet("ip_vs");
  }

  /** Comes back when all servers are in the kernel's table. */
  async start(kind: Director, subject: Subject): Promise<void> {
    const { lab, host } = this;
    const text = CONFIGS[kind](subject);
    const path = lab.file(`${kind}.conf`, text);
    if (kind === "vipd") this.director = startVipd(lab, host, path);
    else if (kind === "keepalived")
      this.director = startKeepalived(lab, host, text, { configPath: path, terse: true });
    else this.director = host.spawn(["ldirectord", path, "start"]);
    await this.wait(`a complete table of ${kind}`, () => this.count() >= subject.services * SERVERS);
  }

  async stop(): Promise<void> {
    const { director, host } = this;
    director?.kill();
    await this.wait("the end", () => director?.running !== true);
    this.director = undefined;
    // ldirectord's table is what it leaves.
    host.try("ipvsadm", "-C");
    // A start begins with a check at a time of chance: what the last one left on its way is to be over.
    await pause(1000);
  }

  /** Packets to the upper half of all servers get no answer any more; or they do again. */
  cut(isCut: boolean): void {
    const { upper } = NETWORKS;
    this.servers.ip(
      ...(isCut
        ? [`route del local ${upper} dev lo`, `route add blackhole ${upper}`]
        : [`route del blackhole ${upper}`, `route add local ${upper} dev lo`]),
    );
  }

  async hang(): Promise<void> {
    this.sluggish?.write("hang\n");
    await this.sluggish?.waitFor(/hangs/, seconds(10));
  }

  /** Servers in the table, or those of them with this port. */
  count(port?: number): number {
    const table = this.host.procNet("ip_vs");
    if (port === undefined) return table.match(/-> (?!Remote)/g)?.length ?? 0;
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    return table.match(new RegExp(`-> [0-9A-F]+:${hex} `, "g"))?.length ?? 0;
  }

  async wait(what: string, isThere: () => boolean, every = LOOK_EVERY): Promise<void> {
    try {
      await until(what, LIMIT, isThere, every);
    } catch (error) {
      throw new Error(`${(error as Error).message} (it said:\n${this.said.slice(-2000)})`, { cause: error });
    }
  }

  /** What the director has said so far. */
  get said(): string {
    return this.director?.text ?? "";
  }

  close(): void {
    this.lab.close();
  }
}
