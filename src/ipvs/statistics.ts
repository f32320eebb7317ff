// What the kernel counts of a service or a real server (IPVS_*_ATTR_STATS64), and the attributes that only a listing
// asks for. They have tables of their own, so that the looks of the daemon, which need none of it, do not decode them.

import { attributes, nested, u32, u64 } from "../netlink/attribute.js";

/** IPVS_STATS_ATTR_*. Bytes of a busy director pass 2^53 within days. */
export const statisticsAttributes = attributes({
  connections: [1, u64],
  inPackets: [2, u64],
  outPackets: [3, u64],
  inBytes: [4, u64],
  outBytes: [5, u64],
  /** A second, each an average that the kernel makes every two seconds. */
  connectionRate: [6, u64],
  inPacketRate: [7, u64],
  outPacketRate: [8, u64],
  inByteRate: [9, u64],
  outByteRate: [10, u64],
});

export const COUNTERS = ["connections", "inPackets", "outPackets", "inBytes", "outBytes"] as const;
export const RATES = [
  "connectionRate",
  "inPacketRate",
  "outPacketRate",
  "inByteRate",
  "outByteRate",
] as const;
export type Statistic = (typeof COUNTERS)[number] | (typeof RATES)[number];
export type Statistics = { readonly [K in Statistic]: bigint };

/** IPVS_CMD_ATTR_*, with what messages.ts leaves out of services and servers. */
export const extraAttributes = attributes({
  service: [1, nested(attributes({ statistics: [12, nested(statisticsAttributes)] }))],
  server: [
    2,
    nested(
      attributes({
        persistent: [9, u32],
        statistics: [12, nested(statisticsAttributes)],
      }),
    ),
  ],
});

/** IPVS_INFO_ATTR_*. */
export const infoAttributes = attributes({ version: [1, u32], size: [2, u32] });

/** Nothing counted, for what a kernel does not tell. */
export function statisticsOf(values: Partial<Statistics> | undefined): Statistics {
  const all = {} as { [K in Statistic]: bigint };
  for (const name of COUNTERS) all[name] = values?.[name] ?? 0n;
  for (const name of RATES) all[name] = values?.[name] ?? 0n;
  return all;
}
