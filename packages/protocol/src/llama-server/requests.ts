// Owns the requests to llama-server's own routes. Unknown fields are ignored; a known field without support is rejected with its name.
// The shapes follow the README of llama.cpp's tools/server.
import { nullish, optional, z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { LoraChoiceSchema } from "../native/model-settings.ts";
import { PromptProgressReportSchema } from "../openai/answers.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { GuessesSchema, flag, json } from "../fields/values.ts";

/** Prompts have no limit on their length here: only the engine knows how much text fits into a context. */
export const llamaServerLimits = {
  /** Prompts in one request. */
  prompts: 64,
  /** Elements of a prompt that is a list of texts and tokens. */
  promptPieces: 262_144,
  choices: 16,
  /** Alternatives for each token: maximum of `n_probs`. */
  probabilities: 20,
  stopStrings: 64,
  samplers: 32,
  samplerChars: 32,
  responseFields: 64,
  responseFieldChars: 128,
  /** Texts with a bias. The engine tokenizes each text. */
  biasTexts: 128,
  biasChars: 256,
  extraFiles: 1_024,
  filenameChars: 4_096,
  indent: 1_024,
  /** Pictures in one prompt; --max-pictures limits those of a request. */
  pictures: 1_024,
} as const;

const off = (why: string) => `${why} is not supported`;

const TokenSchema = z.int().nonnegative();
const PieceSchema = z.union([z.string(), TokenSchema], "must be a text or a token");

/** Marks the place of a picture in `prompt_string`. */
export const mediaMarker = "<__media__>";

/** A prompt. Texts of control tokens, such as `<|im_end|>`, become control tokens. */
const PromptSchema = z.union(
  [
    z.string(),
    z.array(PieceSchema).min(1).max(llamaServerLimits.promptPieces),
    z.object({
      prompt_string: z.string(),
      multimodal_data: nullish(z.array(PictureSourceSchema).max(llamaServerLimits.pictures)).describe(
        `Pictures, in the order of the markers ${mediaMarker} in prompt_string.`,
      ),
    }),
  ],
  "must be a text, texts and tokens, or prompt_string with multimodal_data",
);
export type LlamaServerPrompt = z.infer<typeof PromptSchema>;

const BiasSchema = z.union([z.number(), z.literal(false)], "must be a number, or false to ban the token");

const { xtc_probability, xtc_threshold, seed, ...otherNumbers } = samplingShapeOf("llama-server");

const samplingShape = {
  ...otherNumbers,
  dry_sequence_breakers: nullish(z.array(z.string().min(1).max(40)).max(requestLimits.drySequenceBreakers)),
  xtc_probability,
  xtc_threshold,
  seed,
  ignore_eos: flag,
  logit_bias: nullish(
    z.union(
      [
        z
          .array(z.tuple([z.union([TokenSchema, z.string().max(llamaServerLimits.biasChars)]), BiasSchema]))
          .max(requestLimits.logitBiasEntries),
        z
          .record(z.string().max(llamaServerLimits.biasChars), BiasSchema)
          .refine((bias) => Object.keys(bias).length <= requestLimits.logitBiasEntries),
      ],
      `must be pairs of a token or text and a bias, or an object from tokens or texts to biases, with at most ${requestLimits.logitBiasEntries} entries`,
    ),
  ).describe("Bias by token id or text. A text biases each of its tokens; a key of digits is a token id."),
  grammar: nullish(z.string().max(requestLimits.grammarChars)).describe("Grammar in GBNF that the answer must match."),
  json_schema: nullish(json),
  samplers: nullish(
    z.union(
      [
        z.array(z.string().max(llamaServerLimits.samplerChars)).max(llamaServerLimits.samplers),
        z.string().max(llamaServerLimits.samplerChars),
      ],
      "must be a list of samplers",
    ),
  ).describe(
    "Samplers that are not listed are off; unknown names are ignored. Their order is fixed, as in generation_settings.",
  ),
  // Unsupported samplers: only the value that turns the sampler off is accepted.
  dynatemp_range: nullish(z.literal(0, off("dynamic temperature"))),
  typical_p: nullish(z.number().min(1, off("typical sampling"))),
  top_n_sigma: nullish(z.number().max(0, off("top-n-sigma"))),
  mirostat: nullish(z.literal(0, off("Mirostat"))),
  adaptive_target: nullish(z.number().min(-1).lt(0, off("adaptive sampling"))),
  min_keep: nullish(z.int().min(0).max(1, off("more than 1"))),
  post_sampling_probs: nullish(z.literal(false, off("probabilities after sampling"))),
  lora: nullish(LoraChoiceSchema),
};

const TokensWantedSchema = nullish(
  z
    .int()
    .min(-1)
    .max(2 ** 31 - 1),
);

/** Fields that completion and infill share. */
const completionShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  ...samplingShape,
  n_predict: TokensWantedSchema.describe(
    "Maximum number of tokens. -1: until the context is full. 0: compute only the prompt.",
  ),
  max_tokens: TokensWantedSchema,
  stop: nullish(
    z.union(
      [
        z.string().max(requestLimits.stopChars),
        z.array(z.string().max(requestLimits.stopChars)).max(llamaServerLimits.stopStrings),
      ],
      `must be a text, or a list of at most ${llamaServerLimits.stopStrings} texts, each of at most ${requestLimits.stopChars} characters`,
    ),
  ),
  stream: flag,
  n_probs: nullish(z.int().min(0).max(llamaServerLimits.probabilities)),
  n_cmpl: nullish(z.int().min(1).max(llamaServerLimits.choices)),
  n: nullish(z.int().min(1).max(llamaServerLimits.choices)).describe("Number of answers; another name of n_cmpl."),
  n_indent: nullish(z.int().min(0).max(llamaServerLimits.indent)),
  t_max_predict_ms: nullish(z.int().min(-1)).describe(
    "Time limit in milliseconds, after which the next newline ends the answer.",
  ),
  guesses: GuessesSchema,
  cache_prompt: flag.describe("Without effect: cached prefixes are always reused."),
  id_slot: nullish(z.int().min(-1)).describe(
    "Without effect: the job gets the slot that has most of the prompt cached.",
  ),
  return_tokens: flag,
  return_progress: flag,
  timings_per_token: flag,
  response_fields: nullish(
    z.array(z.string().max(llamaServerLimits.responseFieldChars)).max(llamaServerLimits.responseFields),
  ).describe("Paths of the fields to return, such as timings/prompt_n. Each path becomes the name of a field."),
};

