// Adds work of lane jobs to a step of foreground jobs, as far as its price stays nearly the same. Pure. Decision 106.
import { promptsInOrder, textLeft, withReads, type ScheduleLimits } from "./plan.ts";
import { inMatrices, noDrafts, type Span } from "./spans.ts";
import { isDecoding, type Run } from "./slots.ts";

/** A step with lane work takes at most this many times as long as without it. */
const mostGrowth = 1.02;

export interface LaneLimits extends Pick<ScheduleLimits, "divide"> {
  /** Most tokens that may join. */
  readonly tokens: number;
  /** Milliseconds of a step; undefined before a step was measured. */
  readonly priceOf: (spans: readonly Span[]) => number | undefined;
}

/**
 * Returns the step with as many rows of lane jobs, and then as many tokens of their prompts, as its price allows. The foreground's spans stay.
 * @param spans what the step computes for foreground jobs, at least one span
 * @param runs lane jobs that prefill or decode
 */
export function joinLane(
  spans: readonly Span[],
  runs: readonly Run[],
  { divide, tokens, priceOf }: LaneLimits,
): readonly Span[] {
  const aloneMs = priceOf(spans);
  if (aloneMs === undefined) return spans;
  const boundMs = mostGrowth * aloneMs;
  let step = spans;
  let left = tokens;

  /** @param without the step that the span joins, which lacks this job */
  function joins(span: Span, without: readonly Span[]): boolean {
    const grown = inMatrices([...without, span], divide);
    const ms = priceOf(grown);
    if (ms === undefined || ms > boundMs) return false;
    step = grown;
    return true;
  }

  // A row among rows with drafts would divide their matrix.
  const rows = spans.some(({ drafts }) => drafts.length > 0) ? [] : runs.filter(isDecoding);
  for (const run of nearestFirst(rows, spans)) {
    if (left > 0 && joins({ run, count: 1, drafts: noDrafts }, step)) left -= 1;
  }
  for (const run of promptsInOrder(runs.filter((each) => textLeft(each) > 0))) {
    // The price does not include logprobs, which are read alone.
    const most = withReads(run, Math.min(left, textLeft(run)), 0).count;
    const without = step;
    let count = 0;
    for (const next of lengths(most)) {
      if (!joins({ run, count: next, drafts: noDrafts }, without)) break;
      count = next;
    }
    left -= count;
    if (count < most) break;
  }
  return step;
}

/** A row costs least in a matrix that the step computes anyway, and such a row makes its neighbour one, too. */
function nearestFirst<R extends Run>(rows: readonly R[], spans: readonly Span[]): R[] {
  const ids = spans.filter(({ run }) => isDecoding(run)).map(({ run }) => run.slot.id);
  const distance = ({ slot }: Run): number => Math.min(...ids.map((id) => Math.abs(id - slot.id)));
  const distances = new Map(rows.map((run) => [run, ids.length === 0 ? 0 : distance(run)]));
  return rows.toSorted((a, b) => (distances.get(a) ?? 0) - (distances.get(b) ?? 0));
}

/** The lengths that a piece may have, in ascending order. */
function lengths(most: number): number[] {
  const doublings = Array.from({ length: Math.ceil(Math.log2(Math.max(1, most))) }, (_, i) => 2 ** i);
  return most > 0 ? [...doublings, most] : [];
}
