// `vipd check-script` runs a program as the daemon does: a track of a running daemon and the command write down all that a
// program can see of how it was started.

import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { seconds } from "../../src/core/units.js";
import { startVipd, VIPD } from "../lab/directors.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

/** Environment, user, folder, session, limits, priorities, signals, descriptors. The last line says that all is there. */
const LOOK = `#!/bin/sh
out=$1
shift
{
  echo "arguments: $*"
  env | grep -v -E '^(PWD|OLDPWD|SHLVL|_|VIPD_TRACK)=' | sort
  id
  pwd
  umask
  ulimit -a
  ps -o nice=,cls=,rtprio= -p $$
  test "$(ps -o pgid= -p $$)" -eq $$ && echo "a group of its own"
  test "$(ps -o sid= -p $$)" -eq $$ && echo "a session of its own"
  grep -E '^(Sig(Blk|Ign)|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status
  cat /proc/self/oom_score_adj
  readlink /proc/$$/fd/0
  readlink /proc/$$/ns/net
  echo done
} >$out.new 2>&1
mv $out.new $out
exit 1
`;

test("check-script runs a program as the daemon does", async () => {
  for (const user of ["", "nobody"]) {
    const lab = new Lab();
    try {
      const [a] = lab.hosts("a");
      a.ip(
        "link add eth0 type veth peer name eth1",
        "link set eth0 up",
        "link set eth1 up",
        "address add 10.98.0.2/24 dev eth0",
      );
      const program = lab.file("look", LOOK);
      chmodSync(program, 0o755);
      chmodSync(lab.directory, 0o777);
      const out = (name: string): string => join(lab.directory, name);
      const words = ["--base dc=example", "", "$HOME"];
      const command = JSON.stringify([program, out("daemon"), ...words]);
      const path = lab.file(
        "vipd.yaml",
        `nodes: { a: { address: 10.98.0.2, priority: 150 } }
scripts: { security: false${user === "" ? "" : `, user: ${user}`} }
tracks:
  look: { script: { command: ${command} }, every: 60s, timeout: 30s }
vrrp:
  web: { interface: eth0, router-id: 85, addresses: [10.98.0.100/24], track: [look] }
`,
      );
      const daemon = startVipd(lab, a, path);
      const read = (name: string): string => {
        try {
          return readFileSync(out(name), "utf8");
        } catch {
          return "";
        }
      };
      await until("the daemon to run it", seconds(60), () => read("daemon") !== "").catch(
        (error: unknown) => {
          throw new Error(daemon.text, { cause: error });
        },
      );
      const config = ["--config", path, "--node", "a", "--timeout", "30s"];
      const byHand = a.try(
        process.execPath,
        ...[VIPD, "check-script", ...config, "--", program, out("hand"), ...words],
      );
      assert.match(byHand.stdout, /^DOWN: script-failed: exit code 1; took /m, byHand.stderr);
      await daemon.stop();
      assert.match(read("daemon"), /^arguments: --base dc=example  \$HOME\n[^]*done\n$/);
      assert.match(read("daemon"), user === "" ? /^uid=0/m : /^uid=\d+\(nobody\) .*groups=\d+\(nogroup\)$/m);
      assert.equal(read("hand"), read("daemon"));
    } finally {
      lab.close();
    }
  }
});
