// Real servers on one host of the lab that are opened and shut one by one, and agents whose word is set; each order is
// carried out when it is answered. Refuses to know what checks them.

import { seconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { LabProcess } from "./process.js";

const PATIENCE = seconds(200);

const PROGRAM = `
const net = require("node:net");
const listening = new Map();
const words = new Map();
const asked = new Map();
const listen = (key, then, talk) => {
  const [address, port] = key.split("/");
  const server = net.createServer((socket) => { socket.on("error", () => undefined); talk(socket, address); });
  listening.set(key, server.listen(Number(port), address, then));
};
const orders = {
  open: (key, _, done) => listen(key, done, (socket) => socket.pipe(socket)),
  shut: (key, _, done) => { listening.get(key).close(); done(); },
  say: (key, word, done) => {
    const isNew = !words.has(key);
    words.set(key, word);
    if (!isNew) return done();
    listen(key, done, (socket) => { asked.set(key, (asked.get(key) ?? 0) + 1); socket.end(words.get(key) + "\\n"); });
  },
  asked: (key, _, done) => done(asked.get(key) ?? 0),
};
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [order, key, ...rest] = line.split(" ");
  orders[order](key, rest.join(" "), (answer) => console.log("done " + (answer ?? "")));
});
console.log("done ");
`;

export class Switched {
  readonly #process: LabProcess;

  private constructor(process: LabProcess) {
    this.#process = process;
  }

  static async start(host: Host): Promise<Switched> {
    const started = host.spawn([process.execPath, "-e", PROGRAM]);
    await started.waitFor(/^done/, PATIENCE);
    return new Switched(started);
  }

  open(address: string, port: number): Promise<string> {
    return this.order(`open ${address}/${String(port)}`);
  }
  shut(address: string, port: number): Promise<string> {
    return this.order(`shut ${address}/${String(port)}`);
  }
  /** What the agent there answers with from now on. */
  say(address: string, port: number, word: string): Promise<string> {
    return this.order(`say ${address}/${String(port)} ${word}`);
  }
  /** How often the agent there was asked. */
  async asked(address: string, port: number): Promise<number> {
    return Number(await this.order(`asked ${address}/${String(port)}`));
  }

  private async order(text: string): Promise<string> {
    const seen = this.#process.lines.length;
    this.#process.write(`${text}\n`);
    const line = await this.#process.waitFor(/^done/, PATIENCE, seen);
    return line.text.slice("done ".length);
  }
}
