// Which known word a misspelt one was probably meant to be. Distance is Damerau-Levenshtein with adjacent
// swaps (optimal string alignment), because swapped letters are the commonest slip of all.

/** The nearest of `words`, when it is near enough to be worth saying. */
export function didYouMean(word: string, words: readonly string[]): string | undefined {
  const given = plain(word);
  let best: { word: string; distance: number } | undefined;
  for (const candidate of words) {
    const known = plain(candidate);
    const limit = Math.max(1, Math.floor(Math.max(given.length, known.length) / 3));
    if (Math.abs(given.length - known.length) > limit) continue;
    const distance = given === known ? 0 : editDistance(given, known);
    if (distance <= limit && (best === undefined || distance < best.distance))
      best = { word: candidate, distance };
  }
  return best?.word;
}

/** What keepalived calls it: half of all operators come from there. */
const KEEPALIVED: Readonly<Record<string, string>> = {
  virtualrouterid: "router-id",
  vrid: "router-id",
  advertint: "advert-interval",
  virtualipaddress: "addresses",
  mcastsrcip: "source-address",
  nopreempt: "preempt",
  advertin: "advert-interval",
  noaccept: "accept",
  authentication: "auth",
  authpass: "password",
  unicastpeer: "unicast",
  unicastsrcip: "source-address",
  usevmac: "virtual-mac",
  virtualipaddressexcluded: "excluded-addresses",
  virtualroutes: "routes",
  virtualrules: "rules",
  trackscript: "track",
  trackinterface: "track",
  trackprocess: "track",
  trackfile: "track",
  vrrpversion: "version",
  lbalgo: "scheduler",
  lvssched: "scheduler",
  lbkind: "forwarding",
  lvsmethod: "forwarding",
  persistencetimeout: "persistence",
  realserver: "servers",
  delayloop: "every",
  connecttimeout: "timeout",
  retry: "fall",
};

/** For a key: the nearest of the known ones, or what keepalived's word is here. */
export function suggestKey(key: string, known: readonly string[]): string | undefined {
  const here = KEEPALIVED[plain(key)];
  return here !== undefined && known.includes(here) ? here : didYouMean(key, known);
}

/** What to write where another key alone does not say it. `beside`: a key of the places that are meant. */
const REMEDIES: Readonly<Record<string, { readonly beside: string; readonly remedy: string }>> = {
  state: {
    beside: "router-id",
    remedy:
      "Leave it out: every director begins as backup, and the one of the highest `priority` becomes master. Where " +
      "whoever is master is to stay it, write `preempt: false` on all directors.",
  },
  nopreempt: { beside: "preempt", remedy: "Write `preempt: false`, the same on all directors." },
  noaccept: { beside: "accept", remedy: "Write `accept: false`." },
  strictmode: { beside: "router-id", remedy: "Leave it out: nothing is dropped unless an option says so." },
  unicastpeer: {
    beside: "unicast",
    remedy: "Write `unicast: true` where the nodes have an `address`, or unicast: { peers: [ADDRESS, …] }.",
  },
  authentication: {
    beside: "auth",
    remedy: 'Write auth: { password: "…" } with `version: 2`, or auth: { hmac: … }.',
  },
  interface: {
    beside: "priority",
    remedy:
      "Interfaces stand with the instance, where they have other names by node: interface: { lb1: eth0, lb2: ens3 }.",
  },
};

/** What to do instead of writing `key` at a place where these keys are known. */
export function keyRemedy(key: string, known: readonly string[]): string | undefined {
  const word = plain(key);
  const found = Object.hasOwn(REMEDIES, word) ? REMEDIES[word] : undefined;
  return found !== undefined && known.includes(found.beside) ? found.remedy : undefined;
}

/** Upper case, underscores and missing hyphens are no difference: "routerId" means "router-id". */
const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, "").slice(0, 60);

export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => cost[i * width + j] as number;
  for (let i = 0; i <= a.length; i++) cost[i * width] = i;
  for (let j = 0; j <= b.length; j++) cost[j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1);
      cost[i * width + j] = least;
    }
  return at(a.length, b.length);
}
