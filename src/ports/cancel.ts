// How something slow is told to end early: by its deadline, or because nobody wants its answer any more. A
// type of our own, because the one of the platform does not exist in pure code.

export type Cancel = {
  readonly cancelled: boolean;
  /** Calls `fire` once, at once when it is already cancelled; the result takes the wish back. */
  onCancel(fire: () => void): () => void;
};
