// Owns an answer: what is known of it, and how each event of its stream changes that. Pure; it knows no network and no page.
import type { StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import type { Problem } from "../wire/problem.ts";

export type AnswerPhase =
  | "sending"
  | "waiting"
  | "loading"
  | "thinking"
  | "streaming"
  /** Ended by itself. */
  | "done"
  /** Ended by the visitor, or by the next message. */
  | "stopped"
  | "broken";

export interface Answer {
  readonly role: "assistant";
  readonly id: string;
  /** The page's own, and the stream's id: every event is checked against it. */
  readonly jobId: string;
  readonly phase: AnswerPhase;
  /** Which one answers, where the worker has several: as it was asked for, then as the worker says. */
  readonly model?: string;
  readonly text: string;
  /** What the model thought before it spoke. */
  readonly thoughts?: string;
  /** Of the last token event; -1 before the first. */
  readonly lastIndex: number;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** In line; 1 is next. */
  readonly position?: number;
  /** While it waits: until its first token, as the worker estimates. */
  readonly etaMs?: number;
  /** While its prompt is computed: how much of it is, 0 to 1. */
  readonly promptShare?: number;
  /** The connection is lost and being sought again. */
  readonly reconnecting?: boolean;
  readonly ttftMs?: number;
  /** `t_ms` of the first token. */
  readonly firstTokenMs?: number;
  readonly tokens: number;
  readonly tokensPerSecond?: number;
  readonly promptTokens?: number;
  /** The answer ran into its limit of tokens. */
  readonly cutShort?: boolean;
  /** Earlier messages that were left out because the context cannot hold them. */
  readonly leftOut?: number;
  readonly problem?: Problem;
}

export function newAnswer(id: string, jobId: string, sentAt: number): Answer {
  return { role: "assistant", id, jobId, phase: "sending", text: "", lastIndex: -1, sentAt, tokens: 0 };
}

/** Whether more is to come. */
export function isLive(answer: Answer): boolean {
  return answer.phase !== "done" && answer.phase !== "stopped" && answer.phase !== "broken";
}

/** Whether it waits for a slot, or for its model. */
export function hasNotBegun(answer: Answer | undefined): boolean {
  return answer?.phase === "sending" || answer?.phase === "waiting" || answer?.phase === "loading";
}

/** The answer after one event. An event of another stream, or after the end, changes nothing. */
export function applyEvent(answer: Answer, event: StreamEvent, now: number): Answer {
  if (event.stream_id !== answer.jobId || !isLive(answer)) return answer;
  switch (event.type) {
    case "queued":
      if (answer.text !== "") return answer;
      return event.position === 0
        ? { ...without(answer, "position"), phase: "thinking" }
        : {
            ...without(answer, "etaMs"),
            phase: "waiting",
            position: event.position,
            ...(event.eta_ms === undefined ? {} : { etaMs: event.eta_ms }),
          };
    case "status":
      // Who goes on shows what there is so far.
      if (answer.text !== "" || event.status === "continued" || event.status === "resuming") return answer;
      return { ...without(answer, "position"), phase: event.status, ...shareOf(event) };
    case "started":
      return {
        ...without(answer, "position"),
        phase: beforeText(answer, "thinking"),
        ...(answer.model === undefined ? {} : { model: event.model }),
        promptTokens: event.prompt_tokens,
      };
    case "token":
      return applyToken(answer, event, now);
    case "end":
      return {
        ...without(answer, "position"),
        phase: event.finish_reason === "cancelled" ? "stopped" : "done",
        cutShort: event.finish_reason === "length",
        tokens: event.usage.completion_tokens,
        ...(event.timings.tokens_per_second > 0 ? { tokensPerSecond: event.timings.tokens_per_second } : {}),
      };
    case "error":
      return broken(answer, {
        code: event.code,
        message: event.message,
        ...(event.details === undefined ? {} : { details: event.details }),
      });
  }
}

function applyToken(answer: Answer, event: TokenEvent, now: number): Answer {
  if (event.index <= answer.lastIndex) return answer;
  const firstTokenMs = answer.firstTokenMs ?? event.t_ms;
  const tokens = answer.tokens + (event.n ?? event.ids?.length ?? 0);
  const spanMs = event.t_ms - firstTokenMs;
  return {
    ...without(answer, "position"),
    phase: "streaming",
    ...withSaid(answer, event),
    lastIndex: event.index,
    ttftMs: answer.ttftMs ?? Math.max(0, now - answer.sentAt),
    firstTokenMs,
    tokens,
    // Half a second of tokens is the least that makes a rate worth showing.
    ...(spanMs >= 500 ? { tokensPerSecond: ((tokens - 1) * 1_000) / spanMs } : {}),
  };
}

/** A call has no place on this page yet: it offers no tools, so none comes. */
function withSaid(answer: Answer, { part = "content", text }: TokenEvent): Partial<Answer> {
  if (part === "reasoning") return { thoughts: (answer.thoughts ?? "") + text };
  return part === "content" ? { text: answer.text + text } : {};
}

function beforeText(answer: Answer, phase: AnswerPhase): AnswerPhase {
  return answer.text === "" ? phase : answer.phase;
}

export function broken(answer: Answer, problem: Problem): Answer {
  return { ...without(without(answer, "position"), "reconnecting"), phase: "broken", problem };
}

/** What was said stays. */
export function stopped(answer: Answer): Answer {
  return { ...without(without(answer, "position"), "reconnecting"), phase: "stopped" };
}

/** The same answer, live again after its stream was given up. */
export function revived(answer: Answer): Answer {
  return { ...without(answer, "problem"), phase: answer.text === "" ? "sending" : "streaming" };
}

export function withReconnecting(answer: Answer, reconnecting: boolean): Answer {
  if (!isLive(answer) || (answer.reconnecting ?? false) === reconnecting) return answer;
  return reconnecting ? { ...answer, reconnecting } : without(answer, "reconnecting");
}

function shareOf({ prompt_progress: progress }: StatusEvent): Pick<Answer, "promptShare"> {
  return progress === undefined ? {} : { promptShare: progress.processed / progress.total };
}

function without(answer: Answer, key: "position" | "etaMs" | "reconnecting" | "problem"): Answer {
  const { [key]: _, ...rest } = answer;
  return rest;
}
