// Collects the logprobs of an answer that is not streamed, up to a limit.
import { refuseField } from "@waggle/protocol";
import type { Logprob } from "@waggle/protocol";

/**
 * Logprobs of all choices together, with their alternatives. Writing this many as JSON blocks the event loop for some 90 ms. With 20 alternatives
 * per token, the limit is 4,700 tokens.
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
          throw refuseField(
            "logprobs",
            `the answer has more than ${maxCollectedLogprobs} logprobs; set stream to true`,
          );
        }
        all[choice]?.push(entry);
      }
    },
    of: (choice) => all[choice] ?? [],
  };
}
