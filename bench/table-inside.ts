// Runs where IPVS is (the test VM): starts each kind with 1,000 services of 10 real servers, and gives one line of
// JSON for each: how long until the kernel had the whole table, until a reload had changed one weight, and memory.

import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { ip } from "../src/core/address.js";
import { milliseconds, seconds } from "../src/core/units.js";
import type { ListedService } from "../src/ipvs/model.js";
import type { DataPlane } from "../src/ports/data-plane.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import { planeOf } from "../test/lab/plane.js";
import type { LabProcess } from "../test/lab/process.js";
import { until } from "../test/lab/wait.js";
import type { Kind } from "./pair.js";
import { memory } from "./pair.js";

/** Milliseconds and kB; absent: not measured, or it failed. */
export type TableFigures = {
  readonly kind: Kind;
  start?: number;
  /** Of a file that was read before. */
  knownStart?: number;
  reload?: number;
  /** When nothing of the reading before runs any more. */
  coldReload?: number;
  memory?: Memory;
  /** While the reader of the configuration waits for another file. */
  memoryWithReader?: Memory;
};
type Memory = ReturnType<typeof memory>;

const SERVICES = 1000;
const SERVERS = 10;
const FIRST_WEIGHT = 77;
const SECOND_WEIGHT = 78;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const service = (n: number): string => `10.100.${n >> 8}.${n & 255}`;
const server = (n: number, m: number): string => `10.${200 + (n >> 8)}.${n & 255}.${m + 1}`;
/** The last server of the last service has the weight `last`. */
const weight = (n: number, m: number, last: number): number =>
  n === SERVICES - 1 && m === SERVERS - 1 ? last : 1;

function vipdConfig(last: number): string {
  const one = (n: number): string =>
    `  s${n}: { address: ${service(n)}:80, scheduler: rr, forwarding: nat, check: tcp, servers: [${numbers(
      SERVERS,
    )
      .map((m) => `{ address: ${server(n, m)}, weight: ${weight(n, m, last)} }`)
      .join(", ")}] }`;
  return `nodes:\n  lb1: {}\ndefaults: { check: { every: 10m, timeout: 5s } }\nservices:\n${numbers(SERVICES).map(one).join("\n")}\n`;
}

function keepalivedConfig(last: number): string {
  const one = (n: number): string => `virtual_server ${service(n)} 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  delay_loop 600
${numbers(SERVERS)
  .map(
    (m) =>
      `  real_server ${server(n, m)} 80 {\n    weight ${weight(n, m, last)}\n    TCP_CHECK {\n      connect_timeout 5\n    }\n  }\n`,
  )
  .join("")}}
`;
  return numbers(SERVICES).map(one).join("");
}

const LAST_SERVICE: ListedService = {
  key: { kind: "address", protocol: "tcp", address: ip(service(SERVICES - 1)), port: 80 },
  scheduler: "rr",
};

const ACCEPT_ALL = `require("node:net").createServer((s) => s.destroy()).listen(80, () => console.log("ready"))`;

/** A look at ten servers takes next to nothing from whoever is measured; one at the whole table would. */
const LOOK_EVERY = milliseconds(20);

/** Longer than the reader waits for another file after all that it does. */
const READER_GONE = seconds(150);
/** Of its own accord vipd reads a new file a second time ten seconds after its start. */
const AFTER_START = seconds(20);
/** For each step; the slowest was 15 s, of keepalived in a busy emulation. */
const LIMIT = seconds(90);

/** The director under test on a host of its own. */
class Subject {
  private readonly kind: Kind;
  private readonly lab = new Lab();
  private readonly host: Host;
  private readonly config: string;
  private readonly text: (last: number) => string;
  private others: readonly number[] = [];
  private director: LabProcess | undefined;
  private plane: DataPlane | undefined;

  constructor(kind: Kind) {
    this.kind = kind;
    this.host = this.lab.host("lb1");
    this.text = kind === "vipd" ? vipdConfig : keepalivedConfig;
    this.config = this.lab.file(kind, this.text(1));
  }

  /** Every real server is this host itself, so that all checks succeed without 10,000 namespaces. */
  async prepare(): Promise<void> {
    this.host.ip("route add local 10.192.0.0/10 dev lo");
    await this.host.spawn([process.execPath, "-e", ACCEPT_ALL]).waitFor(/ready/, seconds(30));
    this.others = this.host.pids();
  }

