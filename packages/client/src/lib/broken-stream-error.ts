// Owns the one error that only a stream can end with: it stopped before it had said how it ended.

/** The stream broke off, or carried something that is no event. What came before it was valid. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
  /** Index of the last token event that arrived, from which a resume can go on; -1 when there was none. */
  readonly lastIndex: number;

  constructor(reason: string, lastIndex: number, options?: ErrorOptions) {
    super(`Cannot read the stream to its end: ${reason}`, options);
    this.lastIndex = lastIndex;
  }
}
