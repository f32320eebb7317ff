// The checkers there are: one line each. Everything that lists, validates, documents or runs them asks here.

import type { CheckerSpec } from "../config/checker-spec.js";
import type { ValueTypes } from "../config/values.js";
import type { Checker } from "./checker.js";
import { agent } from "./agent.js";
import { dns } from "./dns.js";
import { expect } from "./expect.js";
import { file } from "./file.js";
import { http, https } from "./http.js";
import { ping } from "./ping.js";
import { script } from "./script.js";
import { smtp } from "./smtp.js";
import { tcp } from "./tcp.js";
import { udp } from "./udp.js";

export const checkers: readonly Checker[] = [
  tcp,
  http,
  https,
  smtp,
  expect,
  dns,
  udp,
  ping,
  file,
  script,
  agent,
];

const byName = new Map(checkers.map((checker) => [checker.name, checker]));

export const findChecker = (name: string): Checker | undefined => byName.get(name);

/** For whoever reads configurations, with the value types made there. */
export const checkerSpecs = (values: ValueTypes): CheckerSpec[] =>
  checkers.map(({ name, summary, options }) => ({ name, summary, options: options(values) }));
