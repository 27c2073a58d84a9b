// Sets the limits of the next step by what steps cost: prompt tokens, division of rows, threads. Knows no slot, clock or backend. Decision 106.
//
// A short piece of a prompt after a long context costs two to three times as much for each token as a tile, and each step also pays its decoding rows. So
// a piece has the shortest of a few lengths with which the whole step, its context included, reads prompt tokens nearly as cheaply as it can.
import type { PromptPiece, StepCosts } from "@waggle/protocol";
import type { ScheduleLimits } from "../plan.ts";
import type { Divide } from "../spans.ts";
import { createPrices } from "./prices.ts";
import { contextOf, inOneMatrix, tileTokens, type StepShape } from "./step-shape.ts";
import { createThreadChoice, type ThreadChange, type ThreadChoice, type ThreadLimits } from "./threads.ts";

/**
 * A step computes prompt tokens at most this many times as slowly as the cheapest step, so a prompt waits at most this many times as long. The second
 * number is for bursts: where as many prompts wait as slots decode, the wait of the many counts more than the pauses of the few.
 */
const [mostSlowdown, mostSlowdownInBurst] = [1.3, 1.1];
/** Up to this long a step may grow beyond the shortest good piece, unless the operator sets a bound. */
const usualStepMs = 100;
/** The same while no slot decodes, and in a burst: a cancel or a new job waits up to this long. Not for lane jobs, next to which a chat may begin. */
const idleStepMs = 400;
/** The lengths of pieces below a tile. */
const shortLengths = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56] as const;
/** Prompt tokens in a step before a piece of a prompt was measured. */
const firstTokens = 2 * tileTokens;
/** Most prompt tokens with logprobs in a step: each one also computes the logits of the whole vocabulary and their sum. */
const mostScored = 32;
/** Where the operator's bound leaves less, a step takes this many times as long as its decoding rows alone, or its first prompt token alone. */
const leastForPrompts = 1.5;
/** Slots are computed one after the other where that takes at most this part of the time of one matrix. */
const worthDividing = 0.9;
/** The contexts after which the piece is reported. Tokens. */
const reportedContexts = [0, 1_000, 4_000];

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
  /** Maximum number of tokens in a piece of a prompt after so many tokens: without flash attention, its scores take memory for each pair. */
  readonly mostBehind?: ((held: number) => number) | undefined;
  /** What the load measured. */
  readonly known?: StepCosts | undefined;
  /** The measured time that context takes, without other work. */
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
  /** Whether only lane jobs compute; false by default. */
  readonly ofLane?: boolean;
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
  readonly divide: Divide;
  /**
   * The price of a step in which each decoding slot has this many rows, in milliseconds; undefined before a step was measured, and where drafts would
   * make the step longer than a piece of a prompt would.
   */
  draftMs(load: Load, rowsEach: number): number | undefined;
  /** Limits the piece of text that is computed before the next step, so that streams do not wait long. */
  piece(load: Load): PieceLimits;
  /** The price of a step in milliseconds; undefined before a step was measured. */
  stepMs(shape: StepShape): number | undefined;
  /** Returns the number of threads for a step. */
  threads(shape: StepShape): number;
  /** Records a step that was computed. @param scored number of prompt tokens with logprobs @returns the change of threads that it caused, if any */
  observe(
    shape: StepShape,
    pass: { readonly threads: number; readonly ms: number; readonly scored: number },
  ): ThreadChange | undefined;
  readonly recordFreeCores: ThreadChoice["recordFreeCores"];
  /** Limits the threads from the next step on, because other engines use the rest of the cores. */
  limitThreads(most: number): void;
  /** Maximum number of threads of a step, if no picture is divided or encoded. */
  readonly mostThreads: number;
  /** Leaves this many threads to pictures, from the next step on. */
  leaveThreads(count: number): void;
  /** The price of each of this many prompt tokens in milliseconds; undefined before a step was measured. */
  tokenMs(tokens: number): number | undefined;
  costs(): StepCosts;
  /** The pieces of a prompt while one stream runs, both after some contexts; empty before a step was measured. */
  pieces(): readonly PromptPiece[];
}

