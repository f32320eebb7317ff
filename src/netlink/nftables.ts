// Messages of nf_tables (linux/netfilter/nf_tables.h) for one table of ours: two sets of addresses, and a chain that
// drops what is sent to them. Everything between BEGIN and END of a batch happens together or not at all.

import { familyOf, ipBytes, type Family, type IpAddress } from "../core/address.js";
import type { Writer } from "../core/bytes.js";
import { attributes, binary, cstring, nested } from "./attribute.js";
import { CREATE, payloadOf, type Message, type Request } from "./message.js";
import { data, expression, listOf, rulesFor, u32 } from "./nftables-rules.js";

/** The name of our table, family inet; by it what a crash left behind is known. */
const TABLE = "vipd";
const CHAIN = "not-accepted";
const SETS: Record<Family, string> = { ipv4: "addresses4", ipv6: "addresses6" };

/** NFNL_SUBSYS_NFTABLES in the upper byte of a type, NFT_MSG_* in the lower one. */
const SUBSYSTEM = 10;
const NEW_TABLE = 0;
const DELETE_TABLE = 2;
const NEW_CHAIN = 3;
const GET_CHAIN = 4;
const NEW_RULE = 6;
const DELETE_RULE = 8;
const NEW_SET = 9;
const NEW_ELEMENTS = 12;
const DELETE_ELEMENTS = 14;
const NEW_GENERATION = 15;
/** NFNL_MSG_BATCH_*. */
const BEGIN = 0x10;
const END = 0x11;
/** The event group that hears of every change of the rules (NFNLGRP_NFTABLES), as a mask. */
export const NFTABLES_GROUPS = 1 << 6;

/** NFPROTO_*. */
const INET = 1;
/** NF_INET_LOCAL_IN. */
const LOCAL_IN = 1;
/**
 * Behind IPVS, which takes the packets of its services at 98 and 99 (NF_IP_PRI_NAT_SRC - 2 and - 1): those never come
 * here.
 */
const PRIORITY = 110;
const KEY_LENGTH: Record<Family, number> = { ipv4: 4, ipv6: 16 };
/** Types of set keys as nft(8) numbers them, for its listing. */
const KEY_TYPE: Record<Family, number> = { ipv4: 7, ipv6: 8 };
/** An attribute takes 64 KiB. */
const ELEMENTS_IN_A_MESSAGE = 1000;

const tableAttributes = attributes({ name: [1, cstring] });
const hook = attributes({ number: [1, u32], priority: [2, u32] });
const chainAttributes = attributes({
  table: [1, cstring],
  handle: [2, binary],
  name: [3, cstring],
  hook: [4, nested(hook)],
  rules: [6, u32],
  type: [7, cstring],
});
const setAttributes = attributes({
  table: [1, cstring],
  name: [2, cstring],
  flags: [3, u32],
  keyType: [4, u32],
  keyLength: [5, u32],
  id: [10, u32],
});
const element = attributes({ key: [1, nested(data)] });
const elementsAttributes = attributes({
  table: [1, cstring],
  set: [2, cstring],
  elements: [3, listOf(element)],
});
const ruleAttributes = attributes({
  table: [1, cstring],
  chain: [2, cstring],
  list: [4, listOf(expression)],
});

const RULES = rulesFor(SETS);

/** The table, its sets, its chain and its rules, as if nothing had been there; `emptied`: without the old elements. */
export function tableRequests(emptied: boolean): readonly Request[] {
  const families = Object.keys(SETS) as Family[];
  return [
    request(NEW_TABLE, CREATE, (out) => tableAttributes.write(out, { name: TABLE })),
    ...families.map((family, i) => setRequest(family, i + 1)),
    ...(emptied ? families.map((family) => elementsRequest(DELETE_ELEMENTS, family, undefined)) : []),
    request(NEW_CHAIN, CREATE, (out) =>
      chainAttributes.write(out, {
        table: TABLE,
        name: CHAIN,
        hook: { number: LOCAL_IN, priority: PRIORITY },
        type: "filter",
      }),
    ),
    request(DELETE_RULE, 0, (out) => ruleAttributes.write(out, { table: TABLE, chain: CHAIN })),
    ...RULES.map((list) =>
      request(NEW_RULE, CREATE | APPEND, (out) =>
        ruleAttributes.write(out, { table: TABLE, chain: CHAIN, list }),
      ),
    ),
  ];
}

/** NLM_F_APPEND. */
const APPEND = 0x800;

export const removeTableRequest = (): Request =>
  request(DELETE_TABLE, 0, (out) => tableAttributes.write(out, { name: TABLE }));

export const addElements = (addresses: readonly IpAddress[]): readonly Request[] =>
  elementsOf(NEW_ELEMENTS, addresses);
/** One that is not there makes the kernel refuse the whole batch. */
export const removeElements = (addresses: readonly IpAddress[]): readonly Request[] =>
  elementsOf(DELETE_ELEMENTS, addresses);

export const batchOf = (requests: readonly Request[]): readonly Request[] => [
  { type: BEGIN, flags: 0, body: (out) => void writeHeader(out, 0, SUBSYSTEM) },
  ...requests,
  { type: END, flags: 0, body: (out) => void writeHeader(out, 0, SUBSYSTEM) },
];

/** Asks for our chain. */
export const chainRequest = (): Request =>
  request(GET_CHAIN, 0, (out) => chainAttributes.write(out, { table: TABLE, name: CHAIN }));

/** Whether the chain still has all our rules. */
export function isWhole(message: Message): boolean {
  const input = payloadOf(message);
  input.skip("header of nfnetlink", HEADER_LENGTH);
  return chainAttributes.read(input, input.remaining).rules === RULES.length;
}

/** The end of somebody's change of the rules. */
export const isChange = ({ type }: Message): boolean => type === typeOf(NEW_GENERATION);

function elementsOf(type: number, addresses: readonly IpAddress[]): readonly Request[] {
  const requests: Request[] = [];
  for (const family of Object.keys(SETS) as Family[]) {
    const some = addresses.filter((address) => familyOf(address) === family);
    for (let i = 0; i < some.length; i += ELEMENTS_IN_A_MESSAGE)
      requests.push(elementsRequest(type, family, some.slice(i, i + ELEMENTS_IN_A_MESSAGE)));
  }
  return requests;
}

/** Without addresses: all that are there. */
const elementsRequest = (
  type: number,
  family: Family,
  addresses: readonly IpAddress[] | undefined,
): Request =>
  request(type, type === NEW_ELEMENTS ? CREATE : 0, (out) =>
    elementsAttributes.write(out, {
      table: TABLE,
      set: SETS[family],
      ...(addresses && { elements: addresses.map((address) => ({ key: { value: ipBytes(address) } })) }),
    }),
  );

const setRequest = (family: Family, id: number): Request =>
  request(NEW_SET, CREATE, (out) =>
    setAttributes.write(out, {
      table: TABLE,
      name: SETS[family],
      flags: 0,
      keyType: KEY_TYPE[family],
      keyLength: KEY_LENGTH[family],
      id,
    }),
  );

const typeOf = (message: number): number => (SUBSYSTEM << 8) | message;

const request = (type: number, flags: number, body: (out: Writer) => void): Request => ({
  type: typeOf(type),
  flags,
  body(out) {
    writeHeader(out, INET, 0);
    body(out);
  },
});

/** struct nfgenmsg: family, version, a number of the subsystem in network order. */
const HEADER_LENGTH = 4;
const writeHeader = (out: Writer, family: number, resource: number): Writer =>
  out.u8(family).u8(0).u16be(resource);
