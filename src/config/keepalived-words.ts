// What keepalived's words are here: half of all operators come from there. A word may be one key here, or something
// that is written otherwise, or nothing; which of these depends on the place it stands at. Knows names alone: what
// values a key takes is said where they are read.

export type Meant = {
  /** A key of the places that are meant. */
  readonly beside: string;
  /** The key that it is here. */
  readonly here?: string;
  /** What to write where another key alone does not say it. */
  readonly remedy?: string;
};

const TOP = "nodes";
const INSTANCE = "router-id";
const SERVICE = "scheduler";
const SERVER = "weight";
const CHECK = "fall";
const HTTP = "status";

const key = (here: string, remedy?: string): readonly Meant[] => [
  { beside: here, here, ...(remedy === undefined ? {} : { remedy }) },
];
const at = (remedy: string, ...places: readonly string[]): readonly Meant[] =>
  places.map((beside) => ({ beside, remedy }));

const notify = (word: string, ...places: readonly string[]): readonly Meant[] =>
  at(`Write notify: { ${word}: /PATH/TO/PROGRAM }.`, ...places);
/** A checker, by its name here. */
const checker = (name: string, example: string): readonly Meant[] => [
  { beside: CHECK, here: name },
  ...at(`Write check: { ${name}: ${example} }.`, SERVICE, SERVER),
];
const timing = (word: string, example: string): readonly Meant[] => [
  { beside: CHECK, here: word },
  ...at(`It stands with the check: check: { tcp: {}, ${word}: ${example} }.`, SERVICE, SERVER),
];

const MAILS = "Who gets mails stands under `alerts`, at the top level of the file.";
const ANNOUNCE =
  "Write announce: { delay: 5s, repeat: 5, refresh: 60s, refresh-repeat: 1 }, as much of it as differs.";
const TRACKS =
  "Write `track: [NAME]`, and under `tracks` at the top level of the file what it is: NAME: { script: { command: /PATH } }, " +
  "{ process: NAME } or { file: /PATH }.";
const STATIC = "Write static: { addresses: […], routes: […], rules: […] }.";
const SYNC = "Write `sync: { interface: …, id: … }` at the top level of the file.";
const PLACES =
  "Its settings have places of their own: `log`, `alerts`, `sync`, `scripts`, `process`, and `defaults` for all instances. " +
  "Which director this is its host name says, under `nodes`.";
const PRIORITY =
  "Leave it out: every director begins as backup, and the one of the highest `priority` becomes master. Where " +
  "whoever is master is to stay it, write `preempt: false` on all directors.";

