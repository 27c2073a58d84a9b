// Owns how a model, its memory and what happens to it are put into words. Pure.
import type { ModelEvent, ModelMemory, ModelSource, ModelStatus, ModelStatuses } from "@waggle/protocol";
import { percent } from "../parts/percent.ts";

export type ModelProgress = Extract<ModelEvent, { type: "progress" }>;

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** In steps of a thousand, as hubs and disks count; three digits at most before the unit. */
export function byteWords(bytes: number): string {
  // What would be rounded up to 1000 is one of the next unit.
  const power = bytes < 999.5 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes * 1.0005) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ""}`;
}

/** "40 s", "5 min", "3 h": rounded up, so that nothing is over before it says so. */
export function timeWords(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.ceil(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.ceil(hours / 24)} days`;
}

/** 7,241,732,096 is "7.2 billion". */
export function parameterWords(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} billion`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} million` : count.toLocaleString("en");
}

/** What it can do, as far as it is known: much of it only after its first load. */
export function abilityWords({ kind, chat, infill }: Pick<ModelStatus, "kind" | "chat" | "infill">): readonly string[] {
  if (kind === "embed") return ["embeds texts"];
  if (kind === "rerank") return ["ranks texts"];
  return [
    ...(kind === "generate" || chat !== undefined ? ["chat"] : []),
    ...(chat?.tools === true ? ["tools"] : []),
    ...(chat !== undefined && chat.thinking !== "never" ? ["thinking"] : []),
    ...(infill === true ? ["infill"] : []),
  ];
}

const sources: Readonly<Record<ModelSource, string>> = {
  embedded: "comes with Waggle",
  file: "a file named at the start",
  folder: "in the models folder",
  download: "downloaded",
  fake: "no model: the fake backend",
};

export function sourceWords({ source, reference }: Pick<ModelStatus, "source" | "reference">): string {
  return reference === undefined ? sources[source] : `${sources[source]} from ${reference}`;
}

/**
 * How long it stays.
 * @param now the worker's clock, milliseconds since 1970
 */
export function stayWords(model: ModelStatus, now: number): string {
  if (model.pinned) return "pinned: stays loaded";
  if (model.expires_at !== undefined) return `unloads in ${timeWords(Date.parse(model.expires_at) - now)}`;
  if (model.keep_alive_s === null) return "stays until its memory is needed";
  if (model.keep_alive_s === 0) return "unloads after its last job";
  return `stays ${timeWords(model.keep_alive_s * 1_000)} after its last job`;
}

/** A gateway, which has no memory for models, changes none. */
export function canChange({ budget }: ModelStatuses): boolean {
  return budget !== undefined;
}

export const elsewhereWords = "This is a gateway: models are loaded and downloaded at its workers.";

export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

/** In the order of the bar. */
export function memoryParts({ weights, kv_cache, compute, process }: ModelMemory): readonly MemoryPart[] {
  return [
    { name: "weights", bytes: weights },
    { name: "KV cache", bytes: kv_cache },
    { name: "compute", bytes: compute },
    { name: "process", bytes: process },
  ];
}

const stages: Readonly<Record<ModelProgress["stage"], string>> = {
  waiting: "Waiting for memory",
  asking: "Asking what there is",
  downloading: "Downloading",
  checking: "Checking",
  loading: "Loading",
};

export function stageWords({ stage, part, parts = 1 }: ModelProgress): string {
  return parts > 1 && part !== undefined ? `${stages[stage]} part ${part} of ${parts}` : stages[stage];
}

/** What a job waits for while its model is not there yet; undefined when that is not what it waits for. */
export function arrivalWords({
  name,
  state,
  progress,
}: Pick<ModelStatus, "name" | "state" | "progress">): string | undefined {
  const share = progress === undefined ? "…" : ` (${percent(progress)})…`;
  switch (state) {
    case "waiting":
      return `Waiting until there is memory for ${name}…`;
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

/** "812 MB of 1.2 GB · 12 MB/s · 40 s left", as much of it as is known. */
export function figureWords(progress: ModelProgress): string {
  const { done_bytes: done, total_bytes: total, bytes_per_second: speed, eta_ms: left } = progress;
  return [
    done === undefined
      ? undefined
      : total === undefined
        ? byteWords(done)
        : `${byteWords(done)} of ${byteWords(total)}`,
    speed === undefined ? undefined : `${byteWords(speed)}/s`,
    left === undefined ? undefined : `${timeWords(left)} left`,
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}

/** For who listens: the stage and whole quarters of it, so that not each percent is read out. */
export function spokenProgress(progress: ModelProgress): string {
  const share = progress.progress;
  return share === undefined || share < 0.25
    ? `${stageWords(progress)}…`
    : `${stageWords(progress)}: ${Math.floor(share * 4) * 25} %`;
}
