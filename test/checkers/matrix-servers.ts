// Debian's own servers for the matrix of checks, on the loopback, with folders of their own: nginx, exim and dnsmasq,
// each also as it is when something is wrong with it. What they cannot do by themselves (half an answer, a reset) a relay
// in front of them does to what they say. Refuses to know the checks.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DgramAsPromised } from "dgram-as-promised";

import { findUser } from "../../src/linux/users.js";
import { EXPIRED, GOOD, KEY } from "./certificates.js";
import { closedPort, LOOPBACK } from "./harness.js";
import { answering, closedUdpPort } from "./udp-server.js";

const PROGRAMS = {
  nginx: "/usr/sbin/nginx",
  exim: "/usr/sbin/exim4",
  dnsmasq: "/usr/sbin/dnsmasq",
  perl: "/usr/bin/perl",
} as const;
const absent = Object.values(PROGRAMS).filter((path) => !existsSync(path));
/** Why they cannot run here; false: they can. */
export const cannotServe: string | false =
  absent.length > 0
    ? `${absent.join(", ")} not installed (tools/setup.sh installs them)`
    : process.getuid?.() === 0
      ? false
      : "exim4 takes a configuration of its own from root alone";

/** How long the slow ones take. */
export const SLOWNESS = 1000;

const TCP_PORTS = [
  "http",
  "http2",
  "https",
  "https2",
  "httpsExpired",
  "https2Expired",
  "agent",
  "agentDrained",
  "agentDown",
  "smtp",
  "smtpPlain",
  "smtpSlow",
  "smtpRefusing",
  "smtpExpired",
  "smtps",
  "smtpsExpired",
] as const;

export type Ports = Readonly<Record<(typeof TCP_PORTS)[number] | "dns" | "closed" | "closedUdp", number>>;

export type Servers = {
  readonly folder: string;
  readonly ports: Ports;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly end: () => Promise<void>;
};

const nginxConfiguration = (folder: string, ports: Ports): string => `
daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  root ${folder}/www;
  ssl_certificate ${folder}/good.pem; ssl_certificate_key ${folder}/key.pem;
  server {
    listen 127.0.0.1:${String(ports.http)};
    listen 127.0.0.1:${String(ports.http2)} http2;
    listen 127.0.0.1:${String(ports.https)} ssl;
    listen 127.0.0.1:${String(ports.https2)} ssl http2;
    location /broken { return 500; }
    location /slow.html { limit_rate 4k; }
  }
  server {
    listen 127.0.0.1:${String(ports.httpsExpired)} ssl;
    listen 127.0.0.1:${String(ports.https2Expired)} ssl http2;
    ssl_certificate ${folder}/expired.pem;
  }
}`;

const eximConfiguration = (folder: string, ports: Ports): string => `
primary_hostname = mx.vipd.test
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%slog
pid_file_path = ${folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${TCP_PORTS.filter((name) => name.startsWith("smtp"))
  .map((name) => ports[name])
  .join(" : ")}
tls_on_connect_ports = ${ports.smtps} : ${ports.smtpsExpired}
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = \${if eq{$received_port}{${String(ports.smtpPlain)}}{}{*}}
tls_certificate = \${if inlist{$received_port}{${String(ports.smtpExpired)} : ${String(ports.smtpsExpired)}}{${folder}/expired.pem}{${folder}/good.pem}}
tls_privatekey = ${folder}/key.pem
acl_smtp_connect = begin
begin acl
begin:
  deny condition = \${if eq{$received_port}{${String(ports.smtpRefusing)}}}
    message = no mail today
  accept condition = \${if eq{$received_port}{${String(ports.smtpSlow)}}}
    delay = ${String(SLOWNESS / 1000)}s
  accept
begin routers
begin transports
begin retry
begin authenticators
`;

const dnsmasqConfiguration = (ports: Ports, upstream: number): string =>
  [
    "no-resolv",
    "no-hosts",
    "bind-interfaces",
    "listen-address=127.0.0.1",
    `port=${String(ports.dns)}`,
    "host-record=www.example.test,192.0.2.10",
    `server=/slow.test/127.0.0.1#${String(upstream)}`,
    "",
  ].join("\n");

/** Says one line to whoever comes. */
const AGENT = `
use IO::Socket::INET;
my ($port, $line) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 8) or die;
while (my $client = $server->accept) { print $client "$line\\n"; close $client; }
`;

/** Gives the one question of a query an answer of one address, which nobody is to remember. */
function answerTo(query: Buffer): Buffer {
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += 1 + (query[end] ?? 0);
  const question = query.subarray(12, end + 5);
  const head = Buffer.concat([query.subarray(0, 2), Buffer.from("81800001000100000000", "hex")]);
  return Buffer.concat([head, question, Buffer.from("c00c0001000100000000" + "0004c000020b", "hex")]);
}

