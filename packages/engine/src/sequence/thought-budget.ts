// Limits the length of a thought: when its budget is used up, the next tokens are forced to close it.
import type { Token } from "../port/steps.ts";

export interface ThoughtLimit {
  /** Maximum number of tokens of thoughts in the answer. */
  readonly budget: number;
  /** The tokens that close a thought. */
  readonly close: readonly Token[];
}

export interface ThoughtBudget {
  /** The token that is to be next, instead of a sampled one. */
  readonly forced: Token | undefined;
  /** @param thinking whether the token after this one belongs to a thought */
  push(token: Token, thinking: boolean): void;
}

/** @param begun whether the prompt has begun a thought: with a budget of 0, it is closed at once */
export function createThoughtBudget({ budget, close }: ThoughtLimit, begun: boolean): ThoughtBudget {
  let used = 0;
  let forced = budget === 0 && begun ? [...close] : [];
  return {
    get forced() {
      return forced[0];
    },
    push(token, thinking) {
      if (forced[0] === token) return void forced.shift();
      // The grammar did not allow a forced token: then the other forced tokens are dropped too.
      forced = [];
      if (!thinking) return;
      used += 1;
      if (used >= budget) forced = [...close];
    },
  };
}
