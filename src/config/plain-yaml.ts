// A fast reader for the plain part of YAML that configurations are made of: block and flow collections,
// plain and quoted scalars on one line, comments. It never reports an error: whatever it is not sure about
// (anchors, tags, block scalars, tabs, duplicate keys, any mistake), it gives up on, and the yaml package
// reads the text instead. A property test holds it to the values that package gives. It is here because the
// yaml package takes half a second for a thousand services, and a reload waits for it.

/** Where the entries of a mapping or sequence stand: key start, key end, value start, value end. */
export type Spans = Map<object, Map<string | number, readonly [number, number, number, number]>>;

class GaveUp extends Error {}
const GAVE_UP = new GaveUp();

/** The tree of a plain text, or undefined: ask another reader. Records positions when given `spans`. */
export function readPlainYaml(text: string, spans?: Spans): { readonly value: unknown } | undefined {
  // Tabs, carriage returns, control characters, byte order marks and line separators have rules of their own.

  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u00a0\u2028\u2029\ufeff\ud800-\udfff]/.test(text)) return undefined;
  try {
    return { value: new PlainReader(text, spans).document() };
  } catch (error) {
    if (error === GAVE_UP) return undefined;
    throw error;
  }
}

const SPACE = 0x20;
const FEED = 0x0a;
const HASH = 0x23;
const DASH = 0x2d;
const COLON = 0x3a;
const COMMA = 0x2c;
const DOUBLE = 0x22;
const SINGLE = 0x27;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
/** Characters that begin something other than an ordinary plain scalar. */
const INDICATORS = new Set(Array.from("-?:,[]{}#&*!|>'\"%@`=<", (c) => c.charCodeAt(0)));
const MOST_DEPTH = 60;

class PlainReader {
  private readonly text: string;
  private readonly spans: Spans | undefined;
  private at = 0;
  private depth = 0;
  /** End of the value read last, without what follows it. */
  private end = 0;

  constructor(text: string, spans: Spans | undefined) {
    this.text = text;
    this.spans = spans;
  }

  document(): unknown {
    const indent = this.nextLine();
    if (indent < 0 || this.code() === OPEN_MAP || this.code() === OPEN_LIST) throw GAVE_UP;
    const value = this.block(indent);
    if (this.nextLine() >= 0) throw GAVE_UP;
    return value;
  }

  private code(): number {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1;
  }

  /** At the start of a line: skips empty and comment lines, stops at the first character; its column, or -1. */
  private nextLine(): number {
    for (;;) {
      const start = this.at;
      while (this.code() === SPACE) this.at++;
      const code = this.code();
      if (code === -1) return -1;
      if (code === HASH) this.skipLine();
      else if (code === FEED) this.at++;
      else {
        if (this.at === start && (this.text.startsWith("---", start) || this.text.startsWith("...", start)))
          throw GAVE_UP;
        return this.at - start;
      }
    }
  }

  private skipLine(): void {
    const feed = this.text.indexOf("\n", this.at);
    this.at = feed < 0 ? this.text.length : feed + 1;
  }

  /** After a value: only spaces and a comment may follow on the line. */
  private finishLine(): void {
    const start = this.at;
    while (this.code() === SPACE) this.at++;
    const code = this.code();
    if (code === FEED) this.at++;
    else if (code === HASH && this.at > start) this.skipLine();
    else if (code !== -1) throw GAVE_UP;
  }

  /** The next line's column without consuming anything of it but what is before it. */
  private peekIndent(): number {
    const indent = this.nextLine();
    if (indent > 0) this.at -= indent;
    return indent;
  }

  /** A mapping or sequence whose first entry begins here, in this column. */
  private block(indent: number): unknown {
    if (++this.depth > MOST_DEPTH) throw GAVE_UP;
    const value = this.isDash() ? this.blockSequence(indent) : this.blockMapping(indent);
    this.depth--;
    return value;
  }

  private isDash(): boolean {
    return this.code() === DASH && this.text.charCodeAt(this.at + 1) === SPACE;
  }

