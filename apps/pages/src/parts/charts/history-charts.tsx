// Owns the charts of a daemon's history: on a common time axis, with a cursor that shows the values at one time in all of them.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import type { Moment } from "../../wire/history-watch.ts";
import { Chart, type ChartContent, type ChartLine, type Figure } from "./chart.tsx";
import { formatClock } from "../format.ts";
import { MoreButton } from "../more-button.tsx";

export interface HistoryChartsProps {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly charts: readonly ChartContent[];
  /** Charts without a click; by default all. */
  readonly shown?: number;
  /** The heading; by default the minutes shown. */
  readonly title?: string | undefined;
  readonly onDrag?: (from: number, to: number) => void;
  /** A choice at the end of the heading's row. */
  readonly children?: ComponentChildren;
}

export function HistoryCharts({
  times,
  charts,
  shown = charts.length,
  title,
  onDrag,
  children,
}: HistoryChartsProps): VNode {
  const isWhole = useSignal(false);
  const pointed = useSignal<number | undefined>(undefined);
  const at = pointed.value === undefined ? undefined : times[pointed.value];
  return (
    <section class="stack" aria-labelledby="charts-title">
      <div class="spread wrap">
        <h2 id="charts-title">
          {title ?? spanWords(times)}
          {at !== undefined && <span class="small muted numbers">{` at ${formatClock(at * 1_000)}`}</span>}
        </h2>
        <span class="row chart-choices">
          <MoreButton isWhole={isWhole} more={charts.length - shown} noun="chart" />
          {children}
        </span>
      </div>
      <div class="charts">
        {(isWhole.value ? charts : charts.slice(0, shown)).map((content) => (
          <Chart key={content.title} {...content} {...{ times, pointed, onDrag }} />
        ))}
      </div>
    </section>
  );
}

/** Makes a line of the figures of these moments. */
export function linesOf<P>(moments: readonly Moment<P>[]): (label: string, figure: (point: P) => Figure) => ChartLine {
  return (label, figure) => ({
    label,
    values: moments.map(({ point }) => (point === undefined ? undefined : figure(point))),
  });
}

export const percentOf = (share: Figure): Figure => (share === undefined ? undefined : 100 * share);

/** @param times seconds */
function spanWords(times: readonly number[]): string {
  const minutes = Math.round(((times.at(-1) ?? 0) - (times[0] ?? 0)) / 60);
  return minutes <= 1 ? "Last minute" : `Last ${minutes} minutes`;
}
