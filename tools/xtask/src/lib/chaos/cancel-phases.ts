// Owns the phases in which a job can be ended: how to bring a job into one, and how its stream shows afterwards that it was there.
import { isQueued, isStarted, isToken, type LiveStream } from "@waggle/harness";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { freshId } from "./ways.ts";

export interface Phase {
  readonly name: "loading" | "queued" | "prefill" | "decode";
  /** Begins differently each time, so that no slot holds a prefix of it already. */
  request(): Pick<GenerateRequestInput, "prompt">;
  /** Whether the job holds a slot by then. */
  readonly inSlot: boolean;
  /** Resolves when the stream shows that the job is in this phase. */
  reached(stream: LiveStream): Promise<unknown>;
  /** Whether a stream with these events ended in this phase. */
  endedHere(events: readonly StreamEvent[]): boolean;
}

/** Each is a token of the fake model: at 16 a step the prefill takes hundreds of steps. */
const longPromptWords = 6_000;
/** Tokens after which a stream is decoding beyond doubt. */
const decodingFrom = 3;

const isLoading = (event: StreamEvent): boolean => event.type === "status" && event.status === "loading";
const isDecoding = (event: StreamEvent): boolean => isToken(event) && event.index >= decodingFrom;
const short = (): { prompt: string } => ({ prompt: `${freshId("No")}: tell me about the hive.` });
const waits = { request: short, inSlot: false, endedHere: (events: readonly StreamEvent[]) => !events.some(isStarted) };

export const loading: Phase = {
  ...waits,
  name: "loading",
  reached: (stream) => stream.event("the status loading", isLoading),
};

export const queued: Phase = {
  ...waits,
  name: "queued",
  reached: (stream) => stream.event("a place in the queue", isQueued),
};

export const prefill: Phase = {
  name: "prefill",
  request: () => ({ prompt: `${freshId("No")}: ${"bee ".repeat(longPromptWords)}` }),
  inSlot: true,
  reached: (stream) => stream.event("the prefill's start", isStarted),
  endedHere: (events) => events.some(isStarted) && !events.some(isToken),
};

export const decode: Phase = {
  name: "decode",
  request: short,
  inSlot: true,
  reached: (stream) => stream.event("some tokens", isDecoding),
  endedHere: (events) => events.some(isToken),
};
