// The frames of HTTP/2 (RFC 9113 section 4): their form, and what a client sends for one request. Pure: bytes in and out.

import { hpackBytes } from "./hpack.js";
import type { HttpRequest } from "./http-request.js";

export const FRAME_HEADER = 9;
/** What a server may send at once unless we allow more. */
export const LARGEST_FRAME = 16_384;
/** The stream of our request. */
export const OURS = 1;

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** RFC 9113 section 7. */
const ERRORS: readonly string[] = [
  ...["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT"],
  ...["STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR"],
  ...["CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"],
];
export const errorName = (code: number): string => ERRORS[code] ?? `error ${code}`;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const SETTING = { enablePush: 2, initialWindow: 4, mostHeaders: 6 } as const;
const LARGEST_WINDOW = 0x7fff_ffff;
const FIRST_WINDOW = 0xffff;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEADER);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const NONE = Buffer.alloc(0);
export const SETTINGS_SEEN = frame(TYPE.settings, FLAG.ack, 0, NONE);

/** All that is sent for a request. `mostHeaders`: of the answer's. The body that is read is bounded otherwise. */
export function requestFrames(
  scheme: "http" | "https",
  { method, path, headers }: Pick<HttpRequest, "method" | "path" | "headers">,
  mostHeaders: number,
): Buffer {
  const { host = "", ...others } = headers;
  const block = hpackBytes([
    [":method", method],
    [":scheme", scheme],
    [":authority", host],
    [":path", path],
    ...Object.entries(others),
  ]);
  const settings = Buffer.alloc(18);
  for (const [i, [name, value]] of [
    [SETTING.enablePush, 0],
    [SETTING.initialWindow, LARGEST_WINDOW],
    [SETTING.mostHeaders, mostHeaders],
  ].entries()) {
    settings.writeUInt16BE(name as number, 6 * i);
    settings.writeUInt32BE(value as number, 6 * i + 2);
  }
  const window = Buffer.alloc(4);
  window.writeUInt32BE(LARGEST_WINDOW - FIRST_WINDOW);
  const frames = [PREFACE, frame(TYPE.settings, 0, 0, settings), frame(TYPE.windowUpdate, 0, 0, window)];
  for (let at = 0; at < block.length; at += LARGEST_FRAME) {
    const part = block.subarray(at, at + LARGEST_FRAME);
    const isLast = at + LARGEST_FRAME >= block.length;
    const flags = (at === 0 ? FLAG.endStream : 0) | (isLast ? FLAG.endHeaders : 0);
    frames.push(frame(at === 0 ? TYPE.headers : TYPE.continuation, flags, OURS, part));
  }
  return Buffer.concat(frames);
}
