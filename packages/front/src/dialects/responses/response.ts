// Builds the response object from fields of the request and from the answer. Shapes after OpenAI's API reference (Responses).
import type { EndEvent, ResponseObject, ResponseTool, ResponseUsage, WaggleError } from "@waggle/protocol";
import { responseErrorOf } from "./errors.ts";
import type { Output } from "./output.ts";
import type { Json } from "./output-items.ts";

/** Fields of the request that each object of its response repeats. */
export interface RequestEcho extends Readonly<Json> {
  /** The tools that the model can call. */
  readonly tools: readonly ResponseTool[];
  readonly previous_response_id: string | null;
}

/** Fields of the response that do not change. */
export interface ResponseHead extends RequestEcho {
  readonly id: string;
  readonly created_at: number;
  readonly model: string;
}

type OutputSoFar = Pick<Output, "items" | "reasoningTokens">;

export function ongoingResponse(head: ResponseHead): ResponseObject {
  return responseOf(head, "in_progress", {});
}

/** The response at the end of the answer, complete or cut at a limit. */
export function endedResponse(head: ResponseHead, said: OutputSoFar, end: EndEvent): ResponseObject {
  const cut = isCut(end);
  return responseOf(head, cut ? "incomplete" : "completed", {
    completed_at: cut ? null : head.created_at + Math.round(end.timings.total_ms / 1000),
    // OpenAI has one reason for all limits on an answer's length.
    incomplete_details: cut ? { reason: "max_output_tokens" } : null,
    output: [...said.items],
    usage: usageOf(said, end),
  });
}

/** The response after an error, with the finished items. */
export function failedResponse(
  head: ResponseHead,
  { items }: Pick<Output, "items">,
  error: WaggleError,
): ResponseObject {
  return responseOf(head, "failed", { error: responseErrorOf(error), output: [...items] });
}

/** Whether the answer was cut, by a limit or because the model ended the answer within a call. */
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

function usageOf({ reasoningTokens }: OutputSoFar, { usage }: EndEvent): ResponseUsage {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: { cached_tokens: usage.cached_tokens, cache_write_tokens: 0 },
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: usage.total_tokens,
  };
}
