// Gives the slots the embeddings of their pictures: has them encoded fairly while steps continue, and chooses the next picture to compute.
import { deadlineSignal, linkSignals } from "@waggle/async";
import type { EngineEvent } from "../port/messages.ts";
import type { Picture, PictureChunk, PictureEncoder } from "../port/pictures.ts";
import type { Pacing } from "../schedule/costs/pacing.ts";
import { turnOf, type PieceQueue } from "../sequence/piece-queue.ts";
import { promptsInOrder, nextChunk } from "../schedule/plan.ts";
import { hasForeground, isLaneRun, servedIn } from "../schedule/lane-runs.ts";
import { releaseSlot, runOf, runsIn, type Run, type Slot } from "../schedule/slots.ts";
import { failJob } from "../sequence/fail-job.ts";

/** An encoding that takes longer fails its job. Far longer than the largest picture takes on a slow machine. */
const mostEncodeMs = 600_000;
/** Time for the encoder to end after that. Then it hangs, and the engine is unusable. */
const mostEndMs = 30_000;

export interface SlotPicturesOptions {
  readonly encoder: PictureEncoder | undefined;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "mostThreads" | "leaveThreads">;
  readonly pieces: Pick<PieceQueue, "of">;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
  /** Called when a picture is encoded, or could not be. */
  readonly onChange: () => void;
}

export interface SlotPictures {
  /** Whether a picture is being encoded. */
  readonly encoding: boolean;
  /**
   * Starts and stops encodings for the jobs that the slots have now. Called at each scheduling point.
   * @throws Error when the encoder hangs
   */
  follow(): void;
  /** Leaves threads of the next step to the pictures that are divided or encoded. */
  leaveThreads(): void;
  /** Returns the job whose picture can be computed next; undefined if none has one. */
  next(runs: readonly Run[]): Run | undefined;
}

interface Need {
  readonly run: Run;
  readonly chunk: PictureChunk;
  readonly picture: Picture;
}

interface Encoding {
  readonly chunk: PictureChunk;
  readonly stop: AbortController;
  readonly startMs: number;
  threads: number;
}

export function createSlotPictures(options: SlotPicturesOptions): SlotPictures {
  const { encoder, slots, pacing, pieces, emit, now, onChange } = options;
  /** The chunks that the jobs need. */
  const needs = new Map<Run, readonly Need[]>();
  /** Number of the last encoding of each client that has pictures waiting. */
  const lastEncodes = new Map<string, number>();
  let encodes = 0;
  let running: Encoding | undefined;

  function follow(): void {
    if (encoder === undefined) return;
    if (running !== undefined && now() - running.startMs > mostEncodeMs + mostEndMs) {
      throw new Error(`the encoder of pictures hangs: no result for ${mostEncodeMs + mostEndMs} ms`);
    }
    const open = runsIn(slots, "prefilling").filter((run) => nextChunk(run) !== undefined);
    for (const [run, held] of needs) if (!open.includes(run)) drop(run, held);
    for (const run of open) if (!needs.has(run)) need(run);
    if (running !== undefined && !wanted().some(({ chunk }) => chunk.id === running?.chunk.id)) running.stop.abort();
    if (running === undefined) encodeNext(encoder);
    leaveThreads();
  }

  function all(): Need[] {
    return [...needs.values()].flat();
  }

  /** What may be encoded now: pictures of lane jobs only while no foreground job has a slot. */
  function wanted(): Need[] {
    return hasForeground(slots) ? all().filter(({ run }) => !isLaneRun(run)) : all();
  }

  function need(run: Run): void {
    const { pictures = [] } = run.prepared.job.work;
    const wanted: Need[] = [];
    for (const { at, chunk } of run.chunks) {
      const picture = pictures[chunk.picture];
      if (at + chunk.cells <= run.slot.held.entries.length || picture === undefined) continue;
      encoder?.hold(chunk);
      wanted.push({ run, chunk, picture });
    }
    needs.set(run, wanted);
  }

  function drop(run: Run, held: readonly Need[]): void {
    needs.delete(run);
    for (const { chunk } of held) encoder?.release(chunk);
  }

  /** Returns the oldest job's chunk, of the client whose last encoding was longest ago. */
  function nextNeed(encodings: PictureEncoder): Need | undefined {
    const waiting = wanted().filter(({ chunk }) => !encodings.has(chunk));
    const lastOf = ({ run }: Need): number => lastEncodes.get(run.prepared.job.cacheScope) ?? 0;
    const [next] = waiting.toSorted((a, b) => lastOf(a) - lastOf(b) || a.run.startOrder - b.run.startOrder);
    if (waiting.length === 0) lastEncodes.clear();
    else if (next !== undefined) lastEncodes.set(next.run.prepared.job.cacheScope, (encodes += 1));
    return next;
  }

  function encodeNext(encodings: PictureEncoder): void {
    const next = nextNeed(encodings);
    if (next === undefined) return;
    const { run, chunk, picture } = next;
    const stop = new AbortController();
    const startMs = now();
    const mine = { chunk, stop, startMs, threads: threadsNow() };
    running = mine;
    const deadline = deadlineSignal(mostEncodeMs);
    const signal = linkSignals(stop.signal, deadline.signal);
    encodings
      .encode(chunk, picture, {
        threads: mine.threads,
        pieces: pieces.of(turnOf(run.prepared.job), signal),
      })
      .then(
        () => emit({ type: "picture", operation: "encode", cells: chunk.cells, ms: now() - startMs }),
        (thrown: unknown) => {
          if (!stop.signal.aborted) fail(chunk, thrown);
        },
      )
      .finally(() => {
        signal[Symbol.dispose]();
        deadline[Symbol.dispose]();
        running = undefined;
        onChange();
      });
  }

  function fail(chunk: PictureChunk, thrown: unknown): void {
    const failure = failJob(thrown, { task: `encode picture ${chunk.picture + 1}` }, emit);
    for (const { run, chunk: needed } of all()) {
      // A job that has left its slot since the last scheduling point is still among the needs.
      if (needed.id === chunk.id && runOf(run.slot) === run) releaseSlot(run.slot, { kind: "failed", failure });
    }
  }

  /** While other jobs compute, an encoding takes half of the threads; alone it takes all of them. */
  function threadsNow(): number {
    const most = pacing.mostThreads;
    const othersCompute = servedIn(slots, "decoding", "prefilling").some((run) => !needs.has(run));
    return othersCompute ? Math.max(1, Math.floor(most / 2)) : most;
  }

  function leaveThreads(): void {
    const dividing = encoder?.dividing === true ? 1 : 0;
    if (running === undefined) return pacing.leaveThreads(dividing);
    const threads = threadsNow();
    if (threads !== running.threads) encoder?.setThreads(threads);
    running.threads = threads;
    pacing.leaveThreads(dividing + (threads < pacing.mostThreads ? threads : 0));
  }

  return {
    get encoding() {
      return running !== undefined;
    },
    follow,
    leaveThreads,
    next(runs) {
      if (encoder === undefined) return undefined;
      return promptsInOrder(runs).find((run) => {
        const found = nextChunk(run);
        return found !== undefined && found.at <= run.slot.held.entries.length && encoder.has(found.chunk);
      });
    },
  };
}
