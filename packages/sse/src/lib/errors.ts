// Owns what can be wrong with a stream of frames. A message never quotes the stream: that may be somebody's prompt or answer.

/** A frame is larger than the reader allows; the stream is given up. */
export class SseLimitError extends Error {
  override readonly name = "SseLimitError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`Cannot read the event stream: a frame is larger than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

/** A line is larger than the reader allows, or no JSON; the stream is given up. */
export class NdjsonError extends Error {
  override readonly name = "NdjsonError";
  readonly reason: "limit" | "syntax";
  /** Of the offending line, from 1. */
  readonly line: number;

  constructor(reason: "limit" | "syntax", line: number, problem: string) {
    super(`Cannot read line ${line} of the NDJSON stream: ${problem}`);
    this.reason = reason;
    this.line = line;
  }
}
