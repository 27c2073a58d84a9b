// Owns the price list of steps: milliseconds by rows of decoding slots and by tokens of a piece of a prompt, for each number of threads, and what context
// adds. Each step corrects the prices of its parts. Prices that are not listed follow from others. Knows no clock. Decision 106.
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
  /** Corrects the list by a step that was computed. @returns the price that it had; undefined for the first such step with these threads */
  observe(shape: StepShape, threads: number, ms: number): number | undefined;
  /** Forgets what steps like this one cost with more than so many threads. */
  forgetAbove(shape: StepShape, threads: number): void;
  /** Enters a measurement that was made while nothing else ran. */
  enter(kind: Kind, size: number, threads: number, ms: number): void;
  /** The list as plain data. */
  list(): StepCosts;
}

interface Price {
  ms: number;
}

/** What a matrix took in measurements and steps. */
interface MatrixPrice extends Price {
  readonly kind: Kind;
  readonly size: number;
  readonly threads: number;
}

/** A price in a step, and how many times the step pays it. */
interface PriceShare {
  readonly price: Price;
  readonly amount: number;
}

/** @param context what context was measured to cost, alone; if it was not measured, steps show it */
export function createPrices(known?: StepCosts, context = known?.context): Prices {
  const table = createTable();
  const { enter, pricesOf, basisOf, matrixMs } = table;
  /** Milliseconds for each thousand tokens of context and token of a step, with one thread. */
  const [rowShare, tileShare]: [Price, Price] = [{ ms: context?.row_ms ?? 0 }, { ms: context?.tile_ms ?? 0 }];
  const isLearned = rowShare.ms + tileShare.ms === 0;
  for (const { threads, decode, prompt } of known?.threads ?? []) {
    for (const { rows, ms } of decode) enter("decode", rows, threads, ms);
    for (const { tokens, ms } of prompt) enter("prompt", tokens, threads, ms);
  }

  function predict(shape: StepShape, threads: number): number | undefined {
    if (table.all.length === 0) return undefined;
    const ms = matricesOf(shape).reduce((sum, [kind, size]) => sum + matrixMs(kind, size, threads), 0);
    return ms + (shape.rowContext * rowShare.ms + shape.tileContext * tileShare.ms) / threads;
  }

  /** Whether the price comes from steps with this number of threads, and is not derived from other prices. */
  function isKnown(shape: StepShape, threads: number): boolean {
    const kind = matrixKind(shape);
    return shape[kind].every((size) =>
      basisOf(kind, nearestSize(size), threads).some((price) => pricesOf(kind, threads).includes(price)),
    );
  }

  /**
   * The prices that a step corrects: those of its prompts, or of its decoding rows if it has no prompt or takes less time than they alone should. Where
   * context was not measured, a step after a long context shows what the context costs, and others the rest.
   */
  function priceShares(shape: StepShape, threads: number, stepMs: number): readonly PriceShare[] {
    const { rowContext, tileContext } = shape;
    const shares = [
      { price: rowShare, amount: rowContext / threads },
      { price: tileShare, amount: tileContext / threads },
    ].toSorted((a, b) => b.amount - a.amount);
    if (isLearned && isLong(shape) && isKnown(shape, threads)) return shares.slice(0, 1);
    const amounts = new Map<Price, number>();
    const rowsMs = predict({ ...shape, prompt: [], tileContext: 0 }, threads) ?? 0;
    for (const [kind, size] of matricesOf(shape)) {
      if (kind === "decode" && shape.prompt.length > 0 && rowsMs < stepMs) continue;
      const near = nearestSize(size);
      const [ms, nearMs] = [matrixMs(kind, size, threads), matrixMs(kind, near, threads)];
      const price = pricesOf(kind, threads).find((each) => each.size === near) ?? enter(kind, near, threads, nearMs);
      amounts.set(price, (amounts.get(price) ?? 0) + ms / nearMs);
    }
    const parts = [...amounts].map(([price, amount]) => ({ price, amount }));
    return isLearned ? parts : [...parts, ...shares.filter(({ amount }) => amount > 0)];
  }

  /** Moves the prices of a step, each by its part of the step. The first step of a size sets its price. */
  function correct(shape: StepShape, threads: number, ms: number, differenceMs: number): void {
    const before: readonly Price[] = [...table.all, rowShare, tileShare];
    const parts = priceShares(shape, threads, ms);
    const squares = parts.map(({ price, amount }) => (price.ms * amount) ** 2);
    const sum = squares.reduce((total, square) => total + square, 0);
    for (const [i, { price, amount }] of parts.entries()) {
      const part = (before.includes(price) ? weight : 1) * (parts.length === 1 ? 1 : (squares[i] ?? 0) / sum);
      price.ms = Math.max(leastMs, price.ms + (differenceMs * part) / amount);
    }
  }

  /** The first step of all: all its tokens cost alike. */
  function begin(shape: StepShape, threads: number, ms: number): void {
    const tokens = stepTokens(shape);
    for (const [kind, size] of matricesOf(shape))
      enter(kind, nearestSize(size), threads, (ms * nearestSize(size)) / tokens);
  }

  return {
    ms: predict,
    hasPiece: (tokens) => table.all.some(({ kind, size }) => kind === "prompt" && size >= tokens),
    forgetAbove: (shape, threads) => table.forgetAbove(matrixKind(shape), threads),
    enter,
    observe(shape, threads, ms) {
      const predicted = predict(shape, threads);
      // If the clock did not advance, the time of the step is unknown.
      if (ms <= 0) return predicted;
      if (predicted === undefined) {
        begin(shape, threads, ms);
        return undefined;
      }
      const known = isKnown(shape, threads);
      correct(shape, threads, ms, (known ? Math.min(ms, mostOfPrice * predicted) : ms) - predicted);
      return known ? predicted : undefined;
    },
    list: () => ({
      threads: [...new Set(table.all.map(({ threads }) => threads))]
        .toSorted((a, b) => a - b)
        .map((threads) => ({
          threads,
          decode: pricesOf("decode", threads).map(({ size, ms }) => ({ rows: size, ms: rounded(ms) })),
          prompt: pricesOf("prompt", threads).map(({ size, ms }) => ({ tokens: size, ms: rounded(ms) })),
        })),
      context: { row_ms: rounded(rowShare.ms), tile_ms: rounded(tileShare.ms) },
    }),
  };
}

