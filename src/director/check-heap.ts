// What is due next among very many: a binary heap of things that carry their own deadline and their own place
// in it, so that one is also moved or taken out at the cost of the heap's depth. (deadline-heap.ts holds numbers alone, for
// deadlines that move with every advert; here they move with every run, and what is due is an object.)

export type HeapItem = {
  /** The deadline, in any one unit. To be changed by `set` alone while in the heap. */
  at: number;
  /** Index in the heap; -1: not in it. */
  place: number;
};

export class CheckHeap<Item extends HeapItem> {
  private readonly items: Item[] = [];

  get first(): Item | undefined {
    return this.items[0];
  }
  get size(): number {
    return this.items.length;
  }

  /** Puts it in, or moves it to another deadline. */
  set(item: Item, at: number): void {
    item.at = at;
    if (item.place < 0) {
      item.place = this.items.length;
      this.items.push(item);
    }
    this.up(item);
    this.down(item);
  }

  /** Takes it out; nothing happens when it is not in. */
  remove(item: Item): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.items.pop() as Item;
    if (last === item) return;
    this.put(last, place);
    this.up(last);
    this.down(last);
  }

  private put(item: Item, place: number): void {
    this.items[place] = item;
    item.place = place;
  }

  private up(item: Item): void {
    let { place } = item;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = this.items[parentPlace] as Item;
      if (parent.at <= item.at) break;
      this.put(parent, place);
      place = parentPlace;
    }
    this.put(item, place);
  }

  private down(item: Item): void {
    let { place } = item;
    for (;;) {
      const left = this.items[2 * place + 1];
      const right = this.items[2 * place + 2];
      const least = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (least === undefined || least.at >= item.at) break;
      const from = least.place;
      this.put(least, place);
      place = from;
    }
    this.put(item, place);
  }
}
