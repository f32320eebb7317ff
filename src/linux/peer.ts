// Who is at the other end of a unix socket, as the kernel says it: the user that the client ran as when it connected,
// and the one that somebody logged in as before he became that (`sudo` leaves it as it is; set by pam_loginuid).

import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Peer } from "../control/asker.js";
import { SO, SOL } from "./constants.js";
import { native } from "./native.js";
import { userName } from "./users.js";

/** What the kernel has of processes that nobody logged in for. */
const NOBODY = 0xffff_ffff;

/** Undefined: it cannot be told. */
export function peerOf(socket: Socket): Peer | undefined {
  // Node.js has no name for it, but has kept it in this place since there were pipes.
  const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  if (fd === undefined || fd < 0) return undefined;
  // struct ucred of <linux/socket.h>: pid, uid, gid.
  const credentials = new Uint32Array(3);
  const length = native.getsockopt(fd, SOL.SOCKET, SO.PEERCRED, new Uint8Array(credentials.buffer));
  const [pid, uid] = credentials;
  if (length !== credentials.byteLength || pid === undefined || uid === undefined) return undefined;
  return { user: userName(uid), login: loginOf(pid) };
}

/** A process that has ended, or of another user's namespace, has none that can be read. */
function loginOf(pid: number): string | undefined {
  try {
    const uid = Number(readFileSync(`/proc/${pid}/loginuid`, "utf8"));
    return uid === NOBODY ? undefined : userName(uid);
  } catch {
    return undefined;
  }
}
