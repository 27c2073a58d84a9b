// Owns the parts that streamed and collected answers share in Anthropic's dialect: ids, usage, stop reason, and the block type of a token. Shapes
// after Anthropic's API reference (Messages).
import type { Job } from "@waggle/jobs";
import type {
  AnthropicAnswer,
  AnthropicBlock,
  AnthropicStopReason,
  AnthropicUsage,
  EndEvent,
  TokenEvent,
  Usage,
} from "@waggle/protocol";

export type BlockType = AnthropicBlock["type"];

export function headOf(
  { id }: Pick<Job, "id">,
  model: string,
): Omit<AnthropicAnswer, "content" | "stop_reason" | "stop_sequence" | "usage"> {
  const nulls = { container: null, diagnostics: null, stop_details: null };
  return { id: `msg_${id.replace(/^job-/, "")}`, type: "message", role: "assistant", model, ...nulls };
}

/** Clients identify a call by its id alone, and the model's ids may repeat in the next answer. */
export function callIdOf({ callKey }: Pick<Job, "callKey">, index: number): string {
  return `toolu_${callKey}_${index}`;
}

/** Builds the usage in Anthropic's shape. In this shape, three counts of input tokens add up to the length of the prompt. */
export function anthropicUsage(usage: Omit<Usage, "total_tokens">): AnthropicUsage {
  return {
    input_tokens: usage.prompt_tokens - usage.cached_tokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cached_tokens,
    output_tokens: usage.completion_tokens,
    cache_creation: null,
    inference_geo: null,
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: null,
    speed: null,
  };
}

export function blockTypeOf({ part }: Pick<TokenEvent, "part">): BlockType {
  switch (part) {
    case undefined:
    case "content":
      return "text";
    case "reasoning":
      return "thinking";
    case "call":
    case "arguments":
      return "tool_use";
  }
}

export function textBlock(text: string): AnthropicBlock {
  // A list, though a null would do for Anthropic's client: the AI SDK refuses the null.
  return { type: "text", text, citations: [] };
}

export function callBlock(
  call: { readonly id: string; readonly name: string },
  input: Record<string, unknown>,
): AnthropicBlock {
  return { type: "tool_use", ...call, input, caller: { type: "direct" } };
}

/** @param calls number of calls in the answer */
export function stopOf(
  end: Pick<EndEvent, "stopped_by" | "stop_string" | "message">,
  calls: number,
): { readonly stop_reason: AnthropicStopReason; readonly stop_sequence: string | null } {
  return { stop_reason: stopReasonOf(end, calls), stop_sequence: end.stop_string ?? null };
}

function stopReasonOf(
  { stopped_by: by, message }: Pick<EndEvent, "stopped_by" | "message">,
  calls: number,
): AnthropicStopReason {
  switch (by) {
    case "stop_string":
      return "stop_sequence";
    case "context":
      return "model_context_window_exceeded";
    case "max_tokens":
    case "repetition":
    case "time":
    case "indent":
      return "max_tokens";
    case "end":
    case undefined:
      if (calls === 0) return "end_turn";
      // If the model ended the answer within a call, the call is cut, as in an answer that ran out of tokens.
      return message?.tool_calls?.some(({ cut }) => cut === true) === true ? "max_tokens" : "tool_use";
  }
}
