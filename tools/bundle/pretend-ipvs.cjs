// Loaded before the checks process when its code cache is made (tools/bundle.mjs): a kernel that has IPVS with an
// empty table, and takes every order. Nothing of the machine is looked at or changed.
"use strict";

const { join } = require("node:path");
const native = require(join(__dirname, "../../prebuilds", `linux-${process.arch}`, "vipd.node"));

const AF_NETLINK = 16;
const HEADER = 16;
const [TYPE_ERROR, TYPE_DONE, CONTROLLER] = [2, 3, 16];
const [ACK, DUMP] = [0x4, 0x300];
const FAMILY = 20;
const EAGAIN = 11;

/** What is pretended stands for the first netlink sockets alone. */
const sockets = new Set();
const answers = [];

function message(type, sequence, payload) {
  const bytes = Buffer.alloc(HEADER + payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt32LE(sequence, 8);
  payload.copy(bytes, HEADER);
  return bytes;
}

/** CTRL_ATTR_FAMILY_ID after the generic header. */
const familyAnswer = Buffer.from([1, 2, 0, 0, 6, 0, 1, 0, FAMILY, 0, 0, 0]);

function answer(data) {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < view.length; at += (view.readUInt32LE(at) + 3) & ~3) {
    const type = view.readUInt16LE(at + 4);
    const flags = view.readUInt16LE(at + 6);
    const sequence = view.readUInt32LE(at + 8);
    if (type === CONTROLLER) answers.push(message(CONTROLLER, sequence, familyAnswer));
    if ((flags & DUMP) === DUMP) answers.push(message(TYPE_DONE, sequence, Buffer.alloc(4)));
    else if ((flags & ACK) !== 0) answers.push(message(TYPE_ERROR, sequence, Buffer.alloc(4 + HEADER)));
  }
  return data.byteLength;
}

function read(out) {
  const next = answers.shift();
  if (next === undefined) return -EAGAIN;
  out.set(next);
  return next.length;
}

const { socket, bind, setsockopt, send, recv } = native;
Object.assign(native, {
  socket(family, ...rest) {
    const fd = socket(family === AF_NETLINK ? 1 : family, ...(family === AF_NETLINK ? [2, 0] : rest));
    if (family === AF_NETLINK) sockets.add(fd);
    return fd;
  },
  bind: (fd, ...rest) => (sockets.has(fd) ? 0 : bind(fd, ...rest)),
  setsockopt: (fd, ...rest) => (sockets.has(fd) ? 0 : setsockopt(fd, ...rest)),
  send: (fd, data, ...rest) => (sockets.has(fd) ? answer(data) : send(fd, data, ...rest)),
  recv: (fd, out, ...rest) => (sockets.has(fd) ? read(out) : recv(fd, out, ...rest)),
});
