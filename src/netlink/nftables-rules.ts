// The rules of our chain in nf_tables, as the kernel takes them: lists of expressions, each a name and attributes of its
// own. A packet that no expression of a rule turns away comes to its verdict.
//
//   ip6: neighbour solicitation or advertisement -> accept
//   ip:  destination in the set -> drop
//   ip6: destination in the set -> drop

import type { Family } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import {
  attributes,
  binary,
  cstring,
  nested,
  type AttributeTable,
  type Codec,
  type Spec,
  type Values,
} from "./attribute.js";

/** Network byte order, as all numbers of nf_tables. */
export const u32: Codec<number> = {
  minimum: 4,
  write: (out, value) => void out.u32be(value),
  read: (input) => input.u32be("u32"),
};

/** Attributes of type 1 (NFTA_LIST_ELEM), as many as there are. */
export function listOf<S extends Spec>(table: AttributeTable<S>): Codec<readonly Values<S>[]> {
  const one = attributes({ item: [1, nested(table)] });
  return {
    minimum: 0,
    nested: true,
    write: (out, values) => {
      for (const item of values) one.write(out, { item });
    },
    read: () => [],
  };
}

const verdict = attributes({ code: [1, u32] });
export const data = attributes({ value: [1, binary], verdict: [2, nested(verdict)] });
export const expression = attributes({ name: [1, cstring], body: [2, binary] });
const metaAttributes = attributes({ register: [1, u32], key: [2, u32] });
const compareAttributes = attributes({ register: [1, u32], operator: [2, u32], data: [3, nested(data)] });
const payloadAttributes = attributes({
  register: [1, u32],
  base: [2, u32],
  offset: [3, u32],
  length: [4, u32],
});
const lookupAttributes = attributes({ set: [1, cstring], register: [2, u32] });
const immediateAttributes = attributes({ register: [1, u32], data: [2, nested(data)] });

type Expression = { readonly name: string; readonly body: Uint8Array };

/** NFT_REG_VERDICT, NFT_REG_1. */
const VERDICT = 0;
const REGISTER = 1;
/** NF_DROP, NF_ACCEPT. */
const DROP = 0;
const ACCEPT = 1;
/** NFT_META_*. */
const FAMILY = 15;
const PROTOCOL = 16;
/** NFT_CMP_*. */
const EQUAL = 0;
const AT_MOST = 3;
const AT_LEAST = 5;
/** NFT_PAYLOAD_*_HEADER. */
const NETWORK = 1;
const TRANSPORT = 2;
/** NFPROTO_*. */
const FAMILIES: Record<Family, number> = { ipv4: 2, ipv6: 10 };
/** Where the destination stands in the IP header. */
const DESTINATION = { ipv4: { offset: 16, length: 4 }, ipv6: { offset: 24, length: 16 } } as const;
const ICMP6 = 58;
/** Neighbour solicitation and advertisement (RFC 4861). */
const ND_TYPES = { from: 135, to: 136 } as const;

/** `sets`: the names of the sets that hold the addresses. */
export const rulesFor = (sets: Record<Family, string>): readonly (readonly Expression[])[] => [
  [
    ...ofFamily("ipv6"),
    meta(PROTOCOL),
    compare(EQUAL, ICMP6),
    payload(TRANSPORT, 0, 1),
    compare(AT_LEAST, ND_TYPES.from),
    compare(AT_MOST, ND_TYPES.to),
    judge(ACCEPT),
  ],
  ...(["ipv4", "ipv6"] as const).map((family) => {
    const { offset, length } = DESTINATION[family];
    return [...ofFamily(family), payload(NETWORK, offset, length), lookup(sets[family]), judge(DROP)];
  }),
];

const ofFamily = (family: Family): readonly Expression[] => [meta(FAMILY), compare(EQUAL, FAMILIES[family])];

const meta = (key: number): Expression => written("meta", metaAttributes, { register: REGISTER, key });
const compare = (operator: number, value: number): Expression =>
  written("cmp", compareAttributes, { register: REGISTER, operator, data: { value: Uint8Array.of(value) } });
const payload = (base: number, offset: number, length: number): Expression =>
  written("payload", payloadAttributes, { register: REGISTER, base, offset, length });
const lookup = (set: string): Expression => written("lookup", lookupAttributes, { set, register: REGISTER });
const judge = (code: number): Expression =>
  written("immediate", immediateAttributes, { register: VERDICT, data: { verdict: { code } } });

function written<S extends Spec>(name: string, table: AttributeTable<S>, values: Values<S>): Expression {
  const out = new Writer();
  table.write(out, values);
  return { name, body: out.finish() };
}
