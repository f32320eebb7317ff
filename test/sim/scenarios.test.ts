// Failures as they would be told: each scenario's transcript stands in scenarios/*.txt and is compared word for
// word. After a wanted change run with UPDATE=1 and read the difference.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../src/core/random.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import { describe as words } from "../../src/control/describe.js";
import { describeReason } from "../../src/control/reason.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { World, type Director } from "./world.js";

type Scene = {
  readonly world: World;
  readonly a: Director;
  readonly b: Director;
  readonly say: (text: string) => void;
};

/** Director a has priority 150, b 100; both start at 0 and run until `ends` (in seconds). */
function scenario(
  name: string,
  ends: number,
  changes: Partial<InstanceConfig>,
  play: (scene: Scene, at: (second: number, who: string, what: string, run: () => void) => void) => void,
): void {
  test(`scenario: ${name}`, () => {
    const lines: string[] = [];
    const stamp = (world: World): string => (world.now / 1000).toFixed(3).padStart(7);
    const world: World = new World(seededRandom(1), (director, event) => {
      const text = describe(event);
      if (text !== undefined) lines.push(`${stamp(world)} ${director.name} ${text}`);
    });
    const a = world.add("a", instance({ priority: 150, ...changes }));
    const b = world.add("b", instance({ priority: 100, ...changes }));
    const say = (text: string): void => void lines.push(`${stamp(world)} ${text}`);
    const at = (second: number, who: string, what: string, run: () => void): void =>
      world.at(second * 1000, () => {
        say(`${who} ${what}`);
        run();
      });
    at(0, "a", "starts", () => world.start(a));
    at(0, "b", "starts", () => world.start(b));
    play({ world, a, b, say }, at);
    world.runUntil(ends * 1000);
    compare(name, lines);
  });
}

function describe(event: VipdEvent): string | undefined {
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- other processes' events do not come here.
  switch (event.kind) {
    case "vrrp-transition":
      return [`${event.from} -> ${event.to}: ${describeReason(event.reason)}`, ...event.done].join("; ");
    case "vrrp-second-master":
      return `second master ${event.sender} (priority ${event.sender_priority}), ${event.count} adverts`;
    case "vrrp-address-restored":
      return `restored ${event.address}`;
    case "vrrp-stale-address-removed":
      return `removed stale ${event.address}`;
    case "vrrp-rejected":
      return `refused ${event.sender}: ${event.detail}, ${event.count} times`;
    case "vrrp-note":
      return event.text;
    case "vrrp-second-path":
      return words(event).text;
    default:
      return undefined;
  }
}

function compare(name: string, lines: readonly string[]): void {
  const path = join(packageRoot(), "test/sim/scenarios", `${name.replaceAll(" ", "-")}.txt`);
  const text = `${lines.join("\n")}\n`;
  if (process.env["UPDATE"] === "1") writeFileSync(path, text);
  assert.ok(existsSync(path), `${path} is missing: run with UPDATE=1`);
  assert.equal(text, readFileSync(path, "utf8"));
}

function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

scenario("the master crashes and comes back", 30, {}, ({ world, a }, at) => {
  at(10, "a", "loses power", () => world.crash(a));
  at(20, "a", "starts", () => world.start(a));
});

scenario("the master comes back and does not preempt", 30, { preempt: false }, ({ world, a }, at) => {
  at(10, "a", "loses power", () => world.crash(a));
  at(20, "a", "starts", () => world.start(a));
});

scenario("the master stops cleanly", 20, {}, ({ world, a }, at) => {
  at(10, "a", "is stopped", () => world.stop(a));
});

scenario("the network splits and heals", 30, {}, ({ world }, at) => {
  at(10, "the network", "is cut in both directions", () => {
    world.cuts.add("a>b");
    world.cuts.add("b>a");
  });
  at(20, "the network", "heals", () => world.cuts.clear());
});

scenario(
  "one of two paths is cut and heals and the master loses its link",
  50,
  { secondPath: "eth1" },
  ({ world, a }, at) => {
    at(10, "the first path", "is cut in both directions", () => {
      world.cuts.add("a>b on 2");
      world.cuts.add("b>a on 2");
    });
    at(25, "the first path", "heals", () => world.cuts.clear());
    at(35, "a", "loses its first link", () => world.setLink(a, false));
  },
);

