// Owns the requests for decisions in three formats. The shapes follow OpenAI's types (openai-node, resources/decisions.d.ts), SGLang's documentation
// (Decision models) and the types of TypeSafe's SDK (System One).
import { nullish, optional, z } from "zod";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { ImagePartSchema, contentSchema } from "../fields/parts.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { flag } from "../fields/values.ts";
import {
  CallOutputItemSchema,
  CustomToolCallItemSchema,
  FunctionCallItemSchema,
  MessageItemSchema,
  itemParts,
} from "../responses/items.ts";

/** Of OpenAI's and SGLang's scores. */
const mostLevels = 10;
/** Of System One's scores; beyond 10, their labels are letters. */
const mostSystemOneLevels = 26;
/** Of SGLang's choices. */
const mostNamedOptions = 26;

/** The fields that all formats have: Waggle's additions, and the model. */
const decisionShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  orders: nullish(z.literal([1, 2])).describe(
    "2: each question is also asked with its options in reverse order, and the probabilities are averaged. Default: 1.",
  ),
  temperature: nullish(z.number().positive()).describe(
    "Divides the logprobs of the options before they become probabilities. Default: 1.",
  ),
  scoring: nullish(z.enum(["labels", "text"])).describe(
    "labels: the model answers with a short label of an option. text: with the option's text. Default: labels.",
  ),
  receipt: flag.describe("Whether the answer has x_receipt, with all that is needed to repeat the answer."),
};

/** Whether it is neither null nor a blank text. */
export function isGiven(content: unknown): boolean {
  return content != null && (typeof content !== "string" || content.trim() !== "");
}

const required = "must not be empty";
const questionList = <T extends z.ZodType>(question: T): z.ZodArray<T> =>
  z.array(question).min(1, required).max(requestLimits.decisionQuestions);

const openAiQuestionShape = {
  name: nullish(z.string()),
  instructions: contentSchema(...itemParts).nonoptional(required),
};

const description = nullish(z.string());
const ChoiceSchema = z.object({ value: z.union([z.string(), z.boolean()]), description });
const choices = z.array(ChoiceSchema).min(2).max(requestLimits.decisionOptions);
const levels = z
  .array(z.object({ label: z.string(), description }))
  .min(2)
  .max(mostLevels);

const OpenAiQuestionSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("predicate"), ...openAiQuestionShape }),
  z.object({ type: z.literal("choice"), ...openAiQuestionShape, choices }),
  z.object({ type: z.literal("score"), ...openAiQuestionShape, levels }),
]);

const DecisionItemSchema = z.discriminatedUnion(
  "type",
  [MessageItemSchema, FunctionCallItemSchema, CustomToolCallItemSchema, CallOutputItemSchema],
  "must be a message, a call, or the output of a call",
);

/** Unknown fields are ignored, as OpenAI's clients expect. */
export const OpenAiDecisionRequestSchema = z
  .object({
    ...decisionShape,
    input: z.union([z.string(), z.array(DecisionItemSchema).min(1, required).max(requestLimits.messages)]),
    questions: questionList(OpenAiQuestionSchema),
    stream: nullish(z.literal(false, "decisions are not streamed")),
  })
  .meta({ id: "OpenAiDecisionRequest" });
export type OpenAiDecisionRequest = z.infer<typeof OpenAiDecisionRequestSchema>;

const json = optional(z.unknown()).describe("A text, or JSON.");
const given = z.unknown().refine(isGiven, required).describe("A text, or JSON.");
const sglangShape = { id: z.string().min(1), question: given };
const NamedSchema = z.strictObject({ name: z.string().trim().min(1, required), description: json });
const options = z.array(NamedSchema).min(2).max(mostNamedOptions);

const SglangQuestionSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("yes_no"), ...sglangShape, yes: json, no: json }),
  z.strictObject({ type: z.literal("choice"), ...sglangShape, options }),
  z.strictObject({ type: z.literal("score"), ...sglangShape, levels: z.array(given).min(2).max(mostLevels) }),
]);

export const SglangDecisionRequestSchema = z
  .strictObject({
    ...decisionShape,
    input: given,
    questions: questionList(SglangQuestionSchema),
    images: nullish(z.array(PictureSourceSchema)),
    chat_template_kwargs: thinkingShape.chat_template_kwargs,
    prompt_format_version: nullish(z.literal(1, "this server has only version 1")),
    return_prompt_token_ids: nullish(z.literal(false, "the tokens of prompts are not returned")),
  })
  .meta({ id: "SglangDecisionRequest" });
export type SglangDecisionRequest = z.infer<typeof SglangDecisionRequestSchema>;

/** An object whose names the client chooses, as a map: zod's record drops the legal name `__proto__`. */
function mapOf<T extends z.ZodType>(value: T, most: number, what: string): z.ZodType<ReadonlyMap<string, z.output<T>>> {
  const entries = z
    .map(z.string(), value, "must be an object")
    .refine((map) => map.size > 0, required)
    .refine((map) => map.size <= most, `must have at most ${most} ${what}`)
    .meta({ minProperties: 1, maxProperties: most });
  return z.preprocess(
    (given) =>
      typeof given === "object" && given !== null && !Array.isArray(given) ? new Map(Object.entries(given)) : given,
    entries,
  );
}

const sides = nullish(z.strictObject({ true: json, false: json }));
const scale = z.array(z.unknown()).min(1, required).max(mostSystemOneLevels);
const labels = mapOf(z.unknown(), requestLimits.decisionOptions, "options").describe("A description by label.");

const SystemOneQuestionSchema = z.discriminatedUnion("type", [
  z
    .strictObject({ type: z.literal("noul"), instructions: json, criteria: sides })
    .meta({ examples: [{ type: "noul", instructions: "Is it damaged?" }] }),
  z.strictObject({ type: z.literal("choice"), instructions: json, criteria: labels }),
  z.strictObject({ type: z.literal("score"), instructions: json, criteria: scale }),
]);
export type SystemOneQuestion = z.infer<typeof SystemOneQuestionSchema>;

const MessagesSchema = z.array(z.looseObject({ content: contentSchema(ImagePartSchema) }));
const unread = nullish(z.array(z.unknown()).max(0, "cannot be read"));

/** Unknown fields are ignored, as TypeSafe's clients expect; unknown fields of a question are refused. */
export const SystemOneRequestSchema = z
  .object({
    ...decisionShape,
    // Any JSON, unchanged; the other schemas say where its pictures are.
    state: z
      .union([z.unknown(), MessagesSchema, z.looseObject({ messages: MessagesSchema })])
      .nonoptional("is missing")
      .describe("A text, or JSON. Pictures are image_url parts of messages, or the names of assets."),
    questions: mapOf(SystemOneQuestionSchema, requestLimits.decisionQuestions, "questions").describe(
      "A question by its id: noul, choice or score.",
    ),
    images: nullish(z.array(PictureSourceSchema)),
    files: nullish(z.array(PictureSourceSchema)).describe("llama-server's name of images."),
    assets: nullish(z.record(z.string(), z.looseObject({ data_base64: PictureSourceSchema }))).describe(
      "Pictures by name. The state must name each.",
    ),
    videos: unread,
    audio: unread,
  })
  .meta({ id: "SystemOneRequest" });
export type SystemOneRequest = z.infer<typeof SystemOneRequestSchema>;

/** The request's content selects the format. */
export const DecisionRequestSchema = z
  .union([OpenAiDecisionRequestSchema, SglangDecisionRequestSchema, SystemOneRequestSchema])
  .meta({ id: "DecisionRequest" });