export const LlamaServerCompletionRequestSchema = z
  .object({
    ...completionShape,
    prompt: z.union(
      [PromptSchema, z.array(PromptSchema).min(1).max(llamaServerLimits.prompts)],
      `must be a text, texts and tokens, or a list of at most ${llamaServerLimits.prompts} such prompts`,
    ),
  })
  .meta({ id: "LlamaServerCompletionRequest" });
export type LlamaServerCompletionRequest = z.infer<typeof LlamaServerCompletionRequestSchema>;

export const InfillRequestSchema = z
  .object({
    ...completionShape,
    input_prefix: z.string().describe("The text before the gap."),
    input_suffix: z.string().describe("The text after the gap."),
    input_extra: nullish(
      z
        .array(z.object({ text: z.string(), filename: nullish(z.string().max(llamaServerLimits.filenameChars)) }))
        .max(llamaServerLimits.extraFiles),
    ).describe("Other files, the most relevant last. Text that does not fit into the context is left out."),
    prompt: nullish(z.string()).describe("The beginning of the text that fills the gap."),
  })
  .meta({ id: "InfillRequest" });
export type InfillRequest = z.infer<typeof InfillRequestSchema>;

const TimingsSchema = z.record(z.string(), z.number()).meta({ id: "LlamaServerTimings" });

const probabilityShape = { id: z.int(), token: z.string(), bytes: z.array(z.int()), logprob: z.number() };
const ProbabilitySchema = z.object({ ...probabilityShape, top_logprobs: z.array(z.object(probabilityShape)) });

