// Owns the schema of a native generation request. Every field is bounded; names and defaults are llama-server's.
import { optional, z } from "zod";
import { chatShape, optionsOfMessages } from "../fields/chat-options.ts";
import { KeepAliveSchema } from "../fields/keep-alive.ts";
import { requestLimits } from "../fields/limits.ts";
import { LoraChoiceSchema } from "./model-settings.ts";
import { priorities } from "./priority.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { nativeSamplingShape } from "../fields/sampling.ts";
import { ToolCallSchema } from "../fields/tools.ts";
import { GuessesSchema, json } from "../fields/values.ts";

const contentParts = 1_024;

const ContentSchema = z
  .union([
    z.string(),
    z
      .array(
        z.discriminatedUnion("type", [
          z.strictObject({ type: z.literal("text"), text: z.string() }),
          z.strictObject({ type: z.literal("image_url"), image_url: z.strictObject({ url: PictureSourceSchema }) }),
        ]),
      )
      .max(contentParts),
  ])
  .describe("A text, or parts: texts and pictures.");

export const MessageSchema = z
  .discriminatedUnion("role", [
    z.strictObject({ role: z.enum(["system", "user"]), content: ContentSchema }),
    z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      reasoning_content: optional(z.string()).describe("The model's reasoning before the content."),
      tool_calls: optional(z.array(ToolCallSchema).max(requestLimits.toolCalls)),
    }),
    z.strictObject({
      role: z.literal("tool").describe("The result of a call."),
      content: ContentSchema,
      tool_call_id: z.string().max(requestLimits.idChars),
    }),
  ])
  .meta({ id: "Message" });
export type Message = z.infer<typeof MessageSchema>;

/** The id of a job or a session. */
const IdSchema = z
  .string()
  .min(1)
  .max(requestLimits.idChars)
  .regex(/^[A-Za-z0-9._:-]+$/, "only letters, digits and . _ : - are allowed")
  // Ids are parts of paths, where `.` and `..` have another meaning.
  .regex(/[^.]/, "must not consist of dots alone");

export const SessionIdSchema = IdSchema;

export const LogitBiasSchema = z
  .record(z.string().regex(/^\d{1,9}$/, "keys are token ids"), z.number().min(-100).max(100))
  .refine((bias) => Object.keys(bias).length <= requestLimits.logitBiasEntries, {
    message: `at most ${requestLimits.logitBiasEntries} entries`,
  });

// The order is that of the API's documents.
const { xtc_probability, xtc_threshold, seed, ...otherNumbers } = nativeSamplingShape;

const samplingShape = {
  ...otherNumbers,
  dry_sequence_breakers: z
    .array(z.string().min(1).max(40))
    .max(requestLimits.drySequenceBreakers)
    .default(["\n", ":", '"', "*"]),
  xtc_probability,
  xtc_threshold,
  logit_bias: optional(LogitBiasSchema).describe("Bias by token id; -100 bans the token."),
  seed,
  ignore_eos: z.boolean().default(false),
  grammar: optional(z.string().min(1).max(requestLimits.grammarChars)).describe(
    "A grammar in GBNF that the answer must match.",
  ),
};

export const SamplingSchema = z.strictObject(samplingShape);
export type Sampling = z.infer<typeof SamplingSchema>;

export const GenerateRequestSchema = z
  .strictObject({
    prompt: optional(z.string().min(1, "must not be empty")).describe(
      "Raw text to continue. A request has either prompt or messages, not both.",
    ),
    messages: optional(z.array(MessageSchema).min(1, "must not be empty").max(requestLimits.messages)).describe(
      "A conversation, rendered with the model's own chat template.",
    ),
    model: optional(z.string().max(requestLimits.modelChars)).describe(
      "The model's name or alias. A worker with one model accepts any name.",
    ),
    keep_alive: optional(KeepAliveSchema),
    max_tokens: optional(z.int().min(1).max(requestLimits.maxTokens)).describe(
      "Maximum number of generated tokens. Default: until the context is full.",
    ),
    lora: optional(LoraChoiceSchema),
    guesses: GuessesSchema,
    stop: optional(
      z.union([
        z.string().min(1).max(requestLimits.stopChars),
        z.array(z.string().min(1).max(requestLimits.stopChars)).max(requestLimits.stopStrings),
      ]),
    ).describe("Up to 4 strings that end the answer. The answer does not include the stop string."),
    ...samplingShape,
    ...chatShape,
    json_schema: optional(json).describe(
      "JSON schema that the answer must match; excludes grammar. A schema with an unsupported keyword is rejected with the keyword's name.",
    ),
    mcp_tools: optional(
      z.union([z.literal("all"), z.array(z.string().max(requestLimits.toolNameChars)).max(requestLimits.tools)]),
    ).describe(
      "MCP tools that the worker runs when the model calls them: all, or a list of names from /v1/mcp/servers. The job then continues with the results. Needs messages.",
    ),
    session_id: optional(IdSchema).describe(
      "Id of the job's session. A session has one stream at a time: a new job supersedes the session's old job.",
    ),
    priority: z
      .int()
      .min(priorities.lowest)
      .max(priorities.highest)
      .default(0)
      .describe("Jobs with a higher priority run first."),
    deadline_ms: optional(z.int().min(1).max(requestLimits.deadlineMs)).describe(
      "Time limit of the job in milliseconds, from its acceptance.",
    ),
    on_disconnect: z
      .enum(["cancel", "continue"])
      .default("cancel")
      .describe(
        "What happens to the job when its last reader disconnects. A continued answer can be read for 30 minutes after its end, or for the daemon's --answer-window.",
      ),
    on_engine_loss: z
      .enum(["resume", "error"])
      .default("resume")
      .describe(
        "If the engine crashes during the answer: continue the answer with the next engine, or end the stream with engine_failed.",
      ),
    on_worker_loss: optional(z.enum(["resume", "error"])).describe(
      "If a gateway loses the worker during the answer: continue on another worker, or end with engine_failed. Default: the gateway's setting.",
    ),
    job_id: optional(IdSchema).describe(
      "Id chosen by the client. While a job with this id exists, the same body returns that job, and a different body is a conflict.",
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
  .superRefine((request, context) => {
    if (request.messages !== undefined) return;
    for (const field of [...optionsOfMessages, "mcp_tools"] as const) {
      if (request[field] != null) context.addIssue({ code: "custom", path: [field], message: "it needs messages" });
    }
  })
  .meta({ id: "GenerateRequest" });

/** A validated request, with defaults for absent fields. */
export type GenerateRequest = z.infer<typeof GenerateRequestSchema>;
/** A request as a client sends it. */
export type GenerateRequestInput = z.input<typeof GenerateRequestSchema>;

export function stopStringsOf(request: Pick<GenerateRequest, "stop">): readonly string[] {
  if (request.stop === undefined) return [];
  return typeof request.stop === "string" ? [request.stop] : request.stop;
}

const defaultSampling = SamplingSchema.parse({});

/** The sampling of a request whose fields are valid; null and absence mean the default. */
export function requestSampling(request: {
  readonly [N in keyof Sampling]?: Sampling[N] | null | undefined;
}): Sampling {
  const sampling: Record<string, unknown> = {};
  for (const key of Object.keys(samplingShape) as (keyof Sampling)[]) {
    const value = request[key] ?? defaultSampling[key];
    if (value !== undefined) sampling[key] = value;
  }
  return sampling as Sampling;
}
