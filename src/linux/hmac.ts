// HMAC-SHA256 by node's OpenSSL. The module is large and slow to load, and most directors never need it.

import { createRequire } from "node:module";
import type * as Crypto from "node:crypto";
import type { HmacSha256 } from "../vrrp/hmac.js";

let crypto: typeof Crypto | undefined;

export const hmacSha256: HmacSha256 = (key, bytes) => {
  crypto ??= createRequire(import.meta.url)("node:crypto") as typeof Crypto;
  return crypto.createHmac("sha256", key).update(bytes).digest();
};