  private blockMapping(indent: number): unknown {
    const map: Record<string, unknown> = {};
    const places = this.spans && new Map<string, readonly [number, number, number, number]>();
    if (places) this.spans.set(map, places);
    for (;;) {
      const keyStart = this.at;
      const key = this.blockKey();
      const keyEnd = this.end;
      if (Object.hasOwn(map, key)) throw GAVE_UP;
      this.at++;
      while (this.code() === SPACE) this.at++;
      let valueStart = this.at;
      const code = this.code();
      if (code === FEED || code === -1 || code === HASH) {
        if (code === HASH && this.text.charCodeAt(this.at - 1) !== SPACE) throw GAVE_UP;
        this.skipLine();
        const inner = this.peekIndent();
        this.end = keyEnd;
        valueStart = keyEnd;
        if (inner > indent) {
          this.at += inner;
          valueStart = this.at;
          map[key] = this.block(inner);
        } else if (inner === indent && this.text.charCodeAt(this.at + inner) === DASH) {
          this.at += inner;
          if (!this.isDash()) throw GAVE_UP;
          valueStart = this.at;
          map[key] = this.block(inner);
        } else map[key] = null;
      } else {
        map[key] = this.inline(indent);
        this.noContinuation(indent);
      }
      places?.set(key, [keyStart, keyEnd, valueStart, this.end]);
      const next = this.peekIndent();
      if (next < indent) return map;
      if (next > indent) throw GAVE_UP;
      this.at += next;
      if (this.isDash()) throw GAVE_UP;
    }
  }

  private blockSequence(indent: number): unknown {
    const items: unknown[] = [];
    const places = this.spans && new Map<number, readonly [number, number, number, number]>();
    if (places) this.spans.set(items, places);
    for (;;) {
      const dash = this.at;
      this.at += 2;
      while (this.code() === SPACE) this.at++;
      const code = this.code();
      if (code === FEED || code === HASH || code === -1) throw GAVE_UP;
      const start = this.at;
      const column = indent + (start - dash);
      if (this.isDash() || this.looksLikeKey()) items.push(this.block(column));
      else {
        items.push(this.inline(indent));
        this.noContinuation(indent);
      }
      places?.set(items.length - 1, [start, start, start, this.end]);
      const next = this.peekIndent();
      // A sequence may stand in the column of the key it belongs to; the mapping's next key ends it.
      if (next < indent) return items;
      if (next > indent) throw GAVE_UP;
      this.at += next;
      if (!this.isDash()) {
        this.at -= next;
        return items;
      }
    }
  }

  /** A deeper line after a finished value would be its continuation. */
  private noContinuation(indent: number): void {
    const end = this.end;
    this.finishLine();
    if (this.peekIndent() > indent) throw GAVE_UP;
    this.end = end;
  }

  /** Whether a mapping begins here, on this line: "key: ..." or "key:". */
  private looksLikeKey(): boolean {
    const code = this.code();
    if (code === OPEN_MAP || code === OPEN_LIST) return false;
    const start = this.at;
    if (code === DOUBLE || code === SINGLE) this.quoted();
    else this.plainUntil(false);
    const found = this.code() === COLON;
    this.at = start;
    return found;
  }

  private blockKey(): string {
    const code = this.code();
    let key: string;
    if (code === DOUBLE || code === SINGLE) key = this.quoted();
    else {
      const start = this.at;
      this.plainUntil(false);
      key = this.text.slice(start, this.at);
      // Keys that are not text (true, 1, null, <<) and odd spacing are left to the other reader.
      if (!/^[A-Za-z_][\w./-]*$/.test(key) || scalar(key) !== key) throw GAVE_UP;
    }
    this.end = this.at;
    if (this.code() !== COLON || key === "__proto__" || key.length > 200) throw GAVE_UP;
    return key;
  }

  /** A value on the line of its key or dash. */
  private inline(indent: number): unknown {
    const code = this.code();
    let value: unknown;
    if (code === OPEN_MAP || code === OPEN_LIST) value = this.flow(indent);
    else if (code === DOUBLE || code === SINGLE) value = this.quoted();
    else {
      const start = this.at;
      this.plainUntil(false);
      if (this.code() === COLON) throw GAVE_UP;
      value = scalar(this.text.slice(start, this.at));
    }
    this.end = this.at;
    return value;
  }

