// Runs embed and rerank jobs: computes their texts in bounded pieces, and ends the jobs. The module knows no slot and no pass.
import { isLane } from "@waggle/protocol";
import type { PieceLimits } from "../schedule/costs/pacing.ts";
import { tileTokens } from "../schedule/costs/step-shape.ts";
import type { EngineEvent, EngineJob, JobTotals } from "../port/messages.ts";
import { textAt, textCount } from "../port/work.ts";
import { ownerOf, sharesOf, type SharesByClass } from "../schedule/shares.ts";
import { failJob } from "../sequence/fail-job.ts";
import { turnOf, type PieceQueue } from "../sequence/piece-queue.ts";
import type { PreparedEmbed } from "../sequence/prepare.ts";
import type { Outbox } from "./outbox.ts";
import { beginText, createTextProgress, pieceTokens, shortened } from "./text-progress.ts";
import type { BegunText, TextProgress } from "./text-progress.ts";

export interface TextsOptions {
  readonly outbox: Outbox;
  readonly pieces: Pick<PieceQueue, "of">;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
  readonly shares: SharesByClass;
}

export interface Texts {
  /** Number of jobs that have not ended. */
  readonly size: number;
  /** Whether one of them is a foreground job. */
  readonly hasForeground: boolean;
  /** Resolves when the text is tokenized that is being tokenized now. While jobs wait and no text is tokenized, `run` has something to compute. */
  readonly tokenizing: Promise<void> | undefined;
  /** Has the next text tokenized, and returns the jobs with a text that could be computed now. */
  ready(): EngineJob[];
  has(jobId: string): boolean;
  add(prepared: PreparedEmbed): void;
  /** Ends the job at once, or after the piece that is being computed; false for an unknown job. */
  cancel(jobId: string): boolean;
  /**
   * Computes texts, or one piece of a long text, until one of the limits is reached. Returns false when there is
   * nothing to compute, for example because the next text is not tokenized yet. Never rejects: an error ends a job.
   * @param ofLane whose texts: those of lane jobs, or those of foreground jobs
   * @param underway called when a piece computes and leaves this thread free
   */
  run(limits: PieceLimits, ofLane: boolean, underway: () => void): Promise<boolean>;
}

export function createTexts({ outbox, pieces, emit, now, shares }: TextsOptions): Texts {
  /** Jobs in rotation: the first job's text is computed next, and the job then moves to the end. */
  const line: TextProgress[] = [];
  let computing: TextProgress | undefined;
  const ahead = createTextsAhead(line, pieces, waits);
  /** Time per token of the last piece, as the estimate for the next piece. */
  let tokenMs: number | undefined;

  function waits({ prepared }: TextProgress): boolean {
    return sharesOf(shares, prepared.job).waits(ownerOf(prepared.job));
  }

  function leave(progress: TextProgress): void {
    line.splice(line.indexOf(progress), 1);
  }

  function endCancelled(progress: TextProgress, steps: number): void {
    leave(progress);
    outbox.add({ type: "cancelled", jobId: progress.prepared.job.jobId, steps, ...totalsOf(progress, now()) });
  }

  function endFailed(progress: TextProgress, thrown: unknown): void {
    const { jobId } = progress.prepared.job;
    leave(progress);
    const failure = failJob(thrown, { jobId, task: "compute the texts" }, emit);
    outbox.add({ type: "failed", jobId, ...failure });
  }

  function begin(progress: TextProgress): void {
    if (progress.startedAtMs !== undefined) return;
    const { prepared } = progress;
    progress.startedAtMs = now();
    outbox.add({
      type: "started",
      jobId: prepared.job.jobId,
      promptTokens: prepared.promptTokens,
      cachedTokens: 0,
    });
  }

  /** Computes one piece of the job's text, and returns the number of the piece's tokens. */
  async function advance(progress: TextProgress, most: number, underway: () => void): Promise<number> {
    begin(progress);
    const text = (progress.begun ??= beginText(progress));
    const { embedder } = progress.prepared;
    const { tokens, fed } = text;
    // A foreground text may begin while a lane text is unfinished, which then begins again.
    if (fed === 0) for (const { begun } of line) if (begun !== undefined) begun.fed = 0;
    const rest = tokens.length - fed;
    const count = embedder.mustBeWhole ? rest : pieceTokens(rest, Math.min(most, embedder.maxPieceTokens));
    const piece = tokens.slice(fed, fed + count);
    const [first, last] = [fed === 0, fed + piece.length === tokens.length];
    const startMs = now();
    const feeding = embedder.feed({ tokens: piece, first, last });
    underway();
    ahead.next();
    const vector = await feeding;
    const ms = now() - startMs;
    tokenMs = ms / Math.max(1, piece.length);
    const { job } = progress.prepared;
    sharesOf(shares, job).charge([{ owner: ownerOf(job), promptMs: 0, otherMs: ms }], 0);
    text.fed += piece.length;
    if (vector !== undefined && !progress.cancelled) finishText(progress, text, vector);
    return piece.length;
  }

  function finishText(progress: TextProgress, { index, tokens }: BegunText, vector: readonly number[]): void {
    const { jobId, work } = progress.prepared.job;
    outbox.add({ type: "embedding", jobId, index, vector: shortened(vector, work), tokens: tokens.length });
    progress.begun = undefined;
    leave(progress);
    if (progress.index < textCount(work)) line.push(progress);
    else outbox.add({ type: "finished", jobId, by: "end", ...totalsOf(progress, now()) });
  }

  return {
    get size() {
      return line.length;
    },
    get hasForeground() {
      return line.some(({ prepared }) => !isLane(prepared.job));
    },
    get tokenizing() {
      return ahead.tokenizing;
    },
    ready() {
      ahead.next();
      return line.filter(isReady).map(({ prepared }) => prepared.job);
    },
    has: (jobId) => line.some(({ prepared }) => prepared.job.jobId === jobId),
    add: (prepared) => void line.push(createTextProgress(prepared)),
    cancel(jobId) {
      const progress = line.find(({ prepared }) => prepared.job.jobId === jobId);
      if (progress === undefined) return false;
      if (progress === computing) progress.cancelled = true;
      else endCancelled(progress, 0);
      return true;
    },
    async run({ tokens, ms }, ofLane, underway) {
      const startMs = now();
      let [leftTokens, leftMs] = [tokens, ms];
      let computed = false;
      do {
        ahead.next();
        const own = line.filter(({ prepared }) => isLane(prepared.job) === ofLane);
        // The embedder drops an unfinished text when another one begins.
        const progress =
          own.find(({ begun }) => begun !== undefined) ?? own.find((each) => isReady(each) && !waits(each));
        if (progress === undefined) break;
        computed = true;
        computing = progress;
        try {
          const affordable = tokenMs === undefined ? tileTokens : Math.max(tileTokens, Math.floor(leftMs / tokenMs));
          const most = Math.max(1, Math.min(leftTokens, affordable));
          leftTokens -= Math.max(1, await advance(progress, most, underway));
          leftMs = ms - (now() - startMs);
        } catch (thrown) {
          if (!progress.cancelled) endFailed(progress, thrown);
          leftTokens = 0;
        } finally {
          computing = undefined;
        }
        if (progress.cancelled) endCancelled(progress, 1);
      } while (leftTokens > 0 && leftMs > tileTokens * (tokenMs ?? 0));
      if (computed) outbox.beat();
      return computed;
    },
  };
}

