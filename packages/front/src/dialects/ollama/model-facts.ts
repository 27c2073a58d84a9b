// Builds facts about models in Ollama's shapes (tags, ps, show), whose fields are never null.
import { createHash } from "node:crypto";
import type { ChatFormat } from "@waggle/chat-format/format";
import type { ModelStatus, OllamaRunning, OllamaShow, OllamaTags, WorkerInfo } from "@waggle/protocol";
import { publicName } from "./model-name.ts";

/** The version of Ollama whose API this dialect implements. Clients compare the numbers of the version. */
export const ollamaVersion = "0.17.6";

/** Expiry time of a model that stays loaded. Written without `Z` and nanoseconds, which older Python clients cannot parse. */
const never = "2318-01-01T00:00:00+00:00";

const unknown = "unknown";

type Tag = OllamaTags["models"][number];

/** Fields that tags and ps share. */
export function listedModel(info: WorkerInfo): Omit<Tag, "modified_at"> {
  const name = publicName(info.model);
  return { name, model: name, size: info.model_bytes ?? 0, digest: digestOf(info), details: detailsOf(info) };
}

/** @param since used if the modification time of the model's file is unknown */
export function tagOf(info: WorkerInfo, since: string): Tag {
  return { ...listedModel(info), modified_at: info.model_modified_at ?? since };
}

/** @param expiresAt undefined if the model stays loaded */
export function runningModel(info: WorkerInfo, expiresAt: string | undefined): OllamaRunning["models"][number] {
  return {
    ...listedModel(info),
    expires_at: expiresAt?.replace("Z", "+00:00") ?? never,
    // Assumes that all layers are on the GPU, since the number of layers on the GPU is unknown here.
    size_vram: info.device === undefined || info.device === "cpu" ? 0 : (info.model_bytes ?? 0),
    context_length: info.context_size ?? 0,
  };
}

export interface ShowOptions {
  readonly info: WorkerInfo;
  readonly abilities: ChatFormat["abilities"];
  readonly source: ModelStatus["source"];
  readonly since: string;
  /** The name in the model's card, for `general.basename`. */
  readonly basename: string;
}

export function shownModel({ info, abilities, source, since, basename }: ShowOptions): OllamaShow {
  const parameters = `num_ctx ${contextSizeOf(info)}`;
  return {
    license: "",
    modelfile: `FROM ${publicName(info.model)}\nPARAMETER ${parameters}\n`,
    parameters,
    // Not the model's Jinja template: clients only check for the parts of a request that the template reads.
    template: info.infill === true ? "{{ .Prompt }}{{ .Suffix }}" : "{{ .Prompt }}",
    details: detailsOf(info),
    model_info: modelInfo(info, basename),
    capabilities: capabilitiesOf(info, abilities, source),
    modified_at: info.model_modified_at ?? since,
  };
}

function modelInfo(info: WorkerInfo, basename: string): Record<string, string | number> {
  const { architecture = unknown, embedding_size: width } = info;
  return {
    "general.architecture": architecture,
    "general.basename": basename,
    "general.parameter_count": info.parameters ?? 0,
    [`${architecture}.context_length`]: contextSizeOf(info),
    ...(width === undefined ? {} : { [`${architecture}.embedding_length`]: width }),
  };
}

/** The worker's context size; before the model is loaded, the trained context size, which may be larger. */
function contextSizeOf({ context_size: size, trained_context_size: trained }: WorkerInfo): number {
  return size ?? trained ?? 0;
}

/**
 * Every generating model accepts tools, if necessary described in the prompt. But calls of the embedded model, which knows only stories, would
 * mean nothing. Ollama has no capability for reranking.
 */
export function capabilitiesOf(
  { kind = "generate", infill, vision }: Pick<WorkerInfo, "kind" | "infill" | "vision">,
  { thinking }: Pick<ChatFormat["abilities"], "thinking">,
  source: ModelStatus["source"],
): string[] {
  if (kind !== "generate") return kind === "embed" ? ["embedding"] : [];
  return [
    "completion",
    ...(source === "embedded" ? [] : ["tools"]),
    ...(infill === true ? ["insert"] : []),
    ...(vision !== undefined ? ["vision"] : []),
    ...(thinking === "never" ? [] : ["thinking"]),
    "decision",
  ];
}

function detailsOf({
  architecture = unknown,
  quantization = unknown,
  parameters = 0,
}: WorkerInfo): OllamaShow["details"] {
  return {
    parent_model: "",
    format: "gguf",
    family: architecture,
    families: [architecture],
    parameter_size: countOf(parameters),
    quantization_level: quantization,
  };
}

/** As in Ollama: `7.2B`, `494.03M`. */
export function countOf(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)}B`;
  if (parameters >= 1e6) return `${(parameters / 1e6).toFixed(2)}M`;
  return parameters >= 1e3 ? `${(parameters / 1e3).toFixed(2)}K` : String(parameters);
}

/** Hash of the model's file; until the hash is computed, a hash of known facts, since clients only compare digests. */
function digestOf(info: WorkerInfo): string {
  if (info.model_sha256 != null) return info.model_sha256;
  const facts = [
    info.model,
    info.model_bytes,
    info.parameters,
    info.architecture,
    info.quantization,
    info.model_modified_at,
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}
