// Owns what an answer is in Anthropic's dialect, whether streamed or whole: its names, its usage, its reason to stop, and which block a
// piece of it belongs to. Shapes after Anthropic's API reference (Messages).
import type { Job } from "@waggle/jobs";
import type {
  AnthropicBlock,
  AnthropicStopReason,
  AnthropicUsage,
  EndEvent,
  TokenEvent,
  Usage,
} from "@waggle/protocol";

export type BlockType = AnthropicBlock["type"];

export interface AnswerHead {
  readonly id: string;
  readonly type: "message";
  readonly role: "assistant";
  readonly model: string;
}

export function headOf({ id }: Pick<Job, "id">, model: string): AnswerHead {
  return { id: `msg_${id.replace(/^job-/, "")}`, type: "message", role: "assistant", model };
}

/** The id of the nth call. The model's own ids may repeat in its next answer, but clients identify a call only by its id. */
export function callIdOf({ callKey }: Pick<Job, "callKey">, index: number): string {
  return `toolu_${callKey}_${index}`;
}

/** Cached tokens are counted apart: the three input counts together are the prompt. */
export function anthropicUsage(usage: Omit<Usage, "total_tokens">): AnthropicUsage {
  return {
    input_tokens: usage.prompt_tokens - usage.cached_tokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cached_tokens,
    output_tokens: usage.completion_tokens,
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
      // An answer that the model ended within a call is cut, like an answer that ran out of tokens.
      return message?.tool_calls?.some(({ cut }) => cut === true) === true ? "max_tokens" : "tool_use";
  }
}
