// Holds a running job: its text, its counts and the decision to end. The input is tokens and times. The module knows no slot and no backend.
import type { Pace } from "@waggle/async";
import type { AnswerReader } from "@waggle/chat-format/format";
import type { StoppedBy } from "@waggle/protocol";
import { createAnswerParts, joinPieces, type Piece } from "./answer-parts.ts";
import type { Token } from "../port/steps.ts";
import { createLineWatch, type Watched } from "./line-limits.ts";
import type { JobEvent, JobTotals, LogprobEntry } from "../port/messages.ts";
import type { AnswerSettings } from "../port/work.ts";
import { createRepetition } from "./repetition.ts";
import { createThoughtBudget, type ThoughtLimit } from "./thought-budget.ts";

type TokenEvent = Extract<JobEvent, { type: "token" }>;
type ProgressEvent = Extract<JobEvent, { type: "progress" }>;

/** Time between two progress events of a prompt: often enough for a display. */
const progressIntervalMs = 200;
/** Tokens of a portion of a replay, which take a millisecond or two: as long as so many characters of a text. */
const [portionTokens, portionChars] = [256, 4_096];

type SettingsOfSequence = Pick<AnswerSettings, "stop" | "maxTokens" | "repetitionLimit" | "lines">;

export interface SequenceOptions extends SettingsOfSequence {
  readonly jobId: string;
  readonly ignoreEos: boolean;
  readonly promptTokens: number;
  readonly contextSize: number;
  /** When the job got its slot; `begin` sets a later time. */
  readonly startedAtMs: number;
  /** Parses the answer to a conversation. */
  readonly reader?: AnswerReader | undefined;
  readonly thinking?: ThoughtLimit | undefined;
}

export interface SampledToken {
  readonly token: Token;
  readonly bytes: Uint8Array;
  /** The private character that replaces the token, if the token is a marker of the chat format. */
  readonly mark?: string | undefined;
  readonly endOfGeneration: boolean;
  readonly logprobs?: LogprobEntry;
}

export interface Accepted {
  /** Empty while the token completes no text; several events where the token's text belongs to several parts. */
  readonly events: readonly TokenEvent[];
  /** The reason of the end, if this token is the job's last. */
  readonly finish: StoppedBy | undefined;
}

export interface Sequence {
  readonly kind: "answer";
  readonly jobId: string;
  readonly completionTokens: number;
  /** All tokens sampled so far, by this engine and earlier ones, except a token that ends the generation. */
  readonly ids: readonly Token[];
  /** Maximum number of tokens that the answer may still get. */
  readonly tokensLeft: number;
  /** The token that the next decode step yields instead of sampling. */
  readonly forced: Token | undefined;
  /** Maximum number of tokens that may be sampled before the sequence has seen the first of them: one where a thought's budget may force the next. */
  readonly tokensUnseen: number;
  /** The stop string that ended the text, if one did. */
  readonly stopString: string | undefined;
  /** Begins the job with this many cached tokens. */
  begin(cachedTokens: number, atMs: number): void;
  /**
   * Replays the output of an earlier engine in portions, before any new token is accepted.
   * @param sentEvents number of token events that were already sent
   * @returns the events that were not sent yet, and the reason of the end if the output is complete; output after the end is
   * skipped
   */
  replay(output: Iterable<SampledToken>, sentEvents: number, pace: Pace): Promise<Accepted>;
  /** Makes a progress event for a prompt with this many tokens in the cache. Returns undefined soon after the last progress event. */
  progress(processedTokens: number, atMs: number): ProgressEvent | undefined;
  accept(sampled: SampledToken, atMs: number): Accepted;
  /** Counts draft tokens that were computed for the job. */
  countDrafts(guessed: number, right: number): void;
  /** Returns the events after the last token: text that was held back, and tokens that were in no event yet. */
  flush(atMs: number): readonly TokenEvent[];
  totals(atMs: number): JobTotals;
}

/**
 * Creates the sequence of a job that has its slot. `begin` must be called before `progress` and `accept`. Times are
 * milliseconds on one clock; durations are rounded to microseconds.
 */
