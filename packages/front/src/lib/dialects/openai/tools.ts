// Owns what a request's tools ask of the answer: nothing, a call if the model wants one, or a call in any case.
import type { ChatCompletionRequest, Tool } from "@waggle/protocol";
import { unsupported } from "../../fields.ts";

/** Calls in one answer, at most, where the grammar decides. */
const maxCalls = 8;

export interface ToolPlan {
  /** On offer: they go into the prompt, and only they can be called. */
  readonly tools: readonly Tool[];
  /**
   * Of the whole answer, when a call is due in any case: one object `{"name", "arguments"}`, or an array of them. Undefined where the
   * model decides; what it says then follows its own template.
   */
  readonly schema: unknown;
}

/** Undefined when no call is possible. @throws WaggleError invalid_argument */
export function toolPlanOf(body: ChatCompletionRequest): ToolPlan | undefined {
  const tools = body.tools ?? [];
  const choice = body.tool_choice ?? (tools.length === 0 ? "none" : "auto");
  if (choice === "none") return undefined;
  if (tools.length === 0) throw unsupported("tool_choice", "there are no tools to choose from");
  const names = new Set(tools.map((tool) => tool.function.name));
  if (names.size < tools.length) throw unsupported("tools", "two have the same name");
  if (choice === "auto") return { tools, schema: undefined };
  if (choice === "required") {
    const call = { anyOf: tools.map(callSchema) };
    const one = body.parallel_tool_calls === false;
    return { tools, schema: one ? call : { type: "array", items: call, minItems: 1, maxItems: maxCalls } };
  }
  const forced = tools.find((tool) => tool.function.name === choice.function.name);
  if (forced === undefined) throw unsupported("tool_choice", `there is no tool "${choice.function.name}"`);
  return { tools: [forced], schema: callSchema(forced) };
}

function callSchema({ function: { name, parameters } }: Tool): unknown {
  return {
    type: "object",
    properties: { name: { const: name }, arguments: parameters ?? { type: "object" } },
    required: ["name", "arguments"],
    additionalProperties: false,
  };
}
