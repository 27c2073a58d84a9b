// Owns how a request becomes what the engine is told.
import type { GenerateJob } from "@waggle/engine";
import { samplingOf, stopStringsOf } from "@waggle/protocol";
import type { Sampling } from "@waggle/protocol";
import type { Submission } from "./new-job.ts";

/** The request of one choice, under the engine's name for it. */
export function engineJobOf(
  uid: string,
  { request, extras = {}, client }: Pick<Submission, "request" | "extras" | "client">,
  choice = 0,
): GenerateJob {
  const messages = extras.messages ?? request.messages;
  return {
    kind: "generate",
    jobId: uid,
    ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
    ...(messages === undefined ? {} : { messages }),
    ...(extras.tools === undefined ? {} : { tools: extras.tools }),
    ...(extras.topLogprobs === undefined ? {} : { topLogprobs: extras.topLogprobs }),
    ...(request.max_tokens === undefined ? {} : { maxTokens: request.max_tokens }),
    ...(request.context_shift ? { contextShift: true } : {}),
    stop: stopStringsOf(request),
    sampling: withSeedOf(samplingOf(request), choice),
    // Timing would tell one client what another has asked, so prefixes are shared within one token's scope only.
    cacheScope: client,
    ...(request.session_id === undefined ? {} : { sessionId: request.session_id }),
  };
}

/** Choices of one request differ in their seeds alone; a random one is drawn for each anyway. */
function withSeedOf(sampling: Sampling, choice: number): Sampling {
  return sampling.seed === -1 ? sampling : { ...sampling, seed: (sampling.seed + choice) % 2 ** 32 };
}
