// Owns the requests to llama-server's own routes. Unknown fields are ignored; a known field without support is rejected with its name.
// The shapes follow the README of llama.cpp's tools/server.
import { z } from "zod";
import { GuessesSchema } from "../fields/guesses.ts";
import { requestLimits } from "../fields/limits.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { LoraChoiceSchema } from "../native/model-settings.ts";
import { PromptProgressReportSchema } from "../openai/answers.ts";
import { samplingShapeOf } from "../fields/sampling.ts";

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
const flag = z.boolean().nullish();

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
      multimodal_data: z
        .array(PictureSourceSchema)
        .max(llamaServerLimits.pictures)
        .nullish()
        .describe(`Pictures, in the order of the markers ${mediaMarker} in prompt_string.`),
    }),
  ],
  "must be a text, texts and tokens, or prompt_string with multimodal_data",
);
export type LlamaServerPrompt = z.infer<typeof PromptSchema>;

const BiasSchema = z.union([z.number(), z.literal(false)], "must be a number, or false to ban the token");

const { xtc_probability, xtc_threshold, seed, ...otherNumbers } = samplingShapeOf("llama-server");

const samplingShape = {
  ...otherNumbers,
  dry_sequence_breakers: z.array(z.string().min(1).max(40)).max(requestLimits.drySequenceBreakers).nullish(),
  xtc_probability,
  xtc_threshold,
  seed,
  ignore_eos: flag,
  logit_bias: z
    .union(
      [
        z
          .array(z.tuple([z.union([TokenSchema, z.string().max(llamaServerLimits.biasChars)]), BiasSchema]))
          .max(requestLimits.logitBiasEntries),
        z
          .record(z.string().max(llamaServerLimits.biasChars), BiasSchema)
          .refine((bias) => Object.keys(bias).length <= requestLimits.logitBiasEntries),
      ],
      `must be pairs of a token or text and a bias, or an object from tokens or texts to biases, with at most ${requestLimits.logitBiasEntries} entries`,
    )
    .nullish()
    .describe("Bias by token id or text. A text biases each of its tokens; a key of digits is a token id."),
  grammar: z.string().max(requestLimits.grammarChars).nullish().describe("Grammar in GBNF that the answer must match."),
  json_schema: z.record(z.string(), z.unknown()).nullish(),
  samplers: z
    .union(
      [
        z.array(z.string().max(llamaServerLimits.samplerChars)).max(llamaServerLimits.samplers),
        z.string().max(llamaServerLimits.samplerChars),
      ],
      "must be a list of samplers",
    )
    .nullish()
    .describe(
      "Samplers that are not listed are off; unknown names are ignored. Their order is fixed, as in generation_settings.",
    ),
  // Unsupported samplers: only the value that turns the sampler off is accepted.
  dynatemp_range: z.literal(0, off("dynamic temperature")).nullish(),
  typical_p: z.number().min(1, off("typical sampling")).nullish(),
  top_n_sigma: z.number().max(0, off("top-n-sigma")).nullish(),
  mirostat: z.literal(0, off("Mirostat")).nullish(),
  adaptive_target: z.number().min(-1).lt(0, off("adaptive sampling")).nullish(),
  min_keep: z.int().min(0).max(1, off("more than 1")).nullish(),
  post_sampling_probs: z.literal(false, off("probabilities after sampling")).nullish(),
  lora: LoraChoiceSchema.nullish(),
};

const TokensWantedSchema = z
  .int()
  .min(-1)
  .max(2 ** 31 - 1)
  .nullish();

/** Fields that completion and infill share. */
const completionShape = {
  model: z.string().max(requestLimits.modelChars).nullish(),
  ...samplingShape,
  n_predict: TokensWantedSchema.describe(
    "Maximum number of tokens. -1: until the context is full. 0: compute only the prompt.",
  ),
  max_tokens: TokensWantedSchema,
  stop: z
    .union(
      [
        z.string().max(requestLimits.stopChars),
        z.array(z.string().max(requestLimits.stopChars)).max(llamaServerLimits.stopStrings),
      ],
      `must be a text, or a list of at most ${llamaServerLimits.stopStrings} texts, each of at most ${requestLimits.stopChars} characters`,
    )
    .nullish(),
  stream: flag,
  n_probs: z.int().min(0).max(llamaServerLimits.probabilities).nullish(),
  n_cmpl: z.int().min(1).max(llamaServerLimits.choices).nullish(),
  n: z.int().min(1).max(llamaServerLimits.choices).nullish().describe("Number of answers; another name of n_cmpl."),
  n_indent: z.int().min(0).max(llamaServerLimits.indent).nullish(),
  t_max_predict_ms: z
    .int()
    .min(-1)
    .nullish()
    .describe("Time limit in milliseconds, after which the next newline ends the answer."),
  context_shift: flag.describe(
    "Works as on native routes. llama-server itself has no such field, only a command-line flag.",
  ),
  guesses: GuessesSchema,
  cache_prompt: flag.describe("Without effect: cached prefixes are always reused."),
  id_slot: z
    .int()
    .min(-1)
    .nullish()
    .describe("Without effect: the job gets the slot that has most of the prompt cached."),
  return_tokens: flag,
  return_progress: flag,
  timings_per_token: flag,
  response_fields: z
    .array(z.string().max(llamaServerLimits.responseFieldChars))
    .max(llamaServerLimits.responseFields)
    .nullish()
    .describe("Paths of the fields to return, such as timings/prompt_n. Each path becomes the name of a field."),
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
    input_extra: z
      .array(z.object({ text: z.string(), filename: z.string().max(llamaServerLimits.filenameChars).nullish() }))
      .max(llamaServerLimits.extraFiles)
      .nullish()
      .describe("Other files, the most relevant last. Text that does not fit into the context is left out."),
    prompt: z.string().nullish().describe("The beginning of the text that fills the gap."),
  })
  .meta({ id: "InfillRequest" });
export type InfillRequest = z.infer<typeof InfillRequestSchema>;

const loose = z.record(z.string(), z.unknown());

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
  completion_probabilities: z.array(ProbabilitySchema).optional(),
};

/** With `response_fields`, an answer has only the listed fields. */
export const LlamaServerCompletionSchema = z
  .object({
    ...answerShape,
    stop: z.literal(true),
    model: z.string(),
    generation_settings: loose.describe("The sampling settings that were used."),
    prompt: z.string().optional().describe("The prompt, if the request has the prompt as text."),
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
    timings: TimingsSchema.optional(),
    prompt_progress: PromptProgressReportSchema.optional().describe(
      "Sent during the prefill, if return_progress is set.",
    ),
  })
  .meta({ id: "LlamaServerChunk" });
export type LlamaServerChunk = z.infer<typeof LlamaServerChunkSchema>;

export const PropsSchema = z
  .object({
    default_generation_settings: z.object({ n_ctx: z.int(), params: loose }),
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
      n_ctx: z.int().optional().describe("Context length in tokens; present once the model is loaded."),
      speculative: z.boolean().describe("Whether tokens may be guessed."),
      is_processing: z.boolean(),
      job_id: z.string().optional().describe("Id of the job; absent for a job of another client."),
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
      n_prompt_tokens: z.int().optional(),
      n_ctx: z.int().optional(),
    }),
  })
  .meta({ id: "LlamaServerError" });
export type LlamaServerError = z.infer<typeof LlamaServerErrorSchema>;
