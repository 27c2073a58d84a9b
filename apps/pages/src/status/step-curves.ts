// Owns the curves and the sentences of what an engine's steps cost. Pure.
import type { PromptPiece, StepCosts } from "@waggle/protocol";
import { formatCounted, formatMilliseconds } from "../parts/format.ts";

export type CurvePoint = readonly [x: number, ms: number];

/** The times of steps with one number of threads. */
export interface Curve {
  readonly threads: number;
  readonly points: readonly CurvePoint[];
}

export interface Curves {
  /** The curve of the present number of threads comes first. */
  readonly curves: readonly Curve[];
  readonly mostX: number;
  readonly mostMs: number;
  /** What one reads in the present curve. */
  readonly words: string;
}

type CostsOfThreads = StepCosts["threads"][number];

/** More rows are rare, and would leave little room for the first four, which matter most. */
const mostRows = 16;

/** @param threads the present number of threads; if it was not measured, the first measured number counts as present */
export function presentFirst({ threads: measured }: StepCosts, threads: number | undefined): readonly CostsOfThreads[] {
  return measured.toSorted((a, b) => Number(b.threads === threads) - Number(a.threads === threads));
}

export function decodeCurves(measured: readonly CostsOfThreads[]): Curves {
  return curvesOf(
    measured.map(({ threads, decode }) => ({
      threads,
      points: decode.filter(({ rows }) => rows <= mostRows).map(({ rows, ms }) => [rows, ms] as const),
    })),
    decodeWords,
  );
}

export function promptCurves(measured: readonly CostsOfThreads[]): Curves {
  return curvesOf(
    measured.map(({ threads, prompt }) => ({ threads, points: prompt.map(({ tokens, ms }) => [tokens, ms] as const) })),
    promptWords,
  );
}

/** A sentence about the pieces of a prompt behind 1,000 tokens, and about the attention. */
export function pieceWords(pieces: readonly PromptPiece[], hasFlash: boolean | undefined): string | undefined {
  const piece = pieces.find(({ context }) => context >= 1_000);
  if (piece === undefined) return undefined;
  const { context, tokens, step_ms: ms } = piece;
  const attention = hasFlash === undefined ? "" : `, ${hasFlash ? "with" : "without"} flash attention`;
  return `While a stream runs, a prompt behind ${formatCounted(context, "token")} is read in pieces of ${formatCounted(tokens, "token")}, ${formatMilliseconds(ms)} each${attention}.`;
}

function curvesOf(all: readonly Curve[], wordsOf: (points: readonly CurvePoint[]) => string): Curves {
  const curves = all.filter(({ points }) => points.length > 0);
  const points = curves.flatMap((curve) => curve.points);
  return {
    curves,
    mostX: Math.max(1, ...points.map(([x]) => x)),
    mostMs: Math.max(...points.map(([, ms]) => ms), 0) || 1,
    words: wordsOf(curves[0]?.points ?? []),
  };
}

function decodeWords(points: readonly CurvePoint[]): string {
  const one = points.find(([rows]) => rows === 1);
  const several = points.find(([rows]) => rows === 4) ?? points.findLast(([rows]) => rows > 1);
  if (one === undefined) return "";
  const [, ms] = one;
  if (several === undefined) return `A step for 1 stream takes ${formatMilliseconds(ms)}.`;
  return `A step for ${several[0]} streams takes ${formatMilliseconds(several[1])}, for 1 stream ${formatMilliseconds(ms)}.`;
}

function promptWords(points: readonly CurvePoint[]): string {
  const [tokens, ms] = points.find(([count]) => count >= 64) ?? points.at(-1) ?? [];
  if (tokens === undefined) return "";
  return `A piece of ${tokens} prompt tokens takes ${formatMilliseconds(ms)}.`;
}
