// Limits the work of probing a template. Templates are untrusted, and each rendering may use its full limit of steps.
import type { Render } from "./conversations.ts";

/** Limit for the steps of all renderings of a derivation. The longest derivation of a template in use takes 130,000. */
export const maxDeriveSteps = 10_000_000;

/** Thrown by a `Render` that could not run the template. The error says nothing about the template. */
export class TemplateUnansweredError extends Error {
  override readonly name = "TemplateUnansweredError";
}

export interface LimitedRender {
  readonly render: Render;
  /** The reason for making no more renderings; undefined while renderings are possible. */
  readonly stopped: Error | undefined;
}

/** @param spentSteps returns the steps of all renderings so far */
export function limitRender(render: Render, spentSteps = () => 0): LimitedRender {
  const begin = spentSteps();
  let stopped: Error | undefined;
  return {
    async render(values) {
      if (spentSteps() - begin > maxDeriveSteps) stopped ??= new Error(`it takes more than ${maxDeriveSteps} steps`);
      if (stopped !== undefined) throw stopped;
      try {
        return await render(values);
      } catch (error) {
        if (error instanceof TemplateUnansweredError) stopped ??= error;
        throw error;
      }
    },
    get stopped() {
      return stopped;
    },
  };
}
