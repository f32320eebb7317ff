// Writes the initramfs of the test VM: busybox, the modules it takes to reach the shared root file system, and two
// scripts (one that mounts, one that runs the command). Refuses to know how the guest is started.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What must be loaded before the root file system is there, in this order. */
const BOOT_MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_console",
  "fuse",
  "virtiofs",
  "overlay",
];
/** What the tests use; loaded once so that no test waits for it. */
const TEST_MODULES = ["ip_vs", "veth", "bridge", "dummy", "ipip", "macvlan"];

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

function earlyInit() {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t devtmpfs dev /dev
for m in ${BOOT_MODULES.join(" ")}; do [ -f /m/$m.ko ] && $b insmod /m/$m.ko; done
$b mount -t virtiofs hostroot /lower -o ro; $b mount -t tmpfs tmpfs /upper; $b mkdir /upper/u /upper/w
$b mount -t overlay overlay /mnt -o lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w
$b cp /guest-init /guest-command /mnt/
$b mount --move /dev /mnt/dev; $b umount /proc; exec $b switch_root /mnt /guest-init
`;
}

/**
 * The output goes through a pipe: a virtio port can be opened only once, so that a program which opens
 * /dev/stderr again would fail on it.
 */
function guestInit() {
  return `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp; chmod 1777 /tmp
mkdir -p /run/netns /run/lock; ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
ip link set lo up; modprobe -a ${TEST_MODULES.join(" ")}
ports=$(echo /dev/vport*p1); ports=\${ports%1}; exec 4>"\${ports}2"; echo up >&4
mkfifo /run/output; cat /run/output >"\${ports}1" & writer=$!
bash /guest-command </dev/null >/run/output 2>&1 4>&-; status=$?
for i in $(seq 40); do kill -0 $writer 2>/dev/null || break; sleep 0.05; done
echo "exit $status" >&4
echo o >/proc/sysrq-trigger; sleep 9
`;
}

function guestCommand({ command, cwd, environment }) {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...exports, `cd ${quote(cwd)} || exit 125`, `exec ${command.map(quote).join(" ")}`, ""].join("\n");
}

export function writeInitramfs({ directory, output, release, command, cwd, environment }) {
  const root = join(directory, "initramfs.d");
  for (const name of ["bin", "proc", "dev", "mnt", "lower", "upper", "m"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const module of BOOT_MODULES) {
    const found = execFileSync("find", [`/lib/modules/${release}/`, "-name", `${module}.ko`], {
      encoding: "utf8",
    }).split("\n")[0];
    if (found) copyFileSync(found, join(root, "m", `${module}.ko`));
  }
  writeFileSync(join(root, "init"), earlyInit(), { mode: 0o755 });
  writeFileSync(join(root, "guest-init"), guestInit(), { mode: 0o755 });
  writeFileSync(join(root, "guest-command"), guestCommand({ command, cwd, environment }), { mode: 0o755 });
  execFileSync("sh", [
    "-c",
    'cd "$1" && find . | cpio -o -H newc --quiet | zstd -q -1 > "$2"',
    "sh",
    root,
    output,
  ]);
}
