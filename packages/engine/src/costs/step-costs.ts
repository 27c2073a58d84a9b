// Owns the table of what steps cost: milliseconds by decoding rows, by tokens of a piece of a prompt, and by threads. Each step corrects it. Knows no clock.
import type { StepCosts } from "@waggle/protocol";
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";
import type { StepShape } from "./step-shape.ts";

/** The rows and tokens for which the table has times; for others it is interpolated. */
const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1_024, 2_048] as const;

/** Number of times whose median is the time now. A mean would follow single slow steps. */
const recentTimes = 9;
/** A median of fewer times is not trusted. */
const leastTimes = 3;
/** Number of steps after which the recent times say nothing about the next step. */
const freshSteps = 64;
/** Weight of a new time in the usual time, after the first ones. */
const newWeight = 1 / 32;
/** A step that took longer than this many times the usual time counts as this many, because it says little about the machine. */
const mostOfUsual = 4;
/** From this average context on, a step corrects the share of the context, and a step with less what other programs take. Thousands of tokens. */
const longContext = 0.25;

/** A measured share of the context is right up to this factor. */
const mostError = 1.5;

type Kind = "decode" | "prompt";

export interface StepCostTable {
  /** Predicted time of a step with this number of threads, in milliseconds; undefined before anything was measured. */
  ms(shape: StepShape, threads: number): number | undefined;
  /** Whether a step was measured with this number of threads. */
  has(threads: number): boolean;
  /** Whether a piece of a prompt with at least so many tokens was measured: decoding rows say little about it. */
  hasPiece(tokens: number): boolean;
  /** Corrects the table by a step that was computed. @returns the predicted time; undefined before anything was measured */
  observe(shape: StepShape, threads: number, ms: number): number | undefined;
  /** Enters a measurement that was made while nothing else ran. */
  enter(kind: Kind, size: number, threads: number, ms: number): void;
  /** The table as plain data; times without the influence of other programs. */
  snapshot(): StepCosts;
}

/** The times of one size of work with one number of threads. Milliseconds. */
interface Cell {
  usualMs: number;
  times: number;
  readonly recent: RecentMedian;
  recentMs: number;
  lastStep: number;
}

interface Column {
  readonly threads: number;
  readonly cells: Readonly<Record<Kind, Map<number, Cell>>>;
  /** Recent times of steps, relative to the usual times. */
  readonly ratios: RecentMedian;
  busy: number;
  lastStep: number;
}

/** A share of the context: milliseconds for each thousand tokens of context and token of a step, with one thread. */
interface ContextShare {
  readonly recent: RecentMedian;
  ms: number;
  readonly least: number;
  readonly most: number;
}

interface Point {
  readonly size: number;
  readonly ms: number;
}

const origin: Point = { size: 0, ms: 0 };

function slopeOf(from: Point, to: Point): number {
  return Math.max(0, to.ms - from.ms) / (to.size - from.size);
}

/**
 * @param known what an earlier table has learned
 * @param measured shares of the context that were measured alone; steps then correct them within limits only, because they show no more than a sum
 */
