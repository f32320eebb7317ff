// Who waits for a child's answer to a configuration. Answers come in the order in which configurations were sent; a
// child that is not there yet is told at its hello, and one that is started again is told the last one alone, for all
// who wait. Knows nothing of what a configuration is.

import { seconds } from "../../core/units.js";
import type { ChildName } from "./child-name.js";

/** What became of a configuration that a child was given. */
export type Taken = { readonly kind: "done" } | { readonly kind: "refused" | "late"; readonly why: string };

type Waiter = (error: string | null) => void;

const WITHIN = seconds(15);

export class AwaitedAnswers {
  /** Whether the child took the last configuration it was told. */
  isUpToDate = false;
  private readonly name: ChildName;
  /** Of a configuration that is not sent yet, and of each one that is sent. */
  private unsent: Waiter[] = [];
  private sent: Waiter[][] = [];

  constructor(name: ChildName) {
    this.name = name;
  }

  /** A later configuration is on its way. */
  get isWaiting(): boolean {
    return this.sent.length > 0;
  }

  /** What will have become of the configuration that `send` sends, or that is sent at the child's hello. */
  expect(send: () => void): Promise<Taken> {
    return new Promise((resolve) => {
      const why = `the ${this.name} process has not taken its configuration within ${WITHIN / 1000} s`;
      const late = setTimeout(() => resolve({ kind: "late", why }), WITHIN);
      this.unsent.push((error) => {
        clearTimeout(late);
        resolve(error === null ? { kind: "done" } : { kind: "refused", why: error });
      });
      send();
    });
  }

  /** Of a configuration that was sent, the answer belongs to those who wait now. */
  note(wasSent: boolean): void {
    if (wasSent) this.sent.push(this.unsent.splice(0));
  }

  /** The child has answered. Gives who waited for it. */
  answered(error: string | null): readonly Waiter[] {
    this.isUpToDate = error === null;
    return this.sent.shift() ?? [];
  }

  /** What it was told last is to be sent again, in another form. */
  again(): void {
    this.unsent.unshift(...(this.sent.shift() ?? []));
  }

  /** The child has ended: the next one is told for all. */
  begin(): void {
    this.unsent.unshift(...this.sent.splice(0).flat());
  }

  /** There is nothing to tell the child; it is there, and that is all. */
  settle(): void {
    for (const waiter of this.unsent.splice(0)) waiter(null);
  }

  giveUp(why: string): void {
    for (const waiter of [...this.unsent, ...this.sent.flat()]) waiter(why);
  }
}
