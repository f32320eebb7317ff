// From `tracks` to what is looked at, and from `track` of an instance to what follows from it for this instance.
// Says when all that an instance follows could never cause a failover.

import { milliseconds, seconds } from "../core/units.js";
import type { InstanceConfig, TrackConfig, TrackEffect } from "../vrrp/instance.js";
import type { Path } from "./diagnostic.js";
import { writeDuration } from "./duration.js";
import type { CheckConfig, CheckTiming, ServiceConfig, TrackSource } from "./model.js";
import type { Report } from "./report.js";
import type { FileConfig, FileInstance } from "./schema.js";
import { TRACK_KINDS, type TrackKind } from "./schema-tracks.js";
import { didYouMean } from "./suggest.js";

type FileTrack = NonNullable<FileConfig["tracks"]>[string];
type Followed = NonNullable<FileInstance["track"]>[number];

const kindOf = (track: FileTrack): TrackKind =>
  TRACK_KINDS.find((kind) => track[kind] !== undefined) ?? "script";
export const trackId = (name: string, track: FileTrack): string => `${kindOf(track)}:${name}`;

/** What is looked at: each track that an instance follows, or that a check of the services depends on. */
export function resolveTracks(
  file: FileConfig,
  services: readonly ServiceConfig[],
  report: Report,
): TrackSource[] {
  const followed = new Set(
    Object.values(file.vrrp ?? {}).flatMap(({ track = [] }) =>
      track.map((entry) => (typeof entry === "string" ? entry : entry.name)),
    ),
  );
  for (const { servers } of services)
    for (const checks of new Set(servers.map((server) => server.checks)))
      for (const { needs = [] } of checks)
        for (const need of needs) if (need.kind === "track") followed.add(need.name);
  return Object.entries(file.tracks ?? {}).flatMap(([name, written]) => {
    const path: Path = ["tracks", name];
    const source = sourceOf(name, written, path, report);
    if (followed.has(name)) return [source];
    if (mayBeFollowed(report)) return [];
    report.warning(
      path,
      "no-effect",
      "is followed by no instance, and no check depends on it",
      `Add \`track: [${name}]\` to an instance.`,
    );
    return [];
  });
}

const mayBeFollowed = (report: Report): boolean =>
  report.isBroken(["vrrp", "*", "track"]) ||
  report.isBroken(["services", "*", "check"]) ||
  report.isBroken(["services", "*", "servers"]);

function sourceOf(name: string, written: FileTrack, path: Path, report: Report): TrackSource {
  const { initial } = written;
  return {
    id: trackId(name, written),
    name,
    look: { type: kindOf(written), options: optionsOf(written), timing: timingOf(written, path, report) },
    // A file is read at once: there is nothing to presume.
    ...(initial === undefined || written.file !== undefined ? {} : { initial: initial === "up" }),
  };
}

function optionsOf({ script, process, file }: FileTrack): CheckConfig["options"] {
  if (file !== undefined) return { path: file };
  if (process === undefined) return script;
  if (typeof process === "string") return { name: process, quorum: 1 };
  return {
    name: process.name,
    quorum: process.quorum,
    ...(process.arguments === undefined ? {} : { arguments: process.arguments }),
  };
}

function timingOf(written: FileTrack, path: Path, report: Report): CheckTiming {
  const kind = kindOf(written);
  const every = written.every ?? (kind === "process" ? milliseconds(500) : seconds(1));
  const { timeout = every } = written;
  const ignored = {
    script: [],
    process: ["timeout"],
    file: ["timeout", "rise", "fall", "initial"],
  } as const satisfies Record<TrackKind, readonly (keyof FileTrack)[]>;
  for (const key of ignored[kind])
    if (written[key] !== undefined)
      report.warning([...path, key], "no-effect", `has no effect on a ${kind}`, "Remove it.");
  if (kind === "script" && timeout > every)
    report.error(
      [...path, "timeout"],
      "timeout-too-long",
      `the timeout ${writeDuration(timeout)} is longer than the interval ${writeDuration(every)}`,
      "A script never runs twice at once: shorten `timeout`, or lengthen `every`.",
    );
  const counts =
    kind === "file" ? { rise: 1, fall: 1 } : { rise: written.rise ?? 1, fall: written.fall ?? 1 };
  return { every, timeout: kind === "script" ? timeout : every, ...counts };
}

