// What the kernel's IPVS can be told of a service and its servers beyond address, scheduler and weight, with the words
// of the documentation. What fits together is resolve-kernel.ts's.

import { choice, flag, integer, list, port, section } from "./values.js";

const connections = () => integer({ min: 1, max: 2 ** 31 - 1, what: "A number of connections" });

/** For one server, and as the service's word for all of them. */
export const serverKernelShape = (otherwise: { readonly otherwise?: string } = {}) => ({
  "upper-threshold": connections()
    .optional()
    .meta(otherwise)
    .describe("A server with this many connections gets no new ones. Without it there is no limit."),
  "lower-threshold": connections()
    .optional()
    .meta(otherwise)
    .describe(
      "One that had too many gets new ones again when it has fewer than this. Without it: three quarters of `upper-threshold`.",
    ),
  tunnel: section({
    type: choice(["ipip", "gue", "gre"])
      .prefault("ipip")
      .describe("How packets are wrapped; the real servers must unwrap the same."),
    port: port()
      .optional()
      .describe("UDP port of GUE at the real servers; belongs to `gue`, which needs it."),
    checksum: choice(["none", "full", "remote"])
      .prefault("none")
      .describe(
        "Of the outer header, of GUE and GRE. `remote`: the receiver computes the inner one (GUE alone).",
      ),
  })
    .optional()
    .meta(otherwise)
    .describe("How `forwarding: tunnel` wraps packets; otherwise plain IPIP."),
});

export const serviceKernelShape = () => ({
  "one-packet": flag()
    .optional()
    .meta({ default: false })
    .describe(
      "Every packet is scheduled for itself, without a connection: for UDP whose packets have nothing to do with each other (DNS). " +
        "Not with `nat`, whose replies only a connection translates, nor with schedulers that count connections.",
    ),
  engine: choice(["sip"])
    .optional()
    .describe(
      "What of a packet counts for `persistence` beside the client's address: with `sip` the Call-ID, so that the calls of one " +
        "client, such as a proxy, go to several servers, and each call to one. Needs the module ip_vs_pe_sip.",
    ),
  "scheduler-flags": list(
    choice(["fallback", "port"], {
      "sh-fallback": "fallback",
      "mh-fallback": "fallback",
      "flag-1": "fallback",
      "sh-port": "port",
      "mh-port": "port",
      "flag-2": "port",
    }),
    { min: 1, max: 2 },
  )
    .optional()
    .meta({ default: "none" })
    .describe(
      "Of `sh` and `mh`. `fallback`: where the chosen server has weight 0 or is overloaded, another one takes the connection. " +
        "`port`: the client's port counts beside its address.",
    ),
  ...serverKernelShape(),
});
