// Boots the guest: builds a small initramfs, shares this machine's root file system with virtiofs, starts QEMU,
// streams the command's output, and takes everything down again, also on Ctrl-C. Refuses to decide whether a
// guest is needed at all, and knows nothing of the command.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { writeInitramfs } from "./initramfs.mjs";

export const GUEST_PACKAGES = [
  "qemu-system-x86",
  "linux-image-cloud-amd64",
  "busybox-static",
  "zstd",
  "cpio",
  "iproute2",
  "kmod",
];

const QEMU = "qemu-system-x86_64";
const VIRTIOFSD = "/usr/lib/qemu/virtiofsd";
/** With hardware virtualisation the guest speaks within a second; where /dev/kvm is there but cannot run it, never. */
const KVM_PATIENCE_MS = 10_000;

function newestCloudKernel() {
  const releases = existsSync("/lib/modules")
    ? readdirSync("/lib/modules").filter((name) => name.includes("cloud"))
    : [];
  const usable = releases.filter((release) => existsSync(`/boot/vmlinuz-${release}`));
  usable.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const release = usable.at(-1);
  if (release === undefined) throw new Error("no cloud kernel in /boot and /lib/modules");
  return release;
}

function demand(path) {
  if (!existsSync(path)) throw new Error(`${path} is missing`);
}

/** Waits until the guest (or its end) shows that it runs; false when KVM took the machine but never ran it. */
async function guestSpeaks(qemu, statusFile) {
  const deadline = Date.now() + KVM_PATIENCE_MS;
  while (Date.now() < deadline) {
    if (existsSync(statusFile) && statSync(statusFile).size > 0) return true;
    if (qemu.exitCode !== null || qemu.signalCode !== null) return false;
    await pause(50);
  }
  return false;
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));
}

function startVirtiofsd(socket) {
  const daemon = spawn(
    VIRTIOFSD,
    [`--socket-path=${socket}`, "-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"],
    {
      stdio: "ignore",
      detached: true,
    },
  );
  daemon.on("error", () => undefined);
  return daemon;
}

function startQemu(files, options, accel) {
  const size = options.memory;
  const arguments_ = [
    [
      "-machine",
      "q35",
      "-accel",
      accel,
      "-cpu",
      "max",
      "-smp",
      String(options.cpus ?? Math.min(availableParallelism(), 4)),
      "-m",
      size,
    ],
    ["-object", `memory-backend-memfd,id=mem,size=${size},share=on`, "-numa", "node,memdev=mem"],
    [
      "-chardev",
      `socket,id=root,path=${files.socket}`,
      "-device",
      "vhost-user-fs-pci,chardev=root,tag=hostroot",
    ],
    ["-chardev", `socket,id=out,path=${files.output}`, "-chardev", `file,id=status,path=${files.status}`],
    [
      "-device",
      "virtio-serial-pci",
      "-device",
      "virtserialport,chardev=out,nr=1",
      "-device",
      "virtserialport,chardev=status,nr=2",
    ],
    [
      "-kernel",
      files.kernel,
      "-initrd",
      files.initramfs,
      "-append",
      "console=ttyS0 quiet panic=-1 mitigations=off",
    ],
    [
      "-display",
      "none",
      "-serial",
      `file:${files.console}`,
      "-monitor",
      "none",
      "-no-reboot",
      "-nodefaults",
      "-net",
      "none",
    ],
  ].flat();
  // Two nanoseconds each, and while it is idle its clock goes with ours.
  if (options.countInstructions) arguments_.push("-icount", "shift=1,sleep=on");
  // Its own process group: Ctrl-C reaches us only, and we decide what ends in which order.
  return spawn(QEMU, arguments_, { stdio: ["ignore", "ignore", "pipe"], detached: true });
}

/**
 * One guest at a time on a machine: several would make each other slow beyond every time limit. Who counts
 * instructions or has processors to spare allows more with VIPD_VM_GUESTS. A socket in the abstract namespace is the
 * lock, because the kernel lets go of it however its owner ends.
 */
async function waitForTurn() {
  let told = false;
  const guests = Math.max(1, Number(process.env["VIPD_VM_GUESTS"] ?? 1) || 1);
  for (let turn = 0; ; turn++) {
    const place = turn % guests;
    const lock = createServer((connection) => connection.destroy());
    const free = await new Promise((resolve, reject) => {
      lock.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
      lock.listen(place === 0 ? "\0vipd-test-vm" : `\0vipd-test-vm-${place}`, () => resolve(true));
    });
    if (free) {
      lock.unref();
      return lock;
    }
    if (place < guests - 1) continue;
    if (!told) process.stderr.write("vm: another test VM runs on this machine, waiting for its end\n");
    told = true;
    await pause(500);
  }
}

