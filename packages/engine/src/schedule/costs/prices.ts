// Owns the price list of steps: milliseconds by rows of decoding slots and by tokens of a piece of a prompt, for each number of threads, and what context
// adds. Each step corrects the prices of its parts. Knows no clock.
import type { StepCosts } from "@waggle/protocol";
import type { StepShape } from "./step-shape.ts";

/** The rows and tokens that have prices; others are interpolated. */
const sizes = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1_024, 2_048] as const;
/** A step moves its prices by this part of the difference, so that they follow a machine that gets busy or free within some ten steps. */
const weight = 1 / 4;
/** A step that took longer than this many times its price counts as this many: single slow steps, which say little, raise a price by an eighth. */
const mostOfPrice = 1.5;
/** From this average context on, a step shows what context costs, if that was not measured alone. Thousands of tokens. */
const longContext = 0.25;
const leastMs = 0.001;

type Kind = "decode" | "prompt";

export interface Prices {
  /** The price of a step with this number of threads, in milliseconds; undefined before anything was measured. */
  ms(shape: StepShape, threads: number): number | undefined;
  /** Whether a piece of a prompt with at least so many tokens was measured: decoding rows say little about it. */
  hasPiece(tokens: number): boolean;
  /** Corrects the list by a step that was computed. @returns the price that it had; undefined until such a step with these threads has taken about its price */
  observe(shape: StepShape, threads: number, ms: number): number | undefined;
  /** Forgets what steps like this one cost with more than so many threads: their prices become guesses. */
  forgetAbove(shape: StepShape, threads: number): void;
  /** Enters a measurement that was made while nothing else ran. */
  enter(kind: Kind, size: number, threads: number, ms: number): void;
  /** The list as plain data. */
  list(): StepCosts;
}

interface Price {
  ms: number;
  /** Whether other prices say it alone, and no measurement or step. */
  isGuess: boolean;
}

interface Column {
  readonly threads: number;
  readonly decode: Map<number, Price>;
  readonly prompt: Map<number, Price>;
  /** The kinds of steps whose prices began as those of another number of threads, and of which none has taken about its price since. */
  readonly trials: Set<Kind>;
}

/** A price in a step, and how many times the step pays it. */
interface Part {
  readonly price: Price;
  readonly amount: number;
}