/** Creates the table of what matrices took, which answers for every size and number of threads once it has a price. */
function createTable() {
  let all: readonly MatrixPrice[] = [];
  /** What `curveOf` has chosen from the table. */
  const curves = new Map<string, readonly MatrixPrice[]>();

  function change(to: readonly MatrixPrice[]): void {
    all = to;
    curves.clear();
  }

  function enter(kind: Kind, size: number, threads: number, ms: number): MatrixPrice {
    const price = { kind, size, threads, ms: Math.max(leastMs, ms) };
    change([...all.filter((each) => each.kind !== kind || each.size !== size || each.threads !== threads), price]);
    return price;
  }

  /**
   * The price of each size in the table, in ascending order, for the nearest number of threads. If this kind has no price, the price of the other kind:
   * a row of a prompt costs about as much as a row of a stream.
   */
  function curveOf(kind: Kind, threads: number): readonly MatrixPrice[] {
    const key = `${kind} ${threads}`;
    const kept = curves.get(key);
    if (kept !== undefined) return kept;
    const distance = (price: MatrixPrice): number => Math.abs(Math.log(price.threads / threads));
    const farthestFirst = all.toSorted(
      (a, b) => Number(a.kind === kind) - Number(b.kind === kind) || distance(b) - distance(a),
    );
    const bySize = new Map(farthestFirst.map((price) => [price.size, price]));
    const curve = [...bySize.values()].toSorted((a, b) => a.size - b.size);
    curves.set(key, curve);
    return curve;
  }

  /** The prices of a kind with this number of threads, in ascending order of sizes. */
  function pricesOf(kind: Kind, threads: number): readonly MatrixPrice[] {
    return curveOf(kind, threads).filter((price) => price.kind === kind && price.threads === threads);
  }

  /** The prices from which that of a size follows: its own one, or those of the sizes around it. */
  function basisOf(kind: Kind, size: number, threads: number): readonly MatrixPrice[] {
    const curve = curveOf(kind, threads);
    const above = curve.findIndex((price) => price.size >= size);
    // Behind the last size the time grows as over all of them, because two times may differ by chance.
    if (above < 0) return curve.filter((_, i) => i === 0 || i === curve.length - 1);
    return curve.slice(curve[above]?.size === size ? above : Math.max(0, above - 1), above + 1);
  }

  /** The price of a matrix. As long as no step has shown otherwise, work divides perfectly between threads. */
  function matrixMs(kind: Kind, size: number, threads: number): number {
    const basis = basisOf(kind, size, threads);
    const [from, to] = basis.map((price) => ({ size: price.size, ms: (price.ms * price.threads) / threads }));
    if (from === undefined) return 0;
    // Few rows take at least their share of more rows.
    if (to === undefined) return from.ms * (size / from.size);
    return from.ms + (Math.max(0, to.ms - from.ms) * (size - from.size)) / (to.size - from.size);
  }

  return {
    get all() {
      return all;
    },
    ...{ enter, pricesOf, basisOf, matrixMs },
    forgetAbove: (kind: Kind, threads: number): void =>
      change(all.filter((price) => price.kind !== kind || price.threads <= threads)),
  };
}

function matricesOf({ decode, prompt }: StepShape): readonly (readonly [Kind, number])[] {
  return [...decode.map((rows) => ["decode", rows] as const), ...prompt.map((tokens) => ["prompt", tokens] as const)];
}

/** The kind of matrices whose prices a step corrects. */
function matrixKind({ prompt }: StepShape): Kind {
  return prompt.length > 0 ? "prompt" : "decode";
}

function stepTokens({ decode, prompt }: StepShape): number {
  return [...decode, ...prompt].reduce((sum, size) => sum + size, 0);
}

/** Whether the tokens of the step have a long context on average. */
function isLong(shape: StepShape): boolean {
  return shape.rowContext + shape.tileContext > longContext * stepTokens(shape);
}

function nearestSize(size: number): number {
  let nearest: number = sizes[0];
  for (const known of sizes) if (Math.abs(known - size) < Math.abs(nearest - size)) nearest = known;
  return nearest;
}

/** Rounds to a thousandth. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
