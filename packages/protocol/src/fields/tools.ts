// Owns tools and tool calls, in the shape that OpenAI's clients and chat templates share.
import { z } from "zod";
import { requestLimits } from "./limits.ts";

/** Returns the arguments of zod's `refine` for a limit on the value's JSON. */
export function jsonAtMost(chars: number): [check: (value: unknown) => boolean, message: string] {
  return [(value) => (JSON.stringify(value)?.length ?? 0) <= chars, `at most ${chars} characters of JSON`];
}

export const FunctionCallSchema = z.object({
  name: z.string().max(requestLimits.calledNameChars),
  arguments: z.string().max(requestLimits.argumentsChars),
});

export const ToolCallSchema = z
  .object({
    id: z.string().max(requestLimits.idChars),
    type: z.literal("function"),
    function: FunctionCallSchema,
  })
  .meta({ id: "ToolCall" });
export type ToolCall = z.infer<typeof ToolCallSchema>;

/** MCP servers and other agents' tools have names with these characters; llama-server and Ollama accept any name. */
export const ToolNameSchema = z
  .string()
  .min(1)
  .max(requestLimits.toolNameChars)
  .regex(/^[\p{L}\p{M}\p{N}_.:/-]+$/u, "only letters, digits and _ . : / - are allowed");

export const FunctionSchema = z.object({
  name: ToolNameSchema,
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

export const ToolSchema = z
  .object({
    type: z.literal("function", "only tools of type function are supported"),
    function: FunctionSchema,
  })
  .meta({ id: "Tool" });
export type Tool = z.infer<typeof ToolSchema>;

export const ToolsSchema = z
  .array(ToolSchema)
  .max(requestLimits.tools)
  .refine(...jsonAtMost(requestLimits.toolsChars));

const NamedToolSchema = z.object({
  type: z.literal("function"),
  function: z.object({ name: z.string().max(requestLimits.toolNameChars) }),
});

export const ToolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  NamedToolSchema,
  z
    .object({
      type: z.literal("allowed_tools"),
      allowed_tools: z.object({
        mode: z.enum(["auto", "required"]),
        tools: z.array(NamedToolSchema).min(1, "must not be empty").max(requestLimits.tools),
      }),
    })
    .describe(
      "Only these tools may be called. The prompt still lists all tools, so that its cached prefix stays valid.",
    ),
]);
export type ToolChoice = z.infer<typeof ToolChoiceSchema>;
