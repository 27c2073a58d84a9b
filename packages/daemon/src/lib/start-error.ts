// Owns why a daemon cannot start for a reason that a person can do something about, with the exit code that says which kind it is.

/** The message is a sentence that names what was wrong. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
