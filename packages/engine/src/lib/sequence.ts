// Owns a running job: its text, its counts and the decision to end. It is told tokens and times, and knows no slot or
// backend.
import type { AnswerReader } from "@waggle/chat-format";
import type { StoppedBy } from "@waggle/protocol";
import { createAnswerText, type Piece } from "./answer-text.ts";
import type { Token } from "./backend.ts";
import { createLineWatch, type LineLimits, type Watched } from "./line-limits.ts";
import type { JobEvent, JobTotals, LogprobEntry } from "./messages.ts";
import { createRepetition } from "./repetition.ts";

type TokenEvent = Extract<JobEvent, { type: "token" }>;
type ProgressEvent = Extract<JobEvent, { type: "progress" }>;

/** Between two tellings of how far a prompt is: a person sees it move, and no stream is filled with it. */
const progressIntervalMs = 200;

export interface SequenceOptions {
  readonly jobId: string;
  readonly stop: readonly string[];
  readonly ignoreEos: boolean;
  readonly promptTokens: number;
  /** Of them, until it begins. */
  readonly cachedTokens: number;
  /** Asked for; the context's end may come first, unless the context is shifted. 0: the prompt is computed, and that is all. */
  readonly maxTokens: number | undefined;
  readonly contextShift: boolean;
  readonly contextSize: number;
  /** When it got its slot, until it begins. */
  readonly startedAtMs: number;
  /** Of an answer to messages. */
  readonly reader?: AnswerReader | undefined;
  /** Tokens of thoughts after which a thought is closed with `close`. */
  readonly thinking?: { readonly budget: number; readonly close: readonly Token[] } | undefined;
  /** Times over that the same tokens may end the answer; undefined: as often as the model likes. */
  readonly repetitionLimit?: number | undefined;
  /** Of the text that answers a plain prompt. */
  readonly lines?: LineLimits | undefined;
}

export interface SampledToken {
  readonly token: Token;
  readonly bytes: Uint8Array;
  /** Of a token that is a marker of the chat format. */
  readonly mark?: string | undefined;
  readonly endOfGeneration: boolean;
  readonly logprobs?: LogprobEntry;
}

export interface Accepted {
  /** None while the token has no text of its own yet; several where it belongs to several parts. */
  readonly events: readonly TokenEvent[];
  /** Set when this token is the last one. */
  readonly finish: StoppedBy | undefined;
}

export interface Sequence {
  readonly jobId: string;
  readonly completionTokens: number;
  /** The token sampled last, which the next decode step feeds. @throws Error before the first one */
  readonly lastToken: Token;
  /** What the next decode step yields instead of sampling. */
  readonly forced: Token | undefined;
  /** So many more tokens may be sampled whatever they are: none of them is the last one by number, and none is decided here. */
  mayGoOnFor(tokens: number): boolean;
  /** The one that ended its text. */
  readonly stopString: string | undefined;
  /** It begins: so much of what is to be fed is cached. Again where that has turned out to be less. */
  begin(cachedTokens: number, atMs: number): void;
  /**
   * What the job has said under an engine that is gone, before anything else is accepted.
   * @param told so many events have told of it already
   * @returns the events that none has told yet, and whether it had come to its end; what follows that is left out
   */
  replay(said: Iterable<SampledToken>, told: number): Accepted;
  /** So many prompt tokens are in the cache, and not yet all of them; undefined where that need not be told. */
  progress(processedTokens: number, atMs: number): ProgressEvent | undefined;
  accept(sampled: SampledToken, atMs: number): Accepted;
  /** After the last token: what was held back, and tokens that no event has told yet. */
  flush(atMs: number): readonly TokenEvent[];
  totals(atMs: number): JobTotals;
}