  /** Moves to the end of a plain scalar: before ": ", " #" or the line's end, and in a flow collection before its marks. */
  private plainUntil(inFlow: boolean): void {
    const { text } = this;
    const start = this.at;
    const first = this.code();
    if (first === DASH) {
      if (!/[\w.]/.test(text[start + 1] ?? "")) throw GAVE_UP;
    } else if (first === -1 || INDICATORS.has(first)) throw GAVE_UP;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === FEED) break;
      if (code === COLON) {
        const after = text.charCodeAt(at + 1);
        if (at + 1 >= text.length || after === SPACE || after === FEED) break;
        if (inFlow && isFlowMark(after)) throw GAVE_UP;
      } else if (code === HASH) {
        if (text.charCodeAt(at - 1) === SPACE) break;
      } else if (inFlow && isFlowMark(code)) break;
    }
    while (text.charCodeAt(at - 1) === SPACE && at > start) at--;
    if (at === start) throw GAVE_UP;
    this.at = at;
    // "key : value" is legal, and rare enough for the other reader.
    if (text.charCodeAt(at) === SPACE && /^ +:/.test(text.slice(at, at + 80))) throw GAVE_UP;
  }

  private quoted(): string {
    const start = this.at;
    const single = this.code() === SINGLE;
    const end = this.text.indexOf(single ? "'" : '"', start + 1);
    if (end < 0) throw GAVE_UP;
    const inner = this.text.slice(start + 1, end);
    if (inner.includes("\n") || (!single && inner.includes("\\")) || inner.length > 900) throw GAVE_UP;
    if (single && this.text[end + 1] === "'") throw GAVE_UP;
    this.at = end + 1;
    return inner;
  }

  private flow(indent: number): unknown {
    if (++this.depth > MOST_DEPTH) throw GAVE_UP;
    const value = this.code() === OPEN_MAP ? this.flowMapping(indent) : this.flowSequence(indent);
    this.depth--;
    return value;
  }

  private flowMapping(indent: number): unknown {
    const map: Record<string, unknown> = {};
    const places = this.spans && new Map<string, readonly [number, number, number, number]>();
    if (places) this.spans.set(map, places);
    this.at++;
    for (;;) {
      this.flowSpace(indent);
      if (this.code() === CLOSE_MAP) break;
      const keyStart = this.at;
      const key = this.flowKey();
      const keyEnd = this.at;
      if (Object.hasOwn(map, key) || this.code() !== COLON) throw GAVE_UP;
      this.at++;
      if (this.code() !== SPACE) throw GAVE_UP;
      while (this.code() === SPACE) this.at++;
      const valueStart = this.at;
      map[key] = this.flowValue(indent);
      places?.set(key, [keyStart, keyEnd, valueStart, this.at]);
      if (!this.flowComma(indent, CLOSE_MAP)) break;
    }
    this.at++;
    return map;
  }

  private flowSequence(indent: number): unknown {
    const items: unknown[] = [];
    const places = this.spans && new Map<number, readonly [number, number, number, number]>();
    if (places) this.spans.set(items, places);
    this.at++;
    for (;;) {
      this.flowSpace(indent);
      if (this.code() === CLOSE_LIST) break;
      const start = this.at;
      items.push(this.flowValue(indent));
      places?.set(items.length - 1, [start, start, start, this.at]);
      if (!this.flowComma(indent, CLOSE_LIST)) break;
    }
    this.at++;
    return items;
  }

  private flowKey(): string {
    const code = this.code();
    if (code === DOUBLE || code === SINGLE) {
      const key = this.quoted();
      if (key === "__proto__") throw GAVE_UP;
      return key;
    }
    const start = this.at;
    this.plainUntil(true);
    const key = this.text.slice(start, this.at);
    if (!/^[A-Za-z_][\w./-]*$/.test(key) || scalar(key) !== key || key === "__proto__") throw GAVE_UP;
    return key;
  }

  private flowValue(indent: number): unknown {
    const code = this.code();
    if (code === OPEN_MAP || code === OPEN_LIST) return this.flow(indent);
    if (code === DOUBLE || code === SINGLE) return this.quoted();
    const start = this.at;
    this.plainUntil(true);
    return scalar(this.text.slice(start, this.at));
  }

  /** After an entry: a comma (true) or the closing mark (false); anything else is not plain. */
  private flowComma(indent: number, close: number): boolean {
    this.flowSpace(indent);
    const code = this.code();
    if (code === COMMA) this.at++;
    else if (code !== close) throw GAVE_UP;
    return code === COMMA;
  }

  /** Spaces, line ends and comments between the parts of a flow collection. */
  private flowSpace(indent: number): void {
    const start = this.at;
    while (this.code() === SPACE) this.at++;
    const code = this.code();
    if (code === HASH && this.at === start) throw GAVE_UP;
    if (code !== FEED && code !== HASH) return;
    this.skipLine();
    const inner = this.peekIndent();
    if (inner <= indent) throw GAVE_UP;
    this.at += inner;
  }
}

const isFlowMark = (code: number): boolean =>
  code === COMMA || code === OPEN_LIST || code === CLOSE_LIST || code === OPEN_MAP || code === CLOSE_MAP;

/** The core schema of YAML 1.2 (section 10.3.2). */
function scalar(text: string): unknown {
  const first = text.charCodeAt(0);
  if ((first >= 0x30 && first <= 0x39) || first === 0x2b || first === DASH || first === 0x2e) {
    if (/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text)) return Number(text);
    if (/^(0o|0x|[-+]?\.(inf|nan)$)/i.test(text)) throw GAVE_UP;
    return text;
  }
  switch (text) {
    case "true":
    case "True":
    case "TRUE":
      return true;
    case "false":
    case "False":
    case "FALSE":
      return false;
    case "null":
    case "Null":
    case "NULL":
    case "~":
      return null;
    default:
      return text;
  }
}
