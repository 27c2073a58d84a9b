// Limits the time for probing a template: templates come from strangers, and each rendering may use its full limits.
import type { Render } from "./conversations.ts";

/** Most of a whole derivation; the slowest template in use takes a tenth of a second. */
export const maxDeriveMs = 10_000;

/** Thrown by a `Render` that could not ask the template: nothing can be concluded from it. */
export class TemplateUnansweredError extends Error {
  override readonly name = "TemplateUnansweredError";
}

export interface LimitedRender {
  readonly render: Render;
  /** Why the template is not asked any more, as a clause; undefined while it is. */
  readonly stopped: string | undefined;
}

/** @param spentMs what asking has taken so far; never goes back */
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
