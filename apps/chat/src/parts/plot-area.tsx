// Owns where a plot is drawn: by uPlot, as wide as its place, in the colours of the theme, and anew when that changes.
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { schemeChanges } from "./theme-switch.tsx";

/** Beside the newest time half of its label has room. */
const rightPx = 28;

export interface PlotAreaProps {
  readonly class: string;
  readonly heightPx: number;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  /** For each line one at each time; undefined where there is none. */
  readonly lines: readonly (readonly (number | undefined)[])[];
  /** Classes of the stylesheet that give the lines their colours, and the grid its own. */
  readonly colours: readonly string[];
  readonly gridColour: string;
  readonly axes: readonly [UPlot.Axis, UPlot.Axis];
  readonly options: Pick<UPlot.Options, "cursor" | "hooks" | "scales">;
  readonly onGone?: () => void;
}

export function PlotArea(props: PlotAreaProps): VNode {
  const { heightPx, times, lines, onGone } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const scheme = schemeChanges.value;

  useLayoutEffect(() => {
    const target = place.current;
    if (target === null) return;
    const made = new UPlot(optionsFor(target, props), [[], ...lines.map(() => [])], target);
    const observer = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: heightPx }));
    observer.observe(target);
    plot.current = made;
    return () => {
      observer.disconnect();
      made.destroy();
      onGone?.();
    };
  }, [scheme, lines.length]);
  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map((values) => values.map((value) => value ?? null))]);
  }, [times, lines, scheme]);

  return <div ref={place} class={props.class} aria-hidden="true" />;
}

function optionsFor(target: HTMLElement, props: PlotAreaProps): UPlot.Options {
  const { heightPx, lines, colours, gridColour, axes, options } = props;
  const grid = { stroke: colourOf(target, gridColour), width: 1 };
  const axis = { stroke: colourOf(target, "muted"), grid, ticks: { show: false } };
  return {
    ...options,
    width: target.clientWidth,
    height: heightPx,
    legend: { show: false },
    padding: [8, rightPx, 0, 0],
    axes: axes.map((own) => ({ ...axis, ...own })),
    series: [
      {},
      ...colours.slice(0, lines.length).map((colour) => {
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