/** By the word in lower case, without underscores. */
export const KEEPALIVED_WORDS: ReadonlyMap<string, readonly Meant[]> = new Map(
  Object.entries({
    // The file.
    globaldefs: at(PLACES, TOP),
    vrrpinstance: key("vrrp"),
    vrrpsyncgroup: at("Write `group: NAME` in each instance of the group.", TOP),
    vrrpscript: at(TRACKS, TOP),
    vrrptrackprocess: at(TRACKS, TOP),
    vrrptrackfile: at(TRACKS, TOP),
    trackfile: [...at(TRACKS, TOP), { beside: "track", here: "track", remedy: TRACKS }],
    virtualserver: [
      { beside: "services", here: "services" },
      ...at("Write `address: ADDRESS:PORT`, or `fwmark: NUMBER`.", SERVICE),
    ],
    virtualservergroup: at(
      "A service has all of its addresses itself: `addresses`, `ports` and `fwmarks` in it.",
      TOP,
    ),
    staticipaddress: at(STATIC, TOP),
    staticroutes: at(STATIC, TOP),
    staticrules: at(STATIC, TOP),
    include: at(
      "A configuration is one file, the same on all directors. YAML's anchors (&NAME, *NAME) repeat parts of it.",
      TOP,
    ),
    routerid: [{ beside: INSTANCE, here: INSTANCE }, ...at(PLACES, TOP)],
    notificationemail: at(MAILS, TOP),
    notificationemailfrom: at(MAILS, TOP),
    smtpserver: at(MAILS, TOP),
    // Instances.
    state: at(PRIORITY, INSTANCE),
    virtualrouterid: key("router-id"),
    vrid: key("router-id"),
    advertint: key("advert-interval"),
    advertin: key("advert-interval"),
    vrrpversion: key("version"),
    virtualipaddress: key("addresses"),
    virtualipaddressexcluded: key("excluded-addresses"),
    virtualroutes: key("routes"),
    virtualrules: key("rules"),
    mcastsrcip: key("source-address"),
    unicastsrcip: key("source-address"),
    unicastpeer: key(
      "unicast",
      "Write `unicast: true` where the nodes have an `address`, or unicast: { peers: [ADDRESS, …] }.",
    ),
    nopreempt: key("preempt", "Write `preempt: false`, the same on all directors."),
    noaccept: key("accept", "Write `accept: false`."),
    strictmode: at("Leave it out: nothing is dropped unless an option says so.", INSTANCE),
    authentication: key("auth", 'Write auth: { password: "…" } with `version: 2`, or auth: { hmac: … }.'),
    authpass: key("password"),
    usevmac: key("virtual-mac"),
    vmacxmitbase: at("Write virtual-mac: { adverts: interface }.", "virtual-mac"),
    trackscript: key("track", TRACKS),
    trackprocess: key("track", TRACKS),
    trackinterface: key("track", "Write track: [{ interface: eth1 }]."),
    donttrackprimary: at("Leave it out: an instance whose interface is down is in fault.", INSTANCE),
    nativeipv6: at("Leave it out: the addresses say it.", INSTANCE),
    lvssyncdaemoninterface: at(SYNC, INSTANCE),
    lvssyncdaemon: at(SYNC, TOP),
    garpmasterdelay: at(ANNOUNCE, "announce"),
    garpmasterrepeat: at(ANNOUNCE, "announce"),
    garpmasterrefresh: at(ANNOUNCE, "announce"),
    garpmasterrefreshrepeat: at(ANNOUNCE, "announce"),
    notifymaster: notify("master", INSTANCE),
    notifymasterrxlowerpri: notify("master", INSTANCE),
    notifybackup: notify("backup", INSTANCE),
    notifyfault: notify("fault", INSTANCE),
    notifystop: notify("stop", INSTANCE),
    smtpalert: at(MAILS, INSTANCE, SERVICE, SERVER),
    interface: at(
      "Interfaces stand with the instance, where they have other names by node: interface: { lb1: eth0, lb2: ens3 }.",
      "priority",
    ),
    syncgroup: key("group"),
    // Services and servers.
    lbalgo: key("scheduler"),
    lvssched: key("scheduler"),
    lbkind: key("forwarding"),
    lvsmethod: key("forwarding"),
    persistencetimeout: key("persistence"),
    persistencegranularity: at("Write persistence: { timeout: 5m, prefix-length: 24 }.", "persistence"),
    persistenceengine: key("engine"),
    ops: key("one-packet"),
    ipfamily: key("family"),
    realserver: key("servers"),
    uthreshold: key("upper-threshold"),
    lthreshold: key("lower-threshold"),
    hasuspend: at("Write `check-when: master`.", "check-when"),
    alpha: at("Write `before-first-check: wait`.", "before-first-check"),
    omega: key("down-on-stop"),
    quorumup: notify("quorum-up", "quorum"),
    quorumdown: notify("quorum-down", "quorum"),
    notifyup: notify("up", SERVICE, SERVER),
    notifydown: notify("down", SERVICE, SERVER),
    // Checks.
    tcpcheck: checker("tcp", "{}"),
    httpget: checker("http", "{ path: /, status: 200 }"),
    sslget: checker("https", "{ path: /, status: 200 }"),
    misccheck: checker("script", "{ command: /PATH/TO/PROGRAM }"),
    smtpcheck: checker("smtp", "{}"),
    dnscheck: checker("dns", "{ name: example.org }"),
    udpcheck: checker("udp", "{}"),
    pingcheck: checker("ping", "{}"),
    filecheck: checker("file", "{ path: /PATH }"),
    delayloop: timing("every", "5s"),
    connecttimeout: timing("timeout", "3s"),
    misctimeout: timing("timeout", "3s"),
    retry: timing("fall", "3"),
    warmup: timing("warm-up", "10s"),
    delaybeforeretry: [
      { beside: CHECK, here: "every-failing" },
      ...at("It stands with the check: check: { tcp: {}, every-failing: 1s }.", SERVICE, SERVER),
    ],
    url: at("Write the page's `path`, `status` and `body` here; several pages are `pages`.", HTTP),
    statuscode: key("status"),
    virtualhost: [
      { beside: HTTP, here: "host" },
      ...at("It stands with the check: check: { http: { host: NAME } }.", SERVICE, SERVER),
    ],
    digest: at("Write body: { md5: … }.", "body"),
    connectip: key("address"),
    connectport: key("port"),
    bindto: key("source"),
    bindif: key("interface"),
    miscpath: key("command"),
    miscdynamic: key("dynamic"),
    heloname: key("helo"),
  } satisfies Readonly<Record<string, readonly Meant[]>>),
);

/** What `word`, in lower case and without underscores, is at a place where these keys are known. */
export const meantBy = (word: string, known: readonly string[]): Meant | undefined =>
  KEEPALIVED_WORDS.get(word)?.find(({ beside, here }) => known.includes(beside) && (here ?? beside) !== word);
