// Owns the one error that all timed waits end with.

/** A wait took longer than it was allowed to. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}
