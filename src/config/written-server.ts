// A real server or sorry server as it is written: an address, or a mapping with one.

import type { IpAddress } from "../core/address.js";
import type { FileServer, FileService } from "./schema.js";

export type FullServer = Exclude<FileServer, { readonly address: IpAddress }>;
export type SorryServer = Exclude<FileService["sorry-server"], undefined | readonly unknown[]>;
export type FullSorryServer = Exclude<SorryServer, { readonly address: IpAddress }>;
type Endpoint = Extract<FileServer, { readonly address: IpAddress }>;
export const isEndpoint = (entry: { readonly address: unknown }): entry is Endpoint =>
  typeof entry.address === "string";

/** Of a server that is written as an address alone; the schema has the same for one with more. */
export const DEFAULT_WEIGHT = 1;

export function inFull(entry: FileServer): FullServer;
export function inFull(entry: SorryServer): FullSorryServer;
export function inFull(entry: FileServer | SorryServer): FullServer | FullSorryServer {
  return isEndpoint(entry) ? { address: entry, weight: DEFAULT_WEIGHT } : entry;
}
