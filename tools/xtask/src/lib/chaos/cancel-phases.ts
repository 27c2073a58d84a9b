// Owns the phases in which a job can be ended: how to bring a job into one, and how its stream shows afterwards that it was there.
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import type { LiveStream } from "./live-stream.ts";
import { isQueued, isStarted, isToken } from "./stream-events.ts";
import { freshId } from "./ways.ts";

export type PhaseName = "loading" | "queued" | "prefill" | "decode";

export interface Phase {
  readonly name: PhaseName;
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

const started = (events: readonly StreamEvent[]): boolean => events.some(isStarted);
const decoded = (events: readonly StreamEvent[]): boolean => events.some(isToken);
const short = (): { prompt: string } => ({ prompt: `${freshId("No")}: tell me about the hive.` });

export const phases: Readonly<Record<PhaseName, Phase>> = {
  loading: {
    name: "loading",
    request: short,
    inSlot: false,
    reached: (stream) =>
      stream.event("the status loading", (event) => event.type === "status" && event.status === "loading"),
    endedHere: (events) => !started(events),
  },
  queued: {
    name: "queued",
    request: short,
    inSlot: false,
    reached: (stream) => stream.event("a place in the queue", isQueued),
    endedHere: (events) => !started(events),
  },
  prefill: {
    name: "prefill",
    request: () => ({ prompt: `${freshId("No")}: ${"bee ".repeat(longPromptWords)}` }),
    inSlot: true,
    reached: (stream) => stream.event("the prefill's start", isStarted),
    endedHere: (events) => started(events) && !decoded(events),
  },
  decode: {
    name: "decode",
    request: short,
    inSlot: true,
    reached: (stream) => stream.event("some tokens", (event) => isToken(event) && event.index >= decodingFrom),
    endedHere: decoded,
  },
};
