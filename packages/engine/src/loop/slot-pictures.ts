// Gives the slots the embeddings of their pictures: has them encoded one after the other, fairly between clients, while steps continue, and chooses the
// picture that is computed next.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { EngineEvent } from "../port/messages.ts";
import type { Picture, PictureChunk, PictureEncoder, PicturePiece } from "../port/backend.ts";
import type { Pacing } from "../costs/pacing.ts";
import { positionBehind } from "../port/entries.ts";
import type { PieceQueue } from "../sequence/piece-queue.ts";
import { failureOf } from "../sequence/prepare.ts";
import type { Sequence } from "../sequence/sequence.ts";
import { inOrder, isPrefilling, nextChunk } from "./schedule.ts";
import { preparedOf, releaseSlot, type Slot } from "./slots.ts";

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
  /** Returns the slot whose picture can be computed next; undefined if no slot has one. */
  next(slots: readonly Slot[]): Slot | undefined;
  /** Returns the piece of the slot's picture that a pass computes. @param most number of cells, which a chunk that cannot be divided may exceed */
  pieceOf(slot: Slot, most: number): PicturePiece;
}

interface Need {
  readonly slot: Slot;
  readonly sequence: Sequence;
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
  /** The chunks that the slots' jobs need, by slot. */
  const needs = new Map<Slot, readonly Need[]>();
  /** Number of the last encoding of each client that has pictures waiting. */
  const turns = new Map<string, number>();
  let encodes = 0;
  let running: Encoding | undefined;

  function follow(): void {
    if (encoder === undefined) return;
    if (running !== undefined && now() - running.startMs > mostEncodeMs + mostEndMs) {
      throw new Error(`the encoder of pictures hangs: no result for ${mostEncodeMs + mostEndMs} ms`);
    }
    for (const [slot, held] of needs) if (!isOpen(slot, held)) drop(slot, held);
    for (const slot of slots) {
      if (!needs.has(slot) && isPrefilling(slot) && nextChunk(slot) !== undefined) need(slot);
    }
    if (running !== undefined && !all().some(({ chunk }) => chunk.id === running?.chunk.id)) running.stop.abort();
    if (running === undefined) encodeNext(encoder);
    leaveThreads();
  }

  /** Whether the slot still computes pictures of the same job. */
  function isOpen(slot: Slot, [first]: readonly Need[]): boolean {
    return isPrefilling(slot) && first?.sequence === slot.sequence && nextChunk(slot) !== undefined;
  }

  function all(): Need[] {
    return [...needs.values()].flat();
  }

  function need(slot: Slot): void {
    const { sequence, held } = slot;
    const { pictures = [] } = preparedOf(slot).job.work;
    const wanted: Need[] = [];
    for (const { at, chunk } of slot.chunks) {
      const picture = pictures[chunk.picture];
      if (at + chunk.cells <= held.entries.length || picture === undefined || sequence === undefined) continue;
      encoder?.hold(chunk);
      wanted.push({ slot, sequence, chunk, picture });
    }
    needs.set(slot, wanted);
  }

  function drop(slot: Slot, held: readonly Need[]): void {
    needs.delete(slot);
    for (const { chunk } of held) encoder?.release(chunk);
  }

  /** Returns the oldest job's chunk, of the client whose last turn was longest ago. */
  function nextNeed(encodings: PictureEncoder): Need | undefined {
    const waiting = all().filter(({ chunk }) => !encodings.has(chunk));
    const turnOf = ({ slot }: Need): number => turns.get(preparedOf(slot).job.cacheScope) ?? 0;
    const [next] = waiting.toSorted((a, b) => turnOf(a) - turnOf(b) || a.slot.startOrder - b.slot.startOrder);
    if (waiting.length === 0) turns.clear();
    else if (next !== undefined) turns.set(preparedOf(next.slot).job.cacheScope, (encodes += 1));
    return next;
  }

  function encodeNext(encodings: PictureEncoder): void {
    const next = nextNeed(encodings);
    if (next === undefined) return;
    const { slot, chunk, picture } = next;
    const stop = new AbortController();
    const startMs = now();
    const mine = { chunk, stop, startMs, threads: threadsNow() };
    running = mine;
    const deadline = deadlineSignal(mostEncodeMs);
    const signal = linkSignals(stop.signal, deadline.signal);
    encodings
      .encode(chunk, picture, {
        threads: mine.threads,
        pieces: pieces.of(preparedOf(slot).job.cacheScope, signal),
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
    if (!(thrown instanceof WaggleError)) {
      emit({ type: "log", level: "error", message: `Cannot encode a picture: ${String(thrown)}` });
    }
    const failure =
      thrown instanceof WaggleError
        ? failureOf(thrown)
        : { code: "engine_failed" as const, message: `The engine could not encode picture ${chunk.picture + 1}.` };
    for (const { slot, sequence, chunk: needed } of all()) {
      if (needed.id === chunk.id && slot.sequence === sequence) releaseSlot(slot, { kind: "failed", failure });
    }
  }

  /** While other jobs compute, an encoding takes half of the threads; alone it takes all of them. */
  function threadsNow(): number {
    const most = pacing.mostThreads;
    const othersCompute = slots.some((slot) => slot.state === "decoding" || (isPrefilling(slot) && !needs.has(slot)));
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
    next(candidates) {
      if (encoder === undefined) return undefined;
      return inOrder(candidates.filter(isPrefilling)).find((slot) => {
        const found = nextChunk(slot);
        return found !== undefined && found.at <= slot.held.entries.length && encoder.has(found.chunk);
      });
    },
    pieceOf(slot, most) {
      const found = nextChunk(slot);
      if (found === undefined) throw new Error(`Cannot compute a picture in slot ${slot.id}: its prompt has none left`);
      const { at, chunk } = found;
      const first = slot.held.entries.length - at;
      const count = chunk.causal ? Math.min(most, chunk.cells - first) : chunk.cells;
      return { slot: slot.id, chunk, first, count, from: positionBehind(slot.held.entries, at) };
    },
  };
}
