// Owns the jobs of texts, which are embedded or ranked: which text is computed next, a bounded piece at a time, and how such a job ends. It
// knows no slot and no pass.
import { WaggleError } from "@waggle/protocol";
import type { Embedder } from "./backend.ts";
import type { EngineEvent, JobFailure, JobTotals } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PieceLimits } from "./pacing.ts";
import { tileTokens } from "./pass-costs.ts";
import { failureOf, type PreparedTexts } from "./prepare.ts";
import { createTextsWork, pieceTokens, shortened, takeTexts, textAt, textCount } from "./texts-work.ts";
import type { BegunText, TextsWork, TokenizedText } from "./texts-work.ts";

export interface EmbeddingsOptions {
  readonly embedder: Embedder | undefined;
  readonly outbox: Outbox;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
  /** Called when `run` may find something to compute that it did not find before. */
  readonly wake: () => void;
}

export interface Embeddings {
  /** Jobs that have not ended. */
  readonly size: number;
  has(jobId: string): boolean;
  add(prepared: PreparedTexts): void;
  /** Ends the job as soon as no piece of it computes; false when it is not here. */
  cancel(jobId: string): boolean;
  /**
   * Computes texts, or one piece of a long one, up to whichever of the limits comes first. False when there is nothing to compute: then
   * the next text is not tokenized yet. Never rejects: what fails is a job.
   * @param underway called when a piece computes and leaves this thread free
   */
  run(limits: PieceLimits, underway: () => void): Promise<boolean>;
}