export function createSequence(options: SequenceOptions): Sequence {
  const { jobId, promptTokens, ignoreEos, repetitionLimit = 0 } = options;
  const maxTokens = Math.min(options.maxTokens ?? Infinity, options.contextSize - promptTokens);
  const text = createAnswerParts(options.stop, options.reader);
  const repetition = repetitionLimit === 0 || ignoreEos ? undefined : createRepetition(repetitionLimit);
  const lines = options.lines === undefined ? undefined : createLineWatch(options.lines);
  const thought = options.thinking && createThoughtBudget(options.thinking, text.thinking);
  const ids: Token[] = [];
  const tokens = createTokenEvents(jobId);
  let completionTokens = 0;
  let firstTokenAtMs: number | undefined;
  let guessedTokens = 0;
  let rightGuesses = 0;
  let { startedAtMs } = options;
  let lastTokenAtMs = startedAtMs;
  const progress = createProgress({ jobId, promptTokens, startedAtMs });

  const events = (pieces: readonly Piece[], atMs: number): readonly TokenEvent[] =>
    tokens.of(pieces, roundMs(atMs - startedAtMs));

  /** Cuts the pieces where a line limit ends the answer. */
  const watched = (pieces: readonly Piece[], decodeMs: number): Watched => lines?.push(pieces, decodeMs) ?? { pieces };

  return {
    kind: "answer",
    jobId,
    get completionTokens() {
      return completionTokens;
    },
    ids,
    get tokensLeft() {
      return Math.max(0, maxTokens - completionTokens);
    },
    get forced() {
      return thought?.forced;
    },
    get tokensUnseen() {
      return Math.min(thought === undefined ? Infinity : 1, Math.max(0, maxTokens - completionTokens));
    },
    get stopString() {
      return text.stopString;
    },

    progress: progress.event,

    begin(cached, atMs) {
      progress.begin(cached, atMs);
      startedAtMs = lastTokenAtMs = atMs;
    },

    async replay(output, sentEvents, pace) {
      tokens.skip(sentEvents);
      const unsentEvents: TokenEvent[] = [];
      for (const token of output) {
        if (completionTokens % portionTokens === 0) await pace(portionChars);
        // The replay takes no time: durations begin with the first computed token.
        const { events: replayed, finish } = take(token, startedAtMs, 0);
        for (const event of replayed) unsentEvents.push(event);
        if (finish !== undefined) return { events: unsentEvents, finish };
      }
      if (tokens.count >= sentEvents) return { events: unsentEvents, finish: undefined };
      // More events were sent than these tokens give. So the model's end token, which is in no event, had released held-back text.
      completionTokens += 1;
      const { events: last, finish } = end([], "end", startedAtMs, 0);
      return { events: [...unsentEvents, ...last], finish };
    },

    accept(sampled, atMs) {
      if (options.maxTokens === 0) return { events: [], finish: "max_tokens" };
      firstTokenAtMs ??= atMs;
      lastTokenAtMs = atMs;
      return take(sampled, atMs, atMs - firstTokenAtMs);
    },

    countDrafts(guessed, right) {
      guessedTokens += guessed;
      rightGuesses += right;
    },

    flush(atMs) {
      const rest = events(watched(text.end().pieces, 0).pieces, atMs);
      // Tokens without text are also sent, so that the ids of all events are the whole context.
      return tokens.areSent ? rest : [...rest, ...events([{ text: "" }], atMs)];
    },

    totals: (atMs) => ({
      promptTokens,
      cachedTokens: progress.cachedTokens,
      completionTokens,
      prefillMs: roundMs((firstTokenAtMs ?? atMs) - startedAtMs),
      decodeMs: roundMs(firstTokenAtMs === undefined ? 0 : lastTokenAtMs - firstTokenAtMs),
      ...(guessedTokens === 0 ? {} : { guessedTokens, rightGuesses }),
      ...(text.unreadableCalls === 0 ? {} : { unreadableCalls: text.unreadableCalls }),
    }),
  };

  function take(
    { token, bytes, mark, endOfGeneration, logprobs: entry }: SampledToken,
    atMs: number,
    decodeMs: number,
  ): Accepted {
    completionTokens += 1;
    const ends = endOfGeneration && !ignoreEos;
    if (!ends) {
      ids.push(token);
      tokens.push(token, entry);
    }
    const pushed = ends ? { pieces: [], stopped: false } : text.push(bytes, mark);
    thought?.push(token, text.thinking);
    const { pieces, by } = watched(pushed.pieces, decodeMs);
    if (by !== undefined) return { events: events(pieces, atMs), finish: by };
    if (pushed.stopped) return { events: events(pieces, atMs), finish: "stop_string" };
    const repeats = !ends && repetition?.push(token) === true;
    if (!ends && !repeats && completionTokens < maxTokens) {
      return { events: events(pieces, atMs), finish: undefined };
    }

    return end(pieces, ends ? "end" : repeats ? "repetition" : limitReached(), atMs, decodeMs);
  }

  /** Ends the answer after the last token's pieces. A line limit or a stop string in the held-back text is the reason instead. */
  function end(last: readonly Piece[], by: StoppedBy, atMs: number, decodeMs: number): Accepted {
    // The reader may have held back content that completes a stop string.
    const { pieces, stopped } = text.end();
    const rest = watched(pieces, decodeMs);
    const finish = rest.by ?? (stopped && by !== "end" ? "stop_string" : by);
    return { events: events(joinPieces(last, rest.pieces), atMs), finish };
  }

  function limitReached(): StoppedBy {
    return completionTokens >= (options.maxTokens ?? Infinity) ? "max_tokens" : "context";
  }
}

