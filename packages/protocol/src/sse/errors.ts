// Defines the errors of a malformed stream. Messages never quote the stream, since it may contain a user's prompt or answer.

export class SseLimitError extends Error {
  override readonly name = "SseLimitError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`Cannot read the event stream: a frame is larger than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

export class NdjsonError extends Error {
  override readonly name = "NdjsonError";
  readonly reason: "limit" | "syntax";
  /** Number of the offending line, from 1. */
  readonly line: number;

  constructor(reason: "limit" | "syntax", line: number, problem: string) {
    super(`Cannot read line ${line} of the NDJSON stream: ${problem}`);
    this.reason = reason;
    this.line = line;
  }
}
