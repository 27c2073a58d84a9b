// Owns the native request: what a client may ask of a generation, every field bounded, names and defaults llama-server's.
import { z } from "zod";
import { chatShape, optionsOfMessages } from "./chat-options.ts";
import { KeepAliveSchema } from "./keep-alive.ts";
import { requestLimits } from "./limits.ts";
import { LoraChoiceSchema } from "./model-settings.ts";
import { ToolCallSchema } from "./tools.ts";

export const MessageSchema = z
  .discriminatedUnion("role", [
    z.strictObject({ role: z.enum(["system", "user"]), content: z.string() }),
    z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      reasoning_content: z.string().optional().describe("What it thought before it spoke."),
      tool_calls: z.array(ToolCallSchema).max(requestLimits.toolCalls).optional(),
    }),
    z.strictObject({
      role: z.literal("tool").describe("What a call gave."),
      content: z.string(),
      tool_call_id: z.string().max(requestLimits.idChars),
    }),
  ])
  .meta({ id: "Message" });
export type Message = z.infer<typeof MessageSchema>;

/** Of jobs and sessions. */
const IdSchema = z
  .string()
  .min(1)
  .max(requestLimits.idChars)
  .regex(/^[A-Za-z0-9._:-]+$/, "only letters, digits and . _ : - are allowed")
  // Paths name jobs and sessions, and `.` and `..` are no names there.
  .regex(/[^.]/, "must not consist of dots alone");

export const SessionIdSchema = IdSchema;

/** Sampling fields; the defaults are llama-server's. */
const samplingShape = {
  temperature: z.number().min(0).max(2).default(0.8).describe("0 is greedy."),
  top_k: z.int().min(0).max(1_000_000).default(40).describe("0 turns it off."),
  top_p: z.number().min(0).max(1).default(0.95).describe("1 turns it off."),
  min_p: z.number().min(0).max(1).default(0.05).describe("0 turns it off."),
  repeat_penalty: z.number().min(0.01).max(10).default(1).describe("1 turns it off."),
  repeat_last_n: z.int().min(0).max(65_536).default(64).describe("Tokens that the three penalties look back on."),
  presence_penalty: z.number().min(-2).max(2).default(0),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  dry_multiplier: z.number().min(0).max(100).default(0).describe("0 turns DRY off."),
  dry_base: z.number().min(1).max(100).default(1.75),
  dry_allowed_length: z.int().min(0).max(65_536).default(2),
  dry_penalty_last_n: z.int().min(-1).max(65_536).default(-1).describe("-1 is the whole context."),
  dry_sequence_breakers: z
    .array(z.string().min(1).max(40))
    .max(requestLimits.drySequenceBreakers)
    .default(["\n", ":", '"', "*"]),
  xtc_probability: z.number().min(0).max(1).default(0).describe("0 turns XTC off."),
  xtc_threshold: z.number().min(0).max(1).default(0.1),
  logit_bias: z
    .record(z.string().regex(/^\d{1,9}$/, "keys are token ids"), z.number().min(-100).max(100))
    .refine((bias) => Object.keys(bias).length <= requestLimits.logitBiasEntries, {
      message: `at most ${requestLimits.logitBiasEntries} entries`,
    })
    .optional()
    .describe("Token id to bias; -100 bans a token."),
  seed: z.int().min(-1).max(4_294_967_295).default(-1).describe("-1 draws a random one."),
  ignore_eos: z.boolean().default(false),
  grammar: z.string().min(1).max(requestLimits.grammarChars).optional().describe("GBNF."),
};

export const SamplingSchema = z.strictObject(samplingShape);
export type Sampling = z.infer<typeof SamplingSchema>;

export const GenerateRequestSchema = z
  .strictObject({
    prompt: z.string().min(1, "must not be empty").optional().describe("Raw text. Exactly one of prompt and messages."),
    messages: z
      .array(MessageSchema)
      .min(1, "must not be empty")
      .max(requestLimits.messages)
      .optional()
      .describe("A conversation, rendered with the model's own chat template."),
    model: z
      .string()
      .max(requestLimits.modelChars)
      .optional()
      .describe("Of a worker with one model any name; of one with several, the name or an alias of one of them."),
    keep_alive: KeepAliveSchema.optional(),
    max_tokens: z.int().min(1).max(requestLimits.maxTokens).optional().describe("Default: to the context's end."),
    context_shift: z
      .boolean()
      .default(false)
      .describe(
        "At the context's end forget the older half of what follows the prompt's beginning and go on. Needs max_tokens.",
      ),
    lora: LoraChoiceSchema.optional(),
    stop: z
      .union([
        z.string().min(1).max(requestLimits.stopChars),
        z.array(z.string().min(1).max(requestLimits.stopChars)).max(requestLimits.stopStrings),
      ])
      .optional()
      .describe("Up to 4 strings that end the text; they are not part of it."),
    ...samplingShape,
    ...chatShape,
    json_schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        "The answer is JSON valid for this schema. Not together with grammar; unsupported keywords are refused by name.",
      ),
    session_id: IdSchema.optional().describe("One stream at a time for each; a new job supersedes the old one."),
    priority: z.int().min(-10).max(10).default(0).describe("Higher first."),
    deadline_ms: z.int().min(1).max(requestLimits.deadlineMs).optional().describe("Counted from acceptance."),
    on_disconnect: z
      .enum(["cancel", "continue"])
      .default("cancel")
      .describe(
        "What happens when the last reader is gone. An answer that continues can be read for half an hour after its end, as the daemon's --answer-window says.",
      ),
    on_engine_loss: z
      .enum(["resume", "error"])
      .default("resume")
      .describe(
        "What happens when the engine dies in mid-answer: the next one goes on where it was, or the stream ends with engine_failed.",
      ),
    on_worker_loss: z
      .enum(["resume", "error"])
      .optional()
      .describe("The same at a gateway, when a whole worker is lost; as the gateway is set up by default."),
    job_id: IdSchema.optional().describe(
      "The client's own. While it is taken, an equal body gets the job that has it, and another one a conflict.",
    ),
  })
  .refine((request) => request.grammar === undefined || request.json_schema === undefined, {
    message: "a grammar and a json_schema exclude each other",
    path: ["json_schema"],
  })
  .refine((request) => (request.prompt === undefined) !== (request.messages === undefined), {
    message: "exactly one of prompt and messages is required",
    path: ["prompt"],
  })
  .refine((request) => !request.context_shift || request.max_tokens !== undefined, {
    message: "context_shift needs it: nothing else would surely end the answer",
    path: ["max_tokens"],
  })
  .superRefine((request, context) => {
    if (request.messages !== undefined) return;
    for (const field of optionsOfMessages) {
      if (request[field] != null) context.addIssue({ code: "custom", path: [field], message: "it needs messages" });
    }
  })
  .meta({ id: "GenerateRequest" });

/** A validated request, defaults filled in. */
export type GenerateRequest = z.infer<typeof GenerateRequestSchema>;
/** What a client sends. */
export type GenerateRequestInput = z.input<typeof GenerateRequestSchema>;

export function stopStringsOf(request: Pick<GenerateRequest, "stop">): readonly string[] {
  if (request.stop === undefined) return [];
  return typeof request.stop === "string" ? [request.stop] : request.stop;
}

export function samplingOf(request: GenerateRequest): Sampling {
  const sampling: Record<string, unknown> = {};
  for (const key of Object.keys(samplingShape) as (keyof Sampling)[]) {
    if (request[key] !== undefined) sampling[key] = request[key];
  }
  return sampling as Sampling;
}
