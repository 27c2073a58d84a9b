// Owns the bystander: a long stream in a separate slot that must not be affected by what happens to other streams.
import type { GenerateRequestInput } from "@waggle/protocol";
import { isToken, logged, type Facts, type LiveStream, type Worker } from "@waggle/testing/harness";
import type { Stage } from "./stage.ts";
import { freshId, inference } from "./ways.ts";

export interface Bystander {
  /** Checks that another token arrives, that no token is missing, and that the text so far is that of an undisturbed worker. */
  checkUndisturbed(facts: Facts): Promise<void>;
  /** Disconnects the client. Resolves when the worker has ended the job. */
  leave(): Promise<void>;
}

/** More tokens than the bystander produces during the longest group. */
const uncutTokens = 60_000;

/** Resolves when the bystander is decoding. */
export async function startBystander(stage: Stage, worker: Worker): Promise<Bystander> {
  const request = { prompt: "A bystander tells a long story.", seed: stage.random.between(1, 1_000_000) };
  const uncut = await stage.uncutText({ ...request, max_tokens: uncutTokens });
  const { stream, leave } = await openBystander(worker, request);
  return {
    leave,
    async checkUndisturbed(facts) {
      await stream.nextToken();
      const { problems, text, tokens } = stream.judge;
      facts.equal("broken rules in the bystander's stream", problems, []);
      const same = uncut.startsWith(text);
      facts.expect(same, `the bystander's text differs from the uncut one before token ${tokens.length}`);
    },
  };
}

type OpenStream = Pick<Bystander, "leave"> & { readonly stream: LiveStream };

/** Resolves when the stream is decoding. */
export async function openBystander(worker: Worker, request: GenerateRequestInput): Promise<OpenStream> {
  const jobId = freshId("bystander");
  const stream = await inference.open(worker, { ...request, job_id: jobId });
  await stream.event("the bystander's first token", isToken);
  const leave = async (): Promise<void> => {
    stream.leave();
    await worker.log.line("the bystander's end", logged("stream_end", jobId));
  };
  return { stream, leave };
}
