// `vipd check`: reads a configuration as every director of the file would, and says all that is wrong with it.

import { inOrder } from "../config/diagnostic.js";
import { count } from "../core/words.js";
import { configOption, DEFAULT_CONFIG, EXIT, jsonOption, nodeOption, type Command } from "./command.js";

export const check: Command = {
  word: "check",
  summary: "Validates a configuration for all its nodes; exit code 1 when it has errors, 0 with warnings.",
  options: [configOption, { ...nodeOption, summary: "only as this node reads it" }, jsonOption],
  async run(options, output) {
    const path = options.text("config") ?? DEFAULT_CONFIG;
    const node = options.text("node");
    const { failed, readConfig, readConfigForAll, report } =
      await import("../director/supervisor/config-reader.js");
    const reading = await (node === undefined ? readConfigForAll(path) : readConfig(path, node));
    const bad = failed(reading);
    const diagnostics = inOrder([...reading.diagnostics, ...reading.warnings]);
    if (options.flag("json")) {
      output.out(`${JSON.stringify({ ok: !bad, diagnostics }, null, 2)}\n`);
      return bad ? EXIT.failed : EXIT.ok;
    }
    if (diagnostics.length > 0) output.err(report({ ...reading, diagnostics }));
    if (bad) return EXIT.failed;
    const [first] = reading.configs;
    if (first === undefined) return EXIT.failed;
    const servers = first.services.reduce((sum, service) => sum + service.servers.length, 0);
    output.out(
      `${path}: valid for ${count(reading.configs.length, "node")} (${reading.configs.map((config) => config.node).join(", ")}): ` +
        `${count(first.vrrp.length, "VRRP instance")}, ${count(first.services.length, "service")}, ${count(servers, "real server")}\n`,
    );
    return EXIT.ok;
  },
};
