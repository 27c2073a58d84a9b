// Owns an answer in Ollama's dialect: one JSON object a line while it comes, or one object. Shapes after Ollama's API reference (chat, generate).
import { emptyMessage, messageOf, withToken } from "@waggle/jobs";
import { ndjsonHeaders } from "@waggle/protocol";
import type {
  AnswerMessage,
  EndEvent,
  Logprob,
  OllamaChatAnswer,
  OllamaGenerateAnswer,
  TokenEvent,
  ToolCall,
} from "@waggle/protocol";
import { encodeNdjson } from "@waggle/protocol/sse";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import type { Collector, Framing } from "../../generation/dialect.ts";
import { tokenLogprobs } from "../../generation/logprobs.ts";
import { conversationNumbers } from "./conversation-numbers.ts";
import type { Turn } from "./conversation-numbers.ts";
import { ollamaError } from "./errors.ts";

type OllamaAnswer = OllamaChatAnswer | OllamaGenerateAnswer;
type Piece = Pick<OllamaChatAnswer, "message"> | Pick<OllamaGenerateAnswer, "response" | "thinking" | "tool_calls">;
type Extras = Partial<Pick<OllamaGenerateAnswer, "context" | "logprobs">>;
type Head = Pick<OllamaAnswer, "model" | "created_at">;
type Done = Pick<
  OllamaAnswer,
  | "done"
  | "done_reason"
  | "total_duration"
  | "load_duration"
  | "prompt_eval_count"
  | "prompt_eval_duration"
  | "eval_count"
  | "eval_duration"
>;
type Calls = NonNullable<OllamaGenerateAnswer["tool_calls"]>;

/** What differs between the two routes that write. */
export interface AnswerForm {
  /** The model's name, as the request has it. */
  readonly model: string;
  piece(said: Said): Piece;
  /** Fields of the last object in addition to the counts. */
  closing(message: AnswerMessage | undefined): Pick<Extras, "context">;
}

/** A piece of an answer, or all of it. */
export interface Said {
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: Calls;
}

export function chatForm(model: string): AnswerForm {
  return { model, piece: (said) => ({ message: { role: "assistant", ...said } }), closing: () => ({}) };
}

/** @param turns that the prompt was made of, where it was a conversation */
export function generateForm(model: string, turns: readonly Turn[] | undefined): AnswerForm {
  return {
    model,
    piece: ({ content, ...said }) => ({ response: content, ...said }),
    closing(message) {
      if (turns === undefined || message === undefined) return {};
      const context = conversationNumbers([...turns, { role: "assistant", content: message.content ?? "" }]);
      return context === undefined ? {} : { context };
    },
  };
}

export function ollamaFraming(form: AnswerForm): Framing {
  /** Sent in one piece when all of them are there: clients tell them apart by their position in it. */
  let calls = emptyMessage;

  function line(said: Said, more: Extras = {}): string {
    return encodeNdjson({ ...objectOf(form, said, more), done: false });
  }

  return {
    headers: ndjsonHeaders,
    cancelledIsError: true,
    frame(event) {
      if (event.type !== "token") return "";
      const logprobs = shownLogprobs(event.logprobs);
      if (event.part === "call" || event.part === "arguments") {
        calls = withToken(calls, event);
        return event.logprobs === undefined ? "" : line({ content: "" }, logprobs);
      }
      if (event.text === "" && event.logprobs === undefined) return "";
      return line(
        event.part === "reasoning" ? { content: "", thinking: event.text } : { content: event.text },
        logprobs,
      );
    },
    frameEnd(end) {
      const called = messageOf(calls);
      const last = { ...objectOf(form, { content: "" }, form.closing(end.message)), ...doneOf(end, called) };
      const all = callsOf(called);
      return (all === undefined ? "" : line({ content: "", tool_calls: all })) + encodeNdjson(last);
    },
    frameError: (error) => encodeNdjson(ollamaError(error)),
    // Empty lines and unknown keys break its clients; an empty piece of the answer does not.
    keepAlive: () => line({ content: "" }),
  };
}

export function ollamaCollector(form: AnswerForm): Collector {
  let draft = emptyMessage;
  const logprobs = createCollectedLogprobs(1);
  return {
    add(token: TokenEvent) {
      draft = withToken(draft, token);
      if (token.logprobs !== undefined) logprobs.add(0, token.logprobs);
    },
    body(end): OllamaAnswer {
      const message = messageOf(draft);
      const { content, reasoning_content: thinking } = message;
      const calls = callsOf(message);
      const said = {
        content: content ?? "",
        ...(thinking === undefined ? {} : { thinking }),
        ...(calls === undefined ? {} : { tool_calls: calls }),
      };
      const more = { ...shownLogprobs(logprobs.of(0)), ...form.closing(message) };
      return { ...objectOf(form, said, more), ...doneOf(end, message) };
    },
  };
}

/** The answer to an empty prompt. */
export function loadedAnswer(form: AnswerForm, reason: "load" | "unload"): OllamaAnswer {
  return { ...objectOf(form, { content: "" }, {}), done: true, done_reason: reason };
}

function objectOf(form: AnswerForm, said: Said, more: Extras): Head & Piece & Extras {
  return { model: form.model, created_at: new Date().toISOString(), ...form.piece(said), ...more };
}

/** On the last object only: clients add up what they find. */
function doneOf({ finish_reason: reason, usage, timings }: EndEvent, { tool_calls: calls = [] }: AnswerMessage): Done {
  const isCut = calls.some((call) => argumentsOf(call) === undefined);
  return {
    done: true,
    done_reason: isCut || reason === "cancelled" ? "length" : reason,
    total_duration: nanoseconds(timings.total_ms),
    load_duration: nanoseconds(timings.queue_ms),
    prompt_eval_count: usage.prompt_tokens,
    prompt_eval_duration: nanoseconds(timings.prefill_ms),
    eval_count: usage.completion_tokens,
    eval_duration: nanoseconds(timings.decode_ms),
  };
}

export function nanoseconds(ms: number): number {
  return Math.round(ms * 1_000_000);
}

/** A call that was cut is left out: no client may run it with half of its arguments. */
function callsOf({ tool_calls: calls = [] }: AnswerMessage): Calls | undefined {
  const whole = calls.flatMap((call) => {
    const args = argumentsOf(call);
    return args === undefined ? [] : [{ id: call.id, name: call.function.name, args }];
  });
  if (whole.length === 0) return undefined;
  return whole.map(({ id, name, args }, index) => ({ id, function: { index, name, arguments: args } }));
}

/** Its clients know them as an object only. */
function argumentsOf({ function: { arguments: text } }: ToolCall): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function shownLogprobs(entries: readonly Logprob[] | undefined): Pick<Extras, "logprobs"> {
  return entries === undefined || entries.length === 0 ? {} : { logprobs: tokenLogprobs(entries) };
}
