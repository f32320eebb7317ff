// A real server, a program of its own: says who it is, in as many protocols as it is told, one argument each:
// "http/ADDRESS/PORT", "https/...", "smtp/...", "udp/...", or "front/ADDRESS/PORT/ADDRESS/PORT", which has the end of
// its answer from a server behind it. The first argument is its name; where it is "-", it is called by the address it
// was asked at, so that one process is many servers. Refuses to know anything of directors.

import { createSocket } from "node:dgram";
import { createServer as createHttpServer, get, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Socket } from "node:net";
import { GOOD, KEY } from "../checkers/certificates.js";

type Listener = {
  listen(port: number, address: string, then: () => void): unknown;
};

const [name = "-", ...words] = process.argv.slice(2);

/** Reaches what stands behind, and gives its answer, or what went wrong. */
function fetchPage(host: string, port: string, then: (text: string) => void): void {
  get({ host, port, agent: false, timeout: 5000 }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (part: string) => (text += part));
    response.on("end", () => {
      then(text);
    });
  }).on("error", ({ message }) => {
    then(message);
  });
}

const called = (socket: Socket): string =>
  name === "-" ? (socket.localAddress ?? "").replace("::ffff:", "") : name;

/** Connections end with the answer: every request of a client is scheduled anew. */
function pages(behind?: readonly [host: string, port: string]): RequestListener {
  return (request, response) => {
    response.setHeader("connection", "close");
    const page = `${request.url === "/.testpage" ? "test " : ""}page of ${called(request.socket)}`;
    if (behind === undefined) response.end(page);
    else
      fetchPage(...behind, (text) => {
        response.end(`${page} with ${text}`);
      });
  };
}

function mail(): Listener {
  return createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.write(`220 ${called(socket)} ESMTP\r\n`);
    socket.on("data", (data) => {
      const isQuit = /^quit/im.test(data.toString());
      socket.write(isQuit ? "221 bye\r\n" : `250 ${called(socket)}\r\n`);
      if (isQuit) socket.end();
    });
  });
}

function datagrams(address: string): Listener {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (data, { port, address: from }) => {
    socket.send(`${data.toString()} of ${name}`, port, from);
  });
  return { listen: (port, at, then) => socket.bind(port, at, then) };
}

function make(kind: string, address: string, behind: readonly string[]): Listener {
  if (kind === "udp") return datagrams(address);
  if (kind === "smtp") return mail();
  if (kind === "https") return createHttpsServer({ key: KEY, cert: GOOD }, pages());
  const [host, port] = behind;
  const answer = pages(host === undefined || port === undefined ? undefined : [host, port]);
  return createHttpServer({ keepAlive: false }, answer);
}

let left = words.length;
for (const word of words) {
  const [kind = "", address = "", port, ...behind] = word.split("/");
  make(kind, address, behind).listen(Number(port), address, () => {
    if (--left === 0) console.log("ready");
  });
}
