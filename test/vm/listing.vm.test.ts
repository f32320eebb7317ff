// `vipd ipvs` and the figures of `vipd plan` on a real kernel, beside the real ipvsadm: the same lines, with
// connections through the table and without; what is saved is restored; what a plan says of connections comes true.

import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { runCommandLine } from "../../src/cli/command-line.js";
import { seconds } from "../../src/core/units.js";
import { native } from "../../src/linux/native.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

type Said = { readonly code: number; readonly out: string; readonly err: string };

/** The command as a person on the host would run it, without a process of its own: those are slow in the VM. */
async function vipd(host: Host, ...args: readonly string[]): Promise<Said> {
  const home = openSync("/proc/self/ns/net", "r");
  assert.equal(native.setNetns(`/run/netns/${host.namespace}`), 0);
  const said = { out: "", err: "" };
  try {
    const code = await runCommandLine(args, {
      out: (text) => (said.out += text),
      err: (text) => (said.err += text),
    });
    return { code, ...said };
  } finally {
    assert.equal(native.setNetns(`/proc/self/fd/${String(home)}`), 0);
    closeSync(home);
  }
}

/** What moves between two looks (rates, timers) is compared until it stands still for both. */
async function same(host: Host, ours: readonly string[], theirs: readonly string[]): Promise<string> {
  let last: readonly [string, string] = ["", ""];
  await until(`${ours.join(" ")} as ipvsadm ${theirs.join(" ")}`, seconds(20), async () => {
    const { code, out, err } = await vipd(host, "ipvs", ...ours);
    assert.deepEqual([code, err], [0, ""]);
    last = [timeless(out), timeless(host.run("ipvsadm", ...theirs))];
    return last[0] === last[1];
  }).catch(() => assert.equal(last[0], last[1]));
  return last[0];
}

/** The two looks at a connection are some seconds apart. */
const timeless = (text: string): string => text.replaceAll(/^([A-Z]+) +\d\d:\d\d /gm, "$1 mm:ss ");

const EVERYTHING = [
  "-A -t 10.0.0.1:0 -s rr -p 360",
  "-a -t 10.0.0.1:0 -r 10.0.0.2:0 -m -w 1",
  "-A -t 10.0.0.1:25 -s sh -p 60 -M 255.255.255.0 -b sh-fallback,sh-port",
  "-A -t 10.0.0.1:26 -s mh -b mh-fallback,mh-port",
  "-A -t 10.0.0.1:27 -s mh -b mh-port",
  "-A -t 10.0.0.1:28 -s rr -b flag-3",
  "-A -t 10.0.0.1:29 -s rr -p 1 -M 255.0.255.0",
  "-A -t 10.0.0.1:32 -s rr -p 2678400 -M 0.0.0.0",
  "-A -t 10.0.0.1:80 -s wlc",
  "-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 2147483647 -x 2147483647 -y 50",
  "-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 0",
  "-a -t 10.0.0.1:80 -r 10.0.0.12:80 -i -w 1 --tun-type ipip",
  "-A -t 10.0.0.1:81 -s wlc",
  "-a -t 10.0.0.1:81 -r 10.0.0.5:81 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
  "-a -t 10.0.0.1:81 -r 10.0.0.6:81 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
  "-a -t 10.0.0.1:81 -r 10.0.0.7:81 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
  "-a -t 10.0.0.1:81 -r 10.0.0.8:81 -i -w 1 --tun-type gre --tun-csum",
  "-a -t 10.0.0.1:81 -r 10.0.0.9:81 -i -w 1 --tun-type gre --tun-nocsum",
  "-A -t 10.0.0.1:84 -s rr",
  "-a -t 10.0.0.1:84 -r 127.0.0.1:84 -g -w 1",
  "-A -u 10.0.0.1:53 -s rr -o",
  "-A --sctp-service 10.0.0.1:99 -s lc",
  "-A -t [fd00::1]:80 -s rr -p 100 -M 64",
  "-a -t [fd00::1]:80 -r [fd00::2]:80 -m -w 1",
  "-A -f 7 -s wrr",
  "-a -f 7 -r 10.0.0.9:0 -g -w 1",
  "-A -f 9 -6 -s wrr -p 360",
];

