// Owns the list of models that Waggle recommends, with its date. Names, sizes and languages come from the documentation of the models and of their
// repositories, not from trials: `downloaded` records for us whether Waggle ever downloaded the model.
import { shapeLike, type KnownShape } from "./known-shapes.ts";

/** The day on which the list was last compared with the documentation. */
export const listedOn = "2026-11-25";

export const purposes = ["chat", "code", "languages", "embedding"] as const;
export type Purpose = (typeof purposes)[number];

export const purposeNames: Readonly<Record<Purpose, string>> = {
  chat: "chat",
  code: "code",
  languages: "several languages",
  embedding: "embedding",
};

export interface RecommendedModel {
  readonly name: string;
  /** As `waggle pull` and `waggle serve` take it. */
  readonly reference: string;
  readonly purposes: readonly Purpose[];
  readonly languages: string;
  /** Documented number of parameters. */
  readonly parameters: number;
  /** Documented size of the file. */
  readonly bytes: number;
  /** The day on which Waggle downloaded the file of this reference, or that it never did. */
  readonly downloaded: "never" | `${number}-${number}-${number}`;
  /** The documented shape, of which the memory is computed. */
  readonly shape: KnownShape;
}

const qwenLanguages = "119, among them English and Chinese";
const gemmaLanguages = "more than 140";
const coderLanguages = "English, Chinese; 92 programming languages";
const llamaLanguages = "8, among them English, German, French and Spanish";
const never = { downloaded: "never" } as const;

/** The last number of llama.cpp's `llama_pooling_type` of models that embed: the vector of the last token. */
const lastToken = 3;

const coder = { architecture: "qwen2", headLength: 128, context: 32_768, quantization: "Q4_K_M" } as const;

/** Sorted from small to large. A larger model of the same purpose gives better answers. */
export const recommendedModels: readonly RecommendedModel[] = [
  {
    ...{ ...never, name: "Qwen3 0.6B", reference: "hf:Qwen/Qwen3-0.6B-GGUF:Q8_0", purposes: ["chat", "languages"] },
    ...{ languages: qwenLanguages, parameters: 0.6e9, bytes: 639_446_688, shape: shapeLike("Qwen3 0.6B") },
  },
  {
    ...{ ...never, name: "Qwen3 Embedding 0.6B", reference: "hf:Qwen/Qwen3-Embedding-0.6B-GGUF:Q8_0" },
    ...{ purposes: ["embedding"], languages: "more than 100", parameters: 0.6e9, bytes: 639_150_592 },
    shape: shapeLike("Qwen3 0.6B", { context: 32_768, vocabulary: 151_669, pooling: lastToken }),
  },
  {
    ...{ ...never, name: "Qwen2.5 Coder 1.5B", reference: "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["code"], languages: coderLanguages, parameters: 1.5e9, bytes: 1.12e9 },
    shape: {
      ...{ ...coder, name: "Qwen2.5 1.5B", layers: 28, width: 1_536, feedForward: 8_960, heads: 12, kvHeads: 2 },
      ...{ vocabulary: 151_936, tied: false },
    },
  },
  {
    ...{ ...never, name: "Llama 3.2 3B", reference: "hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["chat"], languages: llamaLanguages, parameters: 3.2e9, bytes: 2_019_377_696 },
    shape: shapeLike("Llama 3.2 3B"),
  },
  {
    ...{ ...never, name: "Gemma 3 4B", reference: "hf:ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", purposes: ["languages"] },
    ...{ languages: gemmaLanguages, parameters: 4.3e9, bytes: 2.49e9, shape: shapeLike("Gemma 3 4B") },
  },
  {
    ...{ ...never, name: "Qwen3 4B", reference: "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M", purposes: ["chat", "languages"] },
    ...{ languages: qwenLanguages, parameters: 4e9, bytes: 2_497_280_256, shape: shapeLike("Qwen3 4B") },
  },
  {
    ...{ ...never, name: "Qwen2.5 Coder 7B", reference: "hf:Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["code"], languages: coderLanguages, parameters: 7.6e9, bytes: 4.68e9 },
    shape: shapeLike("Qwen2.5 7B"),
  },
  {
    ...{ ...never, name: "Qwen3 8B", reference: "hf:Qwen/Qwen3-8B-GGUF:Q4_K_M", purposes: ["chat", "languages"] },
    ...{ languages: qwenLanguages, parameters: 8.2e9, bytes: 5_027_783_488, shape: shapeLike("Qwen3 8B") },
  },
  {
    ...{ ...never, name: "Gemma 3 12B", reference: "hf:ggml-org/gemma-3-12b-it-GGUF:Q4_K_M", purposes: ["languages"] },
    ...{ languages: gemmaLanguages, parameters: 12.2e9, bytes: 7.3e9, shape: shapeLike("Gemma 3 12B") },
  },
  {
    ...{ ...never, name: "Qwen2.5 Coder 14B", reference: "hf:Qwen/Qwen2.5-Coder-14B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["code"], languages: coderLanguages, parameters: 14.8e9, bytes: 8.99e9 },
    shape: {
      ...{ ...coder, name: "Qwen2.5 14B", layers: 48, width: 5_120, feedForward: 13_824, heads: 40, kvHeads: 8 },
      ...{ vocabulary: 152_064, tied: false },
    },
  },
  {
    ...{ ...never, name: "Qwen3 14B", reference: "hf:Qwen/Qwen3-14B-GGUF:Q4_K_M", purposes: ["chat", "languages"] },
    ...{ languages: qwenLanguages, parameters: 14.8e9, bytes: 9e9, shape: shapeLike("Qwen3 14B") },
  },
  {
    ...{ ...never, name: "gpt-oss 20B", reference: "hf:ggml-org/gpt-oss-20b-GGUF:MXFP4", purposes: ["chat", "code"] },
    ...{ languages: "mostly English", parameters: 20.9e9, bytes: 12_109_566_560, shape: shapeLike("gpt-oss 20B") },
  },
  {
    ...{ ...never, name: "Gemma 3 27B", reference: "hf:ggml-org/gemma-3-27b-it-GGUF:Q4_K_M", purposes: ["languages"] },
    ...{ languages: gemmaLanguages, parameters: 27.4e9, bytes: 16.5e9, shape: shapeLike("Gemma 3 27B") },
  },
  {
    ...{ ...never, name: "Qwen3 30B A3B", reference: "hf:Qwen/Qwen3-30B-A3B-GGUF:Q4_K_M" },
    ...{ purposes: ["chat", "languages"], languages: qwenLanguages, parameters: 30.5e9, bytes: 18.6e9 },
    shape: shapeLike("Qwen3 30B A3B"),
  },
  {
    ...{ ...never, name: "Qwen3 Coder 30B A3B", reference: "hf:unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["code"], languages: qwenLanguages, parameters: 30.5e9, bytes: 18.6e9 },
    shape: shapeLike("Qwen3 30B A3B", { context: 262_144 }),
  },
  {
    ...{ ...never, name: "Llama 3.3 70B", reference: "hf:bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M" },
    ...{ purposes: ["chat"], languages: llamaLanguages, parameters: 70.6e9, bytes: 42.5e9 },
    shape: shapeLike("Llama 3.3 70B"),
  },
];

/** Says how old the list is. */
export function listWords(): string {
  return `The list is of ${listedOn}.`;
}