export function createPacing(options: PacingOptions): Pacing {
  const { batchSize, oneMatrix, maxTokenGapMs, prefillBudget = Infinity, mostBehind = () => Infinity } = options;
  const divide = oneMatrix ? undivided : divisionOf(options.known);
  const shapeWith = shapesOf(divide, oneMatrix, options.attentionTile ?? tileTokens);
  const prices = createPrices(options.known, options.context);
  const choice = createThreadChoice(options.threads, prices);
  let mostThreads = options.threads.max;
  let pictureThreads = 0;

  function threads(shape: StepShape): number {
    return Math.max(1, Math.min(mostThreads - pictureThreads, choice.threadsFor(shape)));
  }

  function stepMs(shape: StepShape): number | undefined {
    return prices.ms(shape, threads(shape));
  }

  /** Milliseconds of the decoding slots' rows. */
  function decodingMs(load: Load): number {
    return stepMs(shapeWith(load, 1)) ?? 0;
  }

  /** How long a step may become beyond the shortest good piece. @param oneMs milliseconds of the step with one token of a prompt */
  function boundOf(load: Load, oneMs: number): number {
    const longMs = load.ofLane === true ? usualStepMs : idleStepMs;
    if (load.runs.length === 0) return longMs;
    if (maxTokenGapMs === undefined) return isBurst(load) ? longMs : usualStepMs;
    const aloneMs = decodingMs(load);
    return Math.max(maxTokenGapMs, leastForPrompts * aloneMs, aloneMs + leastForPrompts * (oneMs - aloneMs));
  }

  /** Chooses the piece of a prompt after `held` tokens. */
  function choosePiece(load: Load, held: number): Piece {
    const most = Math.max(1, Math.min(batchSize, prefillBudget, mostBehind(held)));
    const isKept = maxTokenGapMs !== undefined && load.runs.length > 0;
    const oneMs = stepMs(shapeWith(load, 1, 1, held));
    if (oneMs === undefined || !(isKept || prices.hasPiece(Math.min(most, tileTokens)))) {
      const tokens = Math.min(most, firstTokens);
      return { tokens, shortest: tokens, ms: undefined, slowdown: 1 };
    }
    const msOf = (tokens: number): number => stepMs(shapeWith(load, 1, tokens, held)) ?? 0;
    const steps = pieceLengths(most).map((tokens) => ({ tokens, ms: msOf(tokens) }));
    // Each doubling makes a token cheaper, and other lengths hardly differ from those.
    const doublings = steps.filter(({ tokens }) => tokens === most || Number.isInteger(Math.log2(tokens)));
    const cheapestMs = Math.min(...doublings.map(({ tokens, ms }) => ms / tokens));
    const shortest = (slowdown: number): number =>
      doublings.find(({ tokens, ms }) => ms / tokens <= slowdown * cheapestMs)?.tokens ?? most;
    const usual = shortest(mostSlowdown);
    // Prices differ by chance, so a burst does not make pieces much longer than they would be.
    const good = isBurst(load) ? Math.min(2 * usual, shortest(mostSlowdownInBurst)) : usual;
    const boundMs = boundOf(load, oneMs);
    const within = steps.findLast(({ ms }) => ms <= boundMs)?.tokens ?? 1;
    const tokens = isKept ? within : Math.max(good, within);
    const ms = msOf(tokens);
    return { tokens, shortest: isKept ? 1 : good, ms, slowdown: ms / tokens / cheapestMs };
  }

  return {
    draftMs(load, rowsEach) {
      const ms = stepMs(shapeWith(load, rowsEach));
      if (ms === undefined || rowsEach === 1 || ms <= (maxTokenGapMs ?? usualStepMs)) return ms;
      if (maxTokenGapMs !== undefined) return undefined;
      // Drafts make no step longer than a prompt would.
      const held = load.heldTokens / slotsOf(load.runs);
      const pieceMs = stepMs(shapeWith(load, 1, choosePiece(load, held).shortest, held)) ?? 0;
      return ms > pieceMs ? undefined : ms;
    },
    ...{ divide, stepMs, threads },
    recordFreeCores: choice.recordFreeCores,
    limitThreads: (most) => void (mostThreads = Math.max(1, Math.min(most, options.threads.max))),
    get mostThreads() {
      return mostThreads;
    },
    leaveThreads: (count) => void (pictureThreads = count),
    costs: prices.list,
    pieces() {
      return reportedContexts.flatMap((context) => {
        const load = { runs: [1], heldTokens: context, prompts: 1, promptHeld: context };
        const { tokens, ms, slowdown } = choosePiece(load, context);
        return ms === undefined ? [] : [{ context, tokens, step_ms: rounded(ms), slowdown: rounded(slowdown) }];
      });
    },
    tokenMs(tokens) {
      const size = Math.max(1, Math.min(batchSize, tokens));
      const ms = stepMs(shapeWith({ runs: [], heldTokens: 0 }, 1, size, tokens / 2));
      return ms === undefined ? undefined : ms / size;
    },
    piece(load) {
      const tokens = Math.min(batchSize, prefillBudget);
      const { ms } = choosePiece(load, 0);
      // While no slot decodes, only cancels and new jobs wait.
      return { tokens, ms: load.runs.length === 0 || ms === undefined ? usualStepMs : ms - decodingMs(load) };
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
      return choice.observe(shape, used, ms, prices.observe(shape, used, ms));
    },
  };
}

