// Converts a JobSpec to the job that the engine receives.
import type { EngineJob, GenerateJob, PromptInput, EmbedOrRerankJob } from "@waggle/engine";
import type { Sampling } from "@waggle/protocol";
import type { Job, SequenceState } from "../job/job.ts";
import type { EmbedSpec, JobSpec, RerankSpec } from "../job/job-spec.ts";
import { newOutput } from "../stream/output-so-far.ts";

/**
 * Makes the engine's job for one choice.
 * @param uid the id of the choice in messages to the engine
 * @param prior the output of this choice so far
 * @param computed number of the job's texts, counted from the first, that are computed already
 */
export function engineJobOf(
  uid: string,
  spec: JobSpec,
  choice = 0,
  prior = spec.kind === "generate" ? spec.priorOutput : undefined,
  computed = 0,
): EngineJob {
  // Clients share no cached prefixes: the time to the first token would show whether another client sent the same prompt.
  const cacheScope = spec.scope.client;
  if (spec.kind !== "generate") return textsJobOf(uid, spec, cacheScope, computed);
  const { prompt, scope, topLogprobs, maxTokens, repetitionLimit } = spec;
  const { sessionId = scope.cacheSession } = scope;
  return {
    kind: "generate",
    jobId: uid,
    ...promptOf(prompt),
    ...(spec.answerGrammar === undefined ? {} : { answerGrammar: spec.answerGrammar }),
    ...(spec.thinkingBudget === undefined ? {} : { thinkingBudget: spec.thinkingBudget }),
    ...(repetitionLimit === undefined || repetitionLimit === 0 ? {} : { repetitionLimit }),
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    // Each choice requests the prompt's logprobs, so that they come before the tokens of every choice.
    ...(spec.promptLogprobs === true ? { promptLogprobs: true } : {}),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(spec.lines === undefined ? {} : { lines: spec.lines }),
    ...(spec.fillIn === true ? { fillIn: true } : {}),
    ...(spec.contextShift ? { contextShift: true } : {}),
    ...(spec.lora === undefined ? {} : { lora: spec.lora }),
    stop: spec.stop,
    sampling: samplingOfChoice(spec.sampling, choice),
    cacheScope,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(prior === undefined || prior.events === 0 ? {} : { priorOutput: prior }),
  };
}

/** Makes the engine's job for the part of one choice, or of the texts, that no engine has computed yet. */
export function restOf(job: Job, { uid, choice }: Pick<SequenceState, "uid" | "choice">): EngineJob {
  return engineJobOf(uid, job.spec, choice, newOutput(job.output[choice]), job.vectors.length);
}

function textsJobOf(
  jobId: string,
  spec: EmbedSpec | RerankSpec,
  cacheScope: string,
  computed: number,
): EmbedOrRerankJob {
  const { truncateTo } = spec;
  const all = {
    jobId,
    cacheScope,
    ...(truncateTo === undefined ? {} : { truncateTo }),
    ...(computed === 0 ? {} : { computed }),
  };
  if (spec.kind === "rerank") return { ...all, kind: "rerank", queries: spec.queries, documents: spec.documents };
  const { texts, dimensions } = spec;
  return { ...all, kind: "embed", texts, ...(dimensions === undefined ? {} : { dimensions }) };
}

function promptOf(
  prompt: PromptInput,
): Pick<GenerateJob, "prompt" | "pieces" | "infill" | "messages" | "tools" | "template"> {
  switch (prompt.kind) {
    case "text":
      return { prompt: prompt.text };
    case "pieces":
      return { pieces: prompt.pieces };
    case "infill":
      return { infill: prompt.infill };
    case "messages": {
      const { kind: _, ...conversation } = prompt;
      return conversation;
    }
  }
}

/** Returns the settings of one choice: the choices of a job differ only in their seeds. */
export function samplingOfChoice(sampling: Sampling, choice: number): Sampling {
  return { ...sampling, seed: (sampling.seed + choice) % 2 ** 32 };
}
