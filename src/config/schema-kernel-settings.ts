// What may be written of the kernel's settings that go with IPVS, with the words of the documentation. None is touched
// that is not written here; those of a site's own policy (defences against floods) cannot be.

import { milliseconds, minutes, seconds } from "../core/units.js";
import { choice, duration, flag, integer, list, section } from "./values.js";

/** What fits into jiffies of a millisecond, in whole hours (do_ip_vs_set_timeout). */
const timeout = () => duration({ min: seconds(1), max: minutes(596 * 60) }).optional();

/** IPVS_CMD_SET_CONFIG. */
export const timeoutsSchema = section({
  tcp: timeout().describe(
    "Of an established connection without packets; whole seconds. The kernel's own: 15m.",
  ),
  "tcp-fin": timeout().describe("After a FIN. The kernel's own: 2m."),
  udp: timeout().describe("Of UDP. The kernel's own: 5m."),
});

const on = (what: string) => flag().optional().describe(what);

/** Documentation/networking/ipvs-sysctl.rst; `ip-forward`, `ip6-forward` and `send-redirects` are the network's. */
export const sysctlSchema = section({
  "backup-only": on(
    "For directors that are real servers, too: while it is master of no instance under `vrrp`, this one serves what the master " +
      "sends it, and does not balance it again, which would send packets in a circle. Needs `sync` with the role `backup`.",
  ),
  "conn-reuse-mode": integer({ min: 0, max: 3 })
    .optional()
    .describe("What becomes of a connection whose client uses its port again; 0: nothing is made of it."),
  conntrack: on(
    "Connection tracking of the packets that IPVS handles; needed to filter or rewrite them by nftables.",
  ),
  "expire-nodest-conn": on(
    "Connections of a server that was removed end with their next packet; otherwise their packets are dropped until they time out.",
  ),
  "expire-quiescent-template": on(
    "With `persistence`: clients of a server with weight 0 are given another one; otherwise they come back to it until their time is over.",
  ),
  "ip-forward": on(
    "`net.ipv4.ip_forward`: this host forwards packets, whoever sends them, as answers behind `nat` need it. Where it is on " +
      "the kernel takes no ICMP redirects by `net.ipv4.conf.all.accept_redirects`, which is put back, too, as is " +
      "`forwarding` of an interface that alone had it before.",
  ),
  "ip6-forward": on(
    "`net.ipv6.conf.all.forwarding`, the same for IPv6. The kernel then takes no router advertisements, and forgets the " +
      "default routes it has from them, where `accept_ra` is not 2.",
  ),
  "nat-icmp-send": on("Tells clients of NAT by ICMP when no server is left."),
  "pmtu-disc": on(
    "Takes part in finding the path's MTU; off: packets larger than a tunnel's MTU are fragmented.",
  ),
  "schedule-icmp": on(
    "Schedules ICMP errors of unknown connections, for ECMP and tunnels in front of directors.",
  ),
  "send-redirects": on(
    "`send_redirects` of `net.ipv4.conf.all` and of the interfaces under `vrrp`. `false` with `nat` where clients and real " +
      "servers are on one link: they would be told a way past this director.",
  ),
  "sloppy-sctp": on("As `sloppy-tcp`, for SCTP."),
  "sloppy-tcp": on(
    "Takes connections over in the middle, whatever their first packet is: for mh and ECMP without connection sync.",
  ),
  "sync-persist-mode": on("Synchronises persistence alone, and not the connections under it."),
  "sync-ports": integer({ min: 1, max: 64 })
    .optional()
    .describe(
      "Threads and UDP ports of each sync daemon, a power of two; both directors have the same. Set before the daemons start.",
    ),
  "sync-qlen-max": integer({ min: 1, max: 2 ** 31 - 1 })
    .optional()
    .describe("Messages that wait for the sync daemon."),
  "sync-refresh-period": duration({ min: milliseconds(0), max: minutes(1440) })
    .optional()
    .describe(
      "Long idle connections are synchronised again when so much of their time is left; whole seconds, 0: never.",
    ),
  "sync-retries": integer({ min: 0, max: 3 })
    .optional()
    .describe("How often each state is sent again within `sync-refresh-period`."),
  "sync-sock-size": integer({ min: 0, max: 2 ** 31 - 1 })
    .optional()
    .describe("Bytes of the sync daemons' socket buffers; 0: the kernel's own."),
  "sync-threshold": section({
    first: integer({ min: 0, max: 65_534 }).describe("A connection is synchronised from this packet on."),
    every: integer({ min: 0, max: 65_535 }).describe("And again after so many packets; 0: only then."),
  })
    .optional()
    .describe(
      "Which packets of a connection make the sync daemon tell of it. The kernel's own: from the 3rd, every 50th.",
    ),
});

export const modulesSchema = () => list(choice(["ip_vs_ftp", "ip_vs_pe_sip"]), { max: 2 });
