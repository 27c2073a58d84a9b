// Sets the limits of the next step from what steps cost: how many prompt tokens it carries, how its rows are divided, how many threads compute it. Knows
// no slot, clock or backend.
import type { StepCosts } from "@waggle/protocol";
import type { ScheduleLimits } from "../loop/schedule.ts";
import { divideRows } from "./divide-rows.ts";
import { createRecentMedian } from "./recent-median.ts";
import { createStepCosts } from "./step-costs.ts";
import { contextWork, inOneMatrix, tileTokens, type StepShape } from "./step-shape.ts";
import { createThreadGovernor, type ThreadChange, type ThreadGovernor, type ThreadLimits } from "./threads.ts";

/** Prompts get at least this part of the decoding time in addition, a third of the step, so that they progress on a slow machine. */
const leastForPrompts = 1 / 2;
/** Longest time of a step while no slot decodes: a cancel or a new job waits up to this long. */
const idleStepMs = 400;
/** A piece of a prompt may always take this many times as long as one token of it. */
const mostForOne = 1.5;
/** Part of the time for prompts that a pass of a picture's cells gets: the streams get no token in that pass, so they also wait for the next step. */
const partForCells = 1 / 2;
/** Fewest cells of a pass, because fewer take almost as long; the second number is for machines where a step alone takes longer than the bound. */
const [leastCells, leastCellsIfSlow] = [16, 32];
/** Prompt tokens, and scored tokens, in a step before a step was measured. While no slot decodes, a step always has room for so many prompt tokens. */
const [firstTokens, firstScoredTokens] = [128, 8];
/** A piece of a text to embed or to rank may always take this long, because clients do not notice such a pause; and this long while no slot decodes. */
const [leastPieceMs, idlePieceMs] = [10, 100];
/** Number of steps with scored tokens whose median price is used. */
const scoredSteps = 9;
/** Number of steps for which a division of rows is kept. */
const stepsWithDivision = 16;

const noRows: StepShape = { decode: [], prompt: [], rowContext: 0, tileContext: 0 };

export interface PacingOptions {
  /** Maximum number of tokens in a step. */
  readonly batchSize: number;
  readonly threads: ThreadLimits;
  /** Whether all decoding rows of a step are one matrix, because all slots share one cache. */
  readonly oneMatrix: boolean;
  /**
   * While a slot decodes, a step takes at most this long, if prompts get a third of it at least, and unless more prompts wait than slots decode; Infinity
   * for no limit. Milliseconds.
   */
  readonly maxTokenGapMs: number;
  /** Most prompt tokens in a step. */
  readonly prefillBudget?: number | undefined;
  /** What was measured before. */
  readonly known?: StepCosts | undefined;
}

/** What waits for the next step. */
export interface Load {
  /** Numbers of decoding slots that are next to each other, in the order of the slots. */
  readonly runs: readonly number[];
  /** Number of tokens that the decoding slots hold together. */
  readonly heldTokens: number;
  /** Number of prompts that wait. */
  readonly prompts: number;
  /** Number of tokens that the slot with the next prompt holds; undefined if no prompt waits. */
  readonly promptHeld: number | undefined;
}

/** Limits of a piece of text to embed or to rank. The piece ends at the first limit that it reaches. */
export interface PieceLimits {
  readonly tokens: number;
  readonly ms: number;
}

export interface Pacing {
  plan(load: Load): ScheduleLimits;
  /**
   * Predicted time of a step in which each decoding slot has this many rows, in milliseconds; undefined before a step was measured, and where guesses
   * would make the step too long.
   */
  guessMs(load: Load, height: number): number | undefined;
  /** Limits the piece of text that is computed before the next step, so that streams do not wait long. */
  piece(load: Load): PieceLimits;
  /** Most cells of a picture in a pass before the next step, so that streams do not wait long. @param held number of entries in its slot */
  cells(load: Load, held: number): number;
  /** Returns the number of threads for a step. */
  threads(shape: StepShape): number;
  /** Records a step that was computed. @param scored number of prompt tokens with logprobs @returns the change of threads that it caused, if any */
  observe(
    shape: StepShape,
    pass: { readonly threads: number; readonly ms: number; readonly scored: number },
  ): ThreadChange | undefined;
  readonly recordFreeCores: ThreadGovernor["recordFreeCores"];
  /** Limits the threads from the next step on, because other engines use the rest of the cores. */
  limitThreads(most: number): void;
  /** Most threads of a step, if no picture is divided or encoded. */
  readonly mostThreads: number;
  /** Leaves this many threads to pictures, from the next step on. */
  leaveThreads(count: number): void;
  /** Predicted milliseconds for each of this many prompt tokens; undefined before a step was measured. */
  tokenMs(tokens: number): number | undefined;
  costs(): StepCosts;
}

