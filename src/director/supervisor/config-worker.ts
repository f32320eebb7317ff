// The short-lived process that reads the configuration for the daemon: a LoadRequest comes in as JSON, a
// WorkerAnswer goes out, and what was needed for it is given back to the system with the process.

import { readFileSync, writeSync } from "node:fs";
import { diffConfig } from "../../config/change.js";
import type { Config } from "../../config/model.js";
import { summarizeDiagnostic } from "../../config/diagnostic.js";
import type { WorkerAnswer } from "./config-process.js";
import { failed, readConfig, report } from "./config-reader.js";
import { servicesOf, type LoadedConfig, type LoadRequest } from "./config-source.js";

const MOST_WARNINGS = 20;

const request = JSON.parse(readFileSync(0, "utf8")) as LoadRequest;
const reading = readConfig(request.path, request.node);
const [config] = reading.configs;
const summaries = reading.diagnostics.map(summarizeDiagnostic);

if (config === undefined || failed(reading))
  answer({ ok: false, problems: summaries, report: report(reading) });
else {
  const { services, ...head } = config;
  const changes = request.previous === undefined ? [] : changesSince(request.previous, config);
  const servers = services.reduce((sum, service) => sum + service.servers.length, 0);
  answer({
    ok: true,
    head,
    services: services.length,
    servers,
    warnings: few([...summaries, ...reading.warnings]),
    changes,
  });
  write(`${JSON.stringify(services)}\n`);
}

/** Services that read the same as before are not looked at more closely: of thousands, a reload changes a few. */
function changesSince(previous: LoadedConfig, config: Config): readonly string[] {
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