export interface Progress {
  /** Number of the prompt's tokens that were cached. */
  readonly cachedTokens: number;
  begin(cachedTokens: number, atMs: number): void;
  /** Makes an event. Returns undefined soon after the last one. */
  event(processedTokens: number, atMs: number): ProgressEvent | undefined;
}

/** Creates the progress of a job's prompt. */
export function createProgress({
  jobId,
  promptTokens,
  ...options
}: Pick<SequenceOptions, "jobId" | "promptTokens" | "startedAtMs">): Progress {
  let { startedAtMs } = options;
  let cachedTokens = 0;
  let lastAtMs: number | undefined;
  return {
    get cachedTokens() {
      return cachedTokens;
    },
    begin(cached, atMs) {
      // The cache may also hold earlier output, which is not part of the prompt.
      cachedTokens = Math.min(cached, promptTokens);
      startedAtMs = atMs;
    },
    event(processedTokens, atMs) {
      if (lastAtMs !== undefined && atMs - lastAtMs < progressIntervalMs) return undefined;
      lastAtMs = atMs;
      return {
        type: "progress",
        jobId,
        processedTokens: Math.min(processedTokens, promptTokens),
        promptTokens,
        cachedTokens,
        tMs: roundMs(atMs - startedAtMs),
      };
    },
  };
}

/** Numbers the events of an answer. Each carries the tokens that were in no event yet. */
function createTokenEvents(jobId: string) {
  let count = 0;
  let firstUnsent = 0;
  /** Tokens that were in no event yet, and their logprobs. */
  let ids: Token[] = [];
  let logprobs: LogprobEntry[] = [];

  function eventOf({ part, text }: Piece, tMs: number): TokenEvent {
    const event: TokenEvent = {
      type: "token",
      jobId,
      index: count++,
      text,
      ...(part === undefined ? {} : { part }),
      tMs,
      n: ids.length,
      ids,
      ...(logprobs.length === 0 ? {} : { logprobs }),
    };
    ids = [];
    logprobs = [];
    return event;
  }

  return {
    get count() {
      return count;
    },
    /** Whether every token is in an event. */
    get areSent() {
      return ids.length === 0;
    },
    /** Leaves out the first events, which an earlier engine has sent. */
    skip: (sentEvents: number): void => void (firstUnsent = sentEvents),
    push(token: Token, entry?: LogprobEntry): void {
      ids.push(token);
      if (entry !== undefined) logprobs.push(entry);
    },
    of: (pieces: readonly Piece[], tMs: number): readonly TokenEvent[] =>
      pieces.map((piece) => eventOf(piece, tMs)).filter(({ index }) => index >= firstUnsent),
  };
}

/** Rounds to microseconds. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
