// Owns the texts for a model, its memory and its progress. Pure.
import type { Download, ModelEvent, ModelMemory, ModelSource, ModelStatus } from "@waggle/protocol";
import { canCallTools } from "@waggle/protocol/abilities";
import {
  formatByteRate,
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatLargeCount,
  formatPercent,
  joinFacts,
} from "../parts/format.ts";

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

/** What the model can do, and what it takes. */
export function factWords(model: ModelStatus): string {
  const { parameters, file_bytes: fileBytes, memory, context_size: loadedContext } = model;
  const context = loadedContext ?? model.trained_context_size;
  return joinFacts(
    ...abilityWords(model),
    parameters === undefined ? undefined : `${formatLargeCount(parameters)} parameters`,
    fileBytes === undefined ? undefined : `${formatBytes(fileBytes)} on disk`,
    memory === undefined ? undefined : `${formatBytes(memory.total)} of memory`,
    context === undefined
      ? undefined
      : `${loadedContext === undefined ? "up to " : ""}${formatCount(context)} tokens of context`,
  );
}

const sources: Readonly<Record<ModelSource, string>> = {
  embedded: "comes with Waggle",
  file: "a file given at startup",
  folder: "in the models folder",
  download: "downloaded",
  fake: "fake backend, no model",
};

/** The model's file, and what it comes from. */
export function fileWords({ file, architecture, quantization, source, reference }: ModelStatus): string {
  const origin = reference === undefined ? sources[source] : `${sources[source]} from ${reference}`;
  return joinFacts(file, architecture, quantization, origin);
}

/**
 * The model's work now, and how long the model stays loaded.
 * @param now the worker's clock, milliseconds since 1970; undefined at a gateway, which does not know how long
 */
export function workWords(model: ModelStatus, now: number | undefined): string {
  const { slots, queued } = model;
  return joinFacts(
    slots && `${slots.busy} of ${slots.total} slots busy`,
    queued === 0 ? undefined : formatCounted(queued, "waiting job"),
    now === undefined ? undefined : stayWords(model, now),
  );
}

function stayWords(model: ModelStatus, now: number): string {
  if (model.pinned) return "pinned: stays loaded";
  if (model.expires_at !== undefined) return `unloads in ${formatDuration(Date.parse(model.expires_at) - now, "up")}`;
  if (model.keep_alive_s === null) return "stays until its memory is needed";
  if (model.keep_alive_s === 0) return "unloads after its last job";
  return `stays ${formatDuration(model.keep_alive_s * 1_000, "up")} after its last job`;
}

/** The parts of a model's memory, without those that take nothing, and what was measured. */
export function memoryWords({ weights, kv_cache, vision = 0, compute, process, measured = 0 }: ModelMemory): string {
  const parts = { weights, "KV cache": kv_cache, pictures: vision, compute, process, "measured in all": measured };
  return Object.entries(parts)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${formatBytes(bytes)}`)
    .join(" · ");
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
