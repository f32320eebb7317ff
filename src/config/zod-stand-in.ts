// What quick.ts asks of zod, and nothing else of it: the bundle that reads configurations quickly has this in zod's
// place (tools/bundle.mjs), because zod takes longer to load than a large file takes to read. Schemas keep how they
// are put together and what else must be true; words, documentation and parsing are zod's alone.

type Payload = { readonly value: unknown; readonly issues: unknown[] };
type Check = { readonly _zod: { readonly check: (payload: Payload) => void } };
type Def = { readonly checks?: readonly Check[]; readonly [key: string]: unknown };

const checkOf = (isWrong: (value: unknown) => boolean): Check => ({
  _zod: {
    check({ value, issues }) {
      if (isWrong(value)) issues.push(WRONG);
    },
  },
});
const WRONG = "wrong";

class Schema {
  def: Def = {};

  optional(): Schema {
    return new ZodOptional(this);
  }
  prefault(defaultValue: unknown): Schema {
    return new ZodPrefault(this, defaultValue);
  }
  describe(): this {
    return this;
  }
  meta(): this {
    return this;
  }
  superRefine(refine: (value: unknown, context: { addIssue: (issue: unknown) => void }) => void): this {
    return this.with({
      _zod: {
        check: ({ value, issues }) => refine(value, { addIssue: (issue) => void issues.push(issue) }),
      },
    });
  }
  refine(isRight: (value: unknown) => boolean): this {
    return this.with(checkOf((value) => !isRight(value)));
  }
  transform(transform: unknown): Schema {
    return new ZodPipe(new ZodTransform(transform));
  }
  safeParse(): never {
    throw new Error("a kind of schema that is not read quickly");
  }

  protected with(check: Check): this {
    const copy = Object.assign(Object.create(Object.getPrototypeOf(this) as object), this) as this;
    copy.def = { ...this.def, checks: [...(this.def.checks ?? []), check] };
    return copy;
  }
}

class Wrapper extends Schema {
  private readonly inner: Schema;
  constructor(inner: Schema) {
    super();
    this.inner = inner;
  }
  unwrap(): Schema {
    return this.inner;
  }
}
class ZodOptional extends Wrapper {}
class ZodDefault extends Wrapper {}
class ZodPrefault extends Wrapper {
  constructor(inner: Schema, defaultValue: unknown) {
    super(inner);
    this.def = { defaultValue };
  }
}
class ZodUnion extends Schema {
  readonly options: readonly Schema[];
  constructor(options: readonly Schema[]) {
    super();
    this.options = options;
  }
}
class ZodArray extends Schema {
  readonly element: Schema;
  constructor(element: Schema) {
    super();
    this.element = element;
  }
  min(least: number): this {
    return this.with(checkOf((value) => (value as unknown[]).length < least));
  }
  max(most: number): this {
    return this.with(checkOf((value) => (value as unknown[]).length > most));
  }
}
class ZodRecord extends Schema {
  readonly keyType: Schema;
  readonly valueType: Schema;
  constructor(keyType: Schema, valueType: Schema) {
    super();
    this.keyType = keyType;
    this.valueType = valueType;
  }
}
class ZodNever extends Schema {}
class ZodObject extends Schema {
  readonly shape: Readonly<Record<string, Schema>>;
  constructor(shape: Readonly<Record<string, Schema>>) {
    super();
    this.shape = shape;
    this.def = { catchall: new ZodNever() };
  }
}
class ZodTransform extends Schema {
  constructor(transform: unknown) {
    super();
    this.def = { transform };
  }
}
class ZodPipe extends Schema {
  readonly out: Schema;
  constructor(out: Schema) {
    super();
    this.out = out;
  }
}

export const z = {
  ...{
    ZodOptional,
    ZodDefault,
    ZodPrefault,
    ZodUnion,
    ZodArray,
    ZodRecord,
    ZodNever,
    ZodObject,
    ZodTransform,
    ZodPipe,
  },
  NEVER: undefined,
  unknown: () => new Schema(),
  union: (options: readonly Schema[]) => new ZodUnion(options),
  array: (element: Schema) => new ZodArray(element),
  record: (key: Schema, value: Schema) => new ZodRecord(key, value),
  strictObject: (shape: Readonly<Record<string, Schema>>) => new ZodObject(shape),
};
