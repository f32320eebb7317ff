// What the tests of the configuration share: the checkers of the product, and a load from text.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { checkerSpecs } from "../../src/checkers/registry.js";
import { checkConfig, loadConfig, type Checked, type Loaded } from "../../src/config/load.js";
import { err, ok, type Result } from "../../src/core/result.js";
import type { Config } from "../../src/config/model.js";
import { readSchedule } from "../../src/linux/cron.js";
import * as values from "../../src/config/values.js";

export const root = join(import.meta.dirname, "../../..");
export const checkers = checkerSpecs(values);

export const load = (text: string, node = "lb1"): Loaded =>
  loadConfig({
    path: "test.yaml",
    text,
    checkers,
    readSecret,
    readSchedule,
    identity: { kind: "node", name: node },
  });
export const check = (text: string, path = "test.yaml"): Checked =>
  checkConfig({ path, text, checkers, readSecret, readSchedule });

/** There is one key file. */
export const readSecret = (path: string): Result<string, string> =>
  path === "/good.key" ? ok("k".repeat(32)) : err("is not there");
export const readExample = (name: string): string => readFileSync(join(root, "conf", name), "utf8");

/** The configuration of a text that must be good. */
export function good(text: string, node = "lb1"): Config {
  const { config, diagnostics } = load(text, node);
  if (config === undefined) throw new Error(diagnostics.map((d) => `${d.line}: ${d.message}`).join("\n"));
  return config;
}

/** The rules that a text breaks, in its order. */
export const codes = (text: string): string[] => check(text).diagnostics.map((d) => d.code);

export const PAIR = `nodes:
  lb1: { address: 192.168.1.2, priority: 150 }
  lb2: { address: 192.168.1.3, priority: 100 }
`;
export const WEB = `vrrp:
  web: { interface: eth0, router-id: 85, addresses: [192.168.1.1/24] }
`;