test("what is restored is what ipvsadm restores, what is saved is what ipvsadm saves, and nothing twice", async () => {
  const lab = new Lab();
  try {
    const [ours, theirs] = lab.hosts("ours", "theirs");
    const file = lab.file("table", `# saved\n${EVERYTHING.join("\n")}\n`);
    const restore = await vipd(ours, "ipvs", "--restore", file, "--runtime-dir", lab.directory);
    assert.deepEqual(restore, { code: 0, out: "", err: "" });
    // ipvsadm knows no comments.
    theirs.run("sh", "-c", `ipvsadm -R <${lab.file("plain", `${EVERYTHING.join("\n")}\n`)}`);
    assert.equal(ipvsadmTable(ours), ipvsadmTable(theirs));
    for (const view of ["--thresholds", "--tun-info"])
      assert.equal(ours.run("ipvsadm", "-Ln", view), theirs.run("ipvsadm", "-Ln", view));
    // ipvsadm does not write thresholds; all else is the same, in the same order.
    const saved = await vipd(ours, "ipvs", "--save");
    assert.deepEqual(saved.out.trimEnd().split("\n"), EVERYTHING);
    assert.equal(saved.out.replaceAll(/ -[xy] \d+/g, ""), ours.run("ipvsadm", "-Sn"));

    const again = await vipd(ours, "ipvs", "--restore", file, "--runtime-dir", lab.directory);
    assert.equal(again.code, 1);
    const refused = again.err.trimEnd().split("\n");
    assert.equal(refused.length, EVERYTHING.length + 1);
    assert.equal(refused[0], `${file}:2: error: service tcp 10.0.0.1:0: it is in the kernel already`);
    assert.equal(
      refused[1],
      `${file}:3: error: server 10.0.0.2:0 of tcp 10.0.0.1:0: it is in the kernel already`,
    );
    assert.equal(refused.at(-1), `vipd ipvs: 0 of ${String(EVERYTHING.length)} lines added`);
    assert.equal(ipvsadmTable(ours), ipvsadmTable(theirs));

    // ipvsadm reads what was saved, and what it saves itself, with names, is read.
    const [fromOurs, fromTheirs] = lab.hosts("fromOurs", "fromTheirs");
    fromOurs.run("sh", "-c", `ipvsadm -R <${lab.file("saved", saved.out)}`);
    const marks = "-A -f 4294967295 -s rr\n-A -f 2147483648 -6 -s rr\n";
    theirs.run("sh", "-c", `ipvsadm -R <${lab.file("marks", marks)}`);
    const named = theirs.run("ipvsadm", "-S");
    assert.match(named, /^-A -f -1 .*-t 10\.0\.0\.1:http /s);
    const renamed = ["ipvs", "--restore", lab.file("named", named), "--runtime-dir", lab.directory];
    assert.deepEqual(await vipd(fromTheirs, ...renamed), { code: 0, out: "", err: "" });
    assert.equal(ipvsadmTable(fromTheirs), ipvsadmTable(theirs));
    assert.equal(fromOurs.run("ipvsadm", "-Ln", "--thresholds"), ours.run("ipvsadm", "-Ln", "--thresholds"));

    const odd = lab.file(
      "odd",
      "-a -t 10.9.9.9:1 -r 10.0.0.2\n-A -t 10.0.0.1:82 -s nope\n-A -t 10.0.0.1:83\n",
    );
    const mixed = await vipd(ours, "ipvs", "--restore", odd, "--runtime-dir", lab.directory);
    assert.deepEqual(mixed.err.trimEnd().split("\n"), [
      `${odd}:1: error: server 10.0.0.2:1 of tcp 10.9.9.9:1: there is no such service: a line with -A comes before`,
      `${odd}:2: error: service tcp 10.0.0.1:82: the kernel has no scheduler nope: modprobe ip_vs_nope`,
      "vipd ipvs: 1 of 3 lines added",
    ]);
    assert.match(ipvsadmTable(ours), /-A -t 10\.0\.0\.1:83 -s wlc/);
  } finally {
    lab.close();
  }
});

