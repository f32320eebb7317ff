// `vipd run`: hands over to the supervisor, whose modules are loaded here and nowhere else.

import { LOG_LEVELS, type LogLevel } from "../config/model.js";
import { runtimeDirectoryOf } from "./client.js";
import {
  configOption,
  DEFAULT_CONFIG,
  EXIT,
  nodeOption,
  runtimeDirectoryOption,
  stateDirectoryOption,
  type Command,
} from "./command.js";
import { programVersion } from "./version.js";

export const run: Command = {
  word: "run",
  summary: "Runs the daemon in the foreground.",
  options: [
    configOption,
    nodeOption,
    runtimeDirectoryOption,
    stateDirectoryOption,
    { name: "log-level", value: "LEVEL", summary: `${LOG_LEVELS.join(", ")} (as configured)` },
  ],
  async run(options, output) {
    const level = options.text("log-level");
    if (level !== undefined && !(LOG_LEVELS as readonly string[]).includes(level)) {
      output.err(
        `vipd run: there is no log level ${JSON.stringify(level)}: one of ${LOG_LEVELS.join(", ")}\n`,
      );
      return EXIT.usage;
    }
    const node = options.text("node");
    const stateDirectory = options.text("state-dir");
    const { runDaemon } = await import("../director/supervisor/daemon.js");
    const good = await runDaemon({
      version: programVersion(),
      configPath: options.text("config") ?? DEFAULT_CONFIG,
      runtimeDirectory: runtimeDirectoryOf(options),
      ...(node === undefined ? {} : { node }),
      ...(stateDirectory === undefined ? {} : { stateDirectory }),
      ...(level === undefined ? {} : { logLevel: level as LogLevel }),
    });
    return good ? EXIT.ok : EXIT.failed;
  },
};
