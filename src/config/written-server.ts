// A real server or sorry server as it is written: an address, or a mapping with one.

import type { IpAddress } from "../core/address.js";
import type { FileServer, FileService } from "./schema.js";

export type FullServer = Exclude<FileServer, { readonly address: IpAddress }>;
export type SorryServer = Exclude<FileService["sorry-server"], undefined | readonly unknown[]>;
type Endpoint = Extract<FileServer, { readonly address: IpAddress }>;
export const isEndpoint = (entry: { readonly address: unknown }): entry is Endpoint =>
  typeof entry.address === "string";