/** A job from its slot on: `begin` is called before any other function that takes a time. Times are milliseconds on one clock; durations come out rounded to microseconds. */
export function createSequence(options: SequenceOptions): Sequence {
  const { jobId, promptTokens, thinking, ignoreEos } = options;
  const room = options.contextShift ? Infinity : options.contextSize - promptTokens;
  const maxTokens = Math.min(options.maxTokens ?? Infinity, room);
  const text = createAnswerText(options.stop, options.reader);
  const repetition =
    options.repetitionLimit === undefined || ignoreEos ? undefined : createRepetition(options.repetitionLimit);
  const lines = options.lines === undefined ? undefined : createLineWatch(options.lines);
  /** What is still held back comes after the end of the text. */
  let leftBlock = false;
  let lastToken: Token | undefined;
  let completionTokens = 0;
  let thoughtTokens = 0;
  /** No token of a thought is wanted, and the prompt has begun one. */
  let forced: Token[] = thinking?.budget === 0 && text.thinking ? [...thinking.close] : [];
  let eventIndex = 0;
  /** Events before this one were told by an engine that is gone. */
  let firstUntold = 0;
  /** Tokens that no event has told yet. */
  let untold: Token[] = [];
  /** Of these tokens. */
  let logprobs: LogprobEntry[] = [];
  let firstTokenAtMs: number | undefined;
  let { cachedTokens, startedAtMs } = options;
  let lastTokenAtMs = startedAtMs;
  let progressAtMs: number | undefined;

  function tokenEvent({ part, text: said }: Piece, atMs: number): TokenEvent {
    const ids = untold;
    untold = [];
    const entries = logprobs;
    logprobs = [];
    return {
      type: "token",
      jobId,
      index: eventIndex++,
      text: said,
      ...(part === undefined ? {} : { part }),
      tMs: roundMs(atMs - startedAtMs),
      n: ids.length,
      ids,
      ...(entries.length === 0 ? {} : { logprobs: entries }),
    };
  }

  function events(pieces: readonly Piece[], atMs: number): TokenEvent[] {
    return news(pieces.map((piece) => tokenEvent(piece, atMs)));
  }

  function news(all: readonly TokenEvent[]): TokenEvent[] {
    return all.filter(({ index }) => index >= firstUntold);
  }

  /** As much of the pieces as the lines allow. */
  function watched(pieces: readonly Piece[], decodeMs: number): { pieces: readonly Piece[]; by?: Watched["by"] } {
    if (lines === undefined) return { pieces };
    if (leftBlock) return { pieces: [], by: "indent" };
    const kept: Piece[] = [];
    for (const piece of pieces) {
      const { text: said, by } = lines.push(piece.text, decodeMs);
      if (said !== "") kept.push({ ...piece, text: said });
      leftBlock = by === "indent";
      if (by !== undefined) return { pieces: kept, by };
    }
    return { pieces: kept };
  }

  /** A thought that has used up its budget is closed with the family's own marker. */
  function watchThought(): void {
    if (thinking === undefined || forced.length > 0) return;
    if (text.thinking) thoughtTokens += 1;
    if (text.thinking && thoughtTokens >= thinking.budget) forced = [...thinking.close];
  }

  return {
    jobId,
    get completionTokens() {
      return completionTokens;
    },
    get lastToken() {
      if (lastToken === undefined) throw new Error(`Cannot decode job ${jobId}: it has sampled no token yet`);
      return lastToken;
    },
    get forced() {
      return forced[0];
    },
    mayGoOnFor: (tokens) => thinking === undefined && completionTokens + tokens < maxTokens,
    get stopString() {
      return text.stopString;
    },

    progress(processedTokens, atMs) {
      if (progressAtMs !== undefined && atMs - progressAtMs < progressIntervalMs) return undefined;
      progressAtMs = atMs;
      const tMs = roundMs(atMs - startedAtMs);
      return {
        type: "progress",
        jobId,
        processedTokens: Math.min(processedTokens, promptTokens),
        promptTokens,
        cachedTokens,
        tMs,
      };
    },

    begin(cached, atMs) {
      // What was said is cached as well, and no part of the prompt.
      cachedTokens = Math.min(cached, promptTokens);
      startedAtMs = lastTokenAtMs = atMs;
    },

    replay(said, told) {
      firstUntold = told;
      const untoldEvents: TokenEvent[] = [];
      for (const token of said) {
        // None of it takes time: what is timed begins with the first token that is computed.
        const { events: replayed, finish } = take(token, startedAtMs, 0);
        for (const event of replayed) untoldEvents.push(event);
        if (finish !== undefined) return { events: untoldEvents, finish };
      }
      if (eventIndex >= told) return { events: untoldEvents, finish: undefined };
      // Only the model's own end, of which no event tells, brings out what is held back.
      completionTokens += 1;
      const { pieces, stopped } = text.end();
      return { events: [...untoldEvents, ...events(pieces, startedAtMs)], finish: stopped ? "stop_string" : "end" };
    },

    accept(sampled, atMs) {
      if (options.maxTokens === 0) return { events: [], finish: "max_tokens" };
      firstTokenAtMs ??= atMs;
      lastTokenAtMs = atMs;
      return take(sampled, atMs, atMs - firstTokenAtMs);
    },

    flush(atMs) {
      const rest = events(watched(text.end().pieces, 0).pieces, atMs);
      // Tokens without a text of their own are told too: with them the ids are the whole context.
      return untold.length === 0 ? rest : [...rest, ...events([{ text: "" }], atMs)];
    },

    totals: (atMs) => ({
      promptTokens,
      cachedTokens,
      completionTokens,
      prefillMs: roundMs((firstTokenAtMs ?? atMs) - startedAtMs),
      decodeMs: roundMs(firstTokenAtMs === undefined ? 0 : lastTokenAtMs - firstTokenAtMs),
      ...(text.unreadableCalls === 0 ? {} : { unreadableCalls: text.unreadableCalls }),
    }),
  };

  function take(
    { token, bytes, mark, endOfGeneration, logprobs: entry }: SampledToken,
    atMs: number,
    decodeMs: number,
  ): Accepted {
    lastToken = token;
    completionTokens += 1;
    const ends = endOfGeneration && !ignoreEos;
    if (!ends) untold.push(token);
    if (!ends && entry !== undefined) logprobs.push(entry);
    const pushed = ends ? { pieces: [], stopped: false } : text.push(bytes, mark);
    if (forced[0] === token) forced.shift();
    else {
      // The grammar had no room for what was to come; the rest of it means nothing then.
      forced = [];
      watchThought();
    }
    const { pieces, by } = watched(pushed.pieces, decodeMs);
    if (by !== undefined) return { events: events(pieces, atMs), finish: by };
    if (pushed.stopped) return { events: events(pieces, atMs), finish: "stop_string" };
    const repeats = !ends && repetition?.push(token) === true;
    if (!ends && !repeats && completionTokens < maxTokens) {
      return { events: events(pieces, atMs), finish: undefined };
    }

    // The rest may itself complete a stop string: U+FFFD for an unfinished character is text like any other.
    const end = text.end();
    const rest = watched(end.pieces, decodeMs);
    const finish = rest.by ?? endOf(ends, end.stopped, repeats);
    return { events: events(joined(pieces, rest.pieces), atMs), finish };
  }

  function endOf(ends: boolean, stopped: boolean, repeats: boolean): StoppedBy {
    if (ends) return "end";
    if (stopped) return "stop_string";
    if (repeats) return "repetition";
    return completionTokens >= (options.maxTokens ?? Infinity) ? "max_tokens" : "context";
  }
}

/** The last token's text and what was held back before it are one piece where they are of one part. */
function joined(before: readonly Piece[], after: readonly Piece[]): readonly Piece[] {
  const [last, first] = [before.at(-1), after[0]];
  if (last === undefined || first === undefined || !isSamePart(last, first)) return [...before, ...after];
  return [...before.slice(0, -1), { ...last, text: last.text + first.text }, ...after.slice(1)];
}

function isSamePart({ part: a }: Piece, { part: b }: Piece): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === b.kind && a.kind !== "call" && (a.kind === "reasoning" || a.index === (b as typeof a).index);
}

function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