const answerShape = {
  index: z.int(),
  content: z.string(),
  tokens: z.array(z.int()),
  id_slot: z.int(),
  tokens_predicted: z.int(),
  tokens_evaluated: z.int(),
  completion_probabilities: optional(z.array(ProbabilitySchema)),
};

/** With `response_fields`, an answer has only the listed fields. */
export const LlamaServerCompletionSchema = z
  .object({
    ...answerShape,
    stop: z.literal(true),
    model: z.string(),
    generation_settings: json.describe("The sampling settings that were used."),
    prompt: optional(z.string()).describe("The prompt, if the request has the prompt as text."),
    has_new_line: z.boolean(),
    truncated: z.boolean().describe("Whether the answer ended because the context was full."),
    stop_type: z.enum(["none", "eos", "limit", "word"]),
    stopping_word: z.string(),
    tokens_cached: z.int().describe("Number of tokens in the slot's KV cache now."),
    timings: TimingsSchema,
  })
  .meta({ id: "LlamaServerCompletion" });
export type LlamaServerCompletion = z.infer<typeof LlamaServerCompletionSchema>;

export const LlamaServerChunkSchema = z
  .object({
    ...answerShape,
    stop: z.boolean().describe("Whether this is the last chunk, which has all fields of a complete answer."),
    timings: optional(TimingsSchema),
    prompt_progress: optional(PromptProgressReportSchema).describe(
      "Sent during the prefill, if return_progress is set.",
    ),
  })
  .meta({ id: "LlamaServerChunk" });
export type LlamaServerChunk = z.infer<typeof LlamaServerChunkSchema>;

export const PropsSchema = z
  .object({
    default_generation_settings: z.object({ n_ctx: z.int(), params: json }),
    total_slots: z.int(),
    model_alias: z.string(),
    model_path: z.string().describe("The file's name, without its folder."),
    modalities: z.object({
      vision: z.boolean().describe("Whether the model reads pictures."),
      video: z.literal(false),
      audio: z.literal(false),
    }),
    media_marker: z.string().describe("The text that marks the place of a picture in prompt_string."),
    chat_template: z.string(),
    chat_template_caps: z.record(z.string(), z.boolean()),
    bos_token: z.string(),
    eos_token: z.string(),
    build_info: z.string(),
    is_sleeping: z.literal(false),
    endpoint_slots: z.literal(true),
    endpoint_props: z.literal(false),
    endpoint_metrics: z.literal(true),
  })
  .meta({ id: "Props" });

export const LlamaServerSlotsSchema = z
  .array(
    z.object({
      id: z.int(),
      n_ctx: optional(z.int()).describe("Context length in tokens; present once the model is loaded."),
      speculative: z.boolean().describe("Whether tokens may be guessed."),
      is_processing: z.boolean(),
      job_id: optional(z.string()).describe("Id of the job; absent for a job of another client."),
      n_prompt_tokens: z.int(),
      next_token: z.array(
        z.object({
          has_next_token: z.boolean(),
          n_decoded: z.int(),
          n_remain: z
            .int()
            .describe("Tokens that the client's job may still generate; -1: no limit, or another client's job."),
        }),
      ),
    }),
  )
  .meta({ id: "LlamaServerSlots" });
export type LlamaServerSlots = z.infer<typeof LlamaServerSlotsSchema>;

export const LoraAdaptersSchema = z
  .array(
    z.object({ id: z.int(), path: z.string().describe("The file's name, without its folder."), scale: z.number() }),
  )
  .meta({ id: "LoraAdapters" });

export const LlamaServerErrorSchema = z
  .object({
    error: z.object({
      code: z.int().describe("The HTTP status."),
      message: z.string(),
      type: z.string(),
      n_prompt_tokens: optional(z.int()),
      n_ctx: optional(z.int()),
    }),
  })
  .meta({ id: "LlamaServerError" });
export type LlamaServerError = z.infer<typeof LlamaServerErrorSchema>;