const undivided: Divide = (run) => [run];

/**
 * Divides neighbouring slots where they take less time one after the other than as one matrix, as measured at the load: on some CPUs llama.cpp computes
 * one row with a vector kernel, and two or three rows with a matrix kernel that takes several times as long.
 */
function divisionOf(known: StepCosts | undefined): Divide {
  /** With the best number of threads. */
  const times = new Map<number, number>();
  for (const { decode } of known?.threads ?? [])
    for (const { rows, ms } of decode) times.set(rows, Math.min(ms, times.get(rows) ?? Infinity));
  const oneMs = times.get(1) ?? Infinity;
  const isApart = (run: number): boolean => run > 1 && run * oneMs <= worthDividing * (times.get(run) ?? 0);
  return (run, rowsEach) => (rowsEach === 1 && isApart(run) ? Array<number>(run).fill(1) : [run]);
}

type Decoding = Pick<Load, "runs" | "heldTokens">;

/** Returns the shape of a step with `rowsEach` rows of each decoding slot, and with a piece of a prompt after `held` tokens. */
function shapesOf(divide: Divide, oneMatrix: boolean, attentionTile: number) {
  return ({ runs, heldTokens }: Decoding, rowsEach: number, tokens = 0, held = 0): StepShape => {
    const slots = slotsOf(runs);
    const rows = contextOf(rowsEach, heldTokens / Math.max(1, slots), attentionTile);
    const piece = contextOf(tokens, held + tokens / 2, attentionTile);
    const shape = {
      decode: runs.flatMap((run) => divide(run, rowsEach)).map((count) => count * rowsEach),
      prompt: tokens === 0 ? [] : [tokens],
      rowContext: slots * rows.rowContext + piece.rowContext,
      tileContext: slots * rows.tileContext + piece.tileContext,
    };
    return oneMatrix ? inOneMatrix(shape) : shape;
  };
}

function slotsOf(runs: readonly number[]): number {
  return runs.reduce((sum, run) => sum + run, 0);
}

/** Whether as many prompts wait as slots decode, and more than one: tokens are cheaper once all decode together. */
function isBurst({ runs, prompts }: Load): boolean {
  return prompts > 1 && prompts >= slotsOf(runs);
}

/** The lengths that a piece may have: some below a tile, then whole tiles, and the most. */
function pieceLengths(most: number): readonly number[] {
  const tiles = Array.from({ length: Math.floor(most / tileTokens) }, (_, i) => (i + 1) * tileTokens);
  return [...new Set([...shortLengths.filter((tokens) => tokens < most), ...tiles, most])];
}

/** Rounds to a hundredth. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
