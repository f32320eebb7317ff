// The `alerts` section: what is taken, and what is wrong with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ALERT_KINDS, ALERT_STATUS } from "../../src/config/model.js";
import { minutes, seconds } from "../../src/core/units.js";
import { codes, good, PAIR } from "./load.js";

const web = "vrrp:\n  web: { interface: eth0, router-id: 5, addresses: [10.0.0.1/24] }\n";
const MAIL = "host: mail.example.net, from: vipd@example.net, to: ops@example.net";

test("mails and webhooks, with and without all that may be said", () => {
  const { alerts } = good(
    `${PAIR}${web}alerts:\n` +
      `  ops: { mail: { ${MAIL} } }\n` +
      "  hook: { webhook: { url: https://example.net/x }, kinds: [quorum], status: [down], collect: 0s, repeat: 1h, timeout: 5s }\n",
  );
  assert.deepEqual(alerts, [
    {
      name: "ops",
      by: {
        ...{ kind: "mail", host: "mail.example.net", port: 25, tls: "if-offered" },
        ...{ from: "vipd@example.net", to: ["ops@example.net"] },
      },
      ...{ kinds: [...ALERT_KINDS], status: [...ALERT_STATUS], collect: seconds(10), timeout: seconds(30) },
    },
    {
      ...{ name: "hook", by: { kind: "webhook", url: "https://example.net/x" }, kinds: ["quorum"] },
      ...{ status: ["down"], collect: seconds(0), timeout: seconds(5), repeat: minutes(60) },
    },
  ]);
  assert.equal(good(`${PAIR}${web}`).alerts, undefined);
});

test("what is wrong with alerts is said where it stands", () => {
  const bad = (target: string): string[] => codes(`${PAIR}${web}alerts: { ops: ${target} }\n`);
  assert.deepEqual(bad("{}"), ["value"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, webhook: { url: http://x/ } }`), ["value"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, kinds: [weather] }`), ["value"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, repeat: 1s }`), ["value"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, kinds: [quorum, server], status: [master, fault] }`), [
    "no-effect",
  ]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, kinds: [vrrp], status: [down] }`), ["no-effect"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL} }, kinds: [vrrp, quorum], status: [down] }`), []);
  assert.deepEqual(bad('{ mail: { host: x, from: "a b@c", to: nobody } }'), ["mail-address", "mail-address"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL}, user: me } }`), ["half-a-login"]);
  assert.deepEqual(bad(`{ mail: { ${MAIL}, tls: required, password-file: /no/such/file } }`), [
    "half-a-login",
    "secret-file",
  ]);
  assert.deepEqual(bad(`{ mail: { ${MAIL}, user: me, password-file: /no/such/file } }`), [
    "password-in-the-clear",
    "secret-file",
  ]);
  assert.deepEqual(bad("{ webhook: { url: ftp://x/ } }"), ["url"]);
  assert.deepEqual(bad("{ webhook: { url: https://me:secret@x/ } }"), ["url"]);
  assert.deepEqual(bad("{ webhook: { url: http://x/, token-file: /no/such/file } }"), [
    "password-in-the-clear",
    "secret-file",
  ]);
});
