// The messages of the IPVS family: their bytes, and that what is ordered is read back as it was meant.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { familyOf, ip, ipBytes } from "../../src/core/address.js";
import { toHex, Writer } from "../../src/core/bytes.js";
import { seconds } from "../../src/core/units.js";
import type { Command } from "../../src/ipvs/command.js";
import { readDaemon, readServer, readService } from "../../src/ipvs/answers.js";
import { diff } from "../../src/ipvs/diff.js";
import { serviceId, type ListedService, type VirtualService } from "../../src/ipvs/model.js";
import { additionRequest } from "../../src/ipvs/saved-orders.js";
import { parseSaved } from "../../src/ipvs/saved-parse.js";
import { commandEncoder, startDaemonRequest } from "../../src/ipvs/messages.js";
import type { RealServer } from "../../src/ipvs/model.js";
import { commandAttributes } from "../../src/ipvs/schema.js";
import { serverFilter } from "../../src/ipvs/server-filter.js";
import { writeGenericHeader } from "../../src/netlink/generic.js";
import { messagesIn, writeMessage, type Message, type Request } from "../../src/netlink/message.js";
import { server, service } from "./arbitrary.js";

const FAMILY = 0x1f;

function encode(request: Request): Uint8Array {
  const out = new Writer();
  writeMessage(out, request, 0, 1);
  return out.finish();
}
function sent(request: Request): Message {
  const bytes = encode(request);
  const [message] = [...messagesIn(bytes, bytes.length)];
  assert.ok(message);
  return message;
}

/** As the kernel lists it: the address in 16 bytes, for both families. */
function answer({ address, port }: Pick<RealServer, "address" | "port">): Message {
  const bytes = new Uint8Array(16);
  bytes.set(ipBytes(address));
  const body = (out: Writer): void =>
    commandAttributes.write(writeGenericHeader(out, 8, 1), {
      server: { address: bytes, port, forwarding: 0, weight: 1, active: 3, inactive: 4 },
    });
  return sent({ type: FAMILY, flags: 0, body });
}

test("a service is read back as it was ordered", () => {
  fc.assert(
    fc.property(service, (one) => {
      assert.deepEqual(readService(sent(commandEncoder(FAMILY)({ kind: "add-service", service: one }))), one);
    }),
  );
});

test("a mask that is no prefix, which a saved table may have, is read back, and is another one than any prefix", () => {
  const of = (mask: string): ListedService => {
    const [line] = parseSaved(`-A -t 10.0.0.1:80 -s rr -p 60 -M ${mask}`).lines;
    assert.ok(line?.addition.kind === "service");
    const read = readService(sent(additionRequest(FAMILY, line.addition)));
    assert.deepEqual(read, line.addition.service);
    return line.addition.service;
  };
  const commands = (actual: ListedService, wanted: VirtualService): string[] => {
    const id = serviceId(wanted.key);
    const empty = { servers: new Map() };
    const found = diff(
      new Map([[id, { service: actual, ...empty }]]),
      new Map([[id, { service: wanted, ...empty }]]),
      new Set(),
    );
    return found.map(({ kind }) => kind);
  };
  const [odd, plain, all] = ["255.0.255.0", "255.255.255.0", "0.0.0.0"].map(of);
  assert.ok(odd !== undefined && plain !== undefined && all !== undefined);
  assert.equal(odd.persistence?.mask, "255.0.255.0");
  assert.deepEqual([plain.persistence?.mask, all.persistence?.mask], [undefined, undefined]);
  assert.deepEqual([plain.persistence?.prefixLength, all.persistence?.prefixLength], [24, 0]);
  assert.deepEqual(commands(plain, plain as VirtualService), []);
  assert.deepEqual(commands(odd, plain as VirtualService), ["edit-service"]);
});

test("a server is read back as it was ordered, also with another family than its service", () => {
  fc.assert(
    fc.property(service, server, (one, real) => {
      const message = sent(commandEncoder(FAMILY)({ kind: "add-server", key: one.key, server: real }));
      assert.deepEqual(readServer(message, "ipv4"), { ...real, active: 0, inactive: 0 });
    }),
  );
});

