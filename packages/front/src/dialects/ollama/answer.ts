// Writes an answer in Ollama's dialect: a JSON object per line, or one object. Shapes after Ollama's API reference (chat, generate).
import { emptyMessage, toAnswerMessage, withToken } from "@waggle/jobs";
import { ndjsonHeaders } from "@waggle/protocol";
import type {
  AnswerMessage,
  EndEvent,
  Logprob,
  OllamaChatAnswer,
  OllamaGenerateAnswer,
  TokenEvent,
} from "@waggle/protocol";
import { encodeNdjson } from "@waggle/protocol/sse";
import { objectIn } from "../../body/parse-json.ts";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import type { Collector, Framing } from "../../generation/dialect.ts";
import { tokenLogprobs } from "../../generation/logprobs.ts";
import { conversationNumbers } from "./conversation-numbers.ts";
import type { ContextMessage } from "./conversation-numbers.ts";
import { ollamaError } from "./errors.ts";

type OllamaAnswer = OllamaChatAnswer | OllamaGenerateAnswer;
type Piece = Pick<OllamaChatAnswer, "message"> | Pick<OllamaGenerateAnswer, "response" | "thinking" | "tool_calls">;
type Extras = Partial<Pick<OllamaGenerateAnswer, "context" | "logprobs">>;
type Head = Pick<OllamaAnswer, "model" | "created_at">;
type Done = Omit<OllamaChatAnswer, keyof Head | "message" | "logprobs">;
type Calls = NonNullable<OllamaGenerateAnswer["tool_calls"]>;

/** The differences between `/api/chat` and `/api/generate`. */
export interface AnswerForm {
  /** The model's name as in the request. */
  readonly model: string;
  piece(said: AnswerText): Piece;
  /** Fields of the last object, in addition to the counts. */
  closing(message: AnswerMessage | undefined): Pick<Extras, "context">;
}

/** A piece of an answer, or the whole answer. */
export interface AnswerText {
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: Calls;
}

export function chatForm(model: string): AnswerForm {
  return { model, piece: (said) => ({ message: { role: "assistant", ...said } }), closing: () => ({}) };
}

/** @param turns the conversation of the prompt; undefined without a conversation */
export function generateForm(model: string, turns: readonly ContextMessage[] | undefined): AnswerForm {
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
  /** Collects the calls, which are sent together at the end: clients identify a call by its position in one object. */
  let calls = emptyMessage;

  function line(said: AnswerText, more: Extras = {}): string {
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
      const called = toAnswerMessage(calls);
      const last = { ...objectOf(form, { content: "" }, form.closing(end.message)), ...doneOf(end, called) };
      const all = callsOf(called);
      return (all === undefined ? "" : line({ content: "", tool_calls: all })) + encodeNdjson(last);
    },
    frameError: (error) => encodeNdjson(ollamaError(error)),
    // An empty piece of the answer, since Ollama's clients fail on empty lines and unknown keys.
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
      const message = toAnswerMessage(draft);
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

/** The answer to a request that only loads or unloads the model. */
export function loadedAnswer(form: AnswerForm, reason: "load" | "unload"): OllamaAnswer {
  return { ...objectOf(form, { content: "" }, {}), done: true, done_reason: reason };
}

function objectOf(form: AnswerForm, said: AnswerText, more: Extras): Head & Piece & Extras {
  return { model: form.model, created_at: new Date().toISOString(), ...form.piece(said), ...more };
}

/** Fields that only the last object has, since clients add up the counts of all objects. */
function doneOf({ finish_reason: reason, usage, timings }: EndEvent, { tool_calls: calls = [] }: AnswerMessage): Done {
  const isCut = calls.some((call) => objectIn(call.function.arguments) === undefined);
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

/** Ollama's clients need the arguments as an object. Leaves out a call that was cut, since no client must run it. */
function callsOf({ tool_calls: calls = [] }: AnswerMessage): Calls | undefined {
  const whole = calls.flatMap((call) => {
    const args = objectIn(call.function.arguments);
    return args === undefined ? [] : [{ id: call.id, name: call.function.name, args }];
  });
  if (whole.length === 0) return undefined;
  return whole.map(({ id, name, args }, index) => ({ id, function: { index, name, arguments: args } }));
}

function shownLogprobs(entries: readonly Logprob[] | undefined): Pick<Extras, "logprobs"> {
  return entries === undefined || entries.length === 0 ? {} : { logprobs: tokenLogprobs(entries) };
}
