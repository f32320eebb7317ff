// A director that is killed between any two of its commands: the kernel keeps what it had so far, and the next director
// makes of it what is wanted, without a healthy server ever missing, and without a touch of what is others'.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, test } from "node:test";
import type { ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { randomInt, seededRandom, type Random } from "../../src/core/random.js";
import { ok } from "../../src/core/result.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { serverId, serviceId, type ServerId } from "../../src/ipvs/model.js";
import type { DataPlane } from "../../src/ports/data-plane.js";
import { FakePlane } from "./fake-plane.js";
import { ManualTimers } from "./manual-timers.js";
import { noSettings } from "./no-settings.js";

const root = mkdtempSync(join(tmpdir(), "vipd-kill-"));
afterAll(() => {
  rmSync(root, { recursive: true });
});

const idOf = (last: number): ServerId => `192.168.1.${String(last)}:80` as ServerId;
const keyOf = (last: number) =>
  ({ kind: "address", protocol: "tcp", address: ip(`192.168.1.${String(last)}`), port: 80 }) as const;
const FOREIGN = { key: keyOf(99), scheduler: "rr" } as const;
/** Servers by the end of their address; the well ones are in every configuration. */
const WELL = [4, 5];
const FRAIL = [6, 7];

function configuration(random: Random): ServiceConfig[] {
  const timing = { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3 };
  const names = ["web", "mail", "extra", "more"].filter((_, i) => i < 2 || random() < 0.5);
  return names.map((name) => ({
    name,
    service: {
      key: keyOf(["web", "mail", "extra", "more"].indexOf(name)),
      scheduler: random() < 0.5 ? "rr" : "wlc",
    },
    servers: [...WELL, ...FRAIL.filter(() => random() < 0.7)].map((last) => ({
      server: {
        address: ip(`192.168.1.${String(last)}`),
        port: 80,
        forwarding: random() < 0.8 ? "direct-routing" : "tunnel",
        weight: 1 + randomInt(random, 3),
      },
      checks: [{ type: "tcp", options: {}, timing }],
    })),
  }));
}

/** Lives for so many steps: writes to the kernel and to the disk. With the next one it dies, and does nothing more. */
class Life {
  isOver = false;
  #steps: number;
  constructor(steps: number) {
    this.#steps = steps;
  }
  step(): void {
    if (this.isOver || this.#steps-- <= 0) {
      this.isOver = true;
      throw new Error("killed");
    }
  }
}

class World {
  readonly kernel = new FakePlane();
  readonly directory = mkdtempSync(join(root, "one-"));
  /** Of web and mail: the well servers that were there once. */
  readonly #seen = new Set<string>();
  truth = new Map([...WELL, ...FRAIL].map((last) => [idOf(last), true]));
  services: ServiceConfig[] = [];

  constructor() {
    this.kernel.table.set(serviceId(FOREIGN.key), { service: FOREIGN, servers: new Map() });
  }

  start(life: Life): { director: IpvsDirector; timers: ManualTimers; readonly configure: () => void } {
    const timers = new ManualTimers();
    const { kernel } = this;
    const plane: DataPlane = {
      name: "fake",
      read: () => kernel.read(),
      services: () => kernel.services(),
      servers: (service) => kernel.servers(service),
      serversUnless: (service, known) => kernel.serversUnless(service, known),
      apply: (commands) =>
        commands.map((command) => {
          life.step();
          const [result] = kernel.apply([command]);
          this.#look();
          return result!;
        }),
      sendAhead: () => undefined,
      takeAhead: () => undefined,
      syncDaemons: () => [],
      startSync: (role, sync) => kernel.startSync(role, sync),
      stopSync: (role) => kernel.stopSync(role),
      close: () => undefined,
    };
    const director = new IpvsDirector({
      openPlane: () => ok(plane),
      openSettings: noSettings,
      openOwnership: (directory) => {
        const file = ownershipFile(directory);
        return {
          load: () => file.load(),
          save: (owned) => {
            life.step();
            file.save(owned);
          },
        };
      },
      timers,
      report: () => undefined,
    });
    const configure = (): void => {
      const error = director.configure({
        runtimeDirectory: this.directory,
        ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
        sync: null,
        masters: {},
        services: this.services,
      });
      assert.ok(error === null || life.isOver, error ?? "");
    };
    return { director, timers, configure };
  }

  /** After every single command: who was there and is well has not gone. */
  #look(): void {
    for (const service of [0, 1])
      for (const last of WELL) {
        const server = this.kernel.table.get(serviceId(keyOf(service)))?.servers.get(idOf(last));
        const name = `${String(service)} ${String(last)}`;
        if (server !== undefined && server.weight > 0) this.#seen.add(name);
        else assert.ok(!this.#seen.has(name), `${idOf(last)} is well and missing`);
      }
  }

  /** What the kernel should have in the end, in words. */
  wanted(): string[] {
    const entries = this.services.map(({ service, servers }) => {
      const up = servers.filter(({ server }) => this.truth.get(serverId(server)));
      const words = up.map(
        ({ server }) => `${serverId(server)} ${server.forwarding} ${String(server.weight)}`,
      );
      return `${serviceId(service.key)} ${service.scheduler}: ${words.sort().join(", ")}`;
    });
    return [...entries, `${serviceId(FOREIGN.key)} rr: `].sort();
  }

  found(): string[] {
    const entries = [...this.kernel.table].map(([id, { service, servers }]) => {
      const words = [...servers].map(
        ([name, { forwarding, weight }]) => `${name} ${forwarding} ${String(weight)}`,
      );
      return `${id} ${service.scheduler}: ${words.sort().join(", ")}`;
    });
    return entries.sort();
  }

  /** A director's life until it ends or is killed; gives whether it was killed. */
  live(life: Life, random: Random): boolean {
    try {
      const { director, timers, configure } = this.start(life);
      this.services = configuration(random);
      configure();
      for (let i = 0; i < 6 && !life.isOver; i++) {
        if (random() < 0.4) {
          this.services = configuration(random);
          configure();
        }
        for (const last of FRAIL) {
          const id = idOf(last);
          const up = random() < 0.5;
          this.truth.set(id, up);
          for (const { name, servers } of this.services)
            if (servers.some(({ server }) => serverId(server) === id)) director.setServer(name, id, up);
        }
        timers.pass(randomInt(random, 15_000));
      }
    } catch (error) {
      if (!life.isOver) throw error;
    }
    return life.isOver;
  }

  /** The next one, with the checks' first results. */
  succeed(): void {
    const { director, timers, configure } = this.start(new Life(Infinity));
    configure();
    for (const { name, servers } of this.services)
      for (const { server } of servers) {
        const id = serverId(server);
        director.setServer(name, id, this.truth.get(id) === true);
      }
    timers.pass(60_000);
  }
}

test("killed between any two commands, a director leaves a table that the next one repairs", () => {
  let kills = 0;
  for (let seed = 1; seed <= 12; seed++)
    for (let steps = 0, isKilled = true; isKilled; steps++) {
      const world = new World();
      isKilled = world.live(new Life(steps), seededRandom(seed));
      if (!isKilled) continue;
      kills++;
      world.succeed();
      assert.deepEqual(
        world.found(),
        world.wanted(),
        `seed ${String(seed)}, killed at step ${String(steps)}`,
      );
      world.kernel.batches.length = 0;
      world.succeed();
      assert.deepEqual(world.kernel.batches.flat(), [], "a third one finds nothing to do");
    }
  assert.ok(kills > 100, String(kills));
});
