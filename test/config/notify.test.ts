// Where `notify` may stand, and what is wrong with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds, seconds } from "../../src/core/units.js";
import { codes, good, PAIR } from "./load.js";

const web = (more = ""): string =>
  `vrrp:\n  web: { interface: eth0, router-id: 5, addresses: [10.0.0.1/24]${more} }\n`;

test("programs for all and for one, the FIFO and its reader", () => {
  const { notify } = good(
    `${PAIR}notify: { any: [/bin/all, x], fifo: /run/fifo, fifo-reader: /bin/read, user: nobody }\n` +
      web(", notify: { master: /bin/up, stop: /bin/down, timeout: 500ms }"),
  );
  assert.deepEqual(notify, {
    all: { when: { any: ["/bin/all", "x"] }, timeout: seconds(30), user: "nobody" },
    instances: { web: { when: { master: ["/bin/up"], stop: ["/bin/down"] }, timeout: milliseconds(500) } },
    groups: {},
    fifo: { path: "/run/fifo", reader: { argv: ["/bin/read"], user: "nobody" } },
  });
});

test("what is wrong with notifications is said where it stands", () => {
  const bad = (notify: string): string[] => codes(`${PAIR}notify: ${notify}\n${web()}`);
  assert.deepEqual(bad("{ fifo-reader: /bin/read }"), ["fifo-missing"]);
  assert.deepEqual(bad("{ master: take.sh }"), ["value"]);
  assert.deepEqual(bad("{ master: [] }"), ["value"]);
  assert.deepEqual(bad("{ promoted: /bin/x }"), ["unknown-key"]);
  assert.deepEqual(bad("{ any: /bin/x, timeout: 0s }"), ["value"]);
  assert.deepEqual(codes(`${PAIR}groups: { both: { notify: { any: /bin/x } } }\n${web()}`), ["no-effect"]);
});

const service = (more = "", servers = "[{ address: 10.0.1.1 }, { address: 10.0.1.2 }]"): string =>
  `services:\n  http: { address: 10.0.0.1:80, forwarding: nat${more}, servers: ${servers} }\n`;

test("programs for services and servers, in the defaults, the service and the server", () => {
  const { notify, services } = good(
    `${PAIR}defaults: { service: { notify: { down: /bin/d, user: nobody } } }\n` +
      service(
        ", notify: { quorum-up: [/bin/q, up], timeout: 2s }",
        "[{ address: 10.0.1.1, notify: { up: /bin/u } }, 10.0.1.2]",
      ),
  );
  assert.deepEqual(notify.services, {
    all: { when: { down: ["/bin/d"] }, timeout: seconds(30), user: "nobody" },
    own: {
      http: {
        when: { "quorum-up": ["/bin/q", "up"] },
        timeout: seconds(2),
        servers: { "10.0.1.1:80": { when: { up: ["/bin/u"] }, timeout: seconds(30) } },
      },
    },
  });
  // So that the first quorum is told, too (director/service-events.ts).
  assert.ok(services[0]?.policy !== undefined);
  assert.deepEqual(good(`${PAIR}${service(", notify: { down: /bin/d }")}`).services[0]?.policy, undefined);
  assert.equal(good(`${PAIR}${service()}`).notify.services, undefined);
});

test("what is wrong with programs for services is said where it stands", () => {
  const bad = (more: string, servers?: string): string[] => codes(`${PAIR}${service(more, servers)}`);
  assert.deepEqual(bad(", notify: { master: /bin/x }"), ["unknown-key"]);
  assert.deepEqual(bad(", notify: { up: x.sh }"), ["value"]);
  assert.deepEqual(bad("", "[{ address: 10.0.1.1, notify: { quorum-up: /bin/x } }]"), ["unknown-key"]);
  assert.deepEqual(bad(", notify: { up: /bin/x, timeout: 1ms }"), ["value"]);
});