export function createEmbeddings({ embedder, outbox, emit, now, wake }: EmbeddingsOptions): Embeddings {
  /** Jobs take turns, a text or a few short ones at a time, first come first served; the first one is the one that computes. */
  const line: TextsWork[] = [];
  let computing: TextsWork | undefined;
  /** One text at a time, also after its job was cancelled: who comes and goes piles nothing up. */
  let tokenizing = false;
  /** What a token of the last piece took: the next one goes on where that stopped, and a long text behind it costs alike. */
  let tokenMs: number | undefined;

  function totals({ prepared, startedAtMs }: TextsWork): JobTotals {
    const atMs = now();
    const prefillMs = Math.round((atMs - (startedAtMs ?? atMs)) * 1_000) / 1_000;
    return { promptTokens: prepared.promptTokens, cachedTokens: 0, completionTokens: 0, prefillMs, decodeMs: 0 };
  }

  function leave(work: TextsWork): void {
    line.splice(line.indexOf(work), 1);
  }

  function endCancelled(work: TextsWork, steps: number): void {
    leave(work);
    outbox.add({ type: "cancelled", jobId: work.prepared.job.jobId, steps, ...totals(work) });
  }

  function endFailed(work: TextsWork, thrown: unknown): void {
    const { jobId } = work.prepared.job;
    leave(work);
    if (!(thrown instanceof WaggleError)) {
      emit({ type: "log", level: "error", message: `Cannot compute the texts of job ${jobId}: ${String(thrown)}` });
    }
    const failure: JobFailure =
      thrown instanceof WaggleError
        ? failureOf(thrown)
        : { code: "engine_failed", message: "The engine could not compute the texts." };
    outbox.add({ type: "failed", jobId, ...failure });
  }

  function begin(work: TextsWork): void {
    if (work.startedAtMs !== undefined) return;
    const { prepared } = work;
    work.startedAtMs = now();
    outbox.add({
      type: "started",
      jobId: prepared.job.jobId,
      promptTokens: prepared.promptTokens,
      cachedTokens: 0,
    });
  }

  /** Whose text is tokenized next: that of the job whose text begins next, until it has as many ahead as are computed together. */
  function nextToTokenize(most: number): TextsWork | undefined {
    const [first, second] = line;
    const work = first?.begun === undefined ? first : (second ?? first);
    return work === undefined || work.ahead.length >= most ? undefined : work;
  }

  /** Makes tokens beside the passes and pieces, one text at a time: it may take long, and others tokenize too. */
  async function tokenizeNext(): Promise<void> {
    if (embedder === undefined || tokenizing) return;
    const work = nextToTokenize(embedder.maxTogether);
    const text = work === undefined ? undefined : textAt(work.prepared.job, work.next);
    if (work === undefined || text === undefined) return;
    tokenizing = true;
    const index = work.next;
    work.next += 1;
    const [tokens] = await Promise.allSettled([embedder.tokenize(text, work.prepared.job.truncateTo)]);
    work.ahead.push({ index, tokens });
    tokenizing = false;
    wake();
    void tokenizeNext();
  }

  /** One piece of the first job's text, or a few short ones; returns their tokens. */
  async function advance(work: TextsWork, most: number, underway: () => void): Promise<number> {
    if (embedder === undefined) throw new Error("the backend computes no texts");
    begin(work);
    if (work.begun === undefined) {
      const [first, ...others] = takeTexts(work, embedder);
      if (first === undefined) throw new Error("no text has its tokens");
      if (others.length > 0) return await advanceTogether(work, [first, ...others], embedder, underway);
      work.begun = { ...first, fed: 0 };
    }
    return await advancePiece(work, work.begun, embedder, most, underway);
  }

  async function advanceTogether(
    work: TextsWork,
    texts: readonly TokenizedText[],
    { feedTogether }: Embedder,
    underway: () => void,
  ): Promise<number> {
    const count = texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const vectors = await compute(feedTogether(texts.map(({ tokens }) => tokens)), count, underway);
    if (!work.cancelled) finishTexts(work, texts, vectors);
    return count;
  }

  async function advancePiece(
    work: TextsWork,
    text: BegunText,
    { mustBeWhole, maxPieceTokens, feed }: Embedder,
    most: number,
    underway: () => void,
  ): Promise<number> {
    const { tokens, fed } = text;
    const rest = tokens.length - fed;
    const count = mustBeWhole ? rest : pieceTokens(rest, Math.min(most, maxPieceTokens));
    const piece = tokens.slice(fed, fed + count);
    const [first, last] = [fed === 0, fed + piece.length === tokens.length];
    const vector = await compute(feed({ tokens: piece, first, last }), piece.length, underway);
    text.fed += piece.length;
    if (vector !== undefined && !work.cancelled) finishTexts(work, [text], [vector]);
    return piece.length;
  }

  async function compute<T>(feeding: Promise<T>, tokens: number, underway: () => void): Promise<T> {
    const startMs = now();
    underway();
    void tokenizeNext();
    const computed = await feeding;
    tokenMs = (now() - startMs) / Math.max(1, tokens);
    return computed;
  }

  function finishTexts(
    work: TextsWork,
    texts: readonly TokenizedText[],
    vectors: readonly (readonly number[])[],
  ): void {
    const { job } = work.prepared;
    texts.forEach(({ index, tokens }, at) => {
      const vector = shortened(vectors[at] ?? [], job);
      outbox.add({ type: "embedding", jobId: job.jobId, index, vector, tokens: tokens.length });
    });
    work.begun = undefined;
    work.done += texts.length;
    leave(work);
    if (work.done < textCount(job)) line.push(work);
    else outbox.add({ type: "finished", jobId: job.jobId, by: "end", ...totals(work) });
  }

  return {
    get size() {
      return line.length;
    },
    has: (jobId) => line.some(({ prepared }) => prepared.job.jobId === jobId),
    add: (prepared) => void line.push(createTextsWork(prepared)),
    cancel(jobId) {
      const work = line.find(({ prepared }) => prepared.job.jobId === jobId);
      if (work === undefined) return false;
      if (work === computing) work.cancelled = true;
      else {
        endCancelled(work, 0);
        outbox.flush();
      }
      return true;
    },
    async run({ tokens, ms }, underway) {
      const startMs = now();
      let [leftTokens, leftMs] = [tokens, ms];
      let computed = false;
      do {
        void tokenizeNext();
        const [work] = line;
        if (work === undefined || (work.begun === undefined && work.ahead.length === 0)) break;
        computed = true;
        computing = work;
        try {
          const affordable = tokenMs === undefined ? tileTokens : Math.max(tileTokens, Math.floor(leftMs / tokenMs));
          const most = Math.max(1, Math.min(leftTokens, affordable));
          leftTokens -= Math.max(1, await advance(work, most, underway));
          leftMs = ms - (now() - startMs);
        } catch (thrown) {
          if (!work.cancelled) endFailed(work, thrown);
          leftTokens = 0;
        } finally {
          computing = undefined;
        }
        if (work.cancelled) endCancelled(work, 1);
      } while (leftTokens > 0 && leftMs > tileTokens * (tokenMs ?? 0));
      if (computed) outbox.beat();
      return computed;
    },
  };
}
