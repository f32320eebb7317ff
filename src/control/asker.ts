// Who asks for something over the control socket, in words that go into the log and the status: what the kernel says
// of him counts, and what he says of himself stands beside it. Only root may ask, and root may say anything.

export type Peer = {
  /** Whom the client runs as. */
  readonly user: string;
  /** Whom somebody logged in as who has become that since; undefined: nobody did, or it is not known. */
  readonly login: string | undefined;
};

/** "root", "alice as root", "root (says alice)". `said`: by the client, from its environment. */
export function askerName(peer: Peer | undefined, said: string): string {
  if (peer === undefined) return `unknown (says ${said})`;
  const { user, login } = peer;
  const proven = login === undefined || login === user ? user : `${login} as ${user}`;
  return said === user || said === login ? proven : `${proven} (says ${said})`;
}
