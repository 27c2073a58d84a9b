// Owns one plot: figures over the last minutes, drawn by uPlot in the colours of the design system. Where there is nothing to draw it says
// so, without axes: a time axis of no measurements would be made up.
import type { VNode } from "preact";
import type UPlot from "uplot";
import { PlotArea } from "../parts/plot-area.tsx";
import "./plot.css";
import { isQuiet } from "./series.ts";
import type { Figure } from "./series.ts";
import { figureWords } from "./words.ts";

const heightPx = 150;
/** The scale reaches at least so far. */
const leastTop = 1;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Seconds between two labels: they tell whole ones. */
const labelSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

const axes: readonly [UPlot.Axis, UPlot.Axis] = [
  { space: 70, size: 30, incrs: labelSteps, values: (_, times) => times.map((time) => clock.format(time * 1_000)) },
  { size: 48 },
];
const options: Pick<UPlot.Options, "cursor" | "scales"> = {
  cursor: { show: false },
  scales: { y: { range: (_, __, max) => [0, Math.max(leastTop, (max ?? 0) * 1.1)] } },
};

export interface PlotLine {
  readonly label: string;
  /** A class of the stylesheet that gives the colour. */
  readonly colour: "line-a" | "line-b";
  readonly values: readonly Figure[];
  /** What stands for the last value; by default its number. */
  readonly latest?: string;
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
  const figures = lines.map(({ values }) => values);
  const quiet = times.length === 0 || isQuiet(figures);
  return (
    <figure class="card plot">
      <figcaption class="spread">
        <h2>{title}</h2>
        <span class="row small">
          {lines.map(({ label, colour, values, latest = figureWords(values.at(-1)) }, i) => (
            <span class="legend numbers" key={label}>
              {!quiet && <span class={`swatch ${colour}`} aria-hidden="true" />}
              {[label, latest, i === lines.length - 1 ? unit : ""].join(" ").trim()}
            </span>
          ))}
        </span>
      </figcaption>
      {quiet ? (
        <p class="plot-area quiet muted small">{empty}</p>
      ) : (
        <PlotArea
          class="plot-area"
          heightPx={heightPx}
          times={times}
          lines={figures}
          colours={lines.map(({ colour }) => colour)}
          gridColour="grid-colour"
          axes={axes}
          options={options}
        />
      )}
    </figure>
  );
}
