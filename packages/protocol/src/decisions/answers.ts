// Owns the answers to requests for decisions, in three formats, and the receipt that all of them may have.
import { optional, z } from "zod";
import { OpenAiErrorSchema } from "../openai/answers.ts";
import { ModelFileSchema, Sha256Schema } from "../native/events.ts";
import { ResponseUsageSchema } from "../responses/requests.ts";
import { count, share } from "../fields/values.ts";

export const DecisionReceiptSchema = z
  .object({
    prompt_format_version: z.int().describe("Version of the prompt's wording."),
    state_sha256: Sha256Schema.describe(
      "Hash of the state as it is in the prompt, in UTF-8: a text unchanged, other values as compact JSON. A picture is sha256: and its hash, or its URL.",
    ),
    labels: z.array(z.array(z.string())).describe("For each question, the label or the text of each option."),
    scoring: z.enum(["labels", "text"]),
    orders: z.int(),
    temperatures: z.array(z.number()).describe("For each question."),
    template_sha256: Sha256Schema.nullable(),
    model_sha256: Sha256Schema.nullable(),
    model_file: ModelFileSchema.nullable(),
    pictures_sha256: z.array(Sha256Schema),
  })
  .meta({ id: "DecisionReceipt" });
export type DecisionReceipt = z.infer<typeof DecisionReceiptSchema>;

const receiptShape = { x_receipt: optional(DecisionReceiptSchema) };
const massShape = {
  x_label_mass: share.describe(
    "The probability that the model gives to all options together. A low value: the model would answer something else.",
  ),
};
const confidence = share.describe("1: all probability is at one option or level. 0: it is spread evenly.");
const score = z.number().describe("The expected level, from 0.");
const probabilities = z.record(z.string(), share);

const namedShape = { name: z.string().nullable(), ...massShape };
const TypedValueSchema = z.union([z.string(), z.boolean()]);
const choices = z.array(z.object({ value: TypedValueSchema, probability: share }));
const levels = z.array(z.object({ value: count, label: z.string(), probability: share }));

const OpenAiAnswerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("predicate"), ...namedShape, probability: share }),
  z.object({ type: z.literal("choice"), ...namedShape, choice: TypedValueSchema, confidence, probabilities: choices }),
  z.object({ type: z.literal("score"), ...namedShape, score, confidence, probabilities: levels }),
]);

const OpenAiDecisionsSchema = z
  .object({ answers: z.array(OpenAiAnswerSchema), model: z.string(), usage: ResponseUsageSchema, ...receiptShape })
  .meta({ id: "OpenAiDecisions" });
export type OpenAiDecisions = z.infer<typeof OpenAiDecisionsSchema>;

const SglangAnswerSchema = z.object({
  type: z.enum(["yes_no", "choice", "score"]),
  probabilities,
  choice: optional(z.string()),
  score: optional(score),
  label_mass: share,
});

const SglangDecisionsSchema = z
  .object({
    object: z.literal("decisions"),
    model: z.string(),
    prompt_format_version: z.int(),
    answers: z.record(z.string(), SglangAnswerSchema),
    usage: z.object({ prompt_tokens: count, completion_tokens: count, total_tokens: count }),
    ...receiptShape,
  })
  .meta({ id: "SglangDecisions" });
export type SglangDecisions = z.infer<typeof SglangDecisionsSchema>;

const optionsShape = { probabilities, confidence, ...massShape };
const legend = z.record(z.string(), z.unknown());

const QuestionAnswerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("noul"), noul: share, ...massShape }),
  z.object({ type: z.literal("choice"), choice: z.string(), ...optionsShape }),
  z.object({ type: z.literal("score"), score, legend, ...optionsShape }),
]);

export const SystemOneAnswerSchema = z
  .object({
    model: z.string(),
    answers: z.record(z.string(), QuestionAnswerSchema),
    usage: z.object({ input_tokens: count, output_tokens: count }),
    ...receiptShape,
  })
  .meta({ id: "SystemOneAnswer" });
export type SystemOneAnswer = z.infer<typeof SystemOneAnswerSchema>;

export const DecisionAnswerSchema = z
  .union([OpenAiDecisionsSchema, SglangDecisionsSchema, SystemOneAnswerSchema])
  .meta({ id: "DecisionAnswer" });

export const SystemOneErrorSchema = z
  .object({ ...OpenAiErrorSchema.shape, detail: z.string().describe("The message again, where TypeSafe has it.") })
  .meta({ id: "SystemOneError" });
export type SystemOneError = z.infer<typeof SystemOneErrorSchema>;
