// The kernel's IPVS settings: files of /proc/sys, and the timeouts by generic netlink. Modules: kernel-modules.ts.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readTimeouts, setTimeoutsRequest, timeoutsRequest, type Timeouts } from "../ipvs/timeouts.js";
import { sysctlOf, TIMEOUT, type SettingName } from "../ipvs/settings.js";
import { err, ok, type Result } from "../core/result.js";
import { openFamily } from "./ipvs-family.js";
import { hasModule, loadModule } from "./kernel-modules.js";
import { NetlinkError, describeErrno, type NetlinkSocket } from "./netlink-socket.js";
import type { KernelSettings } from "../ports/kernel-settings.js";

const TIMEOUTS = { tcp: "tcp", "tcp-fin": "tcpFin", udp: "udp" } as const satisfies Record<
  string,
  keyof Timeouts
>;
export const ipvsSettings = (): KernelSettings => ({
  read(name) {
    const timeout = timeoutOf(name);
    if (timeout === undefined) return readSysctl(sysctlOf(name));
    const read = withIpvs((socket, family) =>
      socket.query("read the IPVS timeouts", timeoutsRequest(family), readTimeouts),
    );
    return read.ok ? read.value?.[timeout].toString() : undefined;
  },
  write(name, value) {
    const timeout = timeoutOf(name);
    if (name === IP_FORWARD) return keeping(ACCEPT_REDIRECTS, () => writeSysctl(name, value));
    if (timeout === undefined) return writeSysctl(sysctlOf(name), value);
    const answer = withIpvs((socket, family) =>
      socket.transact([setTimeoutsRequest(family, { [timeout]: Number(value) })]),
    );
    if (!answer.ok) return answer.error;
    const [acknowledgement] = answer.value;
    return acknowledgement === undefined || acknowledgement.errno === 0
      ? undefined
      : describeErrno(acknowledgement);
  },
  followers: (name) => {
    const family = FORWARDING[name];
    if (family === undefined) return [];
    try {
      return readdirSync(`/proc/sys/net/${family}/conf`)
        .filter((one) => one !== "all")
        .map((one) => `net/${family}/conf/${one}/forwarding`);
    } catch {
      // A kernel without IPv6.
      return [];
    }
  },
  sysctl: readSysctl,
  needModule: (name) => (hasModule(name) ? undefined : loadModule(name)),
});

const IP_FORWARD = "net.ipv4.ip_forward";
/** inet_forward_change() and addrconf_fixup_forwarding(). */
const FORWARDING: Readonly<Record<SettingName, string>> = {
  [IP_FORWARD]: "ipv4",
  "net.ipv6.conf.all.forwarding": "ipv6",
};
/** The kernel sets it to the contrary with the other one, whatever was there; it is a setting of its own. */
const ACCEPT_REDIRECTS = "net.ipv4.conf.all.accept_redirects";

function keeping(name: string, write: () => string | undefined): string | undefined {
  const before = readSysctl(name);
  const error = write();
  return error ?? (before === undefined ? undefined : writeSysctl(name, before));
}

/** Settings are looked at rarely: nothing is kept open for them. */
function withIpvs<T>(ask: (socket: NetlinkSocket, family: number) => T): Result<T, string> {
  const opened = openFamily();
  if (!opened.ok) return opened;
  const { socket, family } = opened.value;
  try {
    return ok(ask(socket, family));
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return err(error.message);
  } finally {
    socket.close();
  }
}

const timeoutOf = (name: SettingName): keyof Timeouts | undefined =>
  name.startsWith(TIMEOUT) ? TIMEOUTS[name.slice(TIMEOUT.length) as keyof typeof TIMEOUTS] : undefined;

/** As sysctl(8): in a name with slashes, dots are dots. */
const pathOf = (name: string): string => `/proc/sys/${name.includes("/") ? name : name.replaceAll(".", "/")}`;

function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(pathOf(name), "utf8").trim().replaceAll(/\s+/g, " ");
  } catch {
    return undefined;
  }
}

function writeSysctl(name: string, value: string): string | undefined {
  try {
    writeFileSync(pathOf(name), `${value}\n`);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "EROFS"
      ? `/proc/sys is read-only here; under systemd: ReadWritePaths=/proc/sys/net`
      : message;
  }
}
