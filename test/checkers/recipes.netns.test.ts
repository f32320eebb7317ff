// The recipes of docs/checkers.md for POP3, IMAP and Redis, as they are written there, against Debian's own servers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { CheckResult } from "../../src/checkers/checker.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { good, PAIR, root, WEB } from "../config/load.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { cannotMakeNamespaces, inNamespace } from "../linux/own-namespaces.js";
import { GOOD, KEY } from "./certificates.js";
import { assertFails, assertUp, checkRead, target } from "./harness.js";

const skip = cannotMakeNamespaces;
const PORTS = { pop3: 110, imap: 143, redis: 6379 };
let lab: Lab;

/** The options of the recipe, as vipd itself reads them from the page. */
function recipe(name: string): object {
  const page = readFileSync(join(root, "docs/checkers.md"), "utf8");
  const written = new RegExp(`\`\`\`yaml\n# ${name}\n([^]*?)\`\`\``).exec(page)?.[1] ?? "";
  const service = `address: 192.168.1.1:80\nforwarding: direct-routing\n${written}servers: [192.168.1.4]\n`;
  const { services } = good(`${PAIR}${WEB}services:\n  web:\n${service.replace(/^/gm, "    ")}`);
  const check = services[0]!.servers[0]!.checks[0];
  assert.equal(check?.type, "expect");
  return check.options as object;
}

const look = (name: string, port: number, timeout?: number): Promise<CheckResult> => {
  const options = { ...recipe(name), port };
  return inNamespace(`${lab.prefix}-host`, () =>
    checkRead("expect", options, { ...target(port), address: ip("127.0.0.1") }, timeout),
  );
};

before(async () => {
  if (skip !== false) return;
  lab = new Lab();
  const host = lab.host("host");
  const { directory } = lab;
  const dovecot = lab.file(
    "dovecot.conf",
    [
      `base_dir = ${directory}/run`,
      `state_dir = ${directory}/state`,
      "protocols = imap pop3",
      "listen = 127.0.0.1",
      "log_path = /dev/stderr",
      "ssl = yes",
      `ssl_cert = <${lab.file("cert.pem", GOOD)}`,
      `ssl_key = <${lab.file("key.pem", KEY)}`,
      "passdb {\n driver = static\n args = nopassword=y\n}",
      `userdb {\n driver = static\n args = uid=nobody gid=nogroup home=${directory}\n}`,
    ].join("\n"),
  );
  host.spawn(["dovecot", "-F", "-c", dovecot]);
  host.spawn([
    "redis-server",
    "--port",
    String(PORTS.redis),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--dir",
    directory,
  ]);
  for (const [name, port] of Object.entries(PORTS))
    await until(`${name} answers`, seconds(30), async () => (await look(name, port, 2000)).ok);
});
after(() => {
  if (skip === false) lab.close();
});

test("the recipe for POP3 finds dovecot up, and sees its TLS", { skip }, async () => {
  assertUp(await look("pop3", PORTS.pop3), /\+OK/);
});

test("the recipe for IMAP finds dovecot up", { skip }, async () => {
  assertUp(await look("imap", PORTS.imap), /OK/);
});

test("the recipe for Redis finds redis-server up", { skip }, async () => {
  assertUp(await look("redis", PORTS.redis), /PONG/);
});

test("a recipe does not take one service for another", { skip }, async () => {
  assertFails(await look("pop3", PORTS.imap), "wrong-reply", /step 1/);
  assertFails(await look("imap", PORTS.pop3), "wrong-reply", /step 1/);
  assertFails(await look("redis", PORTS.pop3, 1000), "wrong-reply", /step/);
});
