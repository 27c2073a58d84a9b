// Owns the status page's texts for a job's state and for latencies. Pure.
import type { ListedJob } from "@waggle/protocol";
import { formatFigure } from "../parts/format.ts";
import type { Quantile } from "./prometheus.ts";

const states: Readonly<Record<ListedJob["state"], string>> = {
  queued: "waiting",
  prefill: "reading the prompt",
  decode: "answering",
};

export function jobStateWords({ state, position }: Pick<ListedJob, "state" | "position">): string {
  return state === "queued" && position > 0
    ? `waiting, ${position === 1 ? "next" : `number ${position}`}`
    : states[state];
}

/** The bound of the latency's bucket, because the position within the bucket is unknown. */
export function latencyWords(latency: Quantile | undefined): string {
  if (latency === undefined) return formatFigure(undefined);
  const { guess, atMost } = latency;
  return Number.isFinite(atMost) ? `≤ ${formatFigure(atMost)}` : `> ${formatFigure(guess)}`;
}
