// The virtual link as a message: what is asked for, and what is told of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MacAddress } from "../../src/core/address.js";
import { Reader, Writer } from "../../src/core/bytes.js";
import { attributes, cstring, nested, u32 } from "../../src/netlink/attribute.js";
import { messagesIn, writeMessage, type Request } from "../../src/netlink/message.js";
import { addMacvlanRequest, readLinkDetails } from "../../src/netlink/virtual-link.js";

const written = (request: Request): Uint8Array => {
  const out = new Writer();
  writeMessage(out, request, 0x4, 1);
  return out.finish();
};

test("the virtual link is asked for with its kind, mode, base, MAC and name, and read back", () => {
  const mac = "00:00:5e:00:01:33" as MacAddress;
  const bytes = written(addMacvlanRequest("vrrp.51", 7, mac));
  const [message] = [...messagesIn(bytes, bytes.length)];
  assert.ok(message);
  assert.deepEqual(readLinkDetails(message), {
    index: 0,
    up: false,
    type: "macvlan",
    mac,
    base: 7,
    alias: "",
  });
  const input = new Reader(bytes, message.from + 16, message.to);
  const data = attributes({ mode: [1, u32] });
  const told = attributes({
    info: [18, nested(attributes({ kind: [1, cstring], data: [2, nested(data)] }))],
  });
  assert.deepEqual(told.read(input, input.remaining).info, { kind: "macvlan", data: { mode: 4 } });
});

test("no bytes make the reader of a link throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readLinkDetails({ bytes, type: 16, flags: 0, sequence: 0, from: 0, to: bytes.length });
    }),
  );
});
