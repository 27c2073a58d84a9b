// Shows an answer while it streams: the status before the first token, the model's reasoning dimmed, and lines wrapped between words.
import type { AnswerEvent, EndEvent, StatusEvent } from "@waggle/client/ask";
import { WaggleError } from "@waggle/protocol";
import {
  type Output,
  type StatusLine,
  counted,
  formatDuration,
  formatPercent,
  printable,
} from "@waggle/daemon/terminal";
import { createWordWrap } from "../terminal/word-wrap.ts";

export interface AnswerOutcome {
  /** The answer's text without its reasoning. */
  readonly text: string;
  readonly reasoning: string;
  /** Undefined when the stream has no final event: it failed or was stopped. */
  readonly end: EndEvent | undefined;
  readonly error: WaggleError | undefined;
  /** Whether the signal stopped the answer. */
  readonly stopped: boolean;
}

export interface ShowAnswerOptions {
  readonly out: Output;
  readonly status: StatusLine;
  /** Whether a person reads the output: then reasoning is shown, and lines are wrapped between words. */
  readonly forPerson: boolean;
  /** Stops the answer when it aborts. A stopped answer is an outcome, not an error. */
  readonly signal: AbortSignal;
}

type ShownPart = "content" | "reasoning";

/** Writes the answer, and a newline after it unless the answer is empty. @throws other errors than a WaggleError, unless the signal stopped it */
export async function showAnswer(
  events: AsyncIterable<AnswerEvent>,
  options: ShowAnswerOptions,
): Promise<AnswerOutcome> {
  const { out, status, forPerson, signal } = options;
  const writer = createWriter(out, forPerson);
  const output = { content: "", reasoning: "" };
  let end: EndEvent | undefined;
  let error: AnswerOutcome["error"];
  try {
    for await (const event of events) {
      if (event.type === "token") {
        const part = partOf(event.part);
        if (part === undefined || event.text === "") continue;
        status.clear();
        output[part] += event.text;
        writer.write(part, event.text);
      } else if (event.type === "end") end = event;
      else {
        const words = statusWords(event);
        if (words !== undefined && output.content + output.reasoning === "") status.show(words);
      }
    }
  } catch (thrown) {
    if (thrown instanceof WaggleError) error = thrown;
    else if (!signal.aborted) throw thrown;
  } finally {
    status.clear();
    writer.finish();
  }
  return { text: output.content, reasoning: output.reasoning, end, error, stopped: signal.aborted };
}

/** Undefined for tool calls: the command line offers no tools to the model, so answers should contain no calls. */
function partOf(part: string | undefined): ShownPart | undefined {
  if (part === undefined || part === "content") return "content";
  return part === "reasoning" ? part : undefined;
}

function statusWords(event: Exclude<AnswerEvent, { type: "token" | "end" }>): string | undefined {
  switch (event.type) {
    case "retry":
      return `${event.reason.replace(/\.$/, "")}; trying again`;
    case "queued": {
      const eta = event.eta_ms === undefined ? "" : `, about ${formatDuration(event.eta_ms)}`;
      return event.position === 0 ? undefined : `waiting, position ${event.position}${eta}`;
    }
    case "status":
      return phaseWords(event);
    case "started":
    case "tool_call":
    case "tool_result":
    case "error":
      return undefined;
  }
}

function phaseWords({ status, prompt_progress: progress }: StatusEvent): string | undefined {
  if (status === "loading") return "loading the model";
  if (status === "resuming") return "loading the model again";
  if (status === "parked") return "parked: waiting for room";
  if (status === "continued") return undefined;
  return `reading the prompt${progress === undefined ? "" : ` ${formatPercent(progress.processed / progress.total)}`}`;
}

interface Writer {
  write(part: ShownPart, text: string): void;
  finish(): void;
}

function createWriter(out: Output, forPerson: boolean): Writer {
  const wrap = createWordWrap(out.columns);
  let part: ShownPart | undefined;
  let atLineStart = true;
  let begun = false;

  function emit(text: string): void {
    if (text === "") return;
    out.control(part === "reasoning" ? out.style.dim(text) : text);
    atLineStart = text.endsWith("\n");
  }

  /** Many models begin an answer with a space or an empty line, which is not shown. */
  function fromBegin(text: string): string {
    const seen = begun ? text : text.trimStart();
    begun ||= seen !== "";
    return seen;
  }

  return {
    write(next, raw) {
      if (!forPerson) return next === "content" ? emit(fromBegin(out.isTerminal ? printable(raw) : raw)) : undefined;
      const text = printable(raw);
      if (part !== undefined && part !== next) {
        out.write(atLineStart ? "\n" : "\n\n");
        wrap.reset();
      }
      if (part !== next) begun = false;
      part = next;
      emit(wrap.push(fromBegin(text)));
    },
    finish() {
      if (!atLineStart) out.write("\n");
    },
  };
}

/** Such as `153 tokens, 124 tokens/s, first token after 27 ms`. */
export function statsOf({ end }: Pick<AnswerOutcome, "end">): string {
  if (end === undefined) return "";
  const { usage, timings } = end;
  const words = [
    counted(usage.completion_tokens, "token"),
    timings.tokens_per_second > 0
      ? `${timings.tokens_per_second.toFixed(timings.tokens_per_second < 10 ? 1 : 0)} tokens/s`
      : "",
    `first token after ${formatDuration(timings.queue_ms + timings.prefill_ms)}`,
    usage.cached_tokens > 0 ? `${usage.cached_tokens} of ${counted(usage.prompt_tokens, "prompt token")} cached` : "",
    endWords(end),
  ];
  return words.filter((word) => word !== "").join(", ");
}

function endWords({ finish_reason: reason, stopped_by: by }: EndEvent): string {
  if (reason === "cancelled") return "cancelled";
  if (reason === "stop") return "";
  if (by === "context") return "cut: the context is full";
  return by === "repetition" ? "cut: it repeated itself" : "cut at max_tokens";
}
