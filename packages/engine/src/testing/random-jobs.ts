// Draws random jobs for the engine's simulation: generate jobs, many with pictures, and decide jobs.
import { lanePriority, SamplingSchema, type Sampling } from "@waggle/protocol";
import type { EngineJob } from "../port/messages.ts";
import type { Picture } from "../port/pictures.ts";
import type { DecideWork, GenerateWork } from "../port/work.ts";
import { decideJob, fakePicture } from "./engine-harness.ts";
import { randomNumbers } from "./simulated-machine.ts";

interface Random {
  /** Returns an integer from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
}

export function createRandom(seed: number): Random {
  const next = randomNumbers(seed);
  return {
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
  };
}

/** One job in seven is of the lane: such jobs load few snapshots. */
const priorities = [0, 1, 2, 0, 1, 2, lanePriority] as const;

/** Few pictures, so that jobs often share one. The largest has as many cells as the smallest batch allows. */
const gallery: readonly [Picture, ...Picture[]] = [
  fakePicture("a"),
  fakePicture("bb"),
  fakePicture("large as they are"),
  fakePicture("twelve bytes"),
];
const broken = fakePicture("broken");
/** Cells of the largest picture. */
export const mostCells = 16;

/** Puts pictures into the prompt, of which one may occur twice. */
function withPictures(random: Random, text: string): Pick<GenerateWork, "prompt" | "pictures"> {
  const pictures = [random.pick(gallery), random.pick(gallery)].slice(0, 1 + random.below(2));
  if (random.chance(0.05)) pictures.push(broken);
  const shown = Array.from({ length: pictures.length + random.below(2) }, () => ({
    type: "image" as const,
    picture: random.below(pictures.length),
  }));
  const opening = random.pick(["", "Look: "]);
  return { prompt: { kind: "pieces", pieces: [opening, ...shown.flatMap((one) => [one, " and"]), text] }, pictures };
}

export function randomJob(random: Random, jobId: string, repeats: boolean, sees: boolean): EngineJob<GenerateWork> {
  const shows = sees && random.chance(0.5);
  // Cells leave less room for text: most prompts fit into the context.
  const opening = shows ? "" : random.pick(["", "You are a bee.", "You are a bee. Answer at length and with honey."]);
  const marker = random.pick(["", "", "[unicode]", `[eog:${random.below(20)}]`, `[fail:${random.below(9)}]`]);
  const stop = random.pick<readonly string[]>([[], [], [" the"], [" honey", " s"], ["🐝", "für"]]);
  const sampling: Sampling = SamplingSchema.parse({
    temperature: random.pick([0, 0.8]),
    seed: random.below(3),
    ignore_eos: random.chance(0.1),
  });
  const cycle = repeats ? random.pick(["", "[cycle:1]", "[cycle:4]", "[cycle:4]"]) : "";
  const guesses = repeats && random.chance(0.9);
  const text = `${opening}${marker}${cycle}${random.pick(["", "a", "b"]).repeat(random.below(shows ? 12 : 50))}`;
  const cacheScope = random.pick(["alice", "alice", "bob"]);
  const length = randomLength(random);
  const sessionId = random.chance(0.5) ? `s${random.below(3)}` : undefined;
  const input: Pick<GenerateWork, "prompt" | "pictures"> = shows
    ? withPictures(random, text)
    : { prompt: { kind: "text", text } };
  const work = { kind: "generate", ...input, choices: 1, stop, sampling, guesses, ...length } as const;
  return { jobId, work, cacheScope, guessScope: cacheScope, sessionId, priority: random.pick(priorities) };
}

/** Draws a decide job whose state other jobs have, too. */
export function randomDecide(random: Random, jobId: string): EngineJob<DecideWork> {
  const state = random.pick(["The hive is warm. ", "The bees fly. "]).repeat(1 + random.below(4));
  const questions = random.pick<Readonly<Record<string, string[][]>>>([
    { "Warm?": [["yes", "Yes"], ["no"]] },
    { "Warm?": [["A"], ["B"], ["C"]], "Many bees?": [["few"], ["many"]] },
    { "Which?": [["bee"], ["bees"], ["wasp"]], "How warm?": [["0"], ["1"]], "Who?": [["A"], ["B"]] },
  ]);
  const cacheScope = random.pick(["alice", "alice", "bob"]);
  return decideJob(jobId, state, questions, {
    cacheScope,
    priority: random.pick(priorities),
    ends: "Which?" in questions,
  });
}

/** Draws the limit of an answer: no limit, a few tokens, or often more than the context. */
function randomLength(random: Random): Pick<GenerateWork, "maxTokens"> {
  if (random.chance(0.28)) return { maxTokens: 1 + random.below(400) };
  return random.chance(0.4) ? {} : { maxTokens: 1 + random.below(24) };
}
