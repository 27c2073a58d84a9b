// Owns the texts for the progress of a model. Pure.
import type { Download, ModelEvent, ModelStatus } from "@waggle/protocol";
import { formatByteRate, formatBytes, formatDuration, formatPercent, joinFacts } from "../parts/format.ts";

export type ModelProgress = Extract<ModelEvent, { type: "progress" }>;

/** The progress of a running download. */
export function progressOf({ stage = "downloading", ...download }: Download): ModelProgress {
  return { ...download, type: "progress", stage };
}

const stages: Readonly<Record<ModelProgress["stage"], string>> = {
  waiting: "Waiting for memory",
  asking: "Looking up the files",
  downloading: "Downloading",
  checking: "Checking",
  loading: "Loading",
};

export function stageWords({ stage, part, parts = 1 }: ModelProgress): string {
  return parts > 1 && part !== undefined ? `${stages[stage]} part ${part} of ${parts}` : stages[stage];
}

/** What a job waits for while its model is not loaded; undefined if the job does not wait for the model. */
export function arrivalWords(model: Pick<ModelStatus, "name" | "state" | "progress">): string | undefined {
  const { name, state, progress } = model;
  if (state !== "waiting" && state !== "downloading" && state !== "loading") return undefined;
  const subject = state === "waiting" ? `for ${name}` : name;
  return `${stages[state]} ${subject}${progress === undefined ? "…" : ` (${formatPercent(progress)})…`}`;
}

/** For example "812 MB of 1.2 GB"; undefined if nothing is known. */
export function sizeHereWords({ done_bytes: done, total_bytes: total }: Partial<Download>): string | undefined {
  if (done === undefined) return undefined;
  return total === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;
}

/** For example "Downloading · 68 % · 812 MB of 1.2 GB · 12.0 MB/s · 40 s left", without unknown parts. */
export function progressWords(progress: ModelProgress): string {
  const { progress: share, bytes_per_second: speed, eta_ms: left } = progress;
  return joinFacts(
    stageWords(progress),
    share === undefined ? undefined : formatPercent(share),
    sizeHereWords(progress),
    speed === undefined ? undefined : formatByteRate(speed),
    left === undefined ? undefined : `${formatDuration(left, "up")} left`,
  );
}

/** The stage for screen readers, in whole quarters, because screen readers would read out each percent. */
export function spokenProgress(progress: ModelProgress): string {
  const share = progress.progress;
  return share === undefined || share < 0.25
    ? `${stageWords(progress)}…`
    : `${stageWords(progress)}: ${Math.floor(share * 4) * 25} %`;
}
