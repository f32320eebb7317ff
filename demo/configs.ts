// What the directors of the drill are told: one file for both vipd directors, and for comparison the two files that
// keepalived needs to do the same. Knows nothing of the network it is used in beyond these addresses.

export const VIP = "192.168.1.1";
export const DIRECTORS = { lb1: "192.168.1.2", lb2: "192.168.1.3" } as const;
export const SERVERS = { rs1: "192.168.1.4", rs2: "192.168.1.5" } as const;
export const CLIENT = "192.168.1.10";
export const HTTP_PORT = 80;
export const ECHO_PORT = 7;
export const PRIORITIES = { lb1: 150, lb2: 100 } as const;

export type DirectorName = keyof typeof DIRECTORS;
export type ServerName = keyof typeof SERVERS;

/** Adverts of the drill: a takeover in well under a second, without special scheduling on any machine. */
export const ADVERT_SECONDS = 0.2;
/** The returning director waits this long, so that the connections' states have reached it again. */
const PREEMPT_DELAY_SECONDS = 8;

/** RFC 9568 section 6.1: three intervals and the skew. */
export function masterDownSeconds(priority: number): number {
  return 3 * ADVERT_SECONDS + ((256 - priority) / 256) * ADVERT_SECONDS;
}

export function vipdConfig(): string {
  const servers = Object.values(SERVERS)
    .map((address) => `{ address: ${address}, weight: 5 }`)
    .join(", ");
  return `nodes:
  lb1: { address: ${DIRECTORS.lb1}, priority: ${PRIORITIES.lb1} }
  lb2: { address: ${DIRECTORS.lb2}, priority: ${PRIORITIES.lb2} }
vrrp:
  web:
    interface: eth0
    router-id: 85
    advert-interval: ${ADVERT_SECONDS * 1000}ms
    addresses: [${VIP}/24]
    preempt: true
    preempt-delay: ${PREEMPT_DELAY_SECONDS}s
sync: { interface: eth1, id: 51 }
services:
  http:
    address: ${VIP}:${HTTP_PORT}
    scheduler: wlc
    forwarding: direct-routing
    check: { http: { path: /.testpage, status: 200, body: "test page" }, every: 1s, timeout: 1s, fall: 2, rise: 2 }
    servers: [${servers}]
  echo:
    address: ${VIP}:${ECHO_PORT}
    scheduler: rr
    forwarding: direct-routing
    check: { tcp: {}, every: 1s, timeout: 1s, fall: 2, rise: 2 }
    servers: [${servers}]
`;
}

const keepalivedServer = (
  address: string,
  port: number,
  check: string,
): string => `  real_server ${address} ${port} {
    weight 5
    ${check}
  }
`;

const keepalivedService = (
  port: number,
  scheduler: string,
  check: string,
): string => `virtual_server ${VIP} ${port} {
  delay_loop 1
  retry 1
  delay_before_retry 1
  lb_algo ${scheduler}
  lb_kind DR
  protocol TCP
${Object.values(SERVERS)
  .map((address) => keepalivedServer(address, port, check))
  .join("")}}
`;

const HTTP_CHECK = `HTTP_GET {
      url {
        path /.testpage
        status_code 200
        regex "test page"
      }
      connect_timeout 1
    }`;

export function keepalivedConfig(name: DirectorName): string {
  return `global_defs {
  vrrp_version 3
  lvs_sync_daemon eth1 web id 51
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 85
  priority ${PRIORITIES[name]}
  advert_int ${ADVERT_SECONDS}
  preempt_delay ${PREEMPT_DELAY_SECONDS}
  virtual_ipaddress {
    ${VIP}/24
  }
}
${keepalivedService(HTTP_PORT, "wlc", HTTP_CHECK)}${keepalivedService(ECHO_PORT, "rr", "TCP_CHECK {\n      connect_timeout 1\n    }")}`;
}
