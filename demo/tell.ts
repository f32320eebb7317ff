// How the drill speaks: its own steps, and beside them the directors' log lines as they come.

const started = performance.now();

const clock = (): string => ((performance.now() - started) / 1000).toFixed(1).padStart(5);

export function step(text: string): void {
  console.log(`${clock()} s == ${text}`);
}

export function quote(who: string, line: string): void {
  console.log(`${clock()} s    ${who} | ${line}`);
}
