// Defines the errors of templates, with reasons that callers can act on.

/**
 * - `syntax`: neither this renderer nor Jinja can parse the source
 * - `unsupported`: the template uses a feature of Jinja that this renderer does not have
 * - `refused`: the template raised an exception, whose message comes from the template
 * - `failed`: an operation is not possible with the given values, such as a text plus `none`; Jinja fails as well
 * - `limit`: the template or its rendering is too long, too deep or too large, or takes too many steps
 * - `unavailable`: the renderer cannot render now: too many renderings wait, the renderer is closed, or its thread failed
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
