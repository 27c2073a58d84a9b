// Owns a small chart without axes: the last values of one figure, oldest first.
// A polyline instead of uPlot: uPlot draws axes, a legend and a canvas for each chart, and a fleet's page has two charts for each worker.
import type { VNode } from "preact";
import { formatFigure } from "../../parts/format.ts";

const width = 120;
const height = 28;

export interface SparklineProps {
  readonly values: readonly number[];
  /** The scale ends at this value, or at the largest value if that is larger. */
  readonly atLeast: number;
  readonly label: string;
}

export function Sparkline({ values, atLeast, label }: SparklineProps): VNode {
  const top = Math.max(atLeast, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map(
    (value, i) => `${(i * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`,
  );
  return (
    <figure class="sparkline">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {values.length > 1 && <polyline points={points.join(" ")} vector-effect="non-scaling-stroke" />}
      </svg>
      <figcaption>{`${label}: ${formatFigure(values.at(-1))}`}</figcaption>
    </figure>
  );
}
