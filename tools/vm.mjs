#!/usr/bin/env node
// Runs a command as root on a kernel that has IPVS. Where the running kernel has it and we are root, the command
// runs right here; elsewhere Debian's cloud kernel is booted in QEMU with this machine's own root file system as a
// read-only lower layer (writes go to the guest's memory), so nothing has to be copied into an image.
// Refuses to know what the command does: output is streamed, the exit status passes through, nothing stays behind.

import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { bootGuest, GUEST_PACKAGES } from "./vm/guest.mjs";

const USAGE = `usage: node tools/vm.mjs [options] [--] COMMAND [ARG...]
  --always         boot the VM even where the running kernel has IPVS
  --timeout S      end the guest after S seconds (300)
  --memory SIZE    memory of the guest (3G)
  --cpus N         processors of the guest (those of this machine, at most 4)
  --accel NAME     kvm or tcg (software emulation); default: KVM where it really boots, else emulation
  --count-instructions
                   the guest's clock counts instructions (500 million a second; emulation, one processor): its CPU
                   figures then do not depend on what else this machine does
  --env NAME=VALUE set in the environment of the command; may be repeated
`;

function fail(message) {
  process.stderr.write(`vm: ${message}\n`);
  process.exit(125);
}

/** IPVS can be loaded, and asking for it is enough to load it. */
function runningKernelHasIpvs() {
  if (existsSync("/proc/net/ip_vs")) return true;
  spawnSync("modprobe", ["ip_vs"], { stdio: "ignore" });
  return existsSync("/proc/net/ip_vs");
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        always: { type: "boolean", default: false },
        timeout: { type: "string", default: "300" },
        memory: { type: "string", default: "3G" },
        cpus: { type: "string" },
        accel: { type: "string" },
        "count-instructions": { type: "boolean", default: false },
        env: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", default: false },
      },
      args: splitCommand(process.argv.slice(2)).options,
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    return { ...values, command: [...positionals, ...splitCommand(process.argv.slice(2)).command] };
  } catch (error) {
    return fail(`${error.message}\n${USAGE}`);
  }
}

/** Everything from the first word that is no option belongs to the command, options of its own included. */
function splitCommand(words) {
  const takesValue = new Set(["--timeout", "--memory", "--cpus", "--accel", "--env"]);
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--") return { options: words.slice(0, i), command: words.slice(i + 1) };
    if (!words[i].startsWith("--")) return { options: words.slice(0, i), command: words.slice(i) };
    if (takesValue.has(words[i])) i++;
  }
  return { options: words, command: [] };
}

function runHere(command, environment) {
  const child = spawn(command[0], command.slice(1), {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...environment, VIPD_VM: "0" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

// Whoever read what we say may go first, as when we were started in the background of a shell that has ended: then
// there is nobody to tell, and the command's status still counts.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
  });

const options = readOptions();
if (options.command.length === 0) fail(`no command\n${USAGE}`);
if (process.getuid() !== 0) fail("only root can do this: run it with sudo");
const environment = Object.fromEntries(
  options.env.map((pair) => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]),
);

if (!options.always && runningKernelHasIpvs()) {
  process.stderr.write("vm: the running kernel has IPVS, running here\n");
  runHere(options.command, environment);
} else {
  const status = await bootGuest({
    command: options.command,
    directory: process.cwd(),
    environment,
    timeoutSeconds: Number(options.timeout),
    memory: options.memory,
    cpus: options["count-instructions"] ? 1 : options.cpus === undefined ? undefined : Number(options.cpus),
    accel: options["count-instructions"] ? "tcg" : (options.accel ?? process.env.VIPD_VM_ACCEL),
    countInstructions: options["count-instructions"],
  }).catch((error) => fail(`${error.message}\n  The Debian packages needed: ${GUEST_PACKAGES.join(" ")}`));
  // Not process.exit(): what is still on its way to a pipe would be lost.
  process.exitCode = status;
}
