// From `unicast` and `auth` as written to what an instance does: the peers of this node, the bytes of the keys.

import { familyOf, isUnicast, type Family, type IpAddress } from "../core/address.js";
import { asciiBytes, fromHex, toHex } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { milliseconds, minutes, seconds, type Milliseconds } from "../core/units.js";
import type { HmacAuth, HmacKey, InstanceConfig, UnicastConfig } from "../vrrp/instance.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import { FAMILY_NAMES } from "./resolve-family.js";
import type { FileConfig, FileInstance } from "./schema.js";

/** Reads a file that holds a secret; the error says what is wrong with it: "may be read by others (mode 0644)". */
export type ReadSecret = (path: string) => Result<string, string>;

type WrittenUnicast = Exclude<FileInstance["unicast"], boolean | undefined>;
type WrittenAuth = Exclude<FileInstance["auth"], "none" | undefined>;
type WrittenHmac = NonNullable<WrittenAuth["hmac"]>;

/** The director for which an instance is resolved, and what of it matters here. */
export type AdvertContext = {
  readonly node: string;
  readonly nodes: FileConfig["nodes"];
  /** Of the addresses of the instance. */
  readonly families: readonly Family[];
  readonly version: InstanceConfig["version"];
  readonly advertInterval: Milliseconds;
  /** From the file, not the interface's. */
  readonly sourceAddress?: IpAddress;
  readonly readSecret: ReadSecret;
  readonly report: Report;
};

/** Absent: multicast. With peers that are the nodes', adverts come from this node's address, or they would be refused. */
export function unicastOf(
  written: FileInstance["unicast"],
  path: Path,
  context: AdvertContext,
): Pick<InstanceConfig, "unicast" | "sourceAddress"> {
  if (written === undefined || written === false) return {};
  const {
    peers: listed,
    "check-source": checkSource = true,
    ttl,
  }: WrittenUnicast = written === true ? {} : written;
  const { min = 255, max = 255 } = ttl ?? {};
  if (min > max)
    context.report.error(
      [...path, "ttl"],
      "ttl",
      `min ${min} is more than max ${max}: nothing would be accepted`,
    );
  const peers = listed === undefined ? otherNodes(path, context) : listedPeers(listed, path, context);
  const own = context.nodes[context.node]?.address;
  const source = context.sourceAddress ?? (listed === undefined ? own : undefined);
  const unicast: UnicastConfig = { peers, checkSource, ttl: { min, max } };
  return { unicast, ...(source === undefined ? {} : { sourceAddress: source }) };
}

function otherNodes(path: Path, { nodes, node, families, report }: AdvertContext): IpAddress[] {
  const names = Object.keys(nodes);
  if (names.length < 2 && !report.lacksNames(["nodes"]))
    report.error(
      path,
      "no-peers",
      "unicast without peers: nobody would hear this director",
      "Name them: { peers: [ADDRESS] }.",
    );
  for (const name of names) {
    const { address } = nodes[name]!;
    const missing = families.find((family) => address === undefined || familyOf(address) !== family);
    if (missing !== undefined)
      report.error(
        path,
        "no-peers",
        `unicast without peers takes the addresses of the nodes, and "${name}" has no ${FAMILY_NAMES[missing]} address`,
        `Set nodes.${name}.address to where it sends from, or name the peers: { peers: [ADDRESS, …] }.`,
      );
  }
  return names.flatMap((name) => (name === node ? [] : (nodes[name]?.address ?? [])));
}

function listedPeers(listed: readonly IpAddress[], path: Path, context: AdvertContext): IpAddress[] {
  const { nodes, node, families, sourceAddress, report } = context;
  const own = [nodes[node]?.address, sourceAddress];
  const peers = new Set<IpAddress>();
  for (const [i, peer] of listed.entries()) {
    const at = [...path, "peers", i];
    if (!families.includes(familyOf(peer)))
      report.error(
        at,
        "family",
        `${peer} is an ${FAMILY_NAMES[familyOf(peer)]} address, and the virtual addresses are not`,
      );
    else if (!isUnicast(peer)) report.error(at, "not-unicast", `${peer} is not the address of one host`);
    if (!own.includes(peer)) peers.add(peer);
  }
  if (peers.size === 0 && !report.isBroken([...path, "peers"]))
    report.error(
      [...path, "peers"],
      "no-peers",
      `the only peer is "${node}" itself: nobody would hear this director`,
      "Name the addresses of all directors.",
    );
  const deaf = families.find((family) => ![...peers].some((peer) => familyOf(peer) === family));
  if (families.length > 1 && peers.size > 0 && deaf !== undefined && !report.isBroken([...path, "peers"]))
    report.error(
      [...path, "peers"],
      "no-peers",
      `no other director is named by an ${FAMILY_NAMES[deaf]} address: nobody would hear those adverts`,
      "Name each director by an address of both families.",
    );
  return [...peers];
}

