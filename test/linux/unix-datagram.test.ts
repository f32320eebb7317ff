// Datagrams to unix sockets, and what systemd is told.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Watch } from "../../src/linux/poll.js";
import { native } from "../../src/linux/native.js";
import { systemdNotifier } from "../../src/linux/sd-notify.js";
import { sockaddrUn } from "../../src/linux/sockaddr.js";
import { sendUnixDatagram, UnixDatagramSocket } from "../../src/linux/unix-datagram.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-unix-"));
const cleanups: (() => void)[] = [
  () => {
    rmSync(folder, { recursive: true });
  },
];
after(() => {
  for (const cleanup of cleanups) cleanup();
});

function listen(path: string): { fd: number; read: () => string | undefined } {
  const fd = native.socket(1, 2, 0);
  assert.equal(native.bind(fd, sockaddrUn(path) ?? new Uint8Array()), 0);
  cleanups.push(() => native.close(fd));
  const room = new Uint8Array(65536);
  const read = (): string | undefined => {
    const got = native.recv(fd, room, null, null, null, 0);
    return got < 0 ? undefined : new TextDecoder().decode(room.subarray(0, got));
  };
  return { fd, read };
}

for (const path of [join(folder, "socket"), `@vipd-test-${process.pid}`]) {
  test(`systemd hears readiness, reloads, stops and status at ${path.startsWith("@") ? "an abstract name" : "a path"}`, () => {
    const systemd = listen(path);
    const notifier = systemdNotifier(
      { NOTIFY_SOCKET: path, WATCHDOG_USEC: "30000000", WATCHDOG_PID: "42" },
      42,
    );
    assert.equal(notifier.watchdogEvery, 15_000);
    assert.ok(notifier.ready("two\nlines") > 0);
    assert.equal(systemd.read(), "READY=1\nSTATUS=two lines");
    notifier.reloading();
    assert.match(systemd.read() ?? "", /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    notifier.watchdog();
    assert.equal(systemd.read(), "WATCHDOG=1");
    notifier.status("master of web");
    assert.equal(systemd.read(), "STATUS=master of web");
    notifier.stopping();
    assert.equal(systemd.read(), "STOPPING=1");
  });
}

test("without systemd nothing is sent, and another process's watchdog is not ours", () => {
  assert.equal(systemdNotifier({}, 1).ready("x"), 0);
  assert.equal(systemdNotifier({ WATCHDOG_USEC: "1000000", WATCHDOG_PID: "7" }, 8).watchdogEvery, undefined);
  assert.equal(systemdNotifier({ WATCHDOG_USEC: "many" }, 8).watchdogEvery, undefined);
  assert.equal(systemdNotifier({ WATCHDOG_USEC: "1000000" }, 8).watchdogEvery, 500);
});

test("a receiver that is missing, full or gone is a result", () => {
  assert.equal(sendUnixDatagram(join(folder, "nobody"), new Uint8Array(1)), -2);
  assert.equal(sendUnixDatagram("/".repeat(200), new Uint8Array(1)), -22);
  const path = join(folder, "full");
  listen(path);
  const socket = new UnixDatagramSocket();
  let result = 0;
  for (let i = 0; i < 100_000 && result >= 0; i++) result = socket.send(path, new Uint8Array(1));
  assert.equal(result, -11);
  socket.close();
  socket.close();
  assert.equal(socket.send(path, new Uint8Array(1)), -9);
});

test("a watch hands over what arrives and may be closed inside its own callback", async () => {
  const path = join(folder, "watched");
  const { fd, read } = listen(path);
  const heard: string[] = [];
  await new Promise<void>((resolve) => {
    const watch = new Watch(fd, () => {
      for (let text = read(); text !== undefined; text = read()) heard.push(text);
      if (heard.length < 3) return;
      watch.close();
      watch.close();
      resolve();
    });
    for (const text of ["a", "b", "c"]) sendUnixDatagram(path, new TextEncoder().encode(text));
  });
  assert.deepEqual(heard, ["a", "b", "c"]);
});
