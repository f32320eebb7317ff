// The control socket: reads requests line by line, and gives each to its handler. Input is bounded, clients are
// few, and a client that does not read its answers is cut off: nothing here may hold up the daemon.

import { chmodSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Peer } from "../../control/asker.js";
import { LONGEST_REQUEST, parseRequest, type Reply, type Request } from "../../control/protocol.js";

const MOST_CLIENTS = 32;
/** Bytes of answers kept for a client that reads slowly. */
const MOST_KEPT = 4 * 1024 * 1024;
/** A client that connects must ask within this time. */
const ASK_WITHIN_MS = 10_000;

export type Client = {
  /** Who it is, as the kernel says; undefined: it cannot be told. */
  readonly peer: Peer | undefined;
  /** False when the client is gone. */
  reply(reply: Reply): boolean;
  /** Called once when the client is gone. */
  onGone(listener: () => void): void;
};
/** Asked when a client connects. */
export type PeerOf = (socket: Socket) => Peer | undefined;
export type Handler = (request: Request, client: Client) => Promise<void>;

const nobody: PeerOf = () => undefined;

export class ControlServer {
  private readonly server: Server;
  private readonly clients = new Set<Socket>();
  private readonly handle: Handler;
  private readonly peerOf: PeerOf;

  private constructor(handle: Handler, peerOf: PeerOf) {
    this.handle = handle;
    this.peerOf = peerOf;
    this.server = createServer((socket) => this.accept(socket));
    this.server.maxConnections = MOST_CLIENTS;
  }

  /** Rejects when the socket cannot be made. */
  static open(path: string, handle: Handler, peerOf: PeerOf = nobody): Promise<ControlServer> {
    const control = new ControlServer(handle, peerOf);
    return new Promise((resolve, reject) => {
      // It stays: a server that listens may fail again (EMFILE while it accepts), and goes on all the same.
      control.server.on("error", reject);
      // Root alone may stop the daemon. The mask makes it so from the first moment.
      const mask = process.umask(0o177);
      try {
        control.server.listen(path, () => {
          chmodSync(path, 0o600);
          resolve(control);
        });
      } finally {
        process.umask(mask);
      }
    });
  }

  /** The same where a predecessor still listens: clients reach the one or the other, and never nobody. */
  static async replace(path: string, handle: Handler, peerOf: PeerOf = nobody): Promise<ControlServer> {
    const beside = join(dirname(path), "control.new");
    rmSync(beside, { force: true });
    const control = await ControlServer.open(beside, handle, peerOf);
    renameSync(beside, path);
    return control;
  }

  /** Ends with the answers that are still on their way, in bounded time. */
  close(): void {
    this.server.close();
    for (const socket of this.clients) {
      socket.end();
      setTimeout(() => socket.destroy(), 200).unref();
    }
  }

  private accept(socket: Socket): void {
    this.clients.add(socket);
    const gone: (() => void)[] = [];
    let buffered = "";
    let busy = Promise.resolve();
    const client: Client = {
      peer: this.peerOf(socket),
      reply(reply) {
        if (socket.destroyed || !socket.writable) return false;
        if (socket.writableLength > MOST_KEPT) {
          socket.destroy();
          return false;
        }
        socket.write(`${JSON.stringify(reply)}\n`);
        return true;
      },
      onGone: (listener) => gone.push(listener),
    };
    const refuse = (message: string): void => {
      client.reply({ reply: "error", message });
      socket.end();
      // What else it says is thrown away as it comes: nothing is kept, and it gets to read why.
      socket.off("data", take);
      socket.resume();
      buffered = "";
      setTimeout(() => socket.destroy(), ASK_WITHIN_MS).unref();
    };
    socket.setEncoding("utf8");
    socket.setTimeout(ASK_WITHIN_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.clients.delete(socket);
      for (const listener of gone) listener();
    });
    const take = (text: string): void => {
      buffered += text;
      for (let end = buffered.indexOf("\n"); end >= 0; end = buffered.indexOf("\n")) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 1);
        if (line.length > LONGEST_REQUEST)
          return refuse(`a request has at most ${LONGEST_REQUEST} characters`);
        const request = parseRequest(line);
        if (!request.ok) return refuse(request.error);
        socket.setTimeout(0);
        // One after another, as they were asked.
        busy = busy
          .then(() => this.handle(request.value, client))
          .catch((error: unknown) => refuse(`internal error: ${String(error)}`));
      }
      if (buffered.length > LONGEST_REQUEST) refuse(`a request has at most ${LONGEST_REQUEST} characters`);
    };
    socket.on("data", take);
  }
}
