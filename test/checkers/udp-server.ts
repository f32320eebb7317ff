// A scripted UDP server on the loopback: does with each datagram what it is told.

import { DgramAsPromised } from "dgram-as-promised";

import { LOOPBACK } from "./harness.js";

export type Say = (answer: Uint8Array) => void;

export type Sender = { readonly address: string; readonly port: number };

/** Serves while `use` runs, at a free port where none is named. `heard` gets each datagram, and the means to answer to its sender. */
export async function answering<T>(
  heard: (datagram: Buffer, say: Say, sender: Sender) => void,
  use: (port: number) => Promise<T>,
  at = 0,
): Promise<T> {
  const server = DgramAsPromised.createSocket("udp4");
  // Its recv() knows one datagram at a time: they are taken from the socket itself.
  server.socket.on("message", (datagram, { port, address }) => {
    const say: Say = (answer) => void server.send(answer, 0, answer.length, port, address).catch(() => 0);
    heard(datagram, say, { address, port });
  });
  const { port } = await server.bind({ address: LOOPBACK, port: at });
  try {
    return await use(port);
  } finally {
    await server.close();
  }
}

/** A port on which nobody listens. */
export const closedUdpPort = (): Promise<number> =>
  answering(
    () => undefined,
    (port) => Promise.resolve(port),
  );
