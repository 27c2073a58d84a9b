// Owns the bystander: a long stream in a separate slot that must not notice what happens to its neighbours.
import { isToken, logged, type Facts, type Worker } from "@waggle/testing/harness";
import type { Stage } from "./stage.ts";
import { freshId, inference } from "./ways.ts";

export interface Bystander {
  /** It still gets tokens, gapless, and the text so far is that of the same request undisturbed. */
  checkUndisturbed(facts: Facts): Promise<void>;
  /** Its client goes; resolves when the worker has noticed. */
  leave(): Promise<void>;
}

/** More than the longest group lets it say. */
const uncutTokens = 40_000;

/** Resolves when it is decoding. */
export async function startBystander(stage: Stage, worker: Worker): Promise<Bystander> {
  const request = { prompt: "A bystander tells a long story.", seed: stage.random.between(1, 1_000_000) };
  const uncut = await stage.uncutText({ ...request, max_tokens: uncutTokens });
  const jobId = freshId("bystander");
  const stream = await inference.open(worker, { ...request, job_id: jobId });
  await stream.event("the bystander's first token", isToken);
  return {
    async checkUndisturbed(facts) {
      await stream.nextToken();
      const { problems, text, tokens } = stream.judge;
      facts.equal("what is wrong with the bystander's stream", problems, []);
      const same = uncut.startsWith(text);
      facts.expect(same, `the bystander's text differs from the uncut one before token ${tokens.length}`);
    },
    async leave() {
      stream.leave();
      await worker.log.line("the bystander's end", logged("stream_end", jobId));
    },
  };
}
