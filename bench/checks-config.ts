// Services with ten real servers each, as the three directors read them. All check alike: every 5 s, with 2 s for an
// answer, and out at the first failure. Knows the addresses and ports, and nothing of what answers there.

export type Director = "keepalived" | "vipd" | "ldirectord";
type CheckKind = "tcp" | "http";

export const SERVERS = 10;
/** Answers at once; accepts and never answers; answers until it is told to do so no more. */
export const PORTS = { well: 80, hung: 81, victim: 82 } as const;
/** The lower half of each service's servers is in one network, the upper half in the other. */
export const NETWORKS = { lower: "10.200.0.0/14", upper: "10.204.0.0/14" } as const;

export type Subject = {
  readonly services: number;
  readonly check: CheckKind;
  readonly port: (service: number, server: number) => number;
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const service = (n: number): string => `10.100.${n >> 8}.${n & 255}`;
const server = (n: number, m: number): string =>
  `10.${(m < SERVERS / 2 ? 200 : 204) + (n >> 8)}.${n & 255}.${m + 1}`;

function vipd({ services, check, port }: Subject): string {
  const one = (n: number): string =>
    // What fails is to go, also when it is half of all.
    `  s${n}: { address: ${service(n)}:80, scheduler: rr, forwarding: nat, mass-failure: go-on, check: ${check}, servers: [${numbers(
      SERVERS,
    )
      .map((m) => `{ address: "${server(n, m)}:${port(n, m)}" }`)
      .join(", ")}] }`;
  return `nodes:\n  lb1: {}\ndefaults: { check: { every: 5s, timeout: 2s, fall: 1 } }\nservices:\n${numbers(services).map(one).join("\n")}\n`;
}

function keepalived({ services, check, port }: Subject): string {
  const checker =
    check === "tcp"
      ? "TCP_CHECK {\n      retry 0\n      connect_timeout 2\n    }"
      : "HTTP_GET {\n      url {\n        path /\n        status_code 200\n      }\n      retry 0\n      connect_timeout 2\n    }";
  const one = (n: number): string =>
    `virtual_server ${service(n)} 80 {\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n  delay_loop 5\n${numbers(
      SERVERS,
    )
      .map((m) => `  real_server ${server(n, m)} ${port(n, m)} {\n    weight 1\n    ${checker}\n  }\n`)
      .join("")}}\n`;
  return numbers(services).map(one).join("");
}

function ldirectord({ services, check, port }: Subject): string {
  const type =
    check === "tcp"
      ? "\tchecktype = connect\n"
      : '\tservice = http\n\tchecktype = negotiate\n\trequest = "/"\n\treceive = "ok"\n';
  const one = (n: number): string =>
    `virtual = ${service(n)}:80\n${numbers(SERVERS)
      .map((m) => `\treal = ${server(n, m)}:${port(n, m)} masq\n`)
      .join("")}${type}\tscheduler = rr\n\tprotocol = tcp\n`;
  return `checktimeout = 2\nnegotiatetimeout = 2\ncheckinterval = 5\nautoreload = no\nquiescent = no\nsupervised = yes\n${numbers(services).map(one).join("")}`;
}

export const CONFIGS: Readonly<Record<Director, (subject: Subject) => string>> = {
  vipd,
  keepalived,
  ldirectord,
};
