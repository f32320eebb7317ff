// The body of an answer as it comes, in one piece of memory that grows with it: a server that sends byte by byte costs no
// more than its bytes. How many are wanted is its user's business.

const FIRST = 1024;
const EMPTY = Buffer.alloc(0);

export class BodyBytes {
  private room = EMPTY;
  private length = 0;

  /** Copies them: they may lie where the next ones will. */
  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.room.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.length === 0 ? FIRST : 2 * this.room.length));
      larger.set(this.all);
      this.room = larger;
    }
    this.room.set(bytes, this.length);
    this.length = length;
  }

  get all(): Buffer {
    return this.room.subarray(0, this.length);
  }
}
