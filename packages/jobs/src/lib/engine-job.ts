// Owns how a job becomes what the engine is told.
import type { EngineJob, GenerateJob, PromptInput, SaidTokens, TextsJob } from "@waggle/engine";
import type { Sampling } from "@waggle/protocol";
import type { Job, SequenceState } from "./job.ts";
import type { EmbedSpec, JobSpec, RerankSpec } from "./job-spec.ts";
import { saidBy } from "./said.ts";

/**
 * The job of one choice, under the engine's name for it.
 * @param said what this choice has said so far
 * @param computed how many of its first texts are
 */
export function engineJobOf(uid: string, spec: JobSpec, choice = 0, said = saidBefore(spec), computed = 0): EngineJob {
  // Timing would tell one client what another has asked, so prefixes are shared within one token's scope only.
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
    // Of each choice, so that none says anything before they are there.
    ...(spec.promptLogprobs === true ? { promptLogprobs: true } : {}),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(spec.lines === undefined ? {} : { lines: spec.lines }),
    ...(spec.fillIn === true ? { fillIn: true } : {}),
    ...(spec.contextShift ? { contextShift: true } : {}),
    ...(spec.lora === undefined ? {} : { lora: spec.lora }),
    stop: spec.stop,
    sampling: withSeedOf(spec.sampling, choice),
    cacheScope,
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(said === undefined || said.events === 0 ? {} : { said }),
  };
}

/** What is left to do of one choice, or of a job's texts, for an engine that knows nothing of it. */
export function restOf(job: Job, { uid, choice }: Pick<SequenceState, "uid" | "choice">): EngineJob {
  return engineJobOf(uid, job.spec, choice, saidBy(job, choice), job.vectors.length);
}

function saidBefore(spec: JobSpec): SaidTokens | undefined {
  return spec.kind === "generate" ? spec.said : undefined;
}

function textsJobOf(jobId: string, spec: EmbedSpec | RerankSpec, cacheScope: string, computed: number): TextsJob {
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

/** Choices of one job differ in their seeds alone. */
function withSeedOf(sampling: Sampling, choice: number): Sampling {
  return { ...sampling, seed: (sampling.seed + choice) % 2 ** 32 };
}
