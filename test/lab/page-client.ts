// A client, a program of its own: takes one Question a line on its standard input, and prints for each the list of what
// it was answered, in order, as JSON. An answer that does not come is a word in brackets: "(ECONNREFUSED)". Refuses to
// know anything of directors.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { get as getSafely } from "node:https";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

export type Question = {
  /** "hold" opens a connection, is answered by nothing but "held", and keeps it until "release". */
  readonly kind: "http" | "https" | "smtp" | "udp" | "sip" | "hold" | "release";
  readonly host: string;
  readonly port: number;
  /** Each is asked from once, one after the other; datagrams of one question all come from one socket. */
  readonly from: readonly string[];
  /** Of "sip", for each of them: the call that the datagram belongs to. Answered by who took it. */
  readonly calls?: readonly string[];
};

const PATIENCE_MS = 10_000;
const held: Socket[] = [];

const codeOf = (error: unknown): string => `(${String((error as NodeJS.ErrnoException).code)})`;

function page({ kind, host, port }: Question, localAddress: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => {
        resolve(text);
      });
    };
    const place = { host, port, localAddress, agent: false } as const;
    const request =
      kind === "https" ? getSafely({ ...place, rejectUnauthorized: false }, take) : get(place, take);
    request.setTimeout(PATIENCE_MS, () => {
      resolve("(timeout)");
      request.destroy();
    });
    request.on("error", reject);
  });
}

async function opened({ host, port }: Question, localAddress: string): Promise<Socket> {
  const socket = connect({ host, port, localAddress });
  // What happens to it once it is left to itself concerns nobody.
  socket.on("error", () => undefined);
  await once(socket, "connect", { signal: AbortSignal.timeout(PATIENCE_MS) });
  return socket;
}

async function banner(question: Question, localAddress: string): Promise<string> {
  const socket = await opened(question, localAddress);
  const [data] = (await once(socket, "data", { signal: AbortSignal.timeout(PATIENCE_MS) })) as [Buffer];
  socket.destroy();
  return data.toString().trim();
}

/** Datagrams from one socket, each when the one before was answered. */
async function exchanged(
  { host, port }: Question,
  from: string,
  texts: readonly string[],
): Promise<readonly string[]> {
  const socket = createSocket(from.includes(":") ? "udp6" : "udp4");
  socket.bind(0, from);
  await once(socket, "listening");
  // Connected: only answers from where it was asked count.
  socket.connect(port, host);
  await once(socket, "connect");
  const answers: string[] = [];
  for (const text of texts) {
    socket.send(text);
    const [data] = (await once(socket, "message", { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
      (error: unknown) => [codeOf(error)],
    )) as [Buffer | string];
    answers.push(data.toString());
  }
  socket.close();
  return answers;
}

/** Each from a socket of its own, and so from another port. */
async function calls(question: Question): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const [i, from] of question.from.entries()) {
    const text = `OPTIONS sip:a@example SIP/2.0\r\nCall-ID: ${question.calls?.[i] ?? ""}\r\n\r\n`;
    const [said = ""] = await exchanged(question, from, [text]);
    answers.push(said.replace(`${text} of `, ""));
  }
  return answers;
}

async function tried(question: Question, from: string): Promise<string> {
  try {
    if (question.kind === "http" || question.kind === "https") return await page(question, from);
    if (question.kind === "smtp") return await banner(question, from);
    held.push(await opened(question, from));
    return "held";
  } catch (error) {
    return codeOf(error);
  }
}

async function answer(question: Question): Promise<readonly string[]> {
  if (question.kind === "release") return held.splice(0).map((socket) => String(socket.end().destroyed));
  const { kind, from } = question;
  if (kind === "udp")
    return exchanged(
      question,
      from[0] ?? "",
      from.map((_, i) => `echo ${String(i)}`),
    );
  if (kind === "sip") return calls(question);
  const answers: string[] = [];
  for (const one of from) answers.push(await tried(question, one));
  return answers;
}

createInterface({ input: process.stdin }).on("line", (line) => {
  void answer(JSON.parse(line) as Question).then((answers) => {
    console.log(JSON.stringify(answers));
  });
});
console.log("ready");
