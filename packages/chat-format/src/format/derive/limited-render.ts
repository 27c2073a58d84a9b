// Limits the time for probing a template. Templates are untrusted, and each rendering may use its full time limit.
import type { Render } from "./conversations.ts";

/** Time limit for all renderings of a derivation; the slowest template in use takes a tenth of a second. */
export const maxDeriveMs = 10_000;

/** Thrown by a `Render` that could not run the template. The error says nothing about the template. */
export class TemplateUnansweredError extends Error {
  override readonly name = "TemplateUnansweredError";
}

export interface LimitedRender {
  readonly render: Render;
  /** The reason for making no more renderings, as a clause; undefined while renderings are possible. */
  readonly stopped: string | undefined;
}

/** @param spentMs returns the time of all renderings so far, in milliseconds */
export function limitRender(render: Render, spentMs: () => number): LimitedRender {
  const begin = spentMs();
  let stopped: string | undefined;
  return {
    async render(values) {
      if (spentMs() - begin > maxDeriveMs) stopped ??= `it takes more than ${maxDeriveMs / 1000} s`;
      if (stopped !== undefined) throw new TemplateUnansweredError(stopped);
      try {
        return await render(values);
      } catch (error) {
        if (error instanceof TemplateUnansweredError) stopped ??= error.message;
        throw error;
      }
    },
    get stopped() {
      return stopped;
    },
  };
}
