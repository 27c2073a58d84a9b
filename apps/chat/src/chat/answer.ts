// Owns an answer: what is known of it, and how each event of its stream changes that. Pure; it knows no network and no page.
import type { EndEvent, StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import type { Problem } from "../wire/problem.ts";
import { withCall, withCuts } from "./tool-calls/tool-calls.ts";
import type { CallSaid } from "./tool-calls/tool-calls.ts";
import type { TreeTurn } from "./turn-tree.ts";

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

export interface Answer extends TreeTurn {
  readonly role: "assistant";
  /** The page's own, and the stream's id: every event is checked against it. */
  readonly jobId: string;
  /** Counts how often it was taken up again: by another try at its stream, or by a further job that continues it. */
  readonly attempt?: number;
  /** When the job was sent, where that is not when the first one was: milliseconds since 1970. */
  readonly jobSentAt?: number;
  /** What it had before the job that continues it: tokens, and so that it was continued at all. */
  readonly continuedAfter?: number;
  /** The visitor's words in the place of the model's. */
  readonly edited?: true;
  readonly phase: AnswerPhase;
  /** Which one answers, where the worker has several: as it was asked for, then as the worker says. */
  readonly model?: string;
  readonly text: string;
  /** What the model thought before it spoke. */
  readonly thoughts?: string;
  /** How long it thought, all thoughts together. */
  readonly thoughtMs?: number;
  /** While it thinks: what `thoughtMs` is counted from, on the clock of the job's `t_ms`. */
  readonly thinkingFromMs?: number;
  /** What it wants tools to do. */
  readonly calls?: readonly CallSaid[];
  /** Of the job's last token event; -1 before the first. */
  readonly lastIndex: number;
  /** In line; 1 is next. */
  readonly position?: number;
  /** While it waits: until its first token, as the worker estimates. */
  readonly etaMs?: number;
  /** While its prompt is computed: how much of it is, 0 to 1. */
  readonly promptShare?: number;
  /** The connection is lost and being sought again. */
  readonly reconnecting?: boolean;
  /** When it is sought next, milliseconds since 1970. */
  readonly reconnectAt?: number;
  readonly ttftMs?: number;
  /** `t_ms` of the first token. */
  readonly firstTokenMs?: number;
  readonly tokens: number;
  readonly tokensPerSecond?: number;
  readonly promptTokens?: number;
  /** The answer ran into a limit. */
  readonly cutShort?: boolean;
  /** What ended it, as the worker says. */
  readonly stoppedBy?: EndEvent["stopped_by"];
  /** Earlier messages that were left out because the context cannot hold them. */
  readonly leftOut?: number;
  readonly problem?: Problem;
}

/** @param parent the turn that it answers */
export function newAnswer(id: string, jobId: string, sentAt: number, parent?: string): Answer {
  return {
    role: "assistant",
    id,
    ...(parent === undefined ? {} : { parent }),
    jobId,
    phase: "sending",
    text: "",
    lastIndex: -1,
    sentAt,
    tokens: 0,
  };
}

/** What the visitor would have had the model say. */
export function editedAnswer(id: string, jobId: string, sentAt: number, of: Answer, text: string): Answer {
  return { ...newAnswer(id, jobId, sentAt, of.parent), phase: "done", text, edited: true };
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
      if (answer.lastIndex >= 0) return answer;
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
      if (answer.lastIndex >= 0 || event.status === "continued" || event.status === "resuming") return answer;
      return { ...without(answer, "position"), phase: event.status, ...shareOf(event) };
    case "started":
      return {
        ...without(answer, "position"),
        phase: answer.lastIndex < 0 ? "thinking" : answer.phase,
        ...(answer.model === undefined ? {} : { model: event.model }),
        promptTokens: event.prompt_tokens,
      };
    case "token":
      return applyToken(answer, event, now);
    case "end":
      return {
        ...without(without(answer, "position"), "thinkingFromMs"),
        ...(answer.calls === undefined ? {} : { calls: withCuts(answer.calls, event.message) }),
        phase: event.finish_reason === "cancelled" ? "stopped" : "done",
        cutShort: event.finish_reason === "length",
        ...(event.stopped_by === undefined ? {} : { stoppedBy: event.stopped_by }),
        tokens: (answer.continuedAfter ?? 0) + event.usage.completion_tokens,
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
    ...without(withThinking(answer, event), "position"),
    phase: "streaming",
    ...withSaid(answer, event),
    lastIndex: event.index,
    ttftMs: answer.ttftMs ?? Math.max(0, now - answer.sentAt),
    firstTokenMs,
    tokens,
    // Half a second of tokens is the least that makes a rate worth showing.
    ...(spanMs >= 500 ? { tokensPerSecond: ((tokens - (answer.continuedAfter ?? 0) - 1) * 1_000) / spanMs } : {}),
  };
}

function withSaid(answer: Answer, event: TokenEvent): Partial<Answer> {
  const { part = "content", text } = event;
  switch (part) {
    case "reasoning":
      return { thoughts: (answer.thoughts ?? "") + text };
    case "content":
      return { text: answer.text + text };
    case "call":
    case "arguments":
      return { calls: withCall(answer.calls ?? [], event) };
  }
}

/** From its first token to the first one of something else a thought takes its time; several take it together. */
function withThinking(answer: Answer, { part, t_ms: ms }: TokenEvent): Answer {
  const { thinkingFromMs, thoughtMs = 0 } = answer;
  if (part === "reasoning") {
    const from = thinkingFromMs ?? ms - thoughtMs;
    return { ...answer, thinkingFromMs: from, thoughtMs: ms - from };
  }
  return thinkingFromMs === undefined
    ? answer
    : { ...without(answer, "thinkingFromMs"), thoughtMs: ms - thinkingFromMs };
}

/** Whether the tokens that come are thoughts. */
export function isThinking(answer: Answer): boolean {
  return isLive(answer) && answer.thinkingFromMs !== undefined;
}

/** Whether it waits for what its calls give. */
export function wantsResults({ phase, calls = [] }: Answer): boolean {
  return phase === "done" && calls.length > 0 && calls.every(({ cut }) => cut !== true);
}

export function broken(answer: Answer, problem: Problem): Answer {
  return { ...resting(answer), phase: "broken", problem };
}

/** What was said stays. */
export function stopped(answer: Answer): Answer {
  return { ...resting(answer), phase: "stopped" };
}

/** Without what is true only while more comes. */
function resting(answer: Answer): Answer {
  return connected(without(without(answer, "position"), "thinkingFromMs"));
}

/** The same answer, live again after its stream was given up. */
export function revived(answer: Answer): Answer {
  return {
    ...without(answer, "problem"),
    attempt: (answer.attempt ?? 0) + 1,
    phase: answer.lastIndex < 0 ? "sending" : "streaming",
  };
}

/** Whether there is something to go on from, and nothing that comes by itself. */
export function canContinue(answer: Answer): boolean {
  return answer.text.trim() !== "" && answer.calls === undefined && !isLive(answer);
}

/** Whether nothing of it has been shown: another try may take its place. */
export function isEmpty({ text, thoughts = "", calls = [] }: Answer): boolean {
  return text === "" && thoughts === "" && calls.length === 0;
}

/** The same answer with a further job, which goes on from what there is; from the beginning where there is nothing. */
export function continued(answer: Answer, jobId: string, now: number): Answer {
  const {
    problem: _,
    cutShort: __,
    stoppedBy: ___,
    firstTokenMs: ____,
    tokensPerSecond: _____,
    thinkingFromMs: ______,
    ...kept
  } = answer;
  return {
    ...kept,
    jobId,
    phase: "sending",
    lastIndex: -1,
    attempt: (answer.attempt ?? 0) + 1,
    jobSentAt: now,
    ...(isEmpty(answer) ? { sentAt: now } : { continuedAfter: answer.tokens }),
  };
}

/** @param reconnectAt when the lost connection is sought again; undefined: there is one */
export function withReconnecting(answer: Answer, reconnectAt: number | undefined): Answer {
  if (!isLive(answer)) return answer;
  if (reconnectAt !== undefined) return { ...answer, reconnecting: true, reconnectAt };
  return answer.reconnecting === undefined ? answer : connected(answer);
}

function connected(answer: Answer): Answer {
  return without(without(answer, "reconnecting"), "reconnectAt");
}

function shareOf({ prompt_progress: progress }: StatusEvent): Pick<Answer, "promptShare"> {
  return progress === undefined ? {} : { promptShare: progress.processed / progress.total };
}

type Passing = "position" | "etaMs" | "reconnecting" | "reconnectAt" | "problem" | "thinkingFromMs";

function without(answer: Answer, key: Passing): Answer {
  const { [key]: _, ...rest } = answer;
  return rest;
}
