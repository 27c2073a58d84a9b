// Owns the answers to requests for decisions, and the receipt that they may have.
import { optional, z } from "zod";
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

const confidence = share.describe("1: all probability is at one option or level. 0: it is spread evenly.");
const score = z.number().describe("The expected level, from 0.");

const answerShape = {
  name: z.string().nullable(),
  x_label_mass: share.describe(
    "The probability that the model gives to all options together. A low value: the model would answer something else.",
  ),
};
const TypedValueSchema = z.union([z.string(), z.boolean()]);
const choices = z.array(z.object({ value: TypedValueSchema, probability: share }));
const levels = z.array(z.object({ value: count, label: z.string(), probability: share }));

const AnswerSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("predicate"), ...answerShape, probability: share }),
  z.object({ type: z.literal("choice"), ...answerShape, choice: TypedValueSchema, confidence, probabilities: choices }),
  z.object({ type: z.literal("score"), ...answerShape, score, confidence, probabilities: levels }),
]);

export const DecisionAnswerSchema = z
  .object({
    answers: z.array(AnswerSchema),
    model: z.string(),
    usage: ResponseUsageSchema,
    x_receipt: optional(DecisionReceiptSchema),
  })
  .meta({ id: "DecisionAnswer" });
export type DecisionAnswer = z.infer<typeof DecisionAnswerSchema>;
