// Owns the requests for decisions. The shapes follow OpenAI's types (openai-node, resources/decisions.d.ts).
import { nullish, z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { contentSchema } from "../fields/parts.ts";
import { flag } from "../fields/values.ts";
import {
  CallOutputItemSchema,
  CustomToolCallItemSchema,
  FunctionCallItemSchema,
  MessageItemSchema,
  itemParts,
} from "../responses/items.ts";

const mostLevels = 10;
const required = "must not be empty";

const questionShape = {
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

const QuestionSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("predicate"), ...questionShape }),
  z.object({ type: z.literal("choice"), ...questionShape, choices }),
  z.object({ type: z.literal("score"), ...questionShape, levels }),
]);

const DecisionItemSchema = z.discriminatedUnion(
  "type",
  [MessageItemSchema, FunctionCallItemSchema, CustomToolCallItemSchema, CallOutputItemSchema],
  "must be a message, a call, or the output of a call",
);

/** Unknown fields are ignored, as OpenAI's clients expect. */
export const DecisionRequestSchema = z
  .object({
    model: nullish(z.string().max(requestLimits.modelChars)),
    input: z.union([z.string(), z.array(DecisionItemSchema).min(1, required).max(requestLimits.messages)]),
    questions: z.array(QuestionSchema).min(1, required).max(requestLimits.decisionQuestions),
    stream: nullish(z.literal(false, "decisions are not streamed")),
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
  })
  .meta({ id: "DecisionRequest" });
export type DecisionRequest = z.infer<typeof DecisionRequestSchema>;
