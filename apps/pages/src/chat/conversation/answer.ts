// Owns the state of an answer, and how each event of its stream changes that state. Pure.
import type { EndEvent, StatusEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import type { Problem } from "../../wire/problem.ts";
import type { Overrides } from "../compare/overrides.ts";
import { withCall, withCuts, type ToolCall } from "../tool-calls/tool-calls.ts";
import { withToolEvent, type McpStep } from "../mcp/mcp-steps.ts";
import type { TreeMessage } from "./message-tree.ts";

export const answerPhases = [
  "sending",
  "waiting",
  "loading",
  "thinking",
  "streaming",
  /** Complete, or ended at a limit. */
  "done",
  /** Ended by the visitor, or by the next message. */
  "stopped",
  "broken",
] as const;
type AnswerPhase = (typeof answerPhases)[number];

export interface Answer extends TreeMessage {
  readonly role: "assistant";
  /** Id of the answer's job, chosen by the page. Each event of the job's stream has this id. */
  readonly jobId: string;
  /** Number of further tries: new connections to the stream, and further jobs for the answer. */
  readonly attempt?: number;
  /** When the last further job was sent. Milliseconds since 1970. */
  readonly jobSentAt?: number;
  /** Number of tokens before the continuing job; absent in an answer that was never continued. */
  readonly continuedAfter?: number;
  /** Set if the visitor wrote the text. */
  readonly edited?: true;
  readonly phase: AnswerPhase;
  /** At a worker with several models: the model as requested, then as the worker reports it. */
  readonly model?: string;
  /** Settings of this answer in place of the conversation's. */
  readonly overrides?: Overrides;
  readonly text: string;
  /** The reasoning before the answer. */
  readonly thoughts?: string;
  /** Thinking time of all thoughts together. */
  readonly thoughtMs?: number;
  /** Start of `thoughtMs` while the model thinks, on the clock of the job's `t_ms`. */
  readonly thinkingFromMs?: number;
  readonly calls?: readonly ToolCall[];
  /** Earlier messages of the answer, whose calls of MCP tools the worker has run. */
  readonly mcpSteps?: readonly McpStep[];
  /** Index of the job's last token event; -1 before the first. */
  readonly lastIndex: number;
  /** Queue position; 1 is next. */
  readonly position?: number;
  /** The worker's estimate of the time to the first token, while the job waits. */
  readonly etaMs?: number;
  /** Processed share of the prompt, 0 to 1. */
  readonly promptShare?: number;
  /** Whether the worker has parked the job, because its context memory is full or another client got its slot. */
  readonly parked?: true;
  /** Whether the connection is lost and the page tries to reconnect. */
  readonly reconnecting?: boolean;
  /** When the page reconnects. Milliseconds since 1970. */
  readonly reconnectAt?: number;
  readonly ttftMs?: number;
  /** `t_ms` of the first token. */
  readonly firstTokenMs?: number;
  readonly tokens: number;
  readonly tokensPerSecond?: number;
  readonly promptTokens?: number;
  /** Whether the answer reached a limit. */
  readonly cutShort?: boolean;
  /** The worker's reason for the end. */
  readonly stoppedBy?: EndEvent["stopped_by"];
  /** Number of earlier messages that were left out because the context cannot hold all messages. */
  readonly leftOut?: number;
  readonly problem?: Problem;
}

/** @param parent the message that the answer follows */
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

/** An answer with the visitor's text. */
export function editedAnswer(id: string, jobId: string, sentAt: number, of: Answer, text: string): Answer {
  return { ...newAnswer(id, jobId, sentAt, of.parent), phase: "done", text, edited: true };
}

/** Whether the answer has not ended. */
export function isLive(answer: Answer): boolean {
  return answer.phase !== "done" && answer.phase !== "stopped" && answer.phase !== "broken";
}

/** Whether the answer waits to be sent, for a slot or for its model. */
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
      if (event.status === "parked") return { ...answer, parked: true };
      // A continued answer already shows its earlier text.
      if (answer.lastIndex >= 0 || event.status === "continued" || event.status === "resuming") return answer;
      return { ...without(answer, "position", "parked"), phase: event.status, ...shareOf(event) };
    case "started":
      return {
        ...without(answer, "position"),
        phase: answer.lastIndex < 0 ? "thinking" : answer.phase,
        ...(answer.model === undefined ? {} : { model: event.model }),
        promptTokens: event.prompt_tokens,
      };
    case "token":
      return applyToken(answer, event, now);
    case "tool_call":
    case "tool_result":
      return withToolEvent(answer, event);
    case "end":
      return {
        ...resting(answer),
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
    ...without(withThinking(answer, event), "position", "parked"),
    phase: "streaming",
    ...withPart(answer, event),
    lastIndex: event.index,
    ttftMs: answer.ttftMs ?? Math.max(0, now - answer.sentAt),
    firstTokenMs,
    tokens,
    // A rate over less than half a second varies too much to be shown.
    ...(spanMs >= 500 ? { tokensPerSecond: ((tokens - (answer.continuedAfter ?? 0) - 1) * 1_000) / spanMs } : {}),
  };
}

