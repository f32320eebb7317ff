// Whether so many real servers' machines fail together that the director's own network is likelier to be at fault. A
// machine has failed when all that is checked of it is down. Costs nothing while most machines are up.

import type { MassFailure } from "../config/model.js";
import type { IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import { isMassFailure, type FailureCount } from "../services/mass-failure.js";

type Machine = { servers: number; down: number; failedAt: Instant | undefined };

export class DirectorFailures {
  private readonly machines = new Map<IpAddress, Machine>();
  private failed = 0;
  private fails = false;

  get isMassFailure(): boolean {
    return this.fails;
  }

  /** Whether they fail is remembered. */
  clear(): void {
    this.machines.clear();
    this.failed = 0;
  }

  /** One server more, or with -1 one less; `failedAt` as ServerInput has it. */
  count(address: IpAddress, isDown: boolean, failedAt: Instant | undefined, by: 1 | -1): void {
    let machine = this.machines.get(address);
    if (machine === undefined)
      this.machines.set(address, (machine = { servers: 0, down: 0, failedAt: undefined }));
    const hadFailed = hasFailed(machine);
    machine.servers += by;
    if (isDown) machine.down += by;
    if (isDown && by === 1) machine.failedAt = failedAt;
    if (machine.servers === 0) this.machines.delete(address);
    this.failed += Number(hasFailed(machine)) - Number(hadFailed);
  }

  /** Gives what is counted when it begins or is over. */
  evaluate(rules: MassFailure, now: Instant): FailureCount | undefined {
    const total = this.machines.size;
    const counted = { total, down: this.failed, together: this.failed };
    // At the most all that are down have failed together.
    if (!this.fails && !isMassFailure(false, counted, rules)) return undefined;
    counted.together = 0;
    for (const machine of this.machines.values())
      if (hasFailed(machine) && machine.failedAt !== undefined && now - machine.failedAt <= rules.within)
        counted.together++;
    const fails = isMassFailure(this.fails, counted, rules);
    if (fails === this.fails) return undefined;
    this.fails = fails;
    return counted;
  }
}

const hasFailed = ({ servers, down }: Machine): boolean => servers > 0 && down === servers;