export function createPacing(options: PacingOptions): Pacing {
  const { batchSize, oneMatrix, maxTokenGapMs, prefillBudget = Infinity } = options;
  const costs = createStepCosts(options.known);
  const governor = createThreadGovernor(options.threads, costs);
  const scoredMs = createRecentMedian(scoredSteps);
  /** Divisions of rows, by rows and height. */
  const divisions = new Map<string, readonly number[]>();
  let steps = 0;
  let mostThreads = Infinity;
  let pictureThreads = 0;

  function threads(shape: StepShape): number {
    const most = pictureThreads === 0 ? mostThreads : Math.max(1, threadsOfEngine() - pictureThreads);
    return Math.min(most, governor.threadsFor(shape));
  }

  function threadsOfEngine(): number {
    return Math.min(mostThreads, options.threads.max);
  }

  function predict(shape: StepShape): number | undefined {
    return costs.ms(shape, threads(shape));
  }

  /** Divides the slots of a run into matrices. @param height rows of each slot */
  function divide(run: number, height: number): readonly number[] {
    if (oneMatrix) return [run];
    const key = `${run} ${height}`;
    const rowsMs = (count: number): number | undefined =>
      predict({ decode: [count * height], prompt: [], rowContext: 0, tileContext: 0 });
    const parts = divisions.get(key) ?? divideRows(run, rowsMs);
    divisions.set(key, parts);
    return parts;
  }

  function shapeOfDecoding({ runs, heldTokens }: Load, height: number): StepShape {
    const slots = runs.reduce((sum, run) => sum + run, 0);
    const work = slots === 0 ? 0 : contextWork(height * slots, heldTokens / slots);
    const context = height < tileTokens ? { rowContext: work, tileContext: 0 } : { rowContext: 0, tileContext: work };
    const groups = oneMatrix ? [slots] : runs.flatMap((run) => divide(run, height));
    return { decode: slots === 0 ? [] : groups.map((count) => count * height), prompt: [], ...context };
  }

  function stepMs(load: Load, height: number): number | undefined {
    return load.runs.length === 0 ? 0 : predict(shapeOfDecoding(load, height));
  }

  /** How much longer a step may take because of prompts. Milliseconds; undefined before a step was measured. */
  function allowedMs(load: Load): number | undefined {
    if (maxTokenGapMs === Infinity) return Infinity;
    const decoding = load.runs.reduce((sum, run) => sum + run, 0);
    // In a burst, the delay of the few streams counts less than the wait of the many prompts, and tokens are cheaper once all decode together.
    if (load.prompts > decoding) return Math.max(idleStepMs, maxTokenGapMs);
    const decodeMs = stepMs(load, 1);
    return decodeMs === undefined ? undefined : Math.max(maxTokenGapMs - decodeMs, leastForPrompts * decodeMs);
  }

  /** How much longer a step takes with a piece of a prompt. @param decoding the shape of the step without the piece */
  function promptMs(tokens: number, held: number, decoding: StepShape = noRows): number | undefined {
    const work = contextWork(tokens, held + tokens / 2);
    const isTile = tokens >= tileTokens;
    const piece = { decode: [], prompt: [tokens], rowContext: isTile ? 0 : work, tileContext: isTile ? work : 0 };
    if (!oneMatrix || decoding.decode.length === 0) return predict(piece);
    const [withPiece, without] = [predict(inOneMatrix({ ...piece, decode: decoding.decode })), predict(decoding)];
    return withPiece === undefined || without === undefined ? undefined : Math.max(0, withPiece - without);
  }

  /**
   * The most prompt tokens within the time. From a tile on, whole tiles: a token costs less there.
   * @param decoding the rows of the same step
   * @param fewest tokens that fit in any case, as long as a step has room for them
   */
  function tokensWithin(
    wantedMs: number,
    { held, decoding = noRows, fewest }: { held: number; decoding?: StepShape; fewest: number },
  ): number {
    const most = Math.min(batchSize, prefillBudget);
    const least = Math.min(most, fewest);
    // Where already one token takes longer, a few more cost little, and end the prompt sooner.
    const ms = Math.max(wantedMs, mostForOne * (promptMs(1, held, decoding) ?? 0));
    const fits = (tokens: number): boolean => (promptMs(tokens, held, decoding) ?? Infinity) <= ms;
    if (promptMs(1, held, decoding) === undefined) return Math.min(most, firstTokens);
    if (fits(most)) return most;
    for (let tiles = Math.floor(most / tileTokens); tiles > 0; tiles--)
      if (fits(tiles * tileTokens)) return Math.max(least, tiles * tileTokens);
    let [below, above] = [1, Math.min(most, tileTokens)];
    while (above - below > 1) {
      const middle = (below + above) >> 1;
      if (fits(middle)) below = middle;
      else above = middle;
    }
    return Math.max(least, below);
  }

  return {
    guessMs(load, height) {
      const ms = stepMs(load, height);
      // A stream alone may get many tokens at once; with others, no pause may grow beyond the limit.
      const mostMs = load.runs.length === 1 && load.runs[0] === 1 ? idleStepMs : maxTokenGapMs;
      return ms === undefined || (height > 1 && ms > mostMs) ? undefined : ms;
    },
    threads,
    recordFreeCores: governor.recordFreeCores,
    limitThreads: (most) => void (mostThreads = Math.max(1, most)),
    get mostThreads() {
      return threadsOfEngine();
    },
    leaveThreads: (count) => void (pictureThreads = count),
    costs: costs.snapshot,
    tokenMs(tokens) {
      const size = Math.max(1, Math.min(batchSize, tokens));
      const ms = promptMs(size, tokens / 2);
      return ms === undefined ? undefined : ms / size;
    },
    cells(load, held) {
      const ms = allowedMs(load);
      if (ms === undefined) return Math.min(batchSize, prefillBudget, firstTokens);
      if (load.runs.length === 0) return tokensWithin(ms, { held, fewest: firstTokens });
      return tokensWithin(partForCells * ms, {
        held,
        fewest: (stepMs(load, 1) ?? 0) > maxTokenGapMs ? leastCellsIfSlow : leastCells,
      });
    },
    piece(load) {
      const ms = load.runs.length === 0 ? idlePieceMs : Math.max(leastPieceMs, allowedMs(load) ?? 0);
      return { tokens: Math.min(batchSize, prefillBudget), ms };
    },
    plan(load) {
      const { promptHeld } = load;
      if (promptHeld === undefined) return { batchSize, divide, prefillBudget: 0, scoredTokens: 0 };
      const ms = allowedMs(load);
      const eachMs = scoredMs.value;
      return {
        batchSize,
        divide,
        prefillBudget:
          ms === undefined
            ? Math.min(batchSize, prefillBudget, firstTokens)
            : tokensWithin(ms, {
                held: promptHeld,
                decoding: shapeOfDecoding(load, 1),
                fewest: load.runs.length === 0 ? firstTokens : 1,
              }),
        scoredTokens:
          ms === undefined || eachMs === undefined
            ? firstScoredTokens
            : Math.max(1, Math.floor(ms / Math.max(eachMs, 0.001))),
      };
    },
    observe(shape, { threads: used, ms, scored }) {
      steps += 1;
      if (steps % stepsWithDivision === 0) divisions.clear();
      if (scored > 0) {
        // The logprobs take time too, so the time says nothing about other steps.
        scoredMs.add(Math.max(0, ms - (predict({ ...shape, prompt: [] }) ?? 0)) / scored);
        return undefined;
      }
      return governor.observe(used, ms, costs.observe(shape, used, ms));
    },
  };
}
