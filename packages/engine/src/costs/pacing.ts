// Sets the limits of the next step from what steps cost: how many prompt tokens it carries, how its rows are divided, how many threads compute it. Knows
// no slot, clock or backend.
import type { PromptPiece, StepCosts } from "@waggle/protocol";
import type { ScheduleLimits } from "../loop/schedule.ts";
import { pieceLengths, shortestPiece, slowdownOf } from "./piece-lengths.ts";
import { createStepCosts } from "./step-costs.ts";
import { contextOf, inOneMatrix, tileTokens, type StepShape } from "./step-shape.ts";
import { createThreadGovernor, type ThreadChange, type ThreadGovernor, type ThreadLimits } from "./threads.ts";

/**
 * A step computes prompt tokens at most this many times as slowly as the cheapest step, so a prompt waits at most this many times as long. The second
 * number is for bursts: where as many prompts wait as slots decode, the wait of the many counts more than the pauses of the few.
 */
const [mostSlowdown, mostSlowdownInBurst] = [1.3, 1.1];
/** Up to this long a step may grow beyond the shortest good piece, unless the operator sets a bound. */
const usualStepMs = 100;
/** The same while no slot decodes, and in a burst: a cancel or a new job waits up to this long. */
const idleStepMs = 400;
/** Prompt tokens in a step before a piece of a prompt was measured. */
const firstTokens = 2 * tileTokens;
/** Most prompt tokens with logprobs in a step: each one also computes the logits of the whole vocabulary and their sum. */
const mostScored = 32;
/** A piece of a text to embed or to rank may always take this long, because clients do not notice such a pause; and this long while no slot decodes. */
const [leastPieceMs, idlePieceMs] = [10, 100];
/** Where the operator's bound leaves less, prompts get this part of the decoding time in addition, and this many times the time of one token. */
const [leastForPrompts, mostForOne] = [1 / 2, 1.5];
/** With the operator's bound, a prompt begins with at least so many tokens behind another one, and its end may exceed the bound by fewer. */
const fewTokens = 8;
/** Slots are computed one after the other where that takes at most this part of the time of one matrix. */
const worthDividing = 0.9;
/** The contexts behind which the shortest good piece is reported. Tokens. */
const reportedContexts = [0, 1_000, 4_000];

const noRows: StepShape = { decode: [], prompt: [], rowContext: 0, tileContext: 0 };

