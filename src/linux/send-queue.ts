// Messages that wait to leave through one socket in one system call. All memory is set aside at the start, so
// that queueing and sending allocate nothing. Its owner knows what the addresses and control data mean.

import { native, type SyscallResult } from "./native.js";

export type SendQueueShape = {
  /** Messages it holds before it sends by itself. */
  readonly messages: number;
  /** The longest message, in bytes. */
  readonly slot: number;
  /** What every message's socket address and control data start as; `add` lets the owner fill in the rest. */
  readonly address: Uint8Array;
  readonly control?: Uint8Array;
};

/** Hears of each message that could not leave: the tag it was added with, -errno, and a view of its bytes. */
export type SendFailed = (tag: number, error: SyscallResult, message: Uint8Array) => void;

export class SendQueue {
  readonly addresses: DataView;
  readonly addressBytes: Uint8Array;
  readonly controls: DataView;
  readonly controlBytes: Uint8Array;
  readonly addressSlot: number;
  readonly controlSlot: number;
  private readonly fd: number;
  private readonly shape: SendQueueShape;
  private readonly onFailed: SendFailed;
  private readonly data: Uint8Array;
  private readonly lengths: Int32Array;
  private readonly tags: Int32Array;
  private queued = 0;

  constructor(fd: number, shape: SendQueueShape, onFailed: SendFailed) {
    this.fd = fd;
    this.shape = shape;
    this.onFailed = onFailed;
    this.data = new Uint8Array(shape.messages * shape.slot);
    this.lengths = new Int32Array(shape.messages);
    this.tags = new Int32Array(shape.messages);
    this.addressSlot = shape.address.length;
    this.controlSlot = shape.control?.length ?? 0;
    this.addressBytes = repeated(shape.address, shape.messages);
    this.controlBytes = repeated(shape.control ?? new Uint8Array(0), shape.messages);
    this.addresses = new DataView(this.addressBytes.buffer);
    this.controls = new DataView(this.controlBytes.buffer);
  }

  /** Copies a message in, and gives its slot number for `addresses` and `controls`. A full queue is sent first. */
  add(bytes: Uint8Array, tag: number): number {
    if (bytes.length > this.shape.slot)
      throw new RangeError(`a message of ${bytes.length} bytes, at most ${this.shape.slot}`);
    if (this.queued === this.shape.messages) this.flush();
    const i = this.queued;
    this.data.set(bytes, i * this.shape.slot);
    this.lengths[i] = bytes.length;
    this.tags[i] = tag;
    this.queued = i + 1;
    return i;
  }

  /** Sends all of it, in order, and gives how many left. */
  flush(): number {
    const count = this.queued;
    this.queued = 0;
    let next = 0;
    let sent = 0;
    // The kernel stops at the first message that fails and tells why only when it is the first of a call; an
    // interface that is down must not silence the others.
    while (next < count) {
      const result = this.sendFrom(next, count);
      if (result === 0) break;
      if (result < 0) this.onFailed(this.tags[next] as number, result, this.message(next));
      sent += Math.max(result, 0);
      next += result < 0 ? 1 : result;
    }
    return sent;
  }

  /** Forgets what waits. */
  clear(): void {
    this.queued = 0;
  }

  private message(i: number): Uint8Array {
    const start = i * this.shape.slot;
    return this.data.subarray(start, start + (this.lengths[i] as number));
  }

  private sendFrom(from: number, to: number): SyscallResult {
    const { addressSlot, controlSlot } = this;
    const { slot } = this.shape;
    // Whole arrays in the usual case; views of them are made only to go on behind a failure.
    const data = from === 0 ? this.data : this.data.subarray(from * slot);
    const lengths = from === 0 ? this.lengths : this.lengths.subarray(from);
    const addresses = from === 0 ? this.addressBytes : this.addressBytes.subarray(from * addressSlot);
    const controls = from === 0 ? this.controlBytes : this.controlBytes.subarray(from * controlSlot);
    return native.sendMany(
      this.fd,
      to - from,
      data,
      slot,
      lengths,
      addresses,
      addressSlot,
      controlSlot === 0 ? null : controls,
      controlSlot,
      0,
    );
  }
}

function repeated(pattern: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(pattern.length * count);
  for (let i = 0; i < count; i++) bytes.set(pattern, i * pattern.length);
  return bytes;
}
