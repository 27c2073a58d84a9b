// Owns the rules that a finished stream must keep to, after docs/protocol.md: order, gapless indexes, one terminal event, [DONE]. Pure.
import { DONE, isTerminal, StreamEventSchema, type EndEvent, type StreamEvent } from "@waggle/protocol";
import type { TokenTimes } from "./realness.ts";
import type { ReceivedFrame } from "./stream.ts";

export interface StreamRecord {
  /** What was wrong with the stream; empty when nothing was. */
  readonly failures: readonly string[];
  readonly tokens: readonly TokenTimes[];
  readonly text: string;
  /** Model tokens received. */
  readonly modelTokens: number;
  /** `[DONE]` arrived, after `end`. */
  readonly done: boolean;
  readonly queueMs: number;
  readonly end: EndEvent | undefined;
}

/** Takes frames one by one as they arrive, so that the caller can show them, and judges all of them at the end of the stream. */
export interface StreamJudge {
  /** The frame's event, unless it is `[DONE]` or broken. */
  take(received: ReceivedFrame): StreamEvent | undefined;
  /** @param broken why the stream came to no proper end, if it did not */
  finish(broken?: string): StreamRecord;
}

/** One broken rule tends to be broken by each event. */
const complaintsLimit = 5;

export function createStreamJudge(): StreamJudge {
  const failures: string[] = [];
  const tokens: TokenTimes[] = [];
  let text = "";
  let nextIndex = 0;
  let modelTokens = 0;
  let queueMs = 0;
  let started = false;
  let streamId: string | undefined;
  let terminal: StreamEvent | undefined;
  let done = false;

  function complain(problem: string): void {
    if (failures.length < complaintsLimit) failures.push(`The stream breaks the protocol: ${problem}`);
  }

  function takeDone(): void {
    if (terminal?.type !== "end") complain("[DONE] without an end before it");
    done = true;
  }

  function takeEvent(event: StreamEvent, { frame, arrivalMs }: ReceivedFrame): void {
    if (frame.event !== event.type)
      complain(`an event of type "${event.type}" is named "${frame.event ?? ""}" by its frame`);
    streamId ??= event.stream_id;
    if (event.stream_id !== streamId) complain(`stream_id changed from ${streamId} to ${event.stream_id}`);
    switch (event.type) {
      case "queued":
        if (started) complain("queued after started");
        break;
      case "status":
        break;
      case "started":
        if (started) complain("a second started");
        started = true;
        queueMs = event.queue_ms;
        break;
      case "token":
        if (!started) complain("a token before started");
        if (event.index !== nextIndex) complain(`token index ${event.index} where ${nextIndex} was due`);
        nextIndex = event.index + 1;
        if (frame.id !== String(event.index))
          complain(`the frame of token ${event.index} has the id "${frame.id ?? ""}"`);
        tokens.push({ tMs: event.t_ms, arrivalMs });
        modelTokens += event.n ?? 1;
        text += event.text;
        break;
      case "end":
      case "error":
        terminal = event;
        break;
    }
  }

  function endProblems(end: EndEvent): string[] {
    return [
      ...(done ? [] : ["The stream breaks the protocol: end without [DONE]"]),
      ...(end.finish_reason === "cancelled" ? [`The job was cancelled, by ${end.cancelled_by ?? "nobody"}`] : []),
      ...(text.trim() === "" ? ["The stream carried no text"] : []),
      ...usageProblems(end, modelTokens),
    ];
  }

  return {
    take(received) {
      const { data } = received.frame;
      if (done || (terminal !== undefined && data !== DONE))
        complain(`something follows the end: ${data.slice(0, 100)}`);
      if (data === DONE) {
        takeDone();
        return undefined;
      }
      const parsed = StreamEventSchema.safeParse(jsonOf(data));
      if (!parsed.success) {
        complain(`this is no event: ${data.slice(0, 100)}`);
        return undefined;
      }
      if (!(terminal !== undefined && isTerminal(parsed.data))) takeEvent(parsed.data, received);
      else complain("a second terminal event");
      return parsed.data;
    },
    finish(broken) {
      const end = terminal?.type === "end" ? terminal : undefined;
      // After an error event the worker destroys the connection on purpose.
      if (terminal?.type === "error") failures.push(`The job failed: ${terminal.code}: ${terminal.message}`);
      else if (broken !== undefined) failures.push(broken);
      else if (end === undefined) complain("it ended without end or error");
      else failures.push(...endProblems(end));
      return { failures, tokens, text, modelTokens, done, queueMs, end };
    },
  };
}

/** The token that ends generation is counted in the usage and has no text, so a `stop` may count one more than arrived. */
function usageProblems(end: EndEvent, modelTokens: number): string[] {
  const { completion_tokens: counted } = end.usage;
  const silent = counted - modelTokens;
  if (silent === 0 || (silent === 1 && end.finish_reason === "stop")) return [];
  return [`The stream breaks the protocol: ${modelTokens} tokens arrived, and its usage counts ${counted}`];
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
