// Collects the logprobs of a request's prompts until the answer is sent, up to a limit for all prompts together.
import type { Job } from "@waggle/jobs";
import { refuseField, requestLimits } from "@waggle/protocol";
import type { TextLogprob } from "./answer.ts";

export interface PromptScores {
  /** Uses the job's prompt logprobs for this prompt. */
  follow(job: Pick<Job, "promptLogprobs">, prompt: number): void;
  /** Counts the logprobs of this prompt, once they are complete. @throws WaggleError invalid_argument beyond the limit */
  count(prompt: number): void;
  of(prompt: number): readonly TextLogprob[];
}

export function createPromptScores(most: number = requestLimits.promptLogprobs): PromptScores {
  const lists: (readonly TextLogprob[])[] = [];
  let total = 0;
  return {
    follow: ({ promptLogprobs }, prompt) => void (lists[prompt] = promptLogprobs),
    count(prompt) {
      for (const { top } of lists[prompt] ?? []) total += 1 + top.length;
      if (total > most)
        throw refuseField("logprobs", `the prompts have more than ${most} logprobs; send fewer prompts at once`);
    },
    of: (prompt) => lists[prompt] ?? [],
  };
}
