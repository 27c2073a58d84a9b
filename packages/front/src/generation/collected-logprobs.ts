// Owns the logprobs of a collected answer while it is collected, and the limit on them.
import type { Logprob } from "@waggle/protocol";
import { unsupported } from "../body/fields.ts";

/**
 * Of all choices, alternatives counted as well. A collected answer becomes JSON in one turn, in which no stream moves: for so many some 90 ms.
 * With 20 alternatives they are 4,700 tokens, with none 100,000.
 */
export const maxCollectedLogprobs = 100_000;

export interface CollectedLogprobs {
  /** @throws WaggleError invalid_argument beyond the limit */
  add(choice: number, entries: readonly Logprob[]): void;
  of(choice: number): readonly Logprob[];
}

export function createCollectedLogprobs(choices: number): CollectedLogprobs {
  const all = Array.from({ length: choices }, () => [] as Logprob[]);
  let count = 0;
  return {
    add(choice, entries) {
      for (const entry of entries) {
        count += 1 + entry.top.length;
        if (count > maxCollectedLogprobs) {
          throw unsupported("logprobs", `the answer has more than ${maxCollectedLogprobs} of them; ask for a stream`);
        }
        all[choice]?.push(entry);
      }
    },
    of: (choice) => all[choice] ?? [],
  };
}
