// Defines the parts of a step, and groups those that are computed as one matrix. Pure.
import type { Token } from "../port/steps.ts";
import { isDecoding, type Run } from "./slots.ts";

/** Consecutive tokens of a job's target that a step computes. */
export interface Span {
  readonly run: Run;
  /** Number of tokens, at least one. */
  readonly count: number;
  /** Guesses at the tokens after the target; none unless the job decodes. */
  readonly drafts: readonly Token[];
}

export const noDrafts: readonly Token[] = [];

/** Divides a run of neighbouring decoding slots into matrices. @param rowsEach rows of each slot */
export type Divide = (run: number, rowsEach: number) => readonly number[];

/** Sorts spans so that those of a matrix are neighbours. */
export function inMatrices(spans: readonly Span[], divide: Divide): Span[] {
  const pieces = spans.filter(({ run }) => !isDecoding(run));
  const rows = spans.filter(({ run }) => isDecoding(run)).toSorted((a, b) => idOf(a) - idOf(b));
  const rowsEach = 1 + (rows[0]?.drafts.length ?? 0);
  const sizes = neighboursOf(rows.map(({ run }) => run)).flatMap(({ length }) => divide(length, rowsEach));
  const units = [...divided(rows, sizes), ...matricesOf(pieces)];
  return units.toSorted(([a], [b]) => idOf(b) - idOf(a)).flat();
}

/** Number of tokens that these spans feed, drafts included. */
export function countTokens(spans: readonly Span[]): number {
  return spans.reduce((sum, { count, drafts }) => sum + count + drafts.length, 0);
}

/** Slots next to each other that a decide job uses are one matrix, if they compute equally many tokens. */
function matricesOf(pieces: readonly Span[]): Span[][] {
  const matrices: Span[][] = [];
  for (const span of pieces.toSorted((a, b) => idOf(a) - idOf(b))) {
    const last = matrices.at(-1);
    const before = last?.at(-1);
    const joins =
      before?.run.sequence === span.run.sequence && idOf(before) === idOf(span) - 1 && before.count === span.count;
    if (joins) last?.push(span);
    else matrices.push([span]);
  }
  return matrices;
}

function idOf(span: Span | undefined): number {
  return span?.run.slot.id ?? 0;
}

/** Groups jobs whose slots are next to each other. */
export function neighboursOf(runs: readonly Run[]): Run[][] {
  const groups: Run[][] = [];
  for (const run of runs) {
    const last = groups.at(-1);
    if (last?.at(-1)?.slot.id === run.slot.id - 1) last.push(run);
    else groups.push([run]);
  }
  return groups;
}

function divided<T>(all: readonly T[], sizes: readonly number[]): T[][] {
  let start = 0;
  return sizes.map((size) => all.slice(start, (start += size)));
}