test("every view of a table has the lines of ipvsadm, names and all", async () => {
  const lab = new Lab();
  try {
    const [host, empty] = lab.hosts("host", "empty");
    host.run("sh", "-c", `ipvsadm -R <${lab.file("table", `${EVERYTHING.join("\n")}\n`)}`);
    for (const view of ["--stats", "--rate", "--thresholds", "--persistent-conn", "--tun-info", "--timeout"])
      await same(host, ["-n", view], ["-Ln", view]);
    assert.match(await same(host, ["-n"], ["-Ln"]), /SCTP 10\.0\.0\.1:99 lc\n/);
    for (const order of ["--sort", "--nosort"]) await same(host, ["-n", order], ["-Ln", order]);
    assert.match(await same(host, [], ["-L"]), /TCP {2}10\.0\.0\.1:http wlc\n[^]*-> localhost:84 /);
    for (const view of [[], ["--stats"], ["--daemon"], ["-c"]])
      await same(empty, ["-n", ...view], ["-Ln", ...view]);
    host.sysctl({ "net.ipv4.vs.run_estimation": 0 });
    assert.match(
      (await vipd(host, "ipvs", "--rate", "-n")).err,
      /^vipd ipvs: .*run_estimation is 0: .* no rates\n$/,
    );
    const { out } = await vipd(host, "ipvs", "--json");
    const listing = JSON.parse(out) as { version: string; services: { service: string }[] };
    assert.equal(listing.services.length, EVERYTHING.filter((line) => line.startsWith("-A")).length);
    assert.match(listing.version, /^1\.2\.\d$/);
  } finally {
    lab.close();
  }
});

