// Defines the reasons why a template fails, so that a caller can act on them.

/**
 * - `syntax`: the source cannot be read, by Jinja neither
 * - `unsupported`: Jinja could do it, this renderer does not
 * - `refused`: the template raised an exception; the message is its author's
 * - `failed`: an operation makes no sense for these values, such as adding a text to nothing; Jinja refuses as well
 * - `limit`: too long, too deep, too large or too slow
 * - `unavailable`: nothing is wrong with the template: too many wait, or the renderer is closed, or its thread is defect
 */
export type TemplateErrorReason = "syntax" | "unsupported" | "refused" | "failed" | "limit" | "unavailable";

export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly reason: TemplateErrorReason;

  constructor(reason: TemplateErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export function failure(message: string): TemplateError {
  return new TemplateError("failed", message);
}

export function overLimit(message: string): TemplateError {
  return new TemplateError("limit", message);
}

export function unsupported(message: string): TemplateError {
  return new TemplateError("unsupported", message);
}