scenario("the backup hears nothing but is heard", 20, {}, ({ world }, at) => {
  at(10, "a>b", "is cut", () => world.cuts.add("a>b"));
});

scenario("the master is paused and goes on", 30, {}, ({ world, a }, at) => {
  at(10, "a", "is paused", () => (a.paused = true));
  at(16, "a", "goes on", () => world.resume(a));
});

scenario("the backup is paused and goes on", 30, {}, ({ world, b }, at) => {
  at(10, "b", "is paused", () => (b.paused = true));
  at(16, "b", "goes on", () => world.resume(b));
});

scenario(
  "without preemption a split heals and the incumbent stays",
  40,
  { preempt: false },
  ({ world, a }, at) => {
    at(10, "a", "loses power", () => world.crash(a));
    at(20, "a", "starts deaf", () => {
      world.cuts.add("b>a");
      world.cuts.add("a>b");
      world.start(a);
    });
    at(30, "the network", "heals", () => world.cuts.clear());
  },
);

scenario(
  "without preemption the lower priority was there first",
  40,
  { preempt: false },
  ({ world, a }, at) => {
    at(5, "a", "loses power", () => world.crash(a));
    at(12, "a", "starts", () => world.start(a));
    at(20, "the network", "is cut in both directions", () => {
      world.cuts.add("a>b");
      world.cuts.add("b>a");
    });
    at(30, "the network", "heals", () => world.cuts.clear());
  },
);

scenario("a start delay", 20, { startDelay: seconds(8) }, ({ world, a }, at) => {
  at(12, "a", "loses power", () => world.crash(a));
});

scenario("the VRRP process of the master is restarted in time", 20, {}, ({ world, a }, at) => {
  let deadAt = 0;
  at(10, "a", "is killed", () => (deadAt = world.killProcess(a)));
  at(10.2, "a", "starts with a resume order", () => world.start(a, [{ instance: "web", dead_at: deadAt }]));
});

scenario("the VRRP process of the master is restarted too late", 30, {}, ({ world, a }, at) => {
  let deadAt = 0;
  at(10, "a", "is killed", () => (deadAt = world.killProcess(a)));
  at(12, "a", "starts with a resume order", () => world.start(a, [{ instance: "web", dead_at: deadAt }]));
});

scenario("somebody deletes the address of the master", 20, {}, ({ world, a }, at) => {
  at(10, "somebody", "deletes the address", () => world.deleteAddress(a));
});

scenario("the link of the master flaps", 30, {}, ({ world, a }, at) => {
  at(10, "a", "loses its link", () => world.setLink(a, false));
  at(15, "a", "has its link again", () => world.setLink(a, true));
});

scenario("priorities are exchanged by two reloads", 30, {}, ({ world, a }, at) => {
  at(10, "a", "is given priority 90", () => world.reconfigure(a, { ...a.config, priority: 90 }));
  at(20, "a", "is given priority 150 and another address", () =>
    world.reconfigure(a, { ...a.config, priority: 150, addresses: [vip("192.168.1.77/24")] }),
  );
});

scenario("the directors disagree on the version", 12, {}, ({ world, a }, at) => {
  at(0, "a", "is given version 2", () => world.reconfigure(a, { ...a.config, version: 2 }));
});

scenario(
  "the directors move from version 2 to 3 by way of both",
  45,
  { version: 2 },
  ({ world, a, b }, at) => {
    at(10, "a", "is given both versions", () => world.reconfigure(a, { ...a.config, version: "2+3" }));
    at(15, "b", "is given both versions", () => world.reconfigure(b, { ...b.config, version: "2+3" }));
    at(20, "a", "is given version 3", () => world.reconfigure(a, { ...a.config, version: 3 }));
    at(30, "b", "is given version 3", () => world.reconfigure(b, { ...b.config, version: 3 }));
    at(40, "a", "crashes", () => world.crash(a));
  },
);

scenario(
  "adverts of 10 ms and a delayed preemption",
  12,
  {
    advertInterval: milliseconds(10),
    preemptDelay: seconds(3),
  },
  ({ world, a }, at) => {
    at(5, "a", "loses power", () => world.crash(a));
    at(6, "a", "starts", () => world.start(a));
  },
);
