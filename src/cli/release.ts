// `vipd release`: after a daemon that ended without a word, takes away the addresses it may have left behind.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { claimRuntimeDirectory } from "../director/supervisor/runtime-directory.js";
import { monotonicNow } from "../linux/clock.js";
import { runtimeDirectoryOf } from "./client.js";
import { EXIT, runtimeDirectoryOption, type Command } from "./command.js";

export const release: Command = {
  word: "release",
  summary: "Removes what a killed daemon left: addresses, routes, rules, links; refuses while one runs.",
  options: [
    { name: "unless-kept", summary: "leaves alone what `vipd stop --keep-vip` keeps for the next start" },
    runtimeDirectoryOption,
  ],
  async run(options, output) {
    const path = resolve(runtimeDirectoryOf(options));
    // Whoever calls it by hand wants an answer; the service manager calls it at each end of the daemon.
    const isAsked = !options.flag("unless-kept");
    if (!existsSync(path)) {
      if (isAsked) output.out(`nothing to remove: there is no ${path}\n`);
      return EXIT.ok;
    }
    const directory = await claimRuntimeDirectory(path);
    if (!directory.ok) {
      output.err(`vipd: ${directory.error}\n`);
      return EXIT.failed;
    }
    try {
      const { heldAddresses } = await import("../director/supervisor/held-addresses.js");
      const { interfaceIndex, removeAddresses } = await import("../director/supervisor/address-removal.js");
      const { heldGoods } = await import("../director/supervisor/held-goods.js");
      const { keptFile } = await import("../director/supervisor/kept-state.js");
      const kept = keptFile(path);
      const now = monotonicNow();
      if (!isAsked && kept.isThere(now)) return EXIT.ok;
      kept.take(now);
      const addresses = heldAddresses(path, removeAddresses, interfaceIndex);
      const removals = [heldGoods(path).release(), addresses.release()];
      const removed = removals.flatMap((one) => one.removed);
      const errors = removals.flatMap((one) => one.errors);
      if (isAsked && removed.length + errors.length === 0) output.out("nothing to remove\n");
      for (const text of removed) output.out(`removed ${text}\n`);
      for (const text of errors) output.err(`vipd: ${text}\n`);
      return errors.length === 0 ? EXIT.ok : EXIT.failed;
    } finally {
      directory.value.release();
    }
  },
};