/** What an instance follows. */
export function followedTracks(
  instance: string,
  followed: readonly Followed[],
  file: FileConfig,
  report: Report,
): TrackConfig[] {
  const tracks: TrackConfig[] = [];
  for (const [i, entry] of followed.entries()) {
    const path: Path = ["vrrp", instance, "track", i];
    const track = followedTrack(entry, path, file, report);
    if (track === undefined) continue;
    if (tracks.some(({ id }) => id === track.id))
      report.error(
        path,
        "followed-twice",
        `the instance follows ${track.label} already`,
        "Leave one of them.",
      );
    else tracks.push(track);
  }
  return tracks;
}

function followedTrack(
  entry: Followed,
  path: Path,
  file: FileConfig,
  report: Report,
): TrackConfig | undefined {
  const written = typeof entry === "string" ? { name: entry } : entry;
  if (written.interface !== undefined) {
    return {
      id: `interface:${written.interface}`,
      label: `interface ${written.interface}`,
      effect: effectOf(written, path, report),
    };
  }
  const { name = "" } = written;
  const tracks = file.tracks ?? {};
  const track = Object.hasOwn(tracks, name) ? tracks[name] : undefined;
  if (track !== undefined)
    return {
      id: trackId(name, track),
      label: `${kindOf(track)} ${name}`,
      effect: effectOf(
        { weight: written.weight ?? track.weight, reverse: written.reverse ?? track.reverse },
        path,
        report,
      ),
    };
  const names = Object.keys(tracks);
  if (report.lacksNames(["tracks"])) return undefined;
  const near = didYouMean(name, names);
  report.error(
    path,
    "unknown-track",
    `there is no track "${name}"${near === undefined ? "" : `, did you mean "${near}"?`}`,
    names.length === 0
      ? "Describe it under `tracks`, at the top of the file; for an interface write { interface: NAME }."
      : `The tracks are: ${names.join(", ")}.`,
  );
  return undefined;
}

function effectOf(
  {
    weight = 0,
    reverse = false,
  }: { readonly weight?: number | undefined; readonly reverse?: boolean | undefined },
  path: Path,
  report: Report,
): TrackEffect {
  if (weight !== 0) return { kind: "weight", weight, reverse };
  if (reverse)
    report.error(
      path,
      "reverse-without-weight",
      "`reverse` needs a weight: being up is no fault",
      "Add `weight`, or turn the exit code of the script round.",
    );
  return { kind: "fault" };
}

/**
 * Weights that do not reach below the next director change nothing. `priorities`: of all nodes, by name; `tracks`:
 * those of the instance and of its sync group.
 */
export function checkWeights(
  { name, preempt }: Pick<InstanceConfig, "name" | "preempt">,
  tracks: readonly TrackConfig[],
  priorities: ReadonlyMap<string, number>,
  report: Report,
): void {
  const weights = tracks.flatMap(({ effect }) => (effect.kind === "weight" ? [effect.weight] : []));
  if (weights.length === 0) return;
  const path: Path = ["vrrp", name, "track"];
  const owner = [...priorities].find(([, priority]) => priority === 255);
  if (owner !== undefined)
    report.warning(
      path,
      "weight-of-owner",
      `weights have no effect on ${owner[0]}: 255, the owner's priority, is never changed`,
      "Use a priority from 1 to 254, or leave the weight out: then down is a fault.",
    );
  const [first, second] = [...priorities]
    .filter(([, priority]) => priority < 255)
    .sort(([, a], [, b]) => b - a);
  if (first === undefined || second === undefined || owner !== undefined) return;
  // A number in a file may be anything.
  if (tracks.some(({ id }) => id.startsWith("file:"))) return;
  const most = weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const gap = first[1] - second[1];
  if (most <= gap)
    report.warning(
      path,
      "weight-too-small",
      `this can never cause a failover: the weights take at most ${most} from the ${first[1]} of ${first[0]}, and ` +
        `${second[0]} has ${second[1]}`,
      `Make the weights more than ${gap} together, or leave them out: then down is a fault.`,
    );
  else if (!preempt)
    report.warning(
      path,
      "weight-without-preemption",
      "this can never cause a failover: without preemption a master of lower priority is left alone",
      "Leave the weights out (then down is a fault), or set `preempt: true`.",
    );
}
