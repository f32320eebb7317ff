// `vipd upgrade`, the side of the successor: prepares itself while the predecessor works, takes over when it is told
// to, and ends without a trace when it cannot.

import { PROTOCOL, type Handed, type Inheritance } from "../../control/handover.js";
import type { EventRecord } from "../../control/event.js";
import type { RememberedTakeover } from "../../control/remembered.js";
import type { Predecessor } from "./successor-process.js";
import type { Supervisor } from "./supervisor.js";

export class Succession {
  private readonly predecessor: Predecessor;
  private readonly supervisor: Pick<Supervisor, "prepare" | "takeOver" | "own" | "version">;
  private readonly quit: () => void;
  private phase: "waiting" | "taken" | "owning" = "waiting";

  constructor(
    predecessor: Predecessor,
    supervisor: Pick<Supervisor, "prepare" | "takeOver" | "own" | "version">,
    quit: () => void,
  ) {
    this.predecessor = predecessor;
    this.supervisor = supervisor;
    this.quit = quit;
  }

  /** Until then everything is the predecessor's. */
  get isWaiting(): boolean {
    return this.phase === "waiting";
  }

  /** The service manager listens to us. */
  get isOwner(): boolean {
    return this.phase === "owning";
  }

  /** `own` takes the runtime directory and the control socket. Resolves when that is done; rejects when it fails. */
  run(own: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (
        records: readonly EventRecord[],
        takeovers: readonly RememberedTakeover[] = [],
      ): void => {
        if (this.phase !== "taken") return;
        this.phase = "owning";
        void own()
          .then(() => {
            this.predecessor.send({ kind: "owns" });
            return this.supervisor.own(records, takeovers);
          })
          .then(resolve, reject);
      };
      this.predecessor.onMessage((message) => {
        if (message.kind === "prepare") void this.prepare(message.inheritance);
        else if (message.kind === "take") void this.take(message.handed);
        else begin(message.records, message.takeovers);
      });
      // One that has died after it had handed over leaves everything to us.
      this.predecessor.onGone(() => (this.isWaiting ? this.quit() : begin([])));
    });
  }

  giveUp(why: string): void {
    this.predecessor.send({ kind: "failed", why }, this.quit);
  }

  private async prepare(inheritance: Inheritance): Promise<void> {
    if (inheritance.protocol !== PROTOCOL)
      return this.giveUp("this version cannot take over from the one that runs: restart it instead");
    const outcome = await this.supervisor.prepare(inheritance);
    if (!outcome.ok) return this.giveUp(outcome.why);
    const { keeps, vrrp } = outcome;
    this.predecessor.send({ kind: "prepared", version: this.supervisor.version, keeps, vrrp });
  }

  private async take(handed: Handed): Promise<void> {
    const pause = await this.supervisor.takeOver(handed);
    if (pause === null) return this.giveUp("its VRRP process did not take over");
    this.phase = "taken";
    this.predecessor.send({ kind: "taken", pause });
  }
}
