// The short-lived process that reads the configuration for the daemon: a WorkerRequest comes in as JSON, a
// WorkerAnswer goes out, and what was needed for it is given back to the system with the process.

import { readFileSync, writeSync } from "node:fs";
import { diffConfig } from "../../config/change.js";
import type { Config } from "../../config/model.js";
import { summarizeDiagnostic, type Diagnostic } from "../../config/diagnostic.js";
import type { WorkerAnswer, WorkerRequest } from "./config-process.js";
import { failed, readConfig, readConfigText, report } from "./config-reader.js";
import { servicesOf, servicesToJson, type LoadedConfig } from "./config-source.js";

const MOST_WARNINGS = 20;

const request = JSON.parse(readFileSync(0, "utf8")) as WorkerRequest;
const { path, text, node, previous, shifts = [] } = request;
const reading = text === undefined ? readConfig(path, node) : readConfigText(path, text, node);
const [config] = reading.configs;
const summaries = reading.diagnostics.map((diagnostic) => summarizeDiagnostic(moved(diagnostic)));

if (config === undefined || failed(reading))
  answer({ ok: false, problems: summaries, report: report(reading) });
else {
  const { services, ...head } = config;
  answer({
    ok: true,
    head,
    services: services.length,
    servers: services.reduce((sum, service) => sum + service.servers.length, 0),
    warnings: few([...summaries, ...reading.warnings]),
    changes: previous === undefined ? [] : changesSince(previous, config),
    ...(reading.starts === undefined ? {} : { starts: reading.starts }),
  });
  write(`${servicesToJson(services.map((service) => JSON.stringify(service)))}\n`);
}

/** Of a text that is a part of the file: to where it stands in the file. */
function moved(diagnostic: Diagnostic): Diagnostic {
  const shift = shifts.findLast(({ from }) => diagnostic.line >= from);
  return shift === undefined ? diagnostic : { ...diagnostic, line: diagnostic.line + shift.by };
}

/** Services that read the same as before are not looked at more closely: of thousands, a reload changes a few. */
function changesSince(
  previous: Pick<LoadedConfig, "head" | "servicesJson">,
  config: Config,
): readonly string[] {
  const before = new Map(servicesOf(previous).map((service) => [JSON.stringify(service), service]));
  const services = config.services.filter((service) => !before.delete(JSON.stringify(service)));
  return diffConfig({ ...previous.head, services: [...before.values()] }, { ...config, services });
}

/** A thousand warnings about a thousand services are one mistake, and no help in a log. */
function few(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_WARNINGS) return lines;
  return [
    ...lines.slice(0, MOST_WARNINGS),
    `${lines.length - MOST_WARNINGS} more warnings: "vipd check" shows them all`,
  ];
}

function answer(value: WorkerAnswer): void {
  write(`${JSON.stringify(value)}\n`);
}

/** Written at once and in whole: process.stdout to a pipe would go on in the background. */
function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}
