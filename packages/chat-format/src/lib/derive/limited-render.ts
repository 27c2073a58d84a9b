// Owns how long a template is asked: templates come from strangers, and each rendering may take as long as its own limits allow.
import type { Render } from "./conversations.ts";

/** Most of a whole derivation; the slowest template in use takes a tenth of a second. */
export const maxDeriveMs = 10_000;

export interface LimitedRender {
  readonly render: Render;
  /** From then on the template is not asked any more. */
  readonly isSpent: boolean;
}

/** @param nowMs a clock that never goes back */
export function limitRender(render: Render, nowMs: () => number = () => performance.now()): LimitedRender {
  const begin = nowMs();
  let isSpent = false;
  return {
    async render(values) {
      isSpent ||= nowMs() - begin > maxDeriveMs;
      if (isSpent) throw new Error("Asking the template what it takes has taken too long");
      return await render(values);
    },
    get isSpent() {
      return isSpent;
    },
  };
}
