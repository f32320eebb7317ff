// Reads cron expressions for whoever reads a configuration, and loads their package only for a text that may have some.

import { mayHaveWindows } from "../../config/resolve-windows.js";
import type { ReadSchedule } from "../../config/schedule.js";

export async function schedulesFor(text: string): Promise<ReadSchedule> {
  if (!mayHaveWindows(text)) return unread;
  return (await import("../../linux/cron.js")).readSchedule;
}

/** A key that is spelt with escapes. */
const unread: ReadSchedule = () => ({
  ok: false,
  error: {
    part: "at",
    problem: "was not found in the file",
    hint: "Write `maintenance:` in plain letters.",
  },
});
