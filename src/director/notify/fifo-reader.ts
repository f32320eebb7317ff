// The program that reads the FIFO, if vipd is to start it: started again when it ends.

import { CancelSource } from "../../checkers/cancel.js";
import { PROGRAM_ENVIRONMENT, RUN_GRACE } from "../../checkers/script.js";
import type { NotifyReader } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import { span } from "../../control/reason.js";
import { after, between, seconds } from "../../core/units.js";
import type { RunEnd, Runner } from "../../ports/runner.js";
import type { Timers } from "../../ports/timers.js";

export type ReaderPorts = {
  readonly runner: Runner;
  readonly timers: Timers;
  readonly report: (event: VipdEvent) => void;
};

/** From an end to the next start: longer after every one that follows soon. */
const SHORTEST = seconds(1);
const LONGEST = seconds(60);

export class FifoReader {
  readonly program: NotifyReader;
  private readonly path: string;
  private readonly ports: ReaderPorts;
  private readonly cancel = new CancelSource();
  private gone: Promise<void> = Promise.resolve();
  private pause = SHORTEST;
  private forget: () => void = () => undefined;

  constructor(program: NotifyReader, path: string, ports: ReaderPorts) {
    this.program = program;
    this.path = path;
    this.ports = ports;
    this.start();
  }

  /** Resolves when nothing is left of it. */
  stop(): Promise<void> {
    this.forget();
    this.cancel.cancel();
    return this.gone;
  }

  private start(): void {
    const { runner, timers } = this.ports;
    const { argv, user } = this.program;
    const began = timers.now();
    const run = runner.run(
      {
        argv: [...argv, this.path],
        environment: PROGRAM_ENVIRONMENT,
        grace: RUN_GRACE,
        ...(user === undefined ? {} : { user }),
      },
      this.cancel,
    );
    this.gone = run.gone;
    void Promise.all([run.end, run.gone]).then(([end]) => {
      if (this.cancel.cancelled) return;
      if (between(began, timers.now()) > LONGEST) this.pause = SHORTEST;
      this.ended(end);
    });
  }

  private ended(end: RunEnd): void {
    const { timers, report } = this.ports;
    const how =
      end.kind === "exited" ? `exit code ${end.code}` : end.kind === "not-runnable" ? end.why : end.kind;
    const text = `the reader of ${this.path} has ended: ${how}; starting it again in ${span(this.pause)}`;
    report({ kind: "warning", subject: "notify", text });
    this.forget = timers.wakeAt(after(timers.now(), this.pause), () => this.start());
    this.pause = seconds(Math.min(LONGEST / 1000, (this.pause / 1000) * 2));
  }
}