/**
 * Tokenizes texts in parallel with passes and pieces, because tokenizing may take long. One text of each owner is tokenized ahead, so that each owner
 * has a text to compute. If the owner has several jobs, the text is from another job than the text that has begun.
 */
function createTextsAhead(
  line: readonly TextProgress[],
  pieces: TextsOptions["pieces"],
  waits: (progress: TextProgress) => boolean,
) {
  /** Defined while a text is tokenized, even if its job was cancelled. No other text is tokenized then, so cancelled jobs do not pile up work. */
  let tokenizing: Promise<void> | undefined;
  const ownerKey = ({ prepared: { job } }: TextProgress): string =>
    [isLane(job), ...Object.values(ownerOf(job))].join("\n");
  /** Texts of lane jobs are last. */
  const rank = (each: TextProgress): number => 2 * Number(isLane(each.prepared.job)) + Number(waits(each));
  const currentText = ({ prepared, index }: TextProgress) => textAt(prepared.job.work, index);
  return {
    get tokenizing() {
      return tokenizing;
    },
    next(): void {
      if (tokenizing) return;
      const served = new Set(line.filter(({ ahead }) => ahead !== undefined).map(ownerKey));
      const unserved = line
        .filter((each) => !served.has(ownerKey(each)) && currentText(each) !== undefined)
        .toSorted((a, b) => rank(a) - rank(b));
      const progress = unserved.find(({ begun }) => begun === undefined) ?? unserved[0];
      const text = progress && currentText(progress);
      if (progress === undefined || text === undefined) return;
      const { embedder, job } = progress.prepared;
      const tokens = embedder.tokenize(text, job.work.truncateTo, pieces.of(turnOf(job)));
      tokenizing = Promise.allSettled([tokens]).then(([result]) => {
        progress.ahead = result;
        tokenizing = undefined;
      });
    },
  };
}

function isReady({ begun, ahead }: TextProgress): boolean {
  return begun !== undefined || ahead !== undefined;
}

function totalsOf({ prepared, startedAtMs }: TextProgress, atMs: number): JobTotals {
  const prefillMs = Math.round((atMs - (startedAtMs ?? atMs)) * 1_000) / 1_000;
  return { promptTokens: prepared.promptTokens, cachedTokens: 0, completionTokens: 0, prefillMs, decodeMs: 0 };
}
