// What befalls directors and the network between them in a sweep, one thing at a time and most of them with an end, and
// how all of it is healed.

import { randomInt, type Random } from "../../src/core/random.js";
import { SCRIPT, type Plan } from "./plan.js";
import { pick, type Director, type World } from "./world.js";

/** In intervals: the longest that one trouble lasts. */
const LONGEST = 8;

type Scene = {
  readonly world: World;
  readonly random: Random;
  readonly plan: Plan;
  readonly director: Director;
  /** Another one, or now and then the same. */
  readonly other: Director;
  /** One of its links. */
  readonly link: number;
  /** Runs this when the trouble is over, at the latest at the end of all troubles. */
  readonly later: (run: () => void) => void;
};
type Trouble = (scene: Scene) => void;

const start = (world: World, director: Director): void => {
  if (director.engine === undefined) world.start(director);
};

const crash: Trouble = ({ world, director, later }) => {
  if (director.engine === undefined) return;
  world.crash(director);
  later(() => start(world, director));
};

/** The process does not run; what comes for it waits. */
const stall: Trouble = ({ world, director, later }) => {
  if (director.engine === undefined || director.paused) return;
  director.paused = true;
  later(() => {
    if (director.engine !== undefined) world.resume(director);
  });
};

/** The whole machine does not run, and what comes for it is lost. */
const suspend: Trouble = (scene) => {
  const { world, director } = scene;
  if (director.paused || director.engine === undefined) return;
  stall(scene);
  director.deaf = true;
  director.deafness = { from: world.now, to: Infinity };
};

/** The process runs, and always late: up to two intervals. */
const lag: Trouble = ({ random, plan, director, later }) => {
  director.lateness = random() * 2 * plan.interval;
  director.mostLateness = Math.max(director.mostLateness, director.lateness);
  later(() => (director.lateness = 0));
};

const stop: Trouble = ({ world, director, later }) => {
  if (director.engine === undefined || director.paused) return;
  world.stop(director);
  later(() => start(world, director));
};

const linkDown: Trouble = ({ world, director, link, later }) => {
  if (director.paused) return;
  world.setLink(director, false, link);
  later(() => {
    if (!director.paused) world.setLink(director, true, link);
  });
};

const deleteAddress: Trouble = ({ world, director }) => {
  if (!director.paused) world.deleteAddress(director);
};

const failTrack: Trouble = ({ world, director, later }) => {
  if (director.paused) return;
  world.setTracks(director, { [SCRIPT]: { up: false } });
  later(() => {
    if (!director.paused) world.setTracks(director, { [SCRIPT]: { up: true } });
  });
};

/** The supervisor starts the process again, and says of which instances it was master. */
const restart: Trouble = ({ world, director, later }) => {
  if (director.engine === undefined || director.paused) return;
  const { states } = director;
  const deadAt = world.killProcess(director);
  const resumed = director.configs.filter((_, i) => states[i] === "master");
  later(() => {
    if (director.engine !== undefined) return;
    world.start(
      director,
      resumed.map(({ name }) => ({ instance: name, dead_at: deadAt })),
    );
  });
};

const wayOf = ({ random, director, other, link }: Scene): [string, string] => {
  const on = random() < 0.5 ? "" : ` on ${link}`;
  return [`${director.name}>${other.name}${on}`, `${other.name}>${director.name}${on}`];
};

const cutOneWay: Trouble = (scene) => {
  const [way] = wayOf(scene);
  scene.world.cuts.add(way);
  scene.later(() => scene.world.cuts.delete(way));
};

const cutBothWays: Trouble = (scene) => {
  for (const way of wayOf(scene)) scene.world.cuts.add(way);
};

/** One hears the other now and then, who hears him well. */
const loseOneWay: Trouble = (scene) => {
  const [way] = wayOf(scene);
  scene.world.losses.set(way, 0.3 + 0.7 * scene.random());
  scene.later(() => scene.world.losses.delete(way));
};

const OF_DIRECTORS: readonly Trouble[] = [
  crash,
  stall,
  suspend,
  lag,
  stop,
  linkDown,
  deleteAddress,
  failTrack,
  restart,
];
const OF_THE_NETWORK: readonly Trouble[] = [cutOneWay, cutBothWays, loseOneWay];

export function disturb(world: World, random: Random, plan: Plan, end: number): void {
  const troubles = plan.lossless ? OF_DIRECTORS : [...OF_DIRECTORS, ...OF_THE_NETWORK];
  const director = pick(random, world.directors);
  const other = pick(random, world.directors);
  const link = 2 + randomInt(random, director.configs.length);
  const trouble = pick(random, troubles);
  const longest = trouble === restart ? 3 : LONGEST;
  const later = (run: () => void): void =>
    world.at(Math.min(end, world.now + random() * longest * plan.interval), run);
  trouble({ world, random, plan, director, other, link, later });
}

export function heal(world: World): void {
  world.cuts.clear();
  world.losses.clear();
  world.network.loss = 0;
  for (const director of world.directors) {
    director.lateness = 0;
    start(world, director);
    if (director.paused) world.resume(director);
    for (const link of director.linksDown) world.setLink(director, true, link);
    world.setTracks(director, { [SCRIPT]: { up: true } });
  }
}
