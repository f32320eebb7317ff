// A new configuration of `vipd run`, read by the first process itself before the rest of the program is loaded: of services
// that are written alike a few are read (alike-reading.ts), without the big libraries, and in less time than a reader takes
// to start. What was read is kept as the reader keeps it, so that it is known from then on. Everything else is the
// reader's: whatever there is something to say of, and whatever needs other files, on a disk that may not answer.

import { joinPacked } from "../../control/packed-services.js";
import type { PreparedTable } from "../../ipvs/prepared.js";
import { readConfigFile } from "../../linux/config-file.js";
import { firstId, saveConfig, savedConfigPath, savedForNode, type SavedConfig } from "../saved-config.js";
import { alikeReading } from "./alike-reading.js";
import type { StartWords } from "./start-words.js";

export type FirstReading = Pick<SavedConfig, "id" | "head"> & {
  readonly prepared: PreparedTable;
  /** Throws when it cannot be kept: it is to be read again then. */
  readonly keep: (stateDirectory: string, program: string) => void;
};

/** Undefined: it is for the reader. */
export async function readFirst({ config, node }: StartWords): Promise<FirstReading | undefined> {
  const text = readConfigFile(config);
  const reading = text.ok ? await alikeReading(text.value, node, true) : undefined;
  if (!text.ok || reading === undefined) return undefined;
  const { head, lines, servers, starts, probes, prepare } = reading;
  const id = firstId();
  const prepared = prepare();
  const keep = (stateDirectory: string, program: string): void =>
    saveConfig(
      savedConfigPath(stateDirectory),
      savedForNode(program, config, node),
      {
        id,
        head,
        services: lines.length,
        servers,
        warnings: [],
        probes,
        starts,
        text: text.value,
        servicesText: joinPacked(lines),
      },
      prepared,
    );
  return { id, head, prepared, keep };
}