function withPart(answer: Answer, event: TokenEvent): Partial<Answer> {
  const { part = "content", text } = event;
  if (part === "reasoning") return { thoughts: (answer.thoughts ?? "") + text };
  if (part === "content") return { text: answer.text + text };
  return { calls: withCall(answer.calls ?? [], event) };
}

/** A thought lasts from its first token to the first token of another part; several thoughts add up. */
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

export function isThinking(answer: Answer): boolean {
  return isLive(answer) && answer.thinkingFromMs !== undefined;
}

/** Whether the answer waits for the results of its tool calls. */
export function wantsResults({ phase, calls = [] }: Answer): boolean {
  return phase === "done" && calls.length > 0 && calls.every(({ cut }) => cut !== true);
}

export function broken(answer: Answer, problem: Problem): Answer {
  return { ...resting(answer), phase: "broken", problem };
}

/** Ends an answer, which keeps its text so far. */
export function stopped(answer: Answer): Answer {
  return { ...resting(answer), phase: "stopped" };
}

/** Removes the fields that only a streaming answer has. */
function resting(answer: Answer): Answer {
  return connected(without(answer, "position", "thinkingFromMs", "parked"));
}

/** The same answer, live again after its stream was given up. */
export function revived(answer: Answer): Answer {
  return {
    ...without(answer, "problem"),
    attempt: (answer.attempt ?? 0) + 1,
    phase: answer.lastIndex < 0 ? "sending" : "streaming",
  };
}

/** Whether the answer has ended and has a text to continue. */
export function canContinue(answer: Answer): boolean {
  return answer.text.trim() !== "" && answer.calls === undefined && answer.mcpSteps === undefined && !isLive(answer);
}

/** Whether the answer has nothing to show, so that another try can replace it. */
export function isEmpty({ text, thoughts = "", calls = [], mcpSteps = [] }: Answer): boolean {
  return text === "" && thoughts === "" && calls.length === 0 && mcpSteps.length === 0;
}

/** The same answer with a further job. That job continues the text, or starts over if the answer is empty. */
export function continued(answer: Answer, jobId: string, now: number): Answer {
  return {
    ...without(answer, "problem", "cutShort", "stoppedBy", "firstTokenMs", "tokensPerSecond", "thinkingFromMs"),
    jobId,
    phase: "sending",
    lastIndex: -1,
    attempt: (answer.attempt ?? 0) + 1,
    jobSentAt: now,
    ...(isEmpty(answer) ? { sentAt: now } : { continuedAfter: answer.tokens }),
  };
}

/** The same answer without its texts, for the same job at a worker that was restarted. */
export function restarted(answer: Answer, now: number): Answer {
  const { id, jobId, sentAt, parent, model, overrides, attempt = 0 } = answer;
  const named = { ...(model === undefined ? {} : { model }), ...(overrides === undefined ? {} : { overrides }) };
  return { ...newAnswer(id, jobId, sentAt, parent), ...named, attempt: attempt + 1, jobSentAt: now };
}

/** @param reconnectAt when the page reconnects; undefined while it is connected */
export function withReconnecting(answer: Answer, reconnectAt: number | undefined): Answer {
  if (!isLive(answer)) return answer;
  if (reconnectAt !== undefined) return { ...answer, reconnecting: true, reconnectAt };
  return answer.reconnecting === undefined ? answer : connected(answer);
}

function connected(answer: Answer): Answer {
  return without(answer, "reconnecting", "reconnectAt");
}

function shareOf({ prompt_progress: progress }: StatusEvent): Pick<Answer, "promptShare"> {
  return progress === undefined ? {} : { promptShare: progress.processed / progress.total };
}

/** The fields that an answer may lack. */
type Optional = { [Key in keyof Answer]-?: undefined extends Answer[Key] ? Key : never }[keyof Answer];

function without(answer: Answer, ...keys: readonly Optional[]): Answer {
  return keys.reduce((rest, key) => {
    const { [key]: _, ...others } = rest;
    return others;
  }, answer);
}
