// Owns one plot: figures over the last minutes, drawn by uPlot in the colours of the design system. Where there is nothing to draw it says
// so, without axes: a time axis of no measurements would be made up.
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { schemeChanges } from "../parts/theme-switch.tsx";
import "./plot.css";
import { isQuiet } from "./series.ts";
import type { Figure } from "./series.ts";

const heightPx = 150;
/** The scale reaches at least so far. */
const leastTop = 1;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export interface PlotLine {
  readonly label: string;
  /** A class of the stylesheet that gives the colour. */
  readonly colour: "line-a" | "line-b";
  readonly values: readonly Figure[];
}

export interface PlotProps {
  readonly title: string;
  readonly unit: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly PlotLine[];
  /** What stands in place of a plot that would be empty. */
  readonly empty?: string;
}

export function Plot({ title, unit, times, lines, empty = "No requests yet" }: PlotProps): VNode {
  const quiet = times.length === 0 || isQuiet(lines.map(({ values }) => values));
  return (
    <figure class="card plot">
      <figcaption class="spread">
        <h2>{title}</h2>
        <span class="row small">
          {lines.map(({ label, colour, values }, i) => (
            <span class="legend numbers" key={label}>
              {!quiet && <span class={`swatch ${colour}`} aria-hidden="true" />}
              {[label, show(values.at(-1)), i === lines.length - 1 ? unit : ""].join(" ").trim()}
            </span>
          ))}
        </span>
      </figcaption>
      {quiet ? <p class="plot-area quiet muted small">{empty}</p> : <Area times={times} lines={lines} />}
    </figure>
  );
}

function Area({ times, lines }: Pick<PlotProps, "times" | "lines">): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const scheme = schemeChanges.value;

  useLayoutEffect(() => {
    const target = place.current;
    if (target === null) return;
    const made = new UPlot(optionsFor(target, lines), [[], ...lines.map(() => [])], target);
    const observer = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: heightPx }));
    observer.observe(target);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [scheme]);
  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map(({ values }) => values.map((value) => value ?? null))]);
  }, [times, scheme]);

  return <div ref={place} class="plot-area" aria-hidden="true" />;
}

function optionsFor(target: HTMLElement, lines: readonly PlotLine[]): UPlot.Options {
  const grid = colourOf(target, "grid-colour");
  const axis = { stroke: colourOf(target, "muted"), grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: target.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, max) => [0, Math.max(leastTop, (max ?? 0) * 1.1)] } },
    padding: [8, 8, 0, 0],
    axes: [
      { ...axis, space: 70, size: 30, values: (_, times) => times.map((time) => clock.format(time * 1_000)) },
      { ...axis, size: 48 },
    ],
    series: [
      {},
      ...lines.map(({ colour }) => {
        const stroke = colourOf(target, colour);
        return { stroke, width: 2, points: { show: true, size: 4, stroke, fill: stroke, filter: lonely } };
      }),
    ],
  };
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

function show(value: Figure): string {
  if (value === undefined) return "–";
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}