/** @param context what context was measured to cost, alone; if it was not measured, steps show it */
export function createPrices(known?: StepCosts, context = known?.context): Prices {
  const columns = new Map<number, Column>();
  /** Milliseconds for each thousand tokens of context and token of a step, with one thread. */
  const [rowShare, tileShare] = [measured(context?.row_ms ?? 0), measured(context?.tile_ms ?? 0)];
  const isLearned = rowShare.ms + tileShare.ms === 0;
  for (const { threads, decode, prompt } of known?.threads ?? []) {
    for (const { rows, ms } of decode) enter("decode", rows, threads, ms);
    for (const { tokens, ms } of prompt) enter("prompt", tokens, threads, ms);
  }

  function enter(kind: Kind, size: number, threads: number, ms: number): void {
    const column = columns.get(threads) ?? { threads, decode: new Map(), prompt: new Map(), trials: new Set<Kind>() };
    columns.set(threads, column);
    column[kind].set(size, measured(ms));
  }

  /** The column with this number of threads, or else the nearest one; undefined without any. */
  function nearestColumn(threads: number): Column | undefined {
    const distance = (column: Column): number => Math.abs(Math.log(column.threads / threads));
    let nearest = columns.get(threads);
    if (nearest !== undefined) return nearest;
    for (const column of columns.values())
      if (nearest === undefined || distance(column) < distance(nearest)) nearest = column;
    return nearest;
  }

  /** The column with this number of threads. A new one has the prices of the nearest one, as if work divided perfectly. */
  function columnOf(threads: number): Column {
    const nearest = nearestColumn(threads);
    if (nearest?.threads === threads) return nearest;
    const column: Column = { threads, decode: new Map(), prompt: new Map(), trials: new Set() };
    for (const kind of ["decode", "prompt"] as const) if (nearest !== undefined) guess(column, kind, nearest);
    columns.set(threads, column);
    return column;
  }

  /** Gives the column the prices of another one, as if work divided perfectly. */
  function guess(column: Column, kind: Kind, from: Column): void {
    column.trials.add(kind);
    if (from[kind].size === 0) return;
    column[kind].clear();
    for (const [size, { ms }] of from[kind]) column[kind].set(size, guessed((ms * from.threads) / column.threads));
  }

  /** The price of a matrix, from those of the sizes around it. @param column with at least one price */
  function matrixMs(column: Column, kind: Kind, size: number): number {
    // A row of a prompt costs about as much as one of a stream, so each kind fills the other's gaps.
    const [own, other] = kind === "decode" ? [column.decode, column.prompt] : [column.prompt, column.decode];
    const exact = own.get(size) ?? other.get(size);
    if (exact !== undefined) return exact.ms;
    let first: Point | undefined;
    let below: Point = origin;
    for (const known of sizes) {
      const ms = (own.get(known) ?? other.get(known))?.ms;
      if (ms === undefined) continue;
      const point = { size: known, ms };
      // Few rows take at least their share of more rows.
      if (known > size) return first === undefined ? (ms * size) / known : onLine(below, point, size);
      first ??= point;
      below = point;
    }
    // Behind the last size the time grows as over all of them, because two times may differ by chance; with one size it grows with the rows.
    return onLine(first === below ? origin : (first ?? origin), below, size);
  }

  function predict(shape: StepShape, threads: number): number | undefined {
    const column = nearestColumn(threads);
    if (column === undefined) return undefined;
    let ms = 0;
    for (const rows of shape.decode) ms += matrixMs(column, "decode", rows);
    for (const tokens of shape.prompt) ms += matrixMs(column, "prompt", tokens);
    const contextMs = shape.rowContext * rowShare.ms + shape.tileContext * tileShare.ms;
    return (ms * column.threads + contextMs) / threads;
  }

  /**
   * The prices that a step corrects: those of its prompts, or of its decoding rows if it has no prompt or takes less time than they alone should. Where
   * context was not measured, a step behind a long one shows what the context costs, and others the rest.
   */
  function partsOf(shape: StepShape, threads: number, stepMs: number): readonly Part[] {
    const { rowContext, tileContext } = shape;
    const shares = [
      { price: rowShare, amount: rowContext / threads },
      { price: tileShare, amount: tileContext / threads },
    ].toSorted((a, b) => b.amount - a.amount);
    if (isLearned && isLong(shape)) return shares.slice(0, 1);
    const amounts = new Map<Price, number>();
    const column = columnOf(threads);
    const rowsMs = predict({ ...shape, prompt: [], tileContext: 0 }, threads) ?? 0;
    for (const [kind, size] of matricesOf(shape)) {
      if (kind === "decode" && shape.prompt.length > 0 && rowsMs < stepMs) continue;
      const near = nearestSize(size);
      const [ms, nearMs] = [matrixMs(column, kind, size), matrixMs(column, kind, near)];
      const price = column[kind].get(near) ?? guessed(nearMs);
      column[kind].set(near, price);
      amounts.set(price, (amounts.get(price) ?? 0) + ms / nearMs);
    }
    const parts = [...amounts].map(([price, amount]) => ({ price, amount }));
    return isLearned ? parts : [...parts, ...shares.filter(({ amount }) => amount > 0)];
  }

  /** Moves the prices of a step, each by its part of the step. The first step of a size says more than the prices of other sizes. */
  function correct(shape: StepShape, threads: number, ms: number, differenceMs: number): void {
    const parts = partsOf(shape, threads, ms);
    const squares = parts.map(({ price, amount }) => (price.ms * amount) ** 2);
    const sum = squares.reduce((total, square) => total + square, 0);
    for (const [i, { price, amount }] of parts.entries()) {
      const part = (price.isGuess ? 1 : weight) * (parts.length === 1 ? 1 : (squares[i] ?? 0) / sum);
      price.ms = Math.max(leastMs, price.ms + (differenceMs * part) / amount);
      price.isGuess = false;
    }
  }

  /** The first step of all: all its tokens cost alike. */
  function begin(shape: StepShape, threads: number, ms: number): void {
    const tokens = tokensOf(shape);
    for (const [kind, size] of matricesOf(shape))
      enter(kind, nearestSize(size), threads, (ms * nearestSize(size)) / tokens);
  }

  return {
    ms: predict,
    hasPiece: (tokens) => [...columns.values()].some(({ prompt }) => [...prompt.keys()].some((size) => size >= tokens)),
    forgetAbove(shape, threads) {
      const from = columnOf(threads);
      for (const column of columns.values()) if (column.threads > threads) guess(column, kindOf(shape), from);
    },
    enter,
    observe(shape, threads, ms) {
      const predicted = predict(shape, threads);
      // A clock that stands still says nothing.
      if (ms <= 0) return predicted;
      if (predicted === undefined) {
        begin(shape, threads, ms);
        return undefined;
      }
      // Before the first step of a kind, its price is no more than the other kind's.
      const mostMs = columnOf(threads)[kindOf(shape)].size === 0 ? Infinity : mostOfPrice * predicted;
      correct(shape, threads, ms, Math.min(ms, mostMs) - predicted);
      const trials = columns.get(threads)?.trials;
      if (ms <= mostOfPrice * predicted) trials?.delete(kindOf(shape));
      return trials?.has(kindOf(shape)) === false ? predicted : undefined;
    },
    list: () => ({
      threads: [...columns.values()]
        .toSorted((a, b) => a.threads - b.threads)
        .map(({ threads, decode, prompt }) => ({
          threads,
          decode: pointsOf(decode).map(({ size, ms }) => ({ rows: size, ms })),
          prompt: pointsOf(prompt).map(({ size, ms }) => ({ tokens: size, ms })),
        })),
      context: { row_ms: rounded(rowShare.ms), tile_ms: rounded(tileShare.ms) },
    }),
  };
}

