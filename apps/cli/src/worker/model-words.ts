// Describes a model's status in a few words.
import { canCallTools, type ModelStatus, type PictureAbility } from "@waggle/protocol";
import { modelStateWords } from "@waggle/protocol/words";
import { formatBytes, formatCount, formatDuration, formatPercent } from "@waggle/daemon/terminal";

export function stateWords(model: ModelStatus): string {
  const { state, reason } = model;
  const why = reason === undefined || state === "ready" ? "" : `: ${reason}`;
  return `${shortState(model)}${why}`;
}

/** The state without its reason, for a table. */
export function shortState({ state, progress, pinned }: ModelStatus): string {
  const share = progress === undefined ? "" : ` ${formatPercent(progress)}`;
  return `${modelStateWords[state]}${share}${pinned ? ", pinned" : ""}`;
}

/** The reasons of states as lines below a table. */
export function reasonLines(models: readonly ModelStatus[]): string {
  const shown = models.filter(({ state, reason }) => reason !== undefined && state !== "ready");
  return shown.map(({ name, reason = "" }) => `${name}: ${reason.replace(/\.?$/, ".")}\n`).join("");
}

function memoryWords({ memory }: ModelStatus): string {
  if (memory === undefined) return "";
  const { total, weights, kv_cache: kv, compute, process, vision: pictures, measured } = memory;
  const parts = Object.entries({ weights, "KV cache": kv, buffers: compute, pictures, process }).flatMap(
    ([name, bytes]) => (bytes === undefined ? [] : [`${name} ${formatBytes(bytes)}`]),
  );
  const real = measured === undefined ? "" : `; measured ${formatBytes(measured)}`;
  return `${formatBytes(total)} (${parts.join(", ")}${real})`;
}

export function stayWords(model: ModelStatus, now: number): string {
  if (model.pinned) return "pinned";
  if (model.keep_alive_s === null) return "forever";
  if (model.expires_at === undefined) return (model.slots?.busy ?? 0) > 0 ? "busy" : "";
  const left = Date.parse(model.expires_at) - now;
  return left > 0 ? `${formatDuration(left)} more` : "leaving";
}

export function sizeWords({ file_bytes: bytes }: ModelStatus): string {
  return bytes === undefined ? "" : formatBytes(bytes);
}

function abilityWords(model: ModelStatus): string {
  const { kind, chat, infill, vision, embedding_size: vector } = model;
  const vectors = vector === undefined ? "" : ` (${vector} numbers)`;
  if (kind === "embed") return `embeddings${vectors}`;
  if (kind === "rerank") return "reranking";
  const words = [
    kind === "generate" ? "text" : "",
    canCallTools(model) ? "tools" : "",
    chat === undefined || chat.thinking === "never" ? "" : `thinking (${chat.thinking})`,
    vision === undefined ? "" : "reads pictures",
    infill === true ? "code infill" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
}

export function factsOf(model: ModelStatus, now: number): (readonly [string, string | undefined])[] {
  const { parameters, slots } = model;
  return [
    ["name", model.name],
    ["also called", model.aliases.join(", ")],
    ["state", stateWords(model)],
    ["can do", abilityWords(model)],
    ["architecture", model.architecture],
    ["parameters", parameters === undefined ? undefined : formatCount(parameters)],
    ["quantization", model.quantization],
    ["context", contextWords(model)],
    ["file", model.file],
    ["projector", model.vision === undefined ? projectorProblem(model) : projectorText(model.vision)],
    ["size", sizeWords(model)],
    ["written", model.modified_at],
    ["SHA-256", model.sha256 ?? undefined],
    ["source", model.reference === undefined ? model.source : `${model.source}, ${model.reference}`],
    ["memory", memoryWords(model)],
    [
      "slots",
      slots === undefined
        ? undefined
        : `${slots.busy} of ${slots.total} busy, ${model.queued === 1 ? "1 job waits" : `${model.queued} jobs wait`}`,
    ],
    ["stays loaded", stayWords(model, now)],
    ["chat format", model.chat?.format],
    ["template sets", model.chat?.template_variables.join(", ")],
  ];
}

function projectorProblem({ vision_problem: problem }: ModelStatus): string | undefined {
  return problem === undefined ? undefined : `not used: ${problem}`;
}

export function projectorText({ projector, bytes, max_pixels: pixels }: PictureAbility): string {
  return `${projector} (${formatBytes(bytes)}), for pictures of up to ${formatCount(pixels)} pixels`;
}

function contextWords({
  context_size: context,
  context_pool: pool,
  trained_context_size: trained,
}: ModelStatus): string {
  const words = [
    context === undefined ? "" : `${context} tokens for one job`,
    pool === undefined ? "" : `${pool} for all jobs together`,
    trained === undefined ? "" : `trained for ${trained}`,
  ];
  return words.filter((word) => word !== "").join(", ");
}
