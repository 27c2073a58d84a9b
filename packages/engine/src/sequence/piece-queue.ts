// Shares the time before the first steps between clients: owns the pieces that wait and run, and their time limit. Decision 117.
import { createFairQueue, createPace, deferred, lastTurn, onAbort, type FairQueue } from "@waggle/async";
import { isLane, WaggleError } from "@waggle/protocol";
import type { EngineJob } from "../port/messages.ts";
import type { PieceKind, Pieces } from "../port/pieces.ts";

/** Characters that are tokenized in one turn of the event loop, for all clients together. */
const charsPerTurn = 8_192;
/** A longer piece fails its job. The threads that decode a picture and render a template end a piece sooner, after 70 s. */
const mostPieceMs = 120_000;
/** Time for such a piece to end. Then it hangs, and the engine is unusable. */
const mostEndMs = 30_000;

const descriptions: Readonly<Record<PieceKind, string>> = {
  picture: "reading a picture",
  template: "rendering the prompt",
  grammar: "compiling the grammar",
};

export interface PieceQueue {
  of(client: string, signal?: AbortSignal): Pieces;
  /** Fails the jobs of pieces that take too long. To be called regularly. Returns which piece hangs, if one does. */
  endOverdue(): string | undefined;
  /** Whether a piece runs within its time limit, or work on this thread has begun since the last call. A piece that only waits is not work. */
  takeSign(): boolean;
}

/** Pieces of one kind. */
interface KindQueue {
  /** A piece without `begin` is not needed any more. */
  readonly waiting: FairQueue<{ begin?: () => void }>;
  running: { readonly startMs: number; readonly fail: (error: WaggleError) => void } | undefined;
}

/** Whose turn a piece of the job takes. Those of lane jobs are last. */
export function turnOf({ cacheScope, priority }: Pick<EngineJob, "cacheScope" | "priority">): string {
  return isLane({ priority }) ? lastTurn : cacheScope;
}

export function createPieceQueue({ now }: { readonly now: () => number }): PieceQueue {
  const pace = createPace(charsPerTurn);
  const kinds = new Map<PieceKind, KindQueue>();
  let hasBegun = false;

  function queueOf(kind: PieceKind): KindQueue {
    const queue = kinds.get(kind) ?? { waiting: createFairQueue(), running: undefined };
    kinds.set(kind, queue);
    return queue;
  }

  function next(queue: KindQueue): void {
    while (queue.running === undefined && queue.waiting.next !== undefined) {
      queue.waiting.take()?.begin?.();
    }
  }

  async function run<T>(queue: KindQueue, work: () => Promise<T>, client: string, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = deferred<T>();
    const piece: { begin?: () => void } = {};
    piece.begin = (): void => {
      queue.running = { startMs: now(), fail: reject };
      void work()
        .then(resolve, reject)
        .finally(() => {
          queue.running = undefined;
          next(queue);
        });
    };
    queue.waiting.push(client, piece);
    // A job that ends does not wait for its piece, but the next piece does: this bounds the memory.
    const leave = (): void => {
      // The piece holds the job's pictures, and may have to wait for a long piece.
      delete piece.begin;
      reject(signal?.reason);
    };
    const unlisten = signal === undefined ? undefined : onAbort(signal, leave);
    next(queue);
    return await promise.finally(unlisten);
  }

  return {
    of: (client, signal) => ({
      signal,
      pace(amount) {
        signal?.throwIfAborted();
        hasBegun = true;
        return pace(amount, client);
      },
      run: async (kind, work) => await run(queueOf(kind), work, client, signal),
    }),
    endOverdue() {
      let hung: string | undefined;
      for (const [kind, { running }] of kinds) {
        const ms = running === undefined ? 0 : now() - running.startMs;
        if (ms > mostPieceMs) running?.fail(tooLong(kind));
        if (ms > mostPieceMs + mostEndMs) hung = `${descriptions[kind]} hangs: no result for ${Math.round(ms)} ms`;
      }
      return hung;
    },
    takeSign() {
      const sign = hasBegun;
      hasBegun = false;
      const runs = ({ running }: KindQueue): boolean => running !== undefined && now() - running.startMs <= mostPieceMs;
      return [...kinds.values()].some(runs) || sign;
    },
  };
}

function tooLong(kind: PieceKind): WaggleError {
  return new WaggleError(
    "resource_exhausted",
    `Cannot prepare the job: ${descriptions[kind]} takes more than ${mostPieceMs / 1_000} s. Send less, or try again when the machine is less busy.`,
  );
}
