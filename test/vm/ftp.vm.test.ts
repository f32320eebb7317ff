// FTP through NAT on a real kernel: the module that vipd loads, ip_vs_ftp, puts right the addresses that client and server
// tell each other inside of their connection, so that active and passive transfers find each other.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { isServedByAll, statusOf } from "../lab/control.js";
import { startVipd } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { buildNat, CLIENT, DIRECTOR, realServer, VIP } from "../lab/nat.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(300);
const SERVERS = [4, 5];

const CONFIG = `nodes: { d: { address: ${DIRECTOR} } }
ipvs: { modules: [ip_vs_ftp] }
services:
  ftp:
    address: ${VIP}:21
    scheduler: rr
    forwarding: nat
    check: { tcp: {}, every: 5s, timeout: 5s }
    servers: [${SERVERS.map(realServer).join(", ")}]
`;

/** What a client says for its transfer, and how curl is told to say it. */
const WAYS = {
  PASV: ["--disable-epsv", "--no-ftp-skip-pasv-ip"],
  EPSV: [],
  PORT: ["--ftp-port", CLIENT, "--disable-eprt"],
  EPRT: ["--ftp-port", CLIENT],
};

/** Debian's vsftpd, with one file to fetch: who serves it. */
async function serveFiles(lab: Lab, host: Host, address: string): Promise<void> {
  const files = join(lab.directory, address);
  mkdirSync(files);
  writeFileSync(join(files, "name"), address);
  const path = lab.file(
    `${address}.conf`,
    `listen=YES
listen_address=${address}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root=${files}
secure_chroot_dir=${files}
connect_from_port_20=YES
xferlog_enable=NO
seccomp_sandbox=NO
`,
  );
  host.spawn(["vsftpd", path]);
  await until(`FTP at ${address}`, PATIENCE, () => host.run("ss", "-Hltn").includes(`${address}:21`));
}

test("active and passive FTP through NAT, by the module that the configuration names", async () => {
  const lab = new Lab();
  try {
    const { client, director, servers } = buildNat(lab, SERVERS);
    // The server reads its files as a user of its own.
    chmodSync(lab.directory, 0o755);
    for (const address of SERVERS.map(realServer)) await serveFiles(lab, servers, address);
    const daemon = startVipd(lab, director, lab.file("vipd.yaml", CONFIG));
    await daemon.waitFor(/is ready as node d/, PATIENCE);
    await until("the checks", PATIENCE, async () =>
      (await statusOf(lab, director))?.checks?.services.every(isServedByAll),
    );

    const served = new Set<string>();
    for (const [way, words] of Object.entries(WAYS)) {
      // The conversation, too: curl tells it on its standard error.
      const asked = ["curl", "-sSv", "--max-time", "50", ...words, `ftp://${VIP}/name`];
      const { status, stdout, stderr } = client.try(...asked);
      assert.equal(status, 0, `${way}: ${stderr}`);
      assert.match(stderr, new RegExp(`^> ${way}\\b`, "m"));
      if (way === "PASV") assert.match(stderr, new RegExp(`^< 227 .*\\(${VIP.replaceAll(".", ",")},`, "m"));
      served.add(stdout);
    }
    assert.deepEqual([...served].toSorted(), SERVERS.map(realServer));
  } finally {
    lab.close();
  }
});