test("sync daemons have the lines of ipvsadm", async () => {
  const lab = new Lab();
  try {
    const host = lab.host("host");
    host.ip("link add d0 type dummy", "link set d0 up", "address add 10.5.0.1/24 dev d0");
    const group = ["--mcast-group", "224.0.0.99", "--mcast-port", "1000", "--mcast-ttl", "3"];
    host.run("ipvsadm", "--start-daemon", "master", "--mcast-interface", "d0", "--syncid", "5");
    assert.match(
      await same(host, ["--daemon"], ["-L", "--daemon"]),
      /^master sync daemon \(mcast=d0, syncid=5/,
    );
    host.run(
      ...["ipvsadm", "--start-daemon", "backup", "--mcast-interface", "d0", "--syncid", "6"],
      ...["--sync-maxlen", "1000", ...group],
    );
    assert.match(await same(host, ["--daemon"], ["-L", "--daemon"]), /group=224\.0\.0\.99, port=1000, ttl=3/);
    host.run("ipvsadm", "--stop-daemon", "master");
    host.run("ipvsadm", "--stop-daemon", "backup");
  } finally {
    lab.close();
  }
});

/** Echoes on 8080 of both its addresses, and swallows on 9000. */
const REAL = `
const net = require("node:net");
const serve = (port, address, take) => net.createServer((socket) => {
  socket.on("error", () => undefined);
  take(socket);
}).listen(port, address, () => console.log("listens", address, port));
for (const address of ["10.2.0.2", "10.2.0.3"]) serve(8080, address, (socket) => socket.pipe(socket));
serve(9000, "10.2.0.2", (socket) => socket.resume());
`;
/** "open N PORT": that many connections. "ask": a byte on each; "answers K" for each that came back. "flood N". */
const CLIENT = `
const net = require("node:net");
const all = [];
let answers = 0;
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [word, number, port = 80] = line.split(" ");
  if (word === "open")
    for (let i = 0; i < Number(number); i++) {
      const socket = net.connect(port, "10.1.0.1", () => console.log("opened", all.push(socket)));
      socket.on("error", () => undefined);
      socket.on("data", () => console.log("answers", ++answers));
    }
  if (word === "ask") { answers = 0; for (const socket of all) socket.write("x"); console.log("asked"); }
  if (word === "flood") {
    const socket = net.connect(9, "10.1.0.1");
    const part = Buffer.alloc(1 << 20);
    let left = Number(number);
    const go = () => { while (left-- > 0) if (!socket.write(part)) return socket.once("drain", go); socket.end(); };
    socket.on("close", () => console.log("flooded"));
    go();
  }
});
`;

type Wired = { readonly director: Host; readonly client: LabProcess; readonly lab: Lab };

/** A client, a director that translates, and one host with two real servers. */
async function wire(lab: Lab): Promise<Wired> {
  const [director, user, real] = lab.hosts("director", "user", "real");
  lab.cable(director, "c0", user, "eth0");
  lab.cable(director, "s0", real, "eth0");
  director.ip("address add 10.1.0.1/24 dev c0", "address add 10.2.0.1/24 dev s0");
  user.ip("address add 10.1.0.2/24 dev eth0");
  real.ip(
    ...["address add 10.2.0.2/24 dev eth0", "address add 10.2.0.3/24 dev eth0"],
    "route add default via 10.2.0.1",
  );
  director.sysctl({ "net.ipv4.ip_forward": 1 });
  const servers = real.spawn([process.execPath, "-e", REAL]);
  const client = user.spawn([process.execPath, "-e", CLIENT]);
  for (const where of ["10.2.0.2 8080", "10.2.0.3 8080", "10.2.0.2 9000"])
    await servers.waitFor(new RegExp(`listens ${where}`), seconds(60));
  return { director, client, lab };
}

test("with connections through it the table has the figures of ipvsadm, large ones too", async () => {
  const lab = new Lab();
  try {
    const { director, client } = await wire(lab);
    const lines = [
      "-A -t 10.1.0.1:80 -s rr -p 300",
      "-a -t 10.1.0.1:80 -r 10.2.0.2:8080 -m -w 1",
      "-A -t 10.1.0.1:9 -s rr",
      "-a -t 10.1.0.1:9 -r 10.2.0.2:9000 -m -w 1",
    ];
    director.run("sh", "-c", `ipvsadm -R <${lab.file("table", `${lines.join("\n")}\n`)}`);
    client.write("open 3\n");
    await client.waitFor(/opened 3/, seconds(60));
    client.write("flood 110\n");
    await client.waitFor(/flooded/, seconds(120));
    const table = await same(director, ["-n"], ["-Ln"]);
    assert.match(table, /-> 10\.2\.0\.2:8080 +Masq +1 +3 +0 /);
    // What is read are sums that the kernel's estimator makes every two seconds, later on a busy machine.
    await until("the kernel to have summed up", seconds(60), () =>
      /TCP {2}10\.1\.0\.1:9 .* 1\d{5}K/.test(director.run("ipvsadm", "-Ln", "--stats")),
    );
    assert.match(
      await same(director, ["-n", "--stats"], ["-Ln", "--stats"]),
      /TCP {2}10\.1\.0\.1:9 .* 1\d{5}K/,
    );
    assert.match(
      await same(director, ["--stats", "--exact", "-n"], ["-Ln", "--stats", "--exact"]),
      / 1\d{8} /,
    );
    await same(director, ["-n", "--rate"], ["-Ln", "--rate"]);
    await same(director, ["-n", "--rate", "--exact"], ["-Ln", "--rate", "--exact"]);
    assert.match(
      await same(director, ["-n", "--persistent-conn"], ["-Ln", "--persistent-conn"]),
      /-> 10\.2\.0\.2:8080 +1 +1 +3 /,
    );
    const connections = await same(director, ["-nc"], ["-Lnc"]);
    assert.match(
      connections,
      /^TCP mm:ss {2}ESTABLISHED 10\.1\.0\.2:\d+ +10\.1\.0\.1:80 +10\.2\.0\.2:8080$/m,
    );
    assert.match(connections, /^TCP mm:ss {2}ASSURED +10\.1\.0\.2:0 /m);
    await same(director, ["-c"], ["-Lc"]);
    const { connections: listed } = JSON.parse((await vipd(director, "ipvs", "-c", "--json")).out) as {
      connections: { state: string }[];
    };
    assert.equal(listed.filter(({ state }) => state === "ESTABLISHED").length, 3);
  } finally {
    lab.close();
  }
});

/** A plan for the service with the servers, as `vipd plan --json` and as text. */
async function plan(wired: Wired, servers: string, port = 80): Promise<{ impact: unknown; text: string }> {
  const { director, lab } = wired;
  const file = lab.file(
    "vipd.yaml",
    `nodes: { lb1: { priority: 100 } }\nservices:\n  web:\n    address: 10.1.0.1:${String(port)}\n    scheduler: rr\n    servers: [${servers}]\n`,
  );
  const args = ["plan", "--config", file, "--node", "lb1", "--runtime-dir", lab.directory];
  const text = await vipd(director, ...args);
  assert.equal(text.code, 4, text.err);
  const json = await vipd(director, ...args, "--json");
  const { ipvs } = JSON.parse(json.out) as { ipvs: { impact: Record<string, unknown> } };
  return { impact: ipvs.impact, text: text.out };
}

test("a plan says which connections would end or live on, and so it comes", async () => {
  const lab = new Lab();
  try {
    const wired = await wire(lab);
    const { director, client } = wired;
    director.sysctl({ "net.ipv4.vs.expire_nodest_conn": 1 });
    const lines = [
      "-A -t 10.1.0.1:80 -s rr",
      "-a -t 10.1.0.1:80 -r 10.2.0.2:8080 -m -w 1",
      "-a -t 10.1.0.1:80 -r 10.2.0.3:8080 -m -w 1",
    ];
    director.run("sh", "-c", `ipvsadm -R <${lab.file("table", `${lines.join("\n")}\n`)}`);
    client.write("open 6\n");
    await client.waitFor(/opened 6/, seconds(60));
    await until("six connections in the table", seconds(20), () =>
      /-> 10\.2\.0\.2:8080 +Masq +1 +3 +0/.test(director.run("ipvsadm", "-Ln")),
    );
    const answers = async (wanted: number): Promise<void> => {
      const since = client.lines.length;
      client.write("ask\n");
      await client.waitFor(new RegExp(`answers ${String(wanted)}$`), seconds(60), since);
    };
    const nobody = { servers: 0, active: 0, inactive: 0 };
    const half = { servers: 1, active: 3, inactive: 0 };
    const one = "{ address: 10.2.0.2, port: 8080, weight: 1, forwarding: nat }";

    const drain = await plan(wired, `${one}, { address: 10.2.0.3, port: 8080, weight: 0, forwarding: nat }`);
    assert.deepEqual(drain.impact, { end: nobody, drain: half, "old-method": nobody });
    director.run(..."ipvsadm -e -t 10.1.0.1:80 -r 10.2.0.3:8080 -m -w 0".split(" "));
    await answers(6);

    const removal = await plan(wired, one);
    assert.deepEqual(removal.impact, { end: half, drain: nobody, "old-method": nobody });
    assert.match(removal.text, /^- remove server 10\.2\.0\.3:8080 .*; 3 active connections would end$/m);
    assert.match(removal.text, /^in all: removes 1 real server; 3 active connections would end$/m);
    director.run(..."ipvsadm -d -t 10.1.0.1:80 -r 10.2.0.3:8080".split(" "));
    await answers(3);

    // To tunnel what was translated: connections that are there stay translated.
    director.run(..."ipvsadm -A -t 10.1.0.1:8080 -s rr".split(" "));
    director.run(..."ipvsadm -a -t 10.1.0.1:8080 -r 10.2.0.2:8080 -m -w 1".split(" "));
    client.write("open 2 8080\n");
    await client.waitFor(/opened 8/, seconds(60));
    await until("two connections in the table", seconds(20), () =>
      /TCP +10\.1\.0\.1:8080.*\n.*:8080 +Masq +1 +2 +0/.test(director.run("ipvsadm", "-Ln")),
    );
    const other = await plan(wired, "{ address: 10.2.0.2, weight: 1, forwarding: tunnel }", 8080);
    assert.deepEqual(other.impact, { end: nobody, drain: nobody, "old-method": { ...half, active: 2 } });
    director.run(..."ipvsadm -e -t 10.1.0.1:8080 -r 10.2.0.2:8080 -i -w 1".split(" "));
    await answers(5);
  } finally {
    lab.close();
  }
});
