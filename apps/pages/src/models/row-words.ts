// Owns the texts for a model, its memory and its work in lists of models. Pure.
import type { ModelMemory, ModelSource, ModelStatus } from "@waggle/protocol";
import { canCallTools } from "@waggle/protocol/abilities";
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatLargeCount,
  joinFacts,
} from "../parts/format.ts";

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