test("what servers have in common is encoded once, and every message is as it is alone", () => {
  // Few values, so that neighbours are alike in some fields, in all, and in none.
  const some = fc.record({
    address: fc.constantFrom(
      ...["192.0.2.1", "192.0.2.77", "10.1.2.3", "2001:db8::1", "2001:db8::2"].map(ip),
    ),
    port: fc.constantFrom(80, 443),
    forwarding: fc.constantFrom("nat", "tunnel"),
    weight: fc.constantFrom(1, 2),
  });
  fc.assert(
    fc.property(service, fc.array(some), ({ key }, servers) => {
      const together = commandEncoder(FAMILY);
      for (const one of servers) {
        const command: Command = { kind: "add-server", key, server: one };
        assert.deepEqual(encode(together(command)), encode(commandEncoder(FAMILY)(command)));
      }
    }),
  );
});

test("the bytes of a new service are those of linux/ip_vs.h", () => {
  const request = commandEncoder(FAMILY)({
    kind: "add-service",
    service: {
      key: { kind: "address", protocol: "tcp", address: ip("192.168.1.1"), port: 80 },
      scheduler: "wlc",
      persistence: { timeout: seconds(300), prefixLength: 24 },
    },
  });
  const attributes = [
    "0600010002000000", // family AF_INET
    "0600020006000000", // protocol TCP
    "08000300c0a80101", // address
    "0600040000500000", // port, network order
    "08000600776c6300", // scheduler
    "0c00070001000000ffffffff", // flags persistent, all count
    "080008002c010000", // timeout
    "08000900ffffff00", // netmask, network order
  ];
  const nest = attributes.join("");
  const length = (nest.length / 2 + 4).toString(16).padStart(2, "0");
  assert.equal(toHex(encode(request)).slice(32), `01010000${length}000180${nest}`);
});

test("a sync daemon's order is read back, for groups of both families", () => {
  for (const group of [ip("224.0.0.99"), ip("ff02::99")]) {
    const sync = { interface: "eth1", id: 51, roles: [], maxLength: 1400, group, port: 9000, ttl: 3 };
    for (const role of ["master", "backup"] as const)
      assert.deepEqual(readDaemon(sent(startDaemonRequest(FAMILY, role, sync))), {
        role,
        interface: "eth1",
        id: 51,
        maxLength: 1400,
        group,
        port: 9000,
        ttl: 3,
      });
  }
});

test("a filter lets through the answers that are of the servers that are asked for, and those alone", () => {
  fc.assert(
    fc.property(fc.array(server, { minLength: 1, maxLength: 20 }), fc.nat(), (servers, n) => {
      const asked = servers.filter((_, i) => (n >> (i % 8)) & 1);
      const isAsked = serverFilter(asked);
      for (const one of servers)
        assert.equal(
          isAsked(answer(one)),
          asked.some(({ address, port }) => address === one.address && port === one.port),
        );
    }),
  );
});

test("a filter leaves what it cannot read to those who read all of it", () => {
  const isAsked = serverFilter([]);
  const whole = answer({ address: ip("192.0.2.1"), port: 80 });
  assert.ok(!isAsked(whole));
  for (let to = whole.from; to < whole.from + 30; to++) assert.ok(isAsked({ ...whole, to }), String(to));
});

test("no bytes make a reader throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), service, server, (noise, one, real) => {
      const read = (message: Message): void => {
        readService(message);
        readServer(message, familyOf(real.address));
        serverFilter([real])(message);
        readDaemon(message);
      };
      read({ bytes: noise, type: FAMILY, flags: 0, sequence: 0, from: 0, to: noise.length });
      // A real message with noise over its attributes gets further than noise alone.
      const bytes = encode(commandEncoder(FAMILY)({ kind: "add-server", key: one.key, server: real }));
      for (const [i, byte] of noise.entries()) if (byte > 127) bytes[20 + (i % (bytes.length - 20))] = byte;
      read({ bytes, type: FAMILY, flags: 0, sequence: 0, from: 16, to: bytes.length });
    }),
    { numRuns: 1000 },
  );
});
