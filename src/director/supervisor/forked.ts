// One child process, from its fork on. What it says and how it ends is kept until somebody listens, because the first
// one is started before there is anybody (first-child.ts).

import { fork, type ChildProcess } from "node:child_process";
import { childEnvironment } from "./child-environment.js";
import type { ChildListener } from "./child.js";
import type { ChildName } from "./child-name.js";
import { flagsOf, programWords } from "./programs.js";

export type Forked = {
  readonly child: ChildProcess;
  /** Once. The listener is first called after it has returned. */
  readonly listen: (listener: ChildListener) => void;
};

export function forkChild(name: ChildName): Forked {
  const [program, ...words] = programWords(name);
  const child = fork(program, words, {
    execArgv: [...flagsOf[name]],
    serialization: "json",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A session of its own: Ctrl-C in a terminal is for the supervisor, which stops its children in order.
    detached: true,
    env: childEnvironment(),
  });
  let listener: ChildListener | undefined;
  const kept: ((to: ChildListener) => void)[] = [];
  const tell = (word: (to: ChildListener) => void): void => {
    if (listener === undefined) kept.push(word);
    else word(listener);
  };
  let ended = false;
  const end = (how: string): void => {
    if (ended) return;
    ended = true;
    tell((to) => to.exit(how));
  };
  child.on("message", (message) => tell((to) => to.message(message)));
  child.on("error", (error) => {
    // A message that could not be sent also ends here; the process is then about to end by itself.
    if (child.pid === undefined) end(`could not be started: ${error.message}`);
  });
  child.on("exit", (code, signal) =>
    end(signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`),
  );
  const listen = (to: ChildListener): void => {
    if (kept.length === 0) listener = to;
    else
      setImmediate(() => {
        listener = to;
        for (const word of kept.splice(0)) word(to);
      });
  };
  return { child, listen };
}
