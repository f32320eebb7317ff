// When each of many instances wants to be woken: a binary heap over slot numbers in typed arrays, so that
// setting a deadline allocates nothing. A deadline that moves back (a backup heard its master) only writes
// one number; the heap finds out when the old time comes. That is once in three intervals instead of once an
// advert, and saves the timer system call of every advert.

const ABSENT = -1;

export class DeadlineHeap {
  /** The true deadline of each slot. */
  private deadlines = new Float64Array(16);
  /** The time under which it stands in the heap, never later than the true one. */
  private keys = new Float64Array(16);
  private heap = new Int32Array(16);
  private positions = new Int32Array(16).fill(ABSENT);
  private size = 0;

  /** The time of the next wake-up; Infinity for none. */
  get next(): number {
    return this.size === 0 ? Infinity : this.keys[this.heap[0]!]!;
  }

  deadlineOf(slot: number): number {
    return slot < this.deadlines.length && this.positions[slot] !== ABSENT ? this.deadlines[slot]! : Infinity;
  }

  /** Infinity takes the slot out. */
  set(slot: number, deadline: number): void {
    if (slot >= this.deadlines.length) this.grow(slot + 1);
    const position = this.positions[slot]!;
    if (deadline === Infinity) {
      if (position !== ABSENT) this.removeAt(position);
      return;
    }
    this.deadlines[slot] = deadline;
    if (position !== ABSENT) {
      if (deadline >= this.keys[slot]!) return;
      this.keys[slot] = deadline;
      this.up(position);
      return;
    }
    this.keys[slot] = deadline;
    this.heap[this.size] = slot;
    this.positions[slot] = this.size;
    this.size += 1;
    this.up(this.size - 1);
  }

  /** Takes out the slot that is due the longest at `now`, or gives -1. */
  takeDue(now: number): number {
    while (this.size > 0) {
      const slot = this.heap[0]!;
      if (this.keys[slot]! > now) return ABSENT;
      if (this.deadlines[slot]! <= now) {
        this.removeAt(0);
        return slot;
      }
      this.keys[slot] = this.deadlines[slot]!;
      this.down(0);
    }
    return ABSENT;
  }

  private removeAt(position: number): void {
    this.positions[this.heap[position]!] = ABSENT;
    this.size -= 1;
    if (position === this.size) return;
    this.place(this.heap[this.size]!, position);
    this.down(position);
    this.up(position);
  }

  private up(from: number): void {
    const slot = this.heap[from]!;
    const key = this.keys[slot]!;
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const other = this.heap[parent]!;
      if (this.keys[other]! <= key) break;
      this.place(other, position);
      position = parent;
    }
    this.place(slot, position);
  }

  private down(from: number): void {
    const slot = this.heap[from]!;
    const key = this.keys[slot]!;
    let position = from;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.keys[this.heap[child + 1]!]! < this.keys[this.heap[child]!]!)
        child += 1;
      const other = this.heap[child]!;
      if (this.keys[other]! >= key) break;
      this.place(other, position);
      position = child;
    }
    this.place(slot, position);
  }

  private place(slot: number, position: number): void {
    this.heap[position] = slot;
    this.positions[slot] = position;
  }

  private grow(needed: number): void {
    const length = Math.max(needed, this.deadlines.length * 2);
    const used = this.deadlines.length;
    const larger = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.deadlines = larger(this.deadlines, new Float64Array(length));
    this.keys = larger(this.keys, new Float64Array(length));
    this.heap = larger(this.heap, new Int32Array(length));
    this.positions = larger(this.positions, new Int32Array(length).fill(ABSENT, used));
  }
}
