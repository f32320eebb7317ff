// `vipd upgrade` inside of the successor's supervisor: it gets ready while the predecessor works, goes on with its
// VRRP, and then takes over the table. When each step is due, succession.ts says.

import type { Handed, Inheritance } from "../../control/handover.js";
import { seconds, type Milliseconds } from "../../core/units.js";
import { whyAnother } from "../instance-change.js";
import type { LoadOutcome } from "./config-source.js";
import type { Custody } from "./custody.js";
import type { Children } from "./children.js";

const TAKE_OVER_WITHIN = seconds(1);

type Loaded = Extract<LoadOutcome, { ok: true }>;

export type PrepareOutcome =
  | { readonly ok: true; readonly keeps: readonly string[]; readonly vrrp: number }
  | { readonly ok: false; readonly why: string };

export class Inheriting {
  private readonly inheritance: Inheritance;
  private readonly children: Children;
  private readonly custody: Custody;
  private prepared: Loaded | undefined;

  constructor(inheritance: Inheritance, children: Children, custody: Custody) {
    this.inheritance = inheritance;
    this.children = children;
    this.custody = custody;
  }

  /** Gets both children ready. Gives the instances that can go on as they are. */
  async prepare(load: () => Promise<LoadOutcome>): Promise<PrepareOutcome> {
    const { children, inheritance } = this;
    children.onStandby = true;
    children.checks.start();
    children.startVrrp();
    const outcome = await load();
    if (!outcome.ok) return { ok: false, why: outcome.report };
    children.config = outcome.config;
    this.prepared = outcome;
    for (const name of ["vrrp", "checks"] as const) {
      const taken = await children.configure(name);
      if (taken.kind !== "done") return { ok: false, why: taken.why };
    }
    const wanted = outcome.config.head.vrrp;
    const keeps = inheritance.instances.filter((old) => {
      const now = wanted.find(({ name }) => name === old.name);
      return now !== undefined && whyAnother(old, now) === undefined;
    });
    return { ok: true, keeps: keeps.map(({ name }) => name), vrrp: children.vrrp.pid ?? 0 };
  }

  /** The VRRP process goes on with what was handed over. Null: it does not. */
  async takeOver(handed: Handed): Promise<{ readonly config: Loaded; readonly pause: Milliseconds } | null> {
    const { prepared, children } = this;
    if (prepared === undefined) return null;
    const answer = await children.vrrp.answerTo({ kind: "take-over", handed }, TAKE_OVER_WITHIN);
    if (answer?.kind !== "taken") return null;
    children.onStandby = false;
    children.vrrpReleased = true;
    children.tracks.take(handed.tracks);
    this.custody.inherit(this.inheritance.statics, prepared.config.head.vrrp);
    return { config: prepared, pause: answer.pause };
  }
}
