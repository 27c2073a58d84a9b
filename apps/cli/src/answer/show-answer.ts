// Owns how an answer reaches a person while it comes: status before the first token, thoughts dimmed, words wrapped, and what became of it.
import type { EndEvent, StatusEvent, StreamEvent } from "@waggle/protocol";
import { type Output, type StatusLine, formatDuration, formatPercent } from "@waggle/terminal";
import { createWordWrap } from "../terminal/word-wrap.ts";

export interface AnswerOutcome {
  /** Without its thoughts. */
  readonly text: string;
  readonly reasoning: string;
  /** Undefined where the stream had no end of its own: it failed, or was stopped. */
  readonly end: EndEvent | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** By the signal. */
  readonly stopped: boolean;
}

export interface ShowAnswerOptions {
  readonly out: Output;
  readonly status: StatusLine;
  /** Thoughts are shown, and lines broken between words: for a person and not for a program. */
  readonly forPerson: boolean;
  /** Its abort stops the answer, which is an outcome and no error. */
  readonly signal: AbortSignal;
}

type Part = "content" | "reasoning";

/** What is written ends with a newline, if there is anything. @throws what the stream throws, unless it was stopped */
export async function showAnswer(
  events: AsyncIterable<StreamEvent>,
  options: ShowAnswerOptions,
): Promise<AnswerOutcome> {
  const { out, status, forPerson, signal } = options;
  const writer = createWriter(out, forPerson);
  const said = { content: "", reasoning: "" };
  let end: EndEvent | undefined;
  let error: AnswerOutcome["error"];
  try {
    for await (const event of events) {
      if (event.type === "token") {
        const part = partOf(event.part);
        if (part === undefined || event.text === "") continue;
        status.clear();
        said[part] += event.text;
        writer.write(part, event.text);
      } else if (event.type === "end") end = event;
      else if (event.type === "error") error = { code: event.code, message: event.message };
      else {
        const words = statusWords(event);
        if (words !== undefined && said.content + said.reasoning === "") status.show(words);
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    status.clear();
    writer.finish();
  }
  return { text: said.content, reasoning: said.reasoning, end, error, stopped: signal.aborted };
}

/** Calls of tools are not asked for here. */
function partOf(part: string | undefined): Part | undefined {
  if (part === undefined || part === "content") return "content";
  return part === "reasoning" ? part : undefined;
}

function statusWords(event: Exclude<StreamEvent, { type: "token" | "end" | "error" }>): string | undefined {
  switch (event.type) {
    case "queued": {
      const eta = event.eta_ms === undefined ? "" : `, about ${formatDuration(event.eta_ms)}`;
      return event.position === 0 ? undefined : `waiting, position ${event.position}${eta}`;
    }
    case "status":
      return phaseWords(event);
    case "started":
      return undefined;
  }
}

function phaseWords({ status, prompt_progress: progress }: StatusEvent): string | undefined {
  if (status === "loading") return "loading the model";
  if (status === "resuming") return "loading the model again";
  if (status === "continued") return undefined;
  return `reading the prompt${progress === undefined ? "" : ` ${formatPercent(progress.processed / progress.total)}`}`;
}

interface Writer {
  write(part: Part, text: string): void;
  finish(): void;
}

/** Escape sequences that a model says would be the terminal's to obey; what is left of them is harmless text. */
function withoutControls(text: string): string {
  return text.replaceAll(/(?![\t\n])\p{Cc}/gu, "");
}

function createWriter(out: Output, forPerson: boolean): Writer {
  const wrap = createWordWrap(out.columns);
  let part: Part | undefined;
  let atLineStart = true;
  let begun = false;

  function emit(text: string): void {
    if (text === "") return;
    out.write(part === "reasoning" ? out.style.dim(text) : text);
    atLineStart = text.endsWith("\n");
  }

  return {
    write(next, raw) {
      if (!forPerson) return next === "content" ? emit(out.isTerminal ? withoutControls(raw) : raw) : undefined;
      const text = withoutControls(raw);
      if (part !== undefined && part !== next) {
        out.write(atLineStart ? "\n" : "\n\n");
        wrap.reset();
      }
      if (part !== next) begun = false;
      part = next;
      // Many models begin with a space or an empty line, which is nothing to look at.
      const seen = begun ? text : text.trimStart();
      begun ||= seen !== "";
      emit(wrap.push(seen));
    },
    finish() {
      if (!atLineStart) out.write("\n");
    },
  };
}

/** `153 tokens, 124 tokens/s, first token after 27 ms` */
export function statsOf({ end }: Pick<AnswerOutcome, "end">): string {
  if (end === undefined) return "";
  const { usage, timings } = end;
  const words = [
    `${usage.completion_tokens} tokens`,
    timings.tokens_per_second > 0
      ? `${timings.tokens_per_second.toFixed(timings.tokens_per_second < 10 ? 1 : 0)} tokens/s`
      : "",
    `first token after ${formatDuration(timings.queue_ms + timings.prefill_ms)}`,
    usage.cached_tokens > 0 ? `${usage.cached_tokens} of ${usage.prompt_tokens} prompt tokens cached` : "",
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
