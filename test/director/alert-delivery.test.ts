// Messages on their way to real local servers: one that takes them, and others that refuse, hang, close or have another
// certificate. The sending process is the real one.

import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import type { AlertTargetConfig, AlertTransport } from "../../src/config/model.js";
import { seconds, type Milliseconds } from "../../src/core/units.js";
import type { Delivered } from "../../src/director/alerts/deliver.js";
import type { Batch } from "../../src/director/alerts/target.js";
import { deliverByProcess } from "../../src/director/supervisor/alert-process.js";
import { GOOD, KEY } from "../checkers/certificates.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-alerts-"));
after(() => rmSync(folder, { recursive: true }));

const batch: Batch = {
  alerts: [{ kind: "server", subject: "service http", status: "down", bad: true, text: "x\n.\nQUIT", at: 0 }],
  leftOut: 0,
  reminder: false,
};

function send(by: AlertTransport, timeout: Milliseconds = seconds(20)): Promise<Delivered> {
  const target: AlertTargetConfig = {
    ...{ name: "ops", by, kinds: ["server"], status: ["down"], collect: seconds(0), timeout },
  };
  return deliverByProcess("lb1", target, batch).done;
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

type Rules = { readonly reply?: (line: string) => string | undefined; readonly tls?: boolean };

/** As little of a mail server as will do (RFC 5321), with STARTTLS and AUTH PLAIN. */
async function smtp(rules: Rules = {}): Promise<{ port: number; lines: string[]; close: () => void }> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const talk = (socket: Socket, encrypted: boolean): void => {
    let data = false;
    let rest = "";
    const say = (text: string): void => void socket.write(`${text}\r\n`);
    socket.on("error", () => undefined);
    const take = (chunk: Buffer): void => {
      rest += chunk.toString();
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        lines.push(line);
        if (data) {
          if (line !== ".") continue;
          data = false;
          say("250 taken");
          continue;
        }
        const other = rules.reply?.(line);
        if (other !== undefined) say(other);
        else if (/^EHLO/i.test(line))
          say(rules.tls === true && !encrypted ? "250-me\r\n250 STARTTLS" : "250-me\r\n250 AUTH PLAIN");
        else if (/^STARTTLS/i.test(line)) {
          say("220 go");
          socket.off("data", take);
          const secureContext = createSecureContext({ key: KEY, cert: GOOD });
          talk(new TLSSocket(socket, { isServer: true, secureContext }), true);
          return;
        } else if (/^DATA/i.test(line)) {
          data = true;
          say("354 go on");
        } else if (/^AUTH/i.test(line)) say("235 welcome");
        else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else say("250 ok");
      }
    };
    socket.on("data", take);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    const greeting = rules.reply?.("") ?? "220 me";
    if (greeting !== "") socket.write(`${greeting}\r\n`);
    talk(socket, false);
  });
  const port = await listening(server);
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, lines, close };
}

const mail = (
  port: number,
  change: Partial<Extract<AlertTransport, { kind: "mail" }>> = {},
): AlertTransport => ({
  ...{ kind: "mail", host: "127.0.0.1", port, tls: "if-offered", from: "vipd@a.test", to: ["ops@b.test"] },
  ...change,
});

test("a mail arrives whole, and says what it is", async (t) => {
  const server = await smtp();
  t.after(server.close);
  assert.deepEqual(await send(mail(server.port)), { ok: true, value: null });
  const text = server.lines.join("\n");
  assert.match(text, /MAIL FROM:<vipd@a\.test>[^]*RCPT TO:<ops@b\.test>/);
  assert.match(text, /\nSubject: vipd lb1: service http: DOWN\n/);
  assert.match(text, /\nAuto-Submitted: auto-generated\n/);
  assert.match(text, /service http: x\?\.\?QUIT/);
});

test("a password goes over a connection that is safe, or nowhere", async (t) => {
  const server = await smtp({ tls: true });
  t.after(server.close);
  const [passwordFile, caFile] = [join(folder, "password"), join(folder, "ca.pem")];
  writeFileSync(passwordFile, "secret\n", { mode: 0o600 });
  writeFileSync(caFile, GOOD);
  const login = { user: "me", passwordFile };
  const refused = await send(mail(server.port, { tls: "required", login }));
  assert.match(refused.ok ? "" : refused.error, /certificate|self-signed|altnames|IP/i);
  assert.ok(!server.lines.some((line) => /AUTH/.test(line)));
  assert.ok((await send(mail(server.port, { tls: "if-offered", login }))).ok);
  const [auth = ""] = server.lines.filter((line) => line.startsWith("AUTH PLAIN"));
  assert.equal(Buffer.from(auth.slice(11), "base64").toString(), "\0me\0secret");
  chmodSync(passwordFile, 0o644);
  const open = await send(mail(server.port, { tls: "required", login }));
  assert.match(open.ok ? "" : open.error, /password may be used by others \(mode 0644\)/);
});

test("servers that refuse, hang or are not there are failures in words", async (t) => {
  const full = await smtp({ reply: (line) => (/^MAIL/.test(line) ? "452 disk full" : undefined) });
  const half = await smtp({ reply: (line) => (/ghost/.test(line) ? "550 no such user" : undefined) });
  const silent = await smtp({ reply: (line) => (line === "" ? "" : undefined) });
  t.after(() => [full, half, silent].forEach(({ close }) => close()));
  const why = async (by: AlertTransport, timeout?: Milliseconds): Promise<string> => {
    const result = await send(by, timeout);
    return result.ok ? `sent, ${String(result.value)}` : result.error;
  };
  assert.match(await why(mail(full.port)), /452 disk full/);
  assert.equal(
    await why(mail(half.port, { to: ["ghost@b.test", "ops@b.test"] })),
    "sent, not for ghost@b.test: the server refused",
  );
  assert.match(await why(mail(silent.port), seconds(1)), /[Gg]reeting|[Tt]imeout|timed/);
  const gone = await smtp();
  gone.close();
  assert.match(await why(mail(gone.port)), /ECONNREFUSED/);
});

test("a webhook gets JSON; one that answers badly, hangs or is not there is a failure in words", async (t) => {
  const bodies: string[] = [];
  let status = 204;
  const server = createHttp((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString()));
    request.on("end", () => {
      bodies.push(
        `${request.method ?? ""} ${request.url ?? ""} ${request.headers["content-type"] ?? ""} ${body}`,
      );
      if (status > 0) response.writeHead(status).end("x".repeat(100_000));
    });
  });
  const port = await listening(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const hook: AlertTransport = { kind: "webhook", url: `http://127.0.0.1:${port}/alert` };
  assert.deepEqual(await send(hook), { ok: true, value: null });
  const [, type, body = ""] = /^POST \/alert (\S+) (.*)$/.exec(bodies[0] ?? "") ?? [];
  assert.equal(type, "application/json");
  assert.equal((JSON.parse(body) as { node: string }).node, "lb1");
  status = 503;
  const bad = await send(hook);
  assert.equal(bad.ok ? "" : bad.error, `http://127.0.0.1:${port}/alert: answered 503 Service Unavailable`);
  status = 0;
  const hung = await send(hook, seconds(1));
  assert.match(hung.ok ? "" : hung.error, /no answer in time/);
  const gone = createServer();
  const nobody = await listening(gone);
  gone.close();
  const refused = await send({ kind: "webhook", url: `http://127.0.0.1:${nobody}/` });
  assert.match(refused.ok ? "" : refused.error, /ECONNREFUSED/);
});
