// Defines the pieces in which the work of a job or query is prepared before its first step.

/** Work that is more than a text to tokenize. One piece of each kind runs at a time. */
export type PieceKind = "picture" | "template" | "grammar";

/** The pieces of one job or query. Clients take turns, piece by piece. */
export interface Pieces {
  /** Aborts when the result is not needed any more. */
  readonly signal?: AbortSignal | undefined;
  /** To be awaited before so many characters of work on this thread. @throws the signal's reason */
  readonly pace: (amount: number) => Promise<void> | undefined;
  /**
   * Runs a piece when it is its client's turn.
   * @throws the signal's reason, while the piece waits or runs; WaggleError resource_exhausted when it takes too long
   */
  run<T>(kind: PieceKind, work: () => Promise<T>): Promise<T>;
}

/** Pieces that wait for no other work, for use before the engine runs. */
export const freePieces: Pieces = { pace: () => undefined, run: async (_, work) => await work() };
