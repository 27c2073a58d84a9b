// Owns the response object: what the request decides of it, and what the answer. Shapes after OpenAI's API reference (Responses).
import type { EndEvent, ResponseObject, ResponseTool, ResponseUsage, WaggleError } from "@waggle/protocol";
import { responseErrorOf } from "./errors.ts";
import type { Output } from "./output.ts";
import type { Json } from "./output-items.ts";

/** Fields of the request that each object of its response repeats. */
export interface RequestEcho extends Readonly<Json> {
  /** Those on offer. */
  readonly tools: readonly ResponseTool[];
  readonly previous_response_id: string | null;
}

/** Fields that all objects of one response share. */
export interface ResponseHead extends RequestEcho {
  readonly id: string;
  readonly created_at: number;
  readonly model: string;
}

type Said = Pick<Output, "items" | "reasoningTokens">;

export function ongoingResponse(head: ResponseHead): ResponseObject {
  return responseOf(head, "in_progress", {});
}

/** Of an answer that came to its own end, or to a limit. */
export function endedResponse(head: ResponseHead, said: Said, end: EndEvent): ResponseObject {
  const cut = isCut(end);
  return responseOf(head, cut ? "incomplete" : "completed", {
    completed_at: cut ? null : head.created_at + Math.round(end.timings.total_ms / 1000),
    // OpenAI's one word for every limit on an answer's length.
    incomplete_details: cut ? { reason: "max_output_tokens" } : null,
    output: [...said.items],
    usage: usageOf(said, end),
  });
}

/** Of one that did not; with the items that were done by then. */
export function failedResponse(
  head: ResponseHead,
  { items }: Pick<Output, "items">,
  error: WaggleError,
): ResponseObject {
  return responseOf(head, "failed", { error: responseErrorOf(error), output: [...items] });
}

/** An answer that the model itself ended within a call is cut like one that ran out of tokens. */
export function isCut({ finish_reason: reason, message }: EndEvent): boolean {
  return reason === "length" || message?.tool_calls?.some(({ cut }) => cut === true) === true;
}

function responseOf(
  head: ResponseHead,
  status: ResponseObject["status"],
  answer: Partial<ResponseObject>,
): ResponseObject {
  return {
    ...head,
    object: "response",
    status,
    completed_at: null,
    error: null,
    incomplete_details: null,
    output: [],
    usage: null,
    ...answer,
  };
}

function usageOf({ reasoningTokens }: Said, { usage }: EndEvent): ResponseUsage {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: { cached_tokens: usage.cached_tokens },
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: usage.total_tokens,
  };
}
