// What is known of tracks: found out in one child process and used in another, and kept here, so that none of them
// has to begin anew when the other one does.

import type { TrackSource } from "../../config/model.js";
import type { TrackReport } from "../../control/remembered.js";
import type { TrackValue } from "../../vrrp/priority.js";

export class TrackValues {
  private readonly values = new Map<string, TrackValue>();

  /** Forgets what is not tracked any more, and presumes of new tracks what the configuration says. */
  configure(sources: readonly TrackSource[]): void {
    const wanted = new Map(sources.map((source) => [source.id, source]));
    for (const id of this.values.keys()) if (!wanted.has(id)) this.values.delete(id);
    for (const [id, { initial }] of wanted)
      if (initial !== undefined && !this.values.has(id)) this.values.set(id, { up: initial });
  }

  take(report: TrackReport): void {
    for (const [id, value] of Object.entries(report)) this.values.set(id, value);
  }

  get report(): TrackReport {
    return Object.fromEntries(this.values);
  }
}
