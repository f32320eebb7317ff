// The simple password of VRRPv2 (RFC 2338 section 5.3.6.1): 8 bytes in clear at the end of every advert. RFC 3768 has
// dropped it, and keepalived's users have not.

import { asciiBytes } from "../core/bytes.js";
import type { PasswordAuth } from "./instance.js";
import { V2_AUTH_LENGTH, type Authentication } from "./packet.js";

const NONE = 0;
const PASSWORD = 1;
const HEADER = 2;

/** The bytes of a password of at most 8 ASCII characters, zeros behind it. */
export function passwordBytes(password: string): Uint8Array {
  const bytes = new Uint8Array(V2_AUTH_LENGTH);
  bytes.set(asciiBytes(password));
  return bytes;
}

/** What is wrong with the authentication of a version 2 advert; a password is never repeated. */
export function passwordProblem(
  wanted: PasswordAuth | undefined,
  { type, data }: Authentication,
): (() => string) | undefined {
  if (wanted === undefined) return type === NONE ? undefined : unwantedText(type);
  if (type !== PASSWORD) return otherText(type);
  // As `passwordBytes` makes them, but one by one.
  const { password } = wanted;
  let different = 0;
  for (let i = 0; i < V2_AUTH_LENGTH; i++)
    different |= (i < password.length ? password.charCodeAt(i) : 0) ^ data[i]!;
  return different === 0 ? undefined : anotherText;
}

const unwantedText = (type: number) => (): string =>
  `authentication type ${type} (${nameOf(type)}), and we have none`;
const otherText = (type: number) => (): string =>
  `authentication type ${type} (${nameOf(type)}), not 1 (password)`;
const anotherText = (): string => "another password than ours";

function nameOf(type: number): string {
  if (type === NONE) return "none";
  if (type === PASSWORD) return "password";
  return type === HEADER ? "AH, obsolete since RFC 3768" : "unknown";
}
