// Owns one chart: figures at the times that all charts of the page share, drawn by uPlot. Its cursor moves through all of them, and its
// legend tells the figures under it. Where there is nothing to draw it says so, without axes.
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type UPlot from "uplot";
import { PlotArea } from "../parts/plot-area.tsx";
import "./chart.css";
import type { Figure } from "./hive-series.ts";
import { figure } from "./words.ts";

const heightPx = 130;
const cursorKey = "waggle-hive";
const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export interface ChartLine {
  readonly label: string;
  readonly values: readonly Figure[];
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  /** Two at most. */
  readonly lines: readonly ChartLine[];
  /** The scale reaches at least so far. */
  readonly top: number;
  /** The place in `times` that some chart's cursor points at. */
  readonly pointed: Signal<number | undefined>;
}

const colours = ["chart-line-a", "chart-line-b"] as const;
const axes = [
  { space: 60, size: 28, values: timeWords },
  { size: 56, space: 24 },
] as const;

export function Chart({ title, unit, times, lines, top, pointed }: ChartProps): VNode {
  const empty = lines.every(({ values }) => values.every((value) => value === undefined));
  const at = pointed.value;
  const figures = useMemo(() => lines.map(({ values }) => values), [lines]);
  return (
    <figure class="card chart" data-chart={title}>
      <figcaption>
        <h3>
          {title} <span class="muted">{unit}</span>
        </h3>
        <p class="chart-legend small numbers">
          {lines.map(({ label, values }, i) => (
            <span key={label}>
              <span class={`chart-swatch ${colours[i] ?? colours[0]}`} aria-hidden="true" />
              {`${label} ${figure(at === undefined ? values.findLast((value) => value !== undefined) : values[at])}`.trim()}
            </span>
          ))}
        </p>
      </figcaption>
      {empty ? (
        <p class="chart-area chart-empty muted small">Nothing measured yet</p>
      ) : (
        <PlotArea
          class="chart-area"
          heightPx={heightPx}
          times={times}
          lines={figures}
          colours={colours}
          gridColour="chart-grid"
          axes={axes}
          options={{
            cursor: { sync: { key: cursorKey }, y: false, drag: { x: false, y: false } },
            hooks: { setCursor: [({ cursor }) => (pointed.value = cursor.idx ?? undefined)] },
            scales: {
              x: { range: (_, min, max) => [min, max] },
              y: { range: (_, __, max) => [0, Math.max(top, (max ?? 0) * 1.1)] },
            },
          }}
          onGone={() => (pointed.value = undefined)}
        />
      )}
    </figure>
  );
}

/** @param every seconds from one to the next */
function timeWords(_: UPlot, times: readonly number[], __: number, ___: number, every: number): string[] {
  const clock = every < 60 ? seconds : minutes;
  return times.map((time) => clock.format(time * 1_000));
}
