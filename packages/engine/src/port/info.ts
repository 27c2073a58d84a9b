// Describes the loaded model and its machine.
import type { ChatFormat } from "@waggle/chat-format/format";
import type { AttentionCosts, LoadedSettings, ModelKind } from "@waggle/protocol";

export interface BackendInfo {
  readonly backend: "llama" | "fake";
  /** The use of the model. Only a model that generates receives steps. */
  readonly kind: ModelKind;
  /** Length of a vector; absent where the model computes no vectors. */
  readonly embeddingSize?: number | undefined;
  /** The model's name: the GGUF's `general.name`, else its file name. */
  readonly modelName: string;
  /** Maximum number of tokens per slot. The KV cache may have room for a few more, because llama.cpp pads its size. */
  readonly contextSize: number;
  /** Maximum number of tokens that all slots hold together: at least `contextSize`, and at most `slots * contextSize`, where the pool is never full. */
  readonly contextPool: number;
  readonly trainedContextSize: number;
  readonly slots: number;
  /** Maximum number of tokens that one step may carry, over all its entries. */
  readonly batchSize: number;
  readonly parameters: number;
  readonly modelBytes: number;
  /** The absolute path of the model's file, or of the first part of a split file; never sent to a client. Absent without a file. */
  readonly modelPath?: string;
  /** SHA-256 of the chat template's text, hexadecimal; where the model has a second template for tools, of both texts concatenated. */
  readonly templateSha256?: string;
  readonly file?: ModelFile;
  readonly device: string;
  readonly threads: number;
  /** Highest value that `setThreads` accepts. */
  readonly maxThreads: number;
  /** Origin of the engine's libraries: `prebuilt`, or `source` if they were compiled on this machine. */
  readonly build: string;
  /** Release of llama.cpp, such as `b6673`. Absent without a model. */
  readonly release?: string;
  /** What decodes: Waggle's addon, or node-llama-cpp's own binding. Absent without a model. */
  readonly binding?: "addon" | "library";
  /** Why the addon does not decode. */
  readonly bindingReason?: string;
  /** Settings for loading, as in effect; absent where no model is loaded. */
  readonly settings?: LoadedSettings | undefined;
  /** What attention was measured to cost with and without flash attention; absent where that was not measured. */
  readonly attention?: AttentionCosts | undefined;
  /** How the model's chat template writes answers. Private characters (marks) replace the markers that are tokens. */
  readonly chatFormat: ChatFormat;
  /** The model was trained to fill holes in code, and accepts infill prompts. */
  readonly infill: boolean;
  /** The projector, which lets the model read pictures; absent without one. */
  readonly projector?: ProjectorInfo;
  /** Why the projector next to the model is not used. */
  readonly projectorProblem?: string;
  readonly promptTexts: PromptTexts;
}

/** Returns the most tokens that a slot holds. The last token of a full context is sampled and never fed. */
export function contextCapacity(contextSize: number): number {
  return contextSize - 1;
}

export interface ProjectorInfo {
  /** The projector's name: the GGUF's `general.name`, else its file name. */
  readonly projector: string;
  /** Size of the projector's file. */
  readonly bytes: number;
  /** Maximum number of pixels of a picture; a larger one is scaled down. */
  readonly maxPixels: number;
}

/** The chat template and the texts of two control tokens. */
export interface PromptTexts {
  /** The source of the chat template in use; where the model has several, the template for conversations without tools. */
  readonly chatTemplate: string;
  /** The text of the BOS token; "" where the model has no such token. */
  readonly bos: string;
  readonly eos: string;
}

export interface ModelFile {
  /** The model's architecture: `llama`, `qwen3`, … */
  readonly architecture: string;
  /** The quantization, for example `Q4_K_M`; undefined where the file names none. */
  readonly quantization: string | undefined;
  /** The description that the model's maker wrote; undefined where the file has none. */
  readonly description: string | undefined;
  /** Time of the file's last change, ISO 8601. */
  readonly modifiedAt: string;
}

/** Memory of the GPUs that the backend uses, summed up. */
export interface GpuMemory {
  readonly name: string;
  /** Memory in use by all programs. */
  readonly usedBytes: number;
  readonly totalBytes: number;
}