function measured(ms: number): Price {
  return { ms, isGuess: false };
}

function guessed(ms: number): Price {
  return { ms, isGuess: true };
}

interface Point {
  readonly size: number;
  readonly ms: number;
}

const origin: Point = { size: 0, ms: 0 };

/** The time of a size on the line through two points, of which the second one is larger. It never falls behind the first point. */
function onLine(from: Point, to: Point, size: number): number {
  return from.ms + (Math.max(0, to.ms - from.ms) * (size - from.size)) / (to.size - from.size);
}

function matricesOf({ decode, prompt }: StepShape): readonly (readonly [Kind, number])[] {
  return [...decode.map((rows) => ["decode", rows] as const), ...prompt.map((tokens) => ["prompt", tokens] as const)];
}

/** The kind of matrices whose prices a step corrects. */
function kindOf({ prompt }: StepShape): Kind {
  return prompt.length > 0 ? "prompt" : "decode";
}

function tokensOf({ decode, prompt }: StepShape): number {
  return [...decode, ...prompt].reduce((sum, size) => sum + size, 0);
}

/** Whether the tokens of the step have a long context on average. */
function isLong(shape: StepShape): boolean {
  return shape.rowContext + shape.tileContext > longContext * tokensOf(shape);
}

function nearestSize(size: number): number {
  let nearest: number = sizes[0];
  for (const known of sizes) if (Math.abs(known - size) < Math.abs(nearest - size)) nearest = known;
  return nearest;
}

function pointsOf(prices: ReadonlyMap<number, Price>): readonly Point[] {
  return [...prices].map(([size, { ms }]) => ({ size, ms: rounded(ms) })).toSorted((a, b) => a.size - b.size);
}

/** Rounds to a thousandth. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