export async function startServers(): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "vipd-matrix-"));
  // nginx without a master serves as nobody, exim as its own user.
  chmodSync(folder, 0o755);
  const user = findUser("Debian-exim");
  if (!user.ok) throw new Error(user.error);
  for (const name of ["www", "spool", "log"]) mkdirSync(join(folder, name));
  for (const name of ["spool", "log"]) chownSync(join(folder, name), user.value.uid, user.value.gid);
  const write = (name: string, text: string, mode = 0o644): void =>
    writeFileSync(join(folder, name), text, { mode });
  write("www/index.html", "test page\n");
  write("www/big.html", `${"x".repeat(40_000)}test page\n`);
  // Twice what goes out at once.
  write("www/slow.html", `${"x".repeat((8192 * SLOWNESS) / 1000)}test page\n`);
  write("good.pem", GOOD);
  write("expired.pem", EXPIRED);
  write("key.pem", KEY, 0o640);
  chownSync(join(folder, "key.pem"), 0, user.value.gid);

  const ports = { closed: 0, closedUdp: await closedUdpPort(), dns: await closedUdpPort() } as Record<
    keyof Ports,
    number
  >;
  for (const name of TCP_PORTS) ports[name] = await closedPort();
  ports.closed = await closedPort();
  const upstream = DgramAsPromised.createSocket("udp4");
  upstream.socket.on("message", (query, { port, address }) => {
    setTimeout(() => void upstream.send(answerTo(query), 0, answerTo(query).length, port, address), SLOWNESS);
  });
  const { port: slow } = await upstream.bind({ address: LOOPBACK, port: 0 });
  write("nginx.conf", nginxConfiguration(folder, ports));
  write("exim.conf", eximConfiguration(folder, ports));
  write("dnsmasq.conf", dnsmasqConfiguration(ports, slow));

  const start = (program: string, ...words: readonly string[]): ChildProcess =>
    spawn(program, words, { stdio: "ignore" });
  const running = [
    start(PROGRAMS.nginx, "-p", folder, "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")),
    start(PROGRAMS.exim, "-C", join(folder, "exim.conf"), "-bdf"),
    start(
      PROGRAMS.dnsmasq,
      ...["--keep-in-foreground", `--conf-file=${join(folder, "dnsmasq.conf")}`, "--pid-file="],
      ...["--log-facility=-", "--user=root"],
    ),
    start(PROGRAMS.perl, "-e", AGENT, String(ports.agent), "up 75%"),
    start(PROGRAMS.perl, "-e", AGENT, String(ports.agentDrained), "drain"),
    start(PROGRAMS.perl, "-e", AGENT, String(ports.agentDown), "maint"),
  ];
  return {
    folder,
    ports,
    signal: (name) => running.forEach((child) => child.kill(name)),
    end: async () => {
      for (const child of running)
        if (child.exitCode === null && child.signalCode === null) {
          const ended = once(child, "exit");
          child.kill("SIGTERM");
          child.kill("SIGCONT");
          await ended;
        }
      await upstream.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What becomes of a connection once so much of the server's answer has gone through. */
export type Cut = { readonly after: number; readonly by: "end" | "reset" | "silence" };

/** A relay in front of a server; gives its port to `use`. */
export async function relayed<T>(to: number, cut: Cut, use: (port: number) => Promise<T>): Promise<T> {
  const open = new Set<{ destroy: () => unknown }>();
  const relay: Server = createServer((client) => {
    const server = connect(to, LOOPBACK);
    let left = cut.after;
    open.add(client).add(server);
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
    client.on("data", (data) => server.write(data));
    const finish = (): void => {
      server.destroy();
      if (cut.by === "reset") client.resetAndDestroy();
      if (cut.by === "end") client.end();
    };
    if (left === 0) client.once("data", finish);
    server.on("data", (data: Buffer) => {
      if (left <= 0) return;
      const part = data.subarray(0, left);
      left -= part.length;
      client.write(part, () => {
        if (left === 0) finish();
      });
    });
  });
  relay.listen(0, LOOPBACK);
  await once(relay, "listening");
  try {
    return await use((relay.address() as AddressInfo).port);
  } finally {
    for (const socket of open) socket.destroy();
    relay.close();
    await once(relay, "close");
  }
}

/** The same for datagrams: each answer is cut to so many bytes. */
export const relayedDatagrams = <T>(
  to: number,
  after: number,
  use: (port: number) => Promise<T>,
): Promise<T> =>
  answering((query, say) => {
    const socket = DgramAsPromised.createSocket("udp4");
    socket.socket.once("message", (answer) => {
      say(answer.subarray(0, after));
      void socket.close();
    });
    void socket.send(query, 0, query.length, to, LOOPBACK);
  }, use);
