// Owns one chart: figures at the times that all charts of the page share, drawn by uPlot. Its cursor moves through all of them, and its
// legend tells the figures under it. Where there is nothing to draw it says so, without axes.
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { schemeChanges } from "../parts/theme-switch.tsx";
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

export function Chart({ title, unit, times, lines, top, pointed }: ChartProps): VNode {
  const empty = lines.every(({ values }) => values.every((value) => value === undefined));
  const at = pointed.value;
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
        <Area times={times} lines={lines} top={top} pointed={pointed} />
      )}
    </figure>
  );
}

function Area({ times, lines, top, pointed }: Pick<ChartProps, "times" | "lines" | "top" | "pointed">): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const scheme = schemeChanges.value;

  useLayoutEffect(() => {
    const target = place.current;
    if (target === null) return;
    const made = new UPlot(optionsFor(target, lines.length, top, pointed), [[], ...lines.map(() => [])], target);
    const observer = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: heightPx }));
    observer.observe(target);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
      pointed.value = undefined;
    };
  }, [scheme, lines.length]);
  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map(({ values }) => values.map((value) => value ?? null))]);
  }, [times, lines, scheme]);

  return <div ref={place} class="chart-area" aria-hidden="true" />;
}

function optionsFor(target: HTMLElement, count: number, top: number, pointed: ChartProps["pointed"]): UPlot.Options {
  const grid = colourOf(target, "chart-grid");
  const axis = { stroke: colourOf(target, "muted"), grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: target.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { sync: { key: cursorKey }, y: false, drag: { x: false, y: false } },
    hooks: { setCursor: [({ cursor }) => (pointed.value = cursor.idx ?? undefined)] },
    scales: {
      x: { range: (_, min, max) => [min, max] },
      y: { range: (_, __, max) => [0, Math.max(top, (max ?? 0) * 1.1)] },
    },
    padding: [8, 8, 0, 0],
    axes: [
      { ...axis, space: 60, size: 28, values: timeWords },
      { ...axis, size: 56, space: 24 },
    ],
    series: [
      {},
      ...colours.slice(0, count).map((colour) => {
        const stroke = colourOf(target, colour);
        return { stroke, width: 2, points: { show: true, size: 4, stroke, fill: stroke, filter: lonely } };
      }),
    ],
  };
}

/** @param every seconds from one to the next */
function timeWords(_: UPlot, times: readonly number[], __: number, ___: number, every: number): string[] {
  const clock = every < 60 ? seconds : minutes;
  return times.map((time) => clock.format(time * 1_000));
}

/** Figures with none on either side: no line goes through them. */
function lonely(plot: UPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const none = (i: number): boolean => (values[i] ?? null) === null;
  return [...values.keys()].filter((i) => !none(i) && none(i - 1) && none(i + 1));
}

/** A canvas knows no variables and no classes, so an element that does is asked. */
function colourOf(target: HTMLElement, className: string): string {
  const probe = document.createElement("span");
  probe.className = className;
  target.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