/** A name for what was used, for the line the user reads. */
const ACCEL_TEXT = { kvm: "with KVM", tcg: "in software emulation" };

/** Gives the exit status of the command; 124 when the time was up, 125 when the guest failed. */
export async function bootGuest(options) {
  if (process.arch !== "x64")
    throw new Error(`the test VM is made for x86-64 hosts, this one is ${process.arch}`);
  for (const path of [VIRTIOFSD, "/bin/busybox", `/usr/bin/${QEMU}`, "/usr/bin/zstd", "/usr/bin/cpio"])
    demand(path);
  if (/^\/(tmp|run)(\/|$)/.test(options.directory))
    throw new Error(
      `${options.directory}: /tmp and /run are fresh inside the VM, put the repository elsewhere`,
    );
  const release = newestCloudKernel();
  const directory = mkdtempSync(join(tmpdir(), "vipd-vm-"));
  const running = new Set();
  const cleanUp = () => {
    for (const child of running)
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  process.on("exit", cleanUp);
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])
    process.on(signal, () => process.exit(status));

  const turn = await waitForTurn();
  const began = Date.now();
  const files = {
    socket: join(directory, "virtiofs.sock"),
    output: join(directory, "output.sock"),
    status: join(directory, "status"),
    console: join(directory, "console"),
    initramfs: join(directory, "initramfs"),
    kernel: `/boot/vmlinuz-${release}`,
  };

  // A socket rather than QEMU's own standard output: a port whose other end is /dev/null on input drops its output.
  const server = createServer((connection) => {
    connection.on("error", () => undefined);
    connection.pipe(process.stdout, { end: false });
    // A pipe ends with its reader: the guest's output is then read for nobody, so that the guest does not wait.
    process.stdout.on("error", () => connection.resume());
  });
  await new Promise((resolve) => server.listen(files.output, resolve));

  const kvm = (options.accel ?? (existsSync("/dev/kvm") ? "kvm" : "tcg")) === "kvm";
  for (const accel of kvm ? ["kvm", "tcg"] : ["tcg"]) {
    rmSync(files.status, { force: true });
    writeInitramfs({
      directory,
      output: files.initramfs,
      release,
      command: options.command,
      cwd: options.directory,
      // What the command may expect of the machine's speed.
      environment: { ...options.environment, VIPD_VM: accel },
    });
    const daemon = startVirtiofsd(files.socket);
    running.add(daemon);
    for (let i = 0; i < 100 && !existsSync(files.socket); i++) await pause(20);
    const qemu = startQemu(files, options, accel);
    running.add(qemu);
    let complaint = "";
    qemu.on("error", (error) => (complaint += error.message));
    qemu.stderr.on("data", (chunk) => (complaint += chunk));
    if (accel === "kvm" && !(await guestSpeaks(qemu, files.status))) {
      process.stderr.write("vm: /dev/kvm is there but cannot run this kernel, using software emulation\n");
      for (const child of [qemu, daemon]) {
        child.kill("SIGKILL");
        await ended(child);
        running.delete(child);
      }
      rmSync(files.socket, { force: true });
      continue;
    }
    const status = await follow(qemu, files, options, { release, accel, began, complaint: () => complaint });
    await new Promise((resolve) => server.close(resolve));
    turn.close();
    return status;
  }
  throw new Error("no way to run the guest");
}

async function follow(qemu, files, options, boot) {
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    qemu.kill("SIGKILL");
  }, options.timeoutSeconds * 1000);
  let announced = false;
  const announce = setInterval(() => {
    if (announced || !existsSync(files.status) || statSync(files.status).size === 0) return;
    announced = true;
    process.stderr.write(
      `vm: Linux ${boot.release} ${ACCEL_TEXT[boot.accel]}, up after ${((Date.now() - boot.began) / 1000).toFixed(1)} s\n`,
    );
  }, 50);
  await ended(qemu);
  clearTimeout(timer);
  clearInterval(announce);
  if (timedOut) {
    process.stderr.write(`vm: ended after ${options.timeoutSeconds} s\n`);
    return 124;
  }
  const status = /^exit (\d+)$/m.exec(existsSync(files.status) ? readFileSync(files.status, "utf8") : "");
  if (status !== null) return Number(status[1]);
  const console_ = existsSync(files.console) ? readFileSync(files.console, "utf8").slice(-3000) : "";
  process.stderr.write(`vm: the guest ended without a status\n${boot.complaint()}\n${console_}\n`);
  return 125;
}
