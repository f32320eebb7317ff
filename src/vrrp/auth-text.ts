// How adverts are authenticated, for people: everything but the secrets.

import { formatDuration } from "../core/units.js";
import type { InstanceConfig } from "./instance.js";

export function authText(auth: InstanceConfig["auth"]): string {
  if (auth === undefined) return "none";
  if (auth.kind === "password") return "password";
  const { keys, send, mode, antiReplay, window } = auth;
  const ids = keys.map(({ id }) => id).join(", ");
  const time = antiReplay === "time" ? `window ${formatDuration(window)}` : "monotonic";
  return `hmac ${mode}, ${keys.length === 1 ? "key" : "keys"} ${ids}, ${mode === "receive-only" ? "sends none" : `sends with ${send}`}, ${time}`;
}
