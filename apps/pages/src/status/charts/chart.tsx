// Owns one chart: lines over time, drawn by uPlot in the colours of the theme, with a legend of the latest values. A chart without values has
// no axes, because it has no times to show.
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { formatClock, formatFigure, formatMinute } from "../../parts/format.ts";
import { schemeChanges } from "../../parts/theme-switch.tsx";

export type Figure = number | undefined;

export interface ChartLine {
  readonly label: string;
  /** A value for each time; undefined where nothing was measured. */
  readonly values: readonly Figure[];
}

export interface ChartContent {
  readonly title: string;
  readonly unit: string;
  /** At most two lines. */
  readonly lines: readonly ChartLine[];
  /** The scale reaches at least to this value. */
  readonly top?: number;
  /** Text of a chart without lines to draw. */
  readonly empty: string;
  /** Whether a chart whose values are all zero is empty too. */
  readonly emptyWhenZero?: boolean;
}

export interface ChartProps extends ChartContent {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  /** Index in `times` of the cursor that the charts of a page share. */
  readonly pointed: Signal<number | undefined>;
  /** Called with the part of the time axis that a mouse dragged over, in seconds since 1970. */
  readonly onDrag: ((from: number, to: number) => void) | undefined;
}

/** Room for half of the newest time's label. */
const rightPx = 28;
const cursorKey = "waggle";
const colours = ["chart-line-a", "chart-line-b"] as const;
/** Shortest span of the time axis, even with few points. */
const leastSpanS = 60;
/** Seconds between two time labels: whole seconds, so that no label appears twice. */
const labelSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600, 10_800, 21_600];

export function Chart(props: ChartProps): VNode {
  const { title, unit, lines, empty, emptyWhenZero = false, pointed } = props;
  const at = pointed.value;
  const isEmpty = lines.every(({ values }) =>
    values.every((value) => value === undefined || (emptyWhenZero && value === 0)),
  );
  return (
    <figure class="card chart" data-chart={title}>
      <figcaption>
        <h3>
          {title} <span class="muted">{unit}</span>
        </h3>
        <p class="chart-legend small numbers">
          {lines.map((line, i) => (
            <span key={line.label}>
              {!isEmpty && <span class={`chart-swatch ${colours[i] ?? colours[0]}`} aria-hidden="true" />}
              {`${line.label} ${legendOf(line, at)}`.trim()}
            </span>
          ))}
        </p>
      </figcaption>
      {isEmpty ? <p class="chart-area chart-empty muted small">{empty}</p> : <Drawing {...props} />}
    </figure>
  );
}

/** The value under the cursor; without a cursor, the latest value. */
function legendOf({ values }: ChartLine, at: number | undefined): string {
  return formatFigure(at === undefined ? values.findLast((value) => value !== undefined) : values[at]);
}

function Drawing(props: ChartProps): VNode {
  const { times, lines, pointed } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const scheme = schemeChanges.value;
  const figures = useMemo(() => lines.map(({ values }) => values), [lines]);

  useLayoutEffect(() => {
    const target = box.current;
    if (target === null) return;
    const made = new UPlot(optionsFor(target, props), [[], ...figures.map(() => [])], target);
    const observer = new ResizeObserver(() => made.setSize(sizeOf(target)));
    observer.observe(target);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
      pointed.value = undefined;
    };
  }, [scheme, figures.length]);
  useEffect(() => {
    plot.current?.setData([[...times], ...figures.map((values) => values.map((value) => value ?? null))]);
  }, [times, figures, scheme]);

  return <div ref={box} class="chart-area" aria-hidden="true" />;
}

function optionsFor(target: HTMLElement, { lines, top = 1, pointed, onDrag }: ChartProps): UPlot.Options {
  const grid = { stroke: colourOf(target, "chart-grid"), width: 1 };
  const axis = { stroke: colourOf(target, "muted"), grid, ticks: { show: false } };
  return {
    ...sizeOf(target),
    legend: { show: false },
    padding: [8, rightPx, 0, 0],
    cursor: { sync: { key: cursorKey }, y: false, drag: { x: onDrag !== undefined, y: false, setScale: false } },
    hooks: {
      setCursor: [({ cursor }) => (pointed.value = cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width === 0) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onDrag?.(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        },
      ],
    },
    scales: {
      x: { range: (_, min, max) => [Math.min(min, max - leastSpanS), max] },
      y: { range: (_, __, max) => [0, Math.max(top, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, space: 66, size: 28, incrs: labelSteps, values: timeLabels },
      { ...axis, space: 24, size: 48 },
    ],
    series: [
      {},
      ...colours.slice(0, lines.length).map((colour) => {
        const stroke = colourOf(target, colour);
        return { stroke, width: 2, points: { show: true, size: 4, stroke, fill: stroke, filter: isolated } };
      }),
    ],
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): { width: number; height: number } {
  return { width: clientWidth, height: clientHeight };
}

/** @param step seconds from one label to the next */
function timeLabels(_: UPlot, times: readonly number[], __: number, ___: number, step: number): string[] {
  return times.map((time) => (step < 60 ? formatClock : formatMinute)(time * 1_000));
}

/** Indexes of values without a neighbour, which are drawn as points because no line goes through them. */
function isolated(plot: UPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const isMissing = (i: number): boolean => (values[i] ?? null) === null;
  return [...values.keys()].filter((i) => !isMissing(i) && isMissing(i - 1) && isMissing(i + 1));
}

/** The colour of a CSS class, read from an element with the class, because a canvas knows no CSS variables and no classes. */
function colourOf(target: HTMLElement, className: string): string {
  const probe = document.createElement("span");
  probe.className = className;
  target.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
