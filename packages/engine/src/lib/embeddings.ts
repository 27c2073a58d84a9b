// Owns the jobs of texts, which are embedded or ranked: which text is computed next, a bounded piece at a time, and how such a job ends. It
// knows no slot and no pass.
import { WaggleError } from "@waggle/protocol";
import type { Embedder } from "./backend.ts";
import type { EngineEvent, JobFailure, JobTotals } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PieceLimits } from "./pacing.ts";
import { tileTokens } from "./pass-costs.ts";
import { failureOf, type PreparedTexts } from "./prepare.ts";
import { beginText, createTextsWork, pieceTokens, shortened, textAt, textCount } from "./texts-work.ts";
import type { BegunText, TextsWork } from "./texts-work.ts";

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
  /** Jobs take turns text by text, first come first served; the first one is the one that computes. */
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

  /**
   * Makes the tokens of the text that begins next, beside the passes and pieces: it may take long, and others tokenize too. Two texts at
   * most have tokens ahead: a job that was alone has its next one's, when another job comes before that.
   */
  async function tokenizeNext(): Promise<void> {
    const [first, second] = line;
    const work = first?.begun === undefined ? first : (second ?? first);
    const text = work === undefined ? undefined : textAt(work.prepared.job, work.index);
    if (embedder === undefined || tokenizing || work === undefined || text === undefined || work.ahead) return;
    tokenizing = true;
    [work.ahead] = await Promise.allSettled([embedder.tokenize(text, work.prepared.job.truncateTo)]);
    tokenizing = false;
    wake();
  }

  /** One piece of the first job's text; returns its tokens. */
  async function advance(work: TextsWork, most: number, underway: () => void): Promise<number> {
    begin(work);
    const text = (work.begun ??= beginText(work));
    if (embedder === undefined) throw new Error("the backend computes no texts");
    const { tokens, fed } = text;
    const rest = tokens.length - fed;
    const count = embedder.mustBeWhole ? rest : pieceTokens(rest, Math.min(most, embedder.maxPieceTokens));
    const piece = tokens.slice(fed, fed + count);
    const [first, last] = [fed === 0, fed + piece.length === tokens.length];
    const startMs = now();
    const feeding = embedder.feed({ tokens: piece, first, last });
    underway();
    void tokenizeNext();
    const vector = await feeding;
    tokenMs = (now() - startMs) / Math.max(1, piece.length);
    text.fed += piece.length;
    if (vector !== undefined && !work.cancelled) finishText(work, text, vector);
    return piece.length;
  }

  function finishText(work: TextsWork, { index, tokens }: BegunText, vector: readonly number[]): void {
    const { job } = work.prepared;
    const { jobId } = job;
    outbox.add({ type: "embedding", jobId, index, vector: shortened(vector, job), tokens: tokens.length });
    work.begun = undefined;
    leave(work);
    if (work.index < textCount(job)) line.push(work);
    else outbox.add({ type: "finished", jobId, by: "end", ...totals(work) });
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
        if (work === undefined || (work.begun === undefined && work.ahead === undefined)) break;
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
