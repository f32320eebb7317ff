// The environment that child processes get.

/** What systemd, a predecessor, or a debugger's user told the supervisor is not meant for its children. */
const OURS_ALONE = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "VIPD_PREDECESSOR", "NODE_OPTIONS"];

export function childEnvironment(): NodeJS.ProcessEnv {
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS_ALONE.includes(name)));
  // One arena of malloc for all threads keeps resident memory small (mallopt(3), M_ARENA_MAX).
  return { ...rest, MALLOC_ARENA_MAX: "1" };
}