/** Absent: none. */
export function authOf(
  written: FileInstance["auth"],
  path: Path,
  context: AdvertContext,
): Pick<InstanceConfig, "auth"> {
  if (written === undefined || written === "none") return {};
  const { password, hmac } = written;
  if (password === undefined)
    return hmac === undefined ? {} : { auth: hmacOf(hmac, [...path, "hmac"], context) };
  const at = [...path, "password"];
  if (context.version === 3)
    context.report.error(
      at,
      "password-version",
      "VRRP version 3 has no passwords",
      "Use `hmac`, or `version: 2` on every director of this virtual router. keepalived ignores auth_pass in version 3.",
    );
  if (password === "1111")
    context.report.warning(
      at,
      "default-password",
      "this is the password of every example",
      "Another router on the link may use it with the same router-id: choose one.",
    );
  return { auth: { kind: "password", password } };
}

function hmacOf(written: WrittenHmac, path: Path, context: AdvertContext): HmacAuth {
  const { report, advertInterval } = context;
  const keys = written.keys.flatMap((one, i) => keyOf(one, [...path, "keys", i], context));
  for (const [i, { id }] of written.keys.entries())
    if (written.keys.findIndex((other) => other.id === id) !== i)
      report.error([...path, "keys", i, "id"], "key-twice", `there is another key ${id} in this list`);
  const send = written.send ?? written.keys[0]!.id;
  if (!written.keys.some(({ id }) => id === send) && !report.isBroken([...path, "keys"]))
    report.error(
      [...path, "send"],
      "unknown-key-id",
      `there is no key ${send}`,
      `The keys are: ${written.keys.map(({ id }) => id).join(", ")}.`,
    );
  const usual = Math.min(Math.max(3 * advertInterval, seconds(5)), minutes(5));
  return {
    kind: "hmac",
    keys,
    send,
    mode: written.mode ?? "enforce",
    antiReplay: written["anti-replay"] ?? "time",
    window: written.window ?? milliseconds(usual),
  };
}

function keyOf(
  written: WrittenHmac["keys"][number],
  path: Path,
  { readSecret, report }: AdvertContext,
): HmacKey[] {
  const file = written["key-file"];
  const read = file === undefined ? ok(written.key ?? "") : readSecret(file);
  const bytes = read.ok ? keyBytes(read.value) : read;
  if (bytes.ok) return [{ id: written.id, hex: toHex(bytes.value) }];
  const at = [...path, file === undefined ? "key" : "key-file"];
  report.error(at, "key", file === undefined ? bytes.error : `${file} ${bytes.error}`, KEY_HINT);
  return [];
}

const KEY_HINT =
  'Make one with: (umask 077; echo "hex:$(openssl rand -hex 32)" > /etc/vipd/vrrp.key), and copy it to every director.';
const SHORTEST_KEY = 32;
const LONGEST_KEY = 64;

/** The error never repeats the key. */
function keyBytes(text: string): Result<Uint8Array, string> {
  const digits = /^hex:(.*)$/s.exec(text)?.[1];
  if (digits !== undefined && !/^([0-9a-f]{2})+$/i.test(digits))
    return err("holds something else than pairs of hexadecimal digits behind `hex:`");
  if (digits === undefined && !/^[\x20-\x7e]*$/.test(text)) return err("holds characters that are not ASCII");
  const bytes = digits === undefined ? asciiBytes(text) : fromHex(digits);
  return bytes.length >= SHORTEST_KEY && bytes.length <= LONGEST_KEY
    ? ok(bytes)
    : err(`holds a key of ${bytes.length} bytes, not of ${SHORTEST_KEY} to ${LONGEST_KEY}`);
}
