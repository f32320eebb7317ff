// Exchanges UDP datagrams with one server, for checks.

import type { Result } from "../core/result.js";
import type { DialFailure, Route } from "./dialer.js";

export type DatagramRequest = Route & { readonly port: number };

export type DatagramListener = {
  /** A datagram of this server's, of any length. The bytes are there during the call only. */
  readonly onDatagram: (bytes: Uint8Array) => void;
  /** An ICMP message said that nothing gets there, or the kernel did. */
  readonly onFailure: (failure: DialFailure) => void;
};

export type DatagramSocket = {
  send(bytes: Uint8Array): Result<null, DialFailure>;
  /** Nothing comes any more. A second call does nothing. */
  close(): void;
};

export type Datagrams = {
  /** The socket is the caller's to close. */
  open(request: DatagramRequest, listener: DatagramListener): Result<DatagramSocket, DialFailure>;
};
