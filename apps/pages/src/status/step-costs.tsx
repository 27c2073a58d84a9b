// Owns the card with what a step costs: a curve by decoding streams, and a curve by tokens of a prompt.
import type { StepCosts, WorkerInfo } from "@waggle/protocol";
import type { VNode } from "preact";
import { formatCount, formatFigure } from "../parts/format.ts";
import { decodeCurves, pieceWords, presentFirst, promptCurves } from "./step-curves.ts";
import type { Curve, Curves } from "./step-curves.ts";

interface StepCostsProps {
  readonly costs: StepCosts;
  readonly info: Pick<WorkerInfo, "prompt_pieces" | "settings">;
  /** The present number of threads. */
  readonly threads: number | undefined;
  /** Undefined if the worker has one model. */
  readonly model: string | undefined;
}

export function StepCostsCard({ costs, info, threads, model }: StepCostsProps): VNode | null {
  const measured = presentFirst(costs, threads);
  if (measured.length === 0) return null;
  const pieces = pieceWords(info.prompt_pieces ?? [], info.settings?.flash_attention);
  return (
    <section class="card" aria-labelledby="step-costs-title">
      <div class="spread">
        <h2 id="step-costs-title">Cost of a step</h2>
        <span class="small muted anywhere">{model === undefined ? "measured" : `measured with ${model}`}</span>
      </div>
      {pieces !== undefined && <p class="small">{pieces}</p>}
      <div class="step-costs">
        <CostCurves title="By streams" unit="streams that decode" {...decodeCurves(measured)} />
        <CostCurves title="By prompt tokens" unit="tokens of a prompt's piece" {...promptCurves(measured)} />
      </div>
    </section>
  );
}

function CostCurves({ title, unit, curves, mostX, mostMs, words }: Curves & Record<"title" | "unit", string>): VNode {
  // The present curve is drawn last, above the others.
  const drawn = curves
    .map((curve, i) => ({ curve, colour: i === 0 ? "chart-line-a" : "chart-line-b", i }))
    .toReversed();
  return (
    <figure class="chart step-curves" data-curves={title}>
      <figcaption>
        <h3>
          {title} <span class="muted">ms</span>
        </h3>
        <p class="small">{words}</p>
        <p class="chart-legend small numbers">
          {curves.map(({ threads }, i) => (
            <span key={threads}>
              <svg
                class={`step-key ${i === 0 ? "chart-line-a" : "chart-line-b"}`}
                viewBox="0 0 20 4"
                aria-hidden="true"
              >
                <path d="M0 2h20" stroke-dasharray={dashes(i)} />
              </svg>
              {`${threads} ${threads === 1 ? "thread" : "threads"}${i === 0 ? ", now" : ""}`}
            </span>
          ))}
        </p>
      </figcaption>
      {curves.length === 0 ? (
        <p class="chart-area chart-empty muted small">Not measured yet</p>
      ) : (
        <div class="step-area small muted numbers" aria-hidden="true">
          <span class="step-most">{formatFigure(mostMs)}</span>
          <span class="step-half">{formatFigure(mostMs / 2)}</span>
          <span class="step-zero">0</span>
          <svg viewBox="0 0 100 100" preserveAspectRatio="none">
            <path class="chart-grid" d="M0 0H100M0 50H100M0 100H100" />
            {drawn.map(({ curve, colour, i }) => (
              <g key={curve.threads} class={colour}>
                <path d={lineOf(curve, { mostX, mostMs })} stroke-dasharray={dashes(i)} />
                <path class="step-dots" d={dotsOf(curve, { mostX, mostMs })} />
              </g>
            ))}
          </svg>
          <span class="step-from">0</span>
          <span class="step-unit">{unit}</span>
          <span class="step-to">{formatCount(mostX)}</span>
        </div>
      )}
    </figure>
  );
}

/** The curve of the present number of threads is solid. */
function dashes(curve: number): string | undefined {
  return curve === 0 ? undefined : `${8 / curve} 4`;
}

type Scale = Pick<Curves, "mostX" | "mostMs">;

function lineOf(curve: Curve, scale: Scale): string {
  return `M${placesOf(curve, scale).join("L")}`;
}

/** Lines without length: round ends make them dots, also where the picture is stretched. */
function dotsOf(curve: Curve, scale: Scale): string {
  return placesOf(curve, scale)
    .map((place) => `M${place}h0`)
    .join("");
}

/** Percent from the left and from above. */
function placesOf({ points }: Curve, { mostX, mostMs }: Scale): readonly string[] {
  return points.map(([x, ms]) => `${((x / mostX) * 100).toFixed(2)} ${(100 - (ms / mostMs) * 100).toFixed(2)}`);
}
