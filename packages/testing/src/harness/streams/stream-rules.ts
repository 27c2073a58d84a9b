// Owns the rules of a stream, from docs/streams.md: order, gapless indexes, one terminal event, [DONE]. Pure.
import { createHash } from "node:crypto";
import {
  DONE,
  isTerminal,
  StreamEventSchema,
  type EndEvent,
  type StreamEvent,
  type TerminalEvent,
  type TokenEvent,
} from "@waggle/protocol";
import type { SseFrame } from "@waggle/protocol/sse";
import { objectIn } from "../processes/log.ts";
import type { TokenTimes } from "./realness.ts";

/** Takes frames one by one as they arrive. */
export interface StreamJudge {
  /** Returns the frame's event; undefined for `[DONE]`, and for an invalid frame. */
  take(frame: SseFrame, arrivalMs: number): StreamEvent | undefined;
  /** A text for each broken rule so far, at most 5. Covers the rules that hold for every stream, whatever its ending. */
  readonly problems: readonly string[];
  readonly tokens: readonly TokenTimes[];
  readonly text: string;
  /** Number of the model's tokens: an event may carry several. */
  readonly modelTokens: number;
  readonly queueMs: number;
  readonly terminal: TerminalEvent | undefined;
  /** Whether `[DONE]` has arrived. */
  readonly done: boolean;
}

/** Often every event of a stream breaks the same rule. */
const problemsLimit = 5;

/** @param after the token index from which the stream was resumed; -1 for a stream from its beginning */
export function createStreamJudge(after = -1): StreamJudge {
  const judge = {
    problems: [] as string[],
    tokens: [] as TokenTimes[],
    text: "",
    modelTokens: 0,
    queueMs: 0,
    terminal: undefined as TerminalEvent | undefined,
    done: false,
    take,
  };
  let nextIndex = after + 1;
  let started = false;
  let streamId: string | undefined;
  /** The text of each choice. */
  const texts = new Map<number, string>();

  function complain(problem: string): void {
    if (judge.problems.length < problemsLimit) judge.problems.push(problem);
  }

  function takeEvent(event: StreamEvent, frame: SseFrame, arrivalMs: number): void {
    if (frame.event !== event.type)
      complain(`an event of type ${event.type} came in a frame named ${frame.event ?? ""}`);
    streamId ??= event.stream_id;
    if (event.stream_id !== streamId) complain(`stream_id changed from ${streamId} to ${event.stream_id}`);
    if (judge.terminal !== undefined) complain(`${event.type} came after ${judge.terminal.type}`);
    switch (event.type) {
      case "queued":
        if (started) complain("queued came after started");
        break;
      case "status":
        break;
      case "tool_call":
      case "tool_result":
        complain(`${event.type} came without mcp_tools`);
        break;
      case "started":
        if (started) complain("started came twice");
        started = true;
        judge.queueMs = event.queue_ms;
        break;
      case "token":
        if (!started) complain("a token came before started");
        if (event.index !== nextIndex) complain(`token ${event.index} came where ${nextIndex} was due`);
        if (frame.id !== String(event.index))
          complain(`token ${event.index} came in a frame with the id ${frame.id ?? ""}`);
        nextIndex = event.index + 1;
        judge.tokens.push({ tMs: event.t_ms, arrivalMs });
        judge.modelTokens += modelTokensOf(event);
        judge.text += event.text;
        texts.set(event.choice ?? 0, (texts.get(event.choice ?? 0) ?? "") + event.text);
        break;
      case "end":
        // A resumed stream lacks the beginning of the text, so its receipt cannot be checked.
        if (after === -1) checkReceipt(event);
        if (frame.id !== String(nextIndex))
          complain(`the end came with the id ${frame.id ?? ""} where ${nextIndex} was due`);
        break;
      case "error":
        break;
    }
    if (isTerminal(event)) judge.terminal ??= event;
  }

  function checkReceipt({ receipt, choices }: EndEvent): void {
    const promised = choices?.map(({ text_sha256: sha256 }) => sha256) ?? [receipt?.text_sha256];
    for (const [choice, sha256] of promised.entries()) {
      const due = createHash("sha256")
        .update(texts.get(choice) ?? "")
        .digest("hex");
      if (sha256 !== undefined && sha256 !== due) complain("its receipt is of another text");
    }
  }

  function take(frame: SseFrame, arrivalMs: number): StreamEvent | undefined {
    if (judge.done) complain(`something came after ${DONE}`);
    if (frame.data === DONE) {
      if (judge.terminal?.type !== "end") complain(`${DONE} came without an end before it`);
      judge.done = true;
      return undefined;
    }
    const parsed = StreamEventSchema.safeParse(objectIn(frame.data));
    if (parsed.success) takeEvent(parsed.data, frame, arrivalMs);
    else complain(`this is no event: ${frame.data.slice(0, 100)}`);
    return parsed.data;
  }

  return judge;
}

/** An event with delayed text has neither `n` nor `ids`: an earlier event counted its tokens. */
function modelTokensOf({ n, ids }: TokenEvent): number {
  return n ?? ids?.length ?? 0;
}

/** The reasons why a stream is not a complete answer; empty for a complete answer. @param broken why the connection broke */
export function incompleteness(judge: StreamJudge, broken?: string): string[] {
  const { terminal, done, text, modelTokens } = judge;
  const problems = judge.problems.map((problem) => `The stream breaks the protocol: ${problem}`);
  // After an error event the worker destroys the connection on purpose.
  if (terminal?.type === "error") return [...problems, `The job failed: ${terminal.code}: ${terminal.message}`];
  if (broken !== undefined) return [...problems, broken];
  if (terminal === undefined) return [...problems, "The stream breaks the protocol: it ended without end or error"];
  return [
    ...problems,
    ...(done ? [] : ["The stream breaks the protocol: end without [DONE]"]),
    ...(terminal.finish_reason === "cancelled"
      ? [`The job was cancelled, by ${terminal.cancelled_by ?? "an unknown side"}`]
      : []),
    ...(text.trim() === "" ? ["The stream carried no text"] : []),
    ...usageProblems(terminal, modelTokens),
  ];
}

/** With `stop`, the usage may count one token more than arrived: the token that ends generation has no text. */
function usageProblems(end: EndEvent, modelTokens: number): string[] {
  const { completion_tokens: counted } = end.usage;
  const silent = counted - modelTokens;
  if (silent === 0 || (silent === 1 && end.finish_reason === "stop")) return [];
  return [`The stream breaks the protocol: ${modelTokens} tokens arrived, and its usage counts ${counted}`];
}
