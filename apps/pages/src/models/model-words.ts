// Owns the texts for a model, its memory and its progress. Pure.
import type { Download, ModelEvent, ModelMemory, ModelSource, ModelStatus, ModelStatuses } from "@waggle/protocol";
import { canCallTools } from "@waggle/protocol/abilities";
import { formatByteRate, formatBytes, formatDuration, formatPercent } from "../parts/format.ts";

export type ModelProgress = Extract<ModelEvent, { type: "progress" }>;

/** The progress of a running download. */
export function progressOf({ stage = "downloading", ...download }: Download): ModelProgress {
  return { ...download, type: "progress", stage };
}

type Able = Pick<ModelStatus, "kind" | "chat" | "infill" | "vision" | "parameters">;

/** The model's known abilities: many are known only after its first load. */
export function abilityWords(model: Able): readonly string[] {
  const { kind, chat, infill, vision } = model;
  if (kind === "embed") return ["embeds texts"];
  if (kind === "rerank") return ["ranks texts"];
  return [
    ...(kind === "generate" || chat !== undefined ? ["chat"] : []),
    ...(canCallTools(model) ? ["tools"] : []),
    ...(chat !== undefined && chat.thinking !== "never" ? ["thinking"] : []),
    ...(vision === undefined ? [] : ["pictures"]),
    ...(infill === true ? ["infill"] : []),
  ];
}

const sources: Readonly<Record<ModelSource, string>> = {
  embedded: "comes with Waggle",
  file: "a file given at startup",
  folder: "in the models folder",
  download: "downloaded",
  fake: "fake backend, no model",
};

export function sourceWords({ source, reference }: Pick<ModelStatus, "source" | "reference">): string {
  return reference === undefined ? sources[source] : `${sources[source]} from ${reference}`;
}

/**
 * How long the model stays loaded.
 * @param now the worker's clock, milliseconds since 1970
 */
export function stayWords(model: ModelStatus, now: number): string {
  if (model.pinned) return "pinned: stays loaded";
  if (model.expires_at !== undefined) return `unloads in ${formatDuration(Date.parse(model.expires_at) - now, "up")}`;
  if (model.keep_alive_s === null) return "stays until its memory is needed";
  if (model.keep_alive_s === 0) return "unloads after its last job";
  return `stays ${formatDuration(model.keep_alive_s * 1_000, "up")} after its last job`;
}

/** Whether the server can change models. A gateway cannot: it has no memory budget for models. */
export function canChange({ budget }: ModelStatuses): boolean {
  return budget !== undefined;
}

export const elsewhereWords = "This is a gateway: load and download models at its workers.";

export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

/** The parts of a model's memory, in the order of the bar. */
export function memoryParts({ weights, kv_cache, vision, compute, process }: ModelMemory): readonly MemoryPart[] {
  return [
    { name: "weights", bytes: weights },
    { name: "KV cache", bytes: kv_cache },
    ...(vision === undefined ? [] : [{ name: "pictures", bytes: vision }]),
    { name: "compute", bytes: compute },
    { name: "process", bytes: process },
  ];
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
  const share = progress === undefined ? "…" : ` (${formatPercent(progress)})…`;
  switch (state) {
    case "waiting":
      return `Waiting for memory for ${name}…`;
    case "downloading":
      return `Downloading ${name}${share}`;
    case "loading":
      return `Loading ${name}${share}`;
    case "unloaded":
    case "unloading":
    case "ready":
    case "failed":
      return undefined;
  }
}

/** For example "812 MB of 1.2 GB · 12.0 MB/s · 40 s left", without unknown parts. */
export function figureWords(progress: ModelProgress): string {
  const { done_bytes: done, total_bytes: total, bytes_per_second: speed, eta_ms: left } = progress;
  return [
    done === undefined
      ? undefined
      : total === undefined
        ? formatBytes(done)
        : `${formatBytes(done)} of ${formatBytes(total)}`,
    speed === undefined ? undefined : formatByteRate(speed),
    left === undefined ? undefined : `${formatDuration(left, "up")} left`,
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}

/** The stage for screen readers, in whole quarters, because screen readers would read out each percent. */
export function spokenProgress(progress: ModelProgress): string {
  const share = progress.progress;
  return share === undefined || share < 0.25
    ? `${stageWords(progress)}…`
    : `${stageWords(progress)}: ${Math.floor(share * 4) * 25} %`;
}
