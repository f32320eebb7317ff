// A real server of the drill, a program of its own: serves pages and echoes bytes. On its standard input it takes
// "bad" and "good": what its test page says. Refuses to know anything of directors.

import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { ECHO_PORT, HTTP_PORT } from "./configs.js";

let page = "This is the test page.\n";

// Connections end with the answer: every request of the client is scheduled anew.
const http = createHttpServer({ keepAlive: false }, (request, response) => {
  response.writeHead(200, { "content-type": "text/plain", connection: "close" });
  response.end(request.url === "/.testpage" ? page : "ok\n");
});
const echo = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});

createInterface({ input: process.stdin }).on("line", (line) => {
  page = line === "bad" ? "Out of order.\n" : "This is the test page.\n";
  console.log(`page ${line}`);
});
http.listen(HTTP_PORT, "0.0.0.0", () => {
  echo.listen(ECHO_PORT, "0.0.0.0", () => {
    console.log("ready");
  });
});