export interface PacingOptions {
  /** Maximum number of tokens in a step. */
  readonly batchSize: number;
  readonly threads: ThreadLimits;
  /** Whether all decoding rows of a step are one matrix, because all slots share one cache. */
  readonly oneMatrix: boolean;
  /** Fewest tokens that attention computes at once; by default a tile. */
  readonly attentionTile?: number | undefined;
  /**
   * The operator's bound: while a slot decodes, a step takes at most this long, however short the pieces of prompts become; Infinity for no limit. Undefined:
   * pieces are as long as their price demands. Milliseconds.
   */
  readonly maxTokenGapMs?: number | undefined;
  /** Most prompt tokens in a step. */
  readonly prefillBudget?: number | undefined;
  /** Most tokens in a piece of a prompt behind so many tokens: without flash attention, its scores take memory for each pair. */
  readonly mostBehind?: ((held: number) => number) | undefined;
  /** What was measured before. */
  readonly known?: StepCosts | undefined;
  /** What context was measured to cost, alone. */
  readonly context?: StepCosts["context"] | undefined;
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

/** A piece of a prompt that a step would carry. */
interface Piece {
  readonly tokens: number;
  /** The shortest piece that is worth its step. */
  readonly shortest: number;
  /** Milliseconds of the whole step; undefined before a step was measured. */
  readonly ms: number | undefined;
  /** Times by which each token takes longer than in the cheapest step. */
  readonly slowdown: number;
}

export interface Pacing {
  plan(load: Load): ScheduleLimits;
  /**
   * Predicted time of a step in which each decoding slot has this many rows, in milliseconds; undefined before a step was measured, and where guesses
   * would make the step longer than a piece of a prompt would.
   */
  guessMs(load: Load, rowsEach: number): number | undefined;
  /** Limits the piece of text that is computed before the next step, so that streams do not wait long. */
  piece(load: Load): PieceLimits;
  /** Most cells of a picture in a pass before the next step, so that streams do not wait long. @param held number of entries in its slot */
  cells(load: Load, held: number): number;
  /** Predicted milliseconds of a step; undefined before a step was measured. */
  stepMs(shape: StepShape): number | undefined;
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
  /** The pieces of a prompt while one stream runs, both behind some contexts; empty before a step was measured. */
  pieces(): readonly PromptPiece[];
}

export function createPacing(options: PacingOptions): Pacing {
  const { batchSize, oneMatrix, maxTokenGapMs, prefillBudget = Infinity, mostBehind = () => Infinity } = options;
  const { attentionTile = tileTokens } = options;
  const costs = createStepCosts(options.known, options.context);
  const governor = createThreadGovernor(options.threads, costs);
  const apart = oneMatrix ? new Set<number>() : slotsApart(options.known);
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

  /** Divides the slots of a run into matrices. */
  function divide(run: number, rowsEach: number): readonly number[] {
    return rowsEach === 1 && apart.has(run) ? Array<number>(run).fill(1) : [run];
  }

  /** @param rowsEach rows of each slot: a token and its guesses */
  function shapeOfDecoding({ runs, heldTokens }: Load, rowsEach: number): StepShape {
    const slots = runs.reduce((sum, run) => sum + run, 0);
    const each = contextOf(rowsEach, slots === 0 ? 0 : heldTokens / slots, attentionTile);
    const context = { rowContext: slots * each.rowContext, tileContext: slots * each.tileContext };
    const groups = oneMatrix ? [slots] : runs.flatMap((run) => divide(run, rowsEach));
    return { decode: slots === 0 ? [] : groups.map((count) => count * rowsEach), prompt: [], ...context };
  }

  function stepMs(load: Load, rowsEach: number): number | undefined {
    return load.runs.length === 0 ? 0 : predict(shapeOfDecoding(load, rowsEach));
  }

  /** How much longer a step takes with a piece of a prompt. @param decoding the shape of the step without the piece */
  function promptMs(tokens: number, held: number, decoding: StepShape = noRows): number | undefined {
    const piece = { decode: [], prompt: [tokens], ...contextOf(tokens, held + tokens / 2, attentionTile) };
    if (!oneMatrix || decoding.decode.length === 0) return predict(piece);
    const [withPiece, without] = [predict(inOneMatrix({ ...piece, decode: decoding.decode })), predict(decoding)];
    return withPiece === undefined || without === undefined ? undefined : Math.max(0, withPiece - without);
  }

  /** Milliseconds of the step with a piece of a prompt behind `held` tokens; undefined before a step was measured. */
  function withPiece(load: Load, held: number): ((tokens: number) => number) | undefined {
    const decodeMs = stepMs(load, 1);
    if (decodeMs === undefined || promptMs(1, held) === undefined) return undefined;
    const decoding = shapeOfDecoding(load, 1);
    return (tokens) => decodeMs + (promptMs(tokens, held, decoding) ?? 0);
  }

  /** How long a step may become beyond the shortest good piece. With the operator's bound, the streams' rows and one prompt token get their time in any case. */
  function boundOf(load: Load, msOf: (tokens: number) => number): number {
    if (load.runs.length === 0) return idleStepMs;
    if (maxTokenGapMs === undefined) return isBurst(load) ? idleStepMs : usualStepMs;
    const decodeMs = stepMs(load, 1) ?? 0;
    return Math.max(maxTokenGapMs, (1 + leastForPrompts) * decodeMs, decodeMs + mostForOne * (msOf(1) - decodeMs));
  }

  /** Chooses the piece of a prompt behind `held` tokens. */
  function choosePiece(load: Load, held: number): Piece {
    const most = Math.max(1, Math.min(batchSize, prefillBudget, mostBehind(held)));
    const stepMsOf = withPiece(load, held);
    const isKept = maxTokenGapMs !== undefined && load.runs.length > 0;
    if (stepMsOf === undefined || !(isKept || costs.hasPiece(Math.min(most, tileTokens)))) {
      const tokens = Math.min(most, firstTokens);
      return { tokens, shortest: tokens, ms: undefined, slowdown: 1 };
    }
    const lengths = pieceLengths(most);
    const known = new Map(lengths.map((tokens) => [tokens, stepMsOf(tokens)]));
    const msOf = (tokens: number): number => known.get(tokens) ?? stepMsOf(tokens);
    const slowdown = slowdownOf(lengths, msOf);
    const usual = shortestPiece(lengths, slowdown, mostSlowdown);
    // Prices differ by chance, so a burst does not make pieces much longer than they would be.
    const good = isBurst(load) ? Math.min(2 * usual, shortestPiece(lengths, slowdown, mostSlowdownInBurst)) : usual;
    const within = tokensWithin(boundOf(load, msOf), lengths, msOf);
    const tokens = isKept ? within : Math.max(good, within);
    const shortest = Math.min(good, tokens, isKept ? fewTokens : Infinity);
    return { tokens, shortest, ms: msOf(tokens), slowdown: slowdown(tokens) };
  }

  return {
    guessMs(load, rowsEach) {
      const ms = stepMs(load, rowsEach);
      if (ms === undefined || rowsEach === 1 || ms <= (maxTokenGapMs ?? usualStepMs)) return ms;
      if (maxTokenGapMs !== undefined) return undefined;
      const slots = load.runs.reduce((sum, run) => sum + run, 0);
      // Guesses make no step longer than a prompt would.
      const { shortest } = choosePiece(load, load.heldTokens / slots);
      const mostMs = withPiece(load, load.heldTokens / slots)?.(shortest) ?? 0;
      return ms > mostMs ? undefined : ms;
    },
    stepMs: predict,
    threads,
    recordFreeCores: governor.recordFreeCores,
    limitThreads: (most) => void (mostThreads = Math.max(1, most)),
    get mostThreads() {
      return threadsOfEngine();
    },
    leaveThreads: (count) => void (pictureThreads = count),
    costs: costs.snapshot,
    pieces() {
      return reportedContexts.flatMap((context) => {
        const load = { runs: [1], heldTokens: context, prompts: 1, promptHeld: context };
        const { tokens, ms, slowdown } = choosePiece(load, context);
        return ms === undefined ? [] : [{ context, tokens, step_ms: rounded(ms), slowdown: rounded(slowdown) }];
      });
    },
    tokenMs(tokens) {
      const size = Math.max(1, Math.min(batchSize, tokens));
      const ms = promptMs(size, tokens / 2);
      return ms === undefined ? undefined : ms / size;
    },
    cells: (load, held) => choosePiece(load, held).tokens,
    piece(load) {
      const tokens = Math.min(batchSize, prefillBudget);
      if (load.runs.length === 0) return { tokens, ms: idlePieceMs };
      const { ms = 0 } = choosePiece(load, 0);
      return { tokens, ms: Math.max(leastPieceMs, ms - (stepMs(load, 1) ?? 0)) };
    },
    plan(load) {
      const { promptHeld } = load;
      if (promptHeld === undefined) return { batchSize, divide, prefillBudget: 0, leastPiece: 1, scoredTokens: 0 };
      const { tokens, shortest } = choosePiece(load, promptHeld);
      return {
        batchSize,
        divide,
        prefillBudget: tokens,
        leastPiece: tokens === prefillBudget ? 1 : shortest,
        scoredTokens: Math.min(tokens, mostScored),
      };
    },
    observe(shape, { threads: used, ms, scored }) {
      // Logprobs take time too, so the time says nothing about other steps.
      if (scored > 0) return undefined;
      return governor.observe(used, ms, costs.observe(shape, used, ms));
    },
  };
}

/**
 * Returns the numbers of neighbouring slots that take less time one after the other than as one matrix, as measured at the load: on some CPUs llama.cpp
 * computes one row with a vector kernel, and two or three rows with a matrix kernel that takes several times as long.
 */
function slotsApart(known: StepCosts | undefined): ReadonlySet<number> {
  /** With the best number of threads. */
  const times = new Map<number, number>();
  for (const { decode } of known?.threads ?? [])
    for (const { rows, ms } of decode) times.set(rows, Math.min(ms, times.get(rows) ?? Infinity));
  const oneMs = times.get(1) ?? Infinity;
  return new Set([...times].flatMap(([rows, ms]) => (rows > 1 && rows * oneMs <= worthDividing * ms ? [rows] : [])));
}

/** Whether as many prompts wait as slots decode, and more than one: tokens are cheaper once all decode together. */
function isBurst({ runs, prompts }: Load): boolean {
  return prompts > 1 && prompts >= runs.reduce((sum, run) => sum + run, 0);
}

/** The most tokens whose step takes at most this long; 1 if none does. From a tile on, whole tiles. */
function tokensWithin(ms: number, lengths: readonly number[], msOf: (tokens: number) => number): number {
  const longest = lengths.findLast((tokens) => msOf(tokens) <= ms) ?? 1;
  if (longest >= tileTokens) return longest;
  let [below, above] = [longest, lengths.find((tokens) => tokens > longest) ?? longest];
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (msOf(middle) <= ms) below = middle;
    else above = middle;
  }
  return below;
}

/** Rounds to a hundredth. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
