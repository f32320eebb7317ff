// Where the supervisor's configuration comes from: a short-lived process reads and checks the file, because
// the reader's libraries would double the memory of a daemon that needs them for milliseconds. The services,
// the bulk of a large configuration, stay text here and are parsed when a child has to be told.

import type { Config, ServiceConfig } from "../../config/model.js";

export type ConfigHead = Omit<Config, "services">;

export type LoadedConfig = {
  readonly path: string;
  readonly head: ConfigHead;
  /** JSON of `ServiceConfig[]`. */
  readonly servicesJson: string;
  readonly services: number;
  readonly servers: number;
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
      readonly changes: readonly string[];
    }
  /** `problems`: one line each, "file:line:col: error: ..."; `report`: the same for people, with the lines of the file. */
  | { readonly ok: false; readonly problems: readonly string[]; readonly report: string };

export type LoadConfig = (request: LoadRequest) => Promise<LoadOutcome>;

export const servicesOf = (config: LoadedConfig): readonly ServiceConfig[] =>
  JSON.parse(config.servicesJson) as ServiceConfig[];