export function createStepCosts(known?: StepCosts, measured?: StepCosts["context"]): StepCostTable {
  const columns = new Map<number, Column>();
  let steps = 0;
  const rowShare = shareOf(known?.context.row_ms, measured?.row_ms);
  const tileShare = shareOf(known?.context.tile_ms, measured?.tile_ms);
  for (const { threads, decode, prompt } of known?.threads ?? []) {
    for (const { rows, ms } of decode) enter("decode", rows, threads, ms);
    for (const { tokens, ms } of prompt) enter("prompt", tokens, threads, ms);
  }

  function columnOf(threads: number): Column {
    const column = columns.get(threads) ?? {
      ...{ threads, cells: { decode: new Map(), prompt: new Map() }, busy: 1, lastStep: -Infinity },
      ratios: createRecentMedian(recentTimes),
    };
    columns.set(threads, column);
    return column;
  }

  function enter(kind: Kind, size: number, threads: number, ms: number): void {
    const recent = createRecentMedian(recentTimes);
    columnOf(threads).cells[kind].set(size, {
      usualMs: ms,
      times: leastTimes + 1,
      recent,
      recentMs: ms,
      lastStep: -Infinity,
    });
  }

  /** The column with this number of threads, or else the nearest one that has times. */
  function nearestColumn(threads: number): Column | undefined {
    let nearest: Column | undefined;
    for (const column of columns.values()) {
      if (column.cells.decode.size + column.cells.prompt.size === 0) continue;
      if (column.threads === threads) return column;
      const distance = Math.abs(Math.log(column.threads / threads));
      if (nearest === undefined || distance < Math.abs(Math.log(nearest.threads / threads))) nearest = column;
    }
    return nearest;
  }

  /** @param usual the usual time instead of the time now */
  function timeOf(cell: Cell, column: Column, usual: boolean): number {
    if (usual) return cell.usualMs;
    if (isFresh(cell) && cell.times > leastTimes) return cell.recentMs;
    return isFresh(column) ? cell.usualMs * column.busy : cell.usualMs;
  }

  function isFresh({ lastStep }: { readonly lastStep: number }): boolean {
    return steps - lastStep <= freshSteps;
  }

  /** A row of a prompt costs about as much as one of a stream, so each kind fills the other's gaps. */
  function cellAt({ cells }: Column, kind: Kind, size: number): Cell | undefined {
    return cells[kind].get(size) ?? cells[kind === "decode" ? "prompt" : "decode"].get(size);
  }

  function matrixMs(column: Column, kind: Kind, size: number, usual: boolean): number {
    const own = cellAt(column, kind, size);
    const ownMs = own === undefined ? undefined : timeOf(own, column, usual);
    if (own !== undefined && ownMs !== undefined && own.times > leastTimes) return ownMs;
    const aroundMs = interpolated(column, kind, size, usual);
    // A single slow step must not keep a size from being used again: until it has more times, it costs no more than its neighbours say.
    return Math.min(ownMs ?? aroundMs ?? 0, aroundMs ?? ownMs ?? 0);
  }

  /** The time of a size from those of the sizes around it; undefined without any. */
  function interpolated(column: Column, kind: Kind, size: number, usual: boolean): number | undefined {
    const measured: Point[] = [];
    let above: Point | undefined;
    for (const known of sizes) {
      const cell = known === size ? undefined : cellAt(column, kind, known);
      if (cell === undefined) continue;
      const point = { size: known, ms: timeOf(cell, column, usual) };
      if (known > size) {
        above = point;
        break;
      }
      measured.push(point);
    }
    const [first] = measured;
    const below = measured.at(-1);
    // Few rows take at least their share of more rows.
    if (first === undefined || below === undefined) {
      return above === undefined ? undefined : (above.ms * size) / above.size;
    }
    // Behind the last point the time grows as between the last two, and at least as over all of them, since two times may differ by chance. With one
    // point it grows with the rows.
    const slope =
      above === undefined
        ? Math.max(slopeOf(measured.at(-2) ?? origin, below), slopeOf(first === below ? origin : first, below))
        : slopeOf(below, above);
    return below.ms + slope * (size - below.size);
  }

  function contextMs({ rowContext, tileContext }: StepShape, threads: number): number {
    return (rowContext * rowShare.ms + tileContext * tileShare.ms) / threads;
  }

  function partsMs({ decode, prompt }: StepShape, column: Column, usual: boolean): number {
    let ms = 0;
    for (const rows of decode) ms += matrixMs(column, "decode", rows, usual);
    for (const tokens of prompt) ms += matrixMs(column, "prompt", tokens, usual);
    return ms;
  }

  function predict(shape: StepShape, threads: number): number | undefined {
    const column = nearestColumn(threads);
    if (column === undefined) return undefined;
    // Unmeasured threads are predicted as if work divided perfectly: more threads then get their chance, and fewer do not.
    return partsMs(shape, column, false) * (column.threads / threads) + contextMs(shape, threads);
  }

  /**
   * Gives the step's time to its largest piece of a prompt, less what the rest takes. Steps without prompts correct the decoding rows. The piece gets at
   * least half of its share, so that its time also falls where the rest is predicted to take longer than the whole step.
   */
  function correct(shape: StepShape, column: Column, ms: number): void {
    const kind = shape.prompt.length > 0 ? "prompt" : "decode";
    const largest = Math.max(...shape[kind]);
    const count = shape[kind].filter((size) => size === largest).length;
    if (count === 0) return;
    const ownMs = count * matrixMs(column, kind, largest, false);
    const predicted = partsMs(shape, column, false) + contextMs(shape, column.threads);
    const leastMs = predicted > 0 ? (ms * ownMs) / (2 * predicted) : 0;
    const pieceMs = Math.max(ms - (predicted - ownMs), leastMs) / count;
    if (pieceMs > 0) addTime(column, kind, largest, pieceMs);
  }

  function addTime(column: Column, kind: Kind, size: number, ms: number): void {
    const nearest = nearestSize(size);
    const cells = column.cells[kind];
    const [atNearest, atSize] = [matrixMs(column, kind, nearest, true), matrixMs(column, kind, size, true)];
    const scaledMs = atSize > 0 ? (ms * atNearest) / atSize : (ms * nearest) / size;
    const cell = cells.get(nearest) ?? {
      ...{ usualMs: scaledMs, times: 0, recent: createRecentMedian(recentTimes), recentMs: scaledMs, lastStep: 0 },
    };
    cells.set(nearest, cell);
    cell.recent.add(scaledMs);
    cell.times += 1;
    cell.recentMs = cell.recent.value ?? scaledMs;
    cell.lastStep = steps;
    const weight = Math.max(1 / cell.times, newWeight);
    cell.usualMs += weight * (Math.min(scaledMs, mostOfUsual * cell.usualMs) - cell.usualMs);
  }

  /** Whether the table has times of about these sizes: interpolated ones say nothing about how busy the machine is. */
  function isMeasured({ decode, prompt }: StepShape, { cells }: Column): boolean {
    const has = (known: ReadonlyMap<number, Cell>) => (size: number) => known.has(nearestSize(size));
    if (decode.length + prompt.length === 0) return false;
    return decode.every(has(cells.decode)) && prompt.every(has(cells.prompt));
  }

  function correctContext(shape: StepShape, column: Column, ms: number): void {
    const { rowContext, tileContext } = shape;
    const share = rowContext >= tileContext ? rowShare : tileShare;
    const other = rowContext >= tileContext ? tileContext * tileShare.ms : rowContext * rowShare.ms;
    const restMs = (ms - partsMs(shape, column, true) * column.busy) * column.threads - other;
    share.recent.add(Math.max(0, restMs / Math.max(rowContext, tileContext)));
    share.ms = Math.min(share.most, Math.max(share.least, share.recent.value ?? share.ms));
  }

  return {
    ms: predict,
    has: (threads) => columns.has(threads),
    hasPiece: (tokens) =>
      [...columns.values()].some(({ cells }) => [...cells.prompt.keys()].some((size) => size >= tokens)),
    enter,
    observe(shape, threads, ms) {
      const predicted = predict(shape, threads);
      const column = columnOf(threads);
      column.lastStep = steps += 1;
      if (isMeasured(shape, column)) {
        if (isLong(shape)) correctContext(shape, column, ms);
        else {
          column.ratios.add(ms / Math.max(0.001, partsMs(shape, column, true)));
          column.busy = column.ratios.value ?? 1;
        }
      }
      correct(shape, column, ms);
      return predicted;
    },
    snapshot: () => ({
      threads: [...columns.values()]
        .toSorted((a, b) => a.threads - b.threads)
        .map(({ threads, busy, cells }) => ({
          threads,
          busy: rounded(busy),
          decode: pointsOf(cells.decode).map(({ size, ms }) => ({ rows: size, ms })),
          prompt: pointsOf(cells.prompt).map(({ size, ms }) => ({ tokens: size, ms })),
        })),
      context: { row_ms: rounded(rowShare.ms), tile_ms: rounded(tileShare.ms) },
    }),
  };
}

function shareOf(knownMs = 0, measuredMs?: number): ContextShare {
  const [least, most] = measuredMs === undefined ? [0, Infinity] : [measuredMs / mostError, measuredMs * mostError];
  const ms = knownMs > 0 ? Math.min(most, Math.max(least, knownMs)) : (measuredMs ?? 0);
  return { recent: createRecentMedian(recentTimes), ms, least, most };
}

/** Whether the tokens of the step have a long context on average. */
function isLong({ decode, prompt, rowContext, tileContext }: StepShape): boolean {
  const tokens = [...decode, ...prompt].reduce((sum, size) => sum + size, 0);
  return rowContext + tileContext > longContext * tokens;
}

function pointsOf(cells: ReadonlyMap<number, Cell>): { readonly size: number; readonly ms: number }[] {
  return [...cells].map(([size, { usualMs }]) => ({ size, ms: rounded(usualMs) })).toSorted((a, b) => a.size - b.size);
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
