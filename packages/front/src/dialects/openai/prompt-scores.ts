// Owns the logprobs of a request's prompts: held until its answer leaves, so bounded together.
import type { Job } from "@waggle/jobs";
import { requestLimits } from "@waggle/protocol";
import { unsupported } from "../../body/fields.ts";
import type { TextLogprob } from "./answer.ts";

export interface PromptScores {
  /** From now on those of this prompt are what the job has. */
  follow(job: Pick<Job, "promptLogprobs">, prompt: number): void;
  /** The prompt's are complete. @throws WaggleError invalid_argument when they have become too many */
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
      if (total > most) throw unsupported("logprobs", `the prompts have more than ${most} of them; send fewer at once`);
    },
    of: (prompt) => lists[prompt] ?? [],
  };
}
