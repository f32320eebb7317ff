// Keeps the kernel's sync daemons as they are configured. One that runs as it should is never restarted, because
// that loses what it has queued; one that somebody else started is replaced only where ours is wanted.

import type { VipdEvent } from "../control/event.js";
import type { ChecksStatus } from "../control/ipc.js";
import {
  syncLengthInKernel,
  syncOfRole,
  type SyncConfig,
  type SyncDaemon,
  type SyncRole,
} from "../ipvs/model.js";
import { DAEMON_DEFAULT } from "../ipvs/schema.js";
import type { DataPlane } from "../ports/data-plane.js";

const ROLES: readonly SyncRole[] = ["master", "backup"];

/** `replace`: one runs in this role, with other values. */
export type SyncChange = {
  readonly kind: "start" | "stop" | "replace";
  readonly role: SyncRole;
  readonly interface: string;
  readonly id: number;
};

/** What would be done to sync daemons by somebody who has only just come and has not started any of them. */
export function syncChanges(
  running: readonly SyncDaemon[],
  wanted: SyncConfig | null,
  owned: ReadonlySet<SyncRole>,
): readonly SyncChange[] {
  return ROLES.flatMap((role): SyncChange[] => {
    const daemon = running.find((one) => one.role === role);
    if (wanted?.roles.includes(role) === true) {
      const own = syncOfRole(wanted, role);
      if (daemon !== undefined && runsAs(daemon, own)) return [];
      const kind = daemon === undefined ? "start" : "replace";
      return [{ kind, role, interface: own.interface, id: own.id }];
    }
    if (daemon === undefined || !owned.has(role)) return [];
    return [{ kind: "stop", role, interface: daemon.interface, id: daemon.id }];
  });
}

export class SyncKeeper {
  private readonly report: (event: VipdEvent) => void;
  private wanted: SyncConfig | null = null;
  /** What our daemons were started with and what the kernel made of it. */
  private readonly started = new Map<
    SyncRole,
    { readonly config: SyncConfig; readonly listed: SyncDaemon }
  >();
  private readonly toldErrors = new Map<SyncRole, string>();

  constructor(report: (event: VipdEvent) => void) {
    this.report = report;
  }

  configure(wanted: SyncConfig | null): void {
    this.wanted = wanted;
    this.toldErrors.clear();
  }

  get roles(): ReadonlySet<SyncRole> {
    return new Set(this.wanted?.roles);
  }

  /** Starts and stops what is needed; `owned` are the roles we may stop. Gives whether all is in order. */
  apply(plane: DataPlane, owned: ReadonlySet<SyncRole>): boolean {
    const running = new Map(plane.syncDaemons().map((daemon) => [daemon.role, daemon]));
    const { wanted } = this;
    let fine = true;
    for (const role of ROLES) {
      const daemon = running.get(role);
      if (wanted?.roles.includes(role) === true) {
        const own = syncOfRole(wanted, role);
        if (daemon === undefined || !this.isAsWanted(daemon, own))
          fine = this.start(plane, role, own, daemon) && fine;
      } else if (daemon !== undefined && owned.has(role)) fine = this.stop(plane, daemon) && fine;
    }
    return fine;
  }

  /** Stops what is ours; gives what runs on all the same. */
  stopAll(plane: DataPlane, owned: ReadonlySet<SyncRole>): ReadonlySet<SyncRole> {
    const ours = plane.syncDaemons().filter(({ role }) => owned.has(role));
    return new Set(ours.filter((daemon) => !this.stop(plane, daemon)).map(({ role }) => role));
  }

  /** What runs now. A list that cannot be read is no reason to fail a status: the next look at the table tells of it. */
  status(plane: DataPlane): ChecksStatus["sync"] {
    try {
      const daemons = plane.syncDaemons();
      return daemons.map(({ role, interface: name, id }) => ({ role, running: true, interface: name, id }));
    } catch {
      return [];
    }
  }

  private isAsWanted(daemon: SyncDaemon, wanted: SyncConfig): boolean {
    const ours = this.started.get(daemon.role);
    if (ours !== undefined && isSame(ours.listed, daemon)) return isSame(ours.config, wanted);
    return runsAs(daemon, wanted);
  }

  private start(plane: DataPlane, role: SyncRole, wanted: SyncConfig, old: SyncDaemon | undefined): boolean {
    if (old !== undefined) plane.stopSync(role);
    const result = plane.startSync(role, wanted);
    const place = { role, interface: wanted.interface, id: wanted.id };
    if (!result.ok) {
      // It is tried again and again; people hear of it once, and again when the reason changes.
      if (this.toldErrors.get(role) !== result.error)
        this.report({ kind: "sync-daemon", ...place, running: false, error: result.error });
      this.toldErrors.set(role, result.error);
      return false;
    }
    this.toldErrors.delete(role);
    const listed = plane.syncDaemons().find((daemon) => daemon.role === role);
    if (listed !== undefined) this.started.set(role, { config: wanted, listed });
    this.report({ kind: "sync-daemon", ...place, running: true });
    return true;
  }

  private stop(plane: DataPlane, { role, interface: name, id }: SyncDaemon): boolean {
    const result = plane.stopSync(role);
    this.started.delete(role);
    const error = result.ok ? {} : { error: result.error };
    this.report({ kind: "sync-daemon", role, interface: name, id, running: !result.ok, ...error });
    return result.ok;
  }
}

/** Whether a daemon runs with what is wanted, as far as the kernel's list tells. */
function runsAs(daemon: SyncDaemon, wanted: SyncConfig): boolean {
  return (
    daemon.interface === wanted.interface &&
    daemon.id === wanted.id &&
    (daemon.group ?? DAEMON_DEFAULT.group) === (wanted.group ?? DAEMON_DEFAULT.group) &&
    daemon.port === (wanted.port ?? DAEMON_DEFAULT.port) &&
    daemon.ttl === (wanted.ttl ?? DAEMON_DEFAULT.ttl) &&
    (wanted.maxLength === undefined ||
      daemon.maxLength === syncLengthInKernel(wanted.maxLength, daemon.role, wanted.group))
  );
}

/** The fields that one start of a daemon fixes; roles of a configuration do not count. */
function isSame(a: Partial<SyncDaemon> | SyncConfig, b: Partial<SyncDaemon> | SyncConfig): boolean {
  return (
    a.interface === b.interface &&
    a.id === b.id &&
    a.maxLength === b.maxLength &&
    a.group === b.group &&
    a.port === b.port &&
    a.ttl === b.ttl
  );
}