  /** How long until the table was complete. */
  async start(): Promise<number> {
    const { lab, host, config, kind } = this;
    host.procNet("ip_vs");
    const began = performance.now();
    const director =
      kind === "vipd"
        ? startVipd(lab, host, config)
        : startKeepalived(lab, host, this.text(1), { configPath: config, terse: true });
    this.director = director;
    // Both add services and servers in the order of the file: the last one is there when all are.
    await this.wait("the last service", () => this.lastServers().size === SERVERS);
    const took = performance.now() - began;
    const servers = this.servers();
    if (servers !== SERVICES * SERVERS)
      throw new Error(`${servers} servers are in the table with the last service${this.said()}`);
    return took;
  }

  /** vipd says so; keepalived does all before its table. */
  async ready(): Promise<void> {
    if (this.kind === "vipd") await this.director?.waitFor(/ is ready as node /, LIMIT);
  }

  /** How long until the table had the last server's new weight. */
  async reload(last: number): Promise<number> {
    this.write(last);
    const asked = performance.now();
    this.director?.kill("SIGHUP");
    await this.wait(`the weight ${last} in the table`, () =>
      Array.from(this.lastServers().values()).some(({ weight }) => weight === last),
    );
    return performance.now() - asked;
  }

  async stop(): Promise<void> {
    this.director?.kill();
    await this.wait("the end", () => this.director?.running !== true);
    if (this.servers() > 0) throw new Error(`${this.servers()} servers are left in the table${this.said()}`);
  }

  async readerGone(): Promise<void> {
    const processes = 3;
    await until("the end of the reader", READER_GONE, () => this.pids().length === processes, LOOK_EVERY);
  }

  write(last: number): void {
    writeFileSync(this.config, this.text(last));
  }
  memory(): Memory {
    return memory(this.pids());
  }
  close(): void {
    this.plane?.close();
    this.lab.close();
  }

  private async wait(what: string, isThere: () => boolean): Promise<void> {
    try {
      await until(what, LIMIT, isThere, LOOK_EVERY);
    } catch (error) {
      throw new Error(`${(error as Error).message}${this.said()}`, { cause: error });
    }
  }
  private said(): string {
    return ` (it said:\n${this.director?.text.slice(-2000) ?? ""})`;
  }
  private lastServers(): ReturnType<DataPlane["servers"]> {
    this.plane ??= planeOf(this.host);
    return this.plane.servers(LAST_SERVICE);
  }
  private servers(): number {
    // The table's head has an arrow, too: "  -> RemoteAddress:Port".
    return this.host.procNet("ip_vs").match(/-> (?!Remote)/g)?.length ?? 0;
  }
  private pids(): number[] {
    return this.host.pids().filter((pid) => pid !== this.host.anchorPid && !this.others.includes(pid));
  }
}

/** Does what follows also after a step that failed, unless that was a start or a stop. */
async function measure(kind: Kind): Promise<void> {
  const figures: TableFigures = { kind };
  const subject = new Subject(kind);
  // Each figure as soon as it is there: the time of the whole is bounded too.
  const tell = (): void => console.log(JSON.stringify(figures));
  const step = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      tell();
    } catch (error) {
      process.exitCode = 1;
      console.log(`${kind}, ${what}: ${(error as Error).message}`);
    }
  };
  try {
    await subject.prepare();
    figures.start = await subject.start();
    tell();
    await subject.ready();
    // Its first look at the servers and whatever else it does after a start is over by then.
    await pause(AFTER_START);
    if (kind === "keepalived") figures.memory = subject.memory();
    else figures.memoryWithReader = subject.memory();
    await step("reload", async () => void (figures.reload = await subject.reload(FIRST_WEIGHT)));
    if (kind === "keepalived") return;
    await step("memory", async () => {
      await subject.readerGone();
      figures.memory = subject.memory();
    });
    await step("late reload", async () => void (figures.coldReload = await subject.reload(SECOND_WEIGHT)));
    await subject.stop();
    // What was kept is the file of the first reload: of the second, nothing was yet.
    subject.write(FIRST_WEIGHT);
    await step("start with a known file", async () => void (figures.knownStart = await subject.start()));
  } finally {
    subject.close();
  }
}

for (const kind of process.argv.slice(2)) {
  if (kind !== "vipd" && kind !== "keepalived") continue;
  await measure(kind).catch((error: unknown) => {
    process.exitCode = 1;
    console.log(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
  });
}
