// What may be written of how a service answers to the health of its servers, with the words of the documentation:
// quorum, sorry servers, what counts before the first check, and what is made of many failures at once.

import { z } from "zod";

import { milliseconds, minutes } from "../core/units.js";
import { choice, duration, flag, integer, list, maybeEndpoint, port, section, weight } from "./values.js";
import { DEFAULT_WEIGHT } from "./written-server.js";

const weightSum = (min: number) => integer({ min, max: 2 ** 31 - 1, what: "A sum of weights" });

/** For every service, and for one. */
export const policyDefaultsShape = () => ({
  "inhibit-on-failure": flag()
    .optional()
    .meta({ default: false })
    .describe(
      "A server that fails stays in the table with weight 0: its connections go on, and it gets no new ones. " +
        "Otherwise it is removed.",
    ),
  "before-first-check": choice(["serve", "wait"])
    .optional()
    .meta({ otherwise: "`serve` at the start, `wait` for a server that a reload adds to a service" })
    .describe(
      "Whether a server is in the table before its first check has succeeded. What a running kernel's table tells " +
        "of a predecessor's checks counts as checked.",
    ),
  "slow-start": duration({ min: milliseconds(1000), max: minutes(60) })
    .optional()
    .meta({ otherwise: "its whole weight at once" })
    .describe(
      "A server that comes back, after a failure or an order, begins with a thirty-second of its weight, and doubles it " +
        "until it is whole after this time. Not at the start.",
    ),
  "weight-hysteresis": integer({ min: 0, max: 100, what: "A percentage" })
    .optional()
    .meta({ default: 25 })
    .describe(
      "Of an agent check and of dynamic scripts: a change of less than this percentage of the configured weight is not " +
        "carried out, except to 0 and to the whole weight. 0: every change is.",
    ),
  "check-when": choice(["always", "master"])
    .optional()
    .meta({ default: "always" })
    .describe(
      "`master`: the servers are checked only where this director holds the service's address. Where it does not, " +
        "they stay what they were; when it takes the address over, all checks run at once.",
    ),
  "mass-failure": choice(["hold", "go-on"])
    .optional()
    .meta({ otherwise: "`go-on` with a sorry server, `hold` without one" })
    .describe(
      "What to do when so many servers fail together as `ipvs.mass-failure` says: `hold` keeps those that failed " +
        "last in the table, `go-on` takes out all that failed.",
    ),
});

export function policyShape<F extends z.ZodType>(forwarding: () => F) {
  const sorry = section({
    address: maybeEndpoint().describe("The sorry server's address, or address and port."),
    port: port()
      .optional()
      .meta({ otherwise: "the service's" })
      .describe("The sorry server's port. Only `nat` can map ports."),
    forwarding: forwarding()
      .optional()
      .meta({ otherwise: "the service's" })
      .describe("How packets reach the sorry server."),
    weight: weight().prefault(DEFAULT_WEIGHT).describe("Share of connections among several sorry servers."),
  });
  return {
    ...policyDefaultsShape(),
    quorum: weightSum(1)
      .optional()
      .meta({ default: 1 })
      .describe("The weights of the servers that are up must make up at least this sum."),
    hysteresis: weightSum(0)
      .optional()
      .meta({ default: 0 })
      .describe(
        "The quorum is lost below `quorum` less this, and back at `quorum` and this: a sum that goes to and fro changes " +
          "nothing. Less than `quorum`.",
      ),
    "sorry-server": z
      .union([maybeEndpoint(), sorry, list(z.union([maybeEndpoint(), sorry]), { min: 1, max: 100 })])
      .optional()
      .describe(
        "Takes all connections while the quorum is lost, in place of the servers: an address, a mapping, or a list. It is not " +
          "checked.",
      ),
    "sorry-server-inhibit": flag()
      .optional()
      .meta({ default: false })
      .describe(
        "The sorry server is in the table with weight 0 while it is not needed, so that its connections go on " +
          "when the servers are back.",
      ),
    "down-on-stop": flag()
      .optional()
      .meta({ default: false })
      .describe("At a clean stop the servers and the quorum are told of as down, as if they had failed."),
  };
}

export const massFailureSchema = section({
  share: integer({ min: 1, max: 100, what: "A percentage" })
    .prefault(50)
    .describe("More than this percentage of the servers must fail together."),
  within: duration({ min: milliseconds(1000), max: minutes(60) })
    .prefault("1m")
    .describe("Failures that are not further apart count as one event."),
  "at-least": integer({ min: 1, max: 10_000 })
    .prefault(4)
    .describe(
      "Services of fewer servers, and directors of fewer real servers' addresses, have no mass failures.",
    ),
  keep: integer({ min: 1, max: 100, what: "A percentage" })
    .prefault(50)
    .describe("At least this percentage of a service's servers stays in the table where they are held."),
});
