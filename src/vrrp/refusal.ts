// Why an advert is not listened to. Whoever floods a link is refused thousands of times a second and told of once a
// minute: the words are put together when somebody asks for them.

import type { DecodeError } from "./packet.js";
import type { RejectKind } from "./reasons.js";

export class Refusal implements DecodeError {
  readonly kind: RejectKind;
  private readonly words: () => string;

  /** `words` may be asked for long after the packet is gone: it must know numbers and texts, and no bytes of it. */
  constructor(kind: RejectKind, words: () => string) {
    this.kind = kind;
    this.words = words;
  }

  get detail(): string {
    return this.words();
  }
}
