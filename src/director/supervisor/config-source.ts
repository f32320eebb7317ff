// Where the supervisor's configuration comes from: a process of its own reads and checks the file, because
// the reader's libraries would double the memory of a daemon that needs them for milliseconds. The services,
// the bulk of a large configuration, stay text here and are unpacked when a child has to be told.

import type { Config, ServiceConfig } from "../../config/model.js";
import type { Source } from "../../config/splice.js";
import type { SavedServices } from "../../control/ipc.js";
import { unpackServices } from "../../control/packed-services.js";

export type ConfigHead = Omit<Config, "services">;

export type LoadedConfig = {
  readonly path: string;
  readonly head: ConfigHead;
  /** As control/packed-services.ts packs them. */
  readonly servicesText: string;
  /** Where a child finds them, too. */
  readonly saved?: SavedServices;
  readonly services: number;
  readonly servers: number;
  /** What it was read from, when a changed part of that can be read for itself. */
  readonly source?: Source;
};

export type LoadRequest = {
  readonly path: string;
  /** From --node; else the host name decides. */
  readonly node?: string;
  readonly previous?: LoadedConfig;
};

export type LoadOutcome =
  | {
      readonly ok: true;
      readonly config: LoadedConfig;
      readonly warnings: readonly string[];
      /** More of them, to be asked for when the configuration is in force: nothing waits for them. */
      readonly more?: () => Promise<readonly string[]>;
      readonly changes: readonly string[];
      /** When nothing but these differs from the previous configuration. They are where they were in the list. */
      readonly changed?: readonly ServiceConfig[];
    }
  /** `problems`: one line each, "file:line:col: error: ..."; `report`: the same for people, with the lines of the file. */
  | { readonly ok: false; readonly problems: readonly string[]; readonly report: string };

export type LoadConfig = (request: LoadRequest) => Promise<LoadOutcome>;

export const servicesOf = (config: Pick<LoadedConfig, "servicesText">): readonly ServiceConfig[] =>
  unpackServices(config.servicesText);
