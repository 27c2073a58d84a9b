// Makes the spans of a job: a span for each phase, with the attributes of OpenTelemetry's conventions for generative AI
// (https://opentelemetry.io/docs/specs/semconv/gen-ai/). Attributes never contain a prompt or an answer. Pure.
import { finishReasonOf, phasesOf, outcomeReason, totalCountsOf } from "@waggle/jobs";
import type { Job, JobPhase, Outcome } from "@waggle/jobs";
import type { Attributes } from "./span.ts";

export interface PhaseSpan extends JobPhase {
  readonly attributes: Attributes;
  readonly failed: boolean;
}

const operations = {
  text: "text_completion",
  messages: "chat",
  embed: "embeddings",
  rerank: "rerank",
  decide: "decide",
} as const;

/** Returns a span for each phase that an ended job reached. The last span has the job's outcome. */
export function phaseSpansOf(job: Job, outcome: Outcome, model: string): readonly PhaseSpan[] {
  const counts = totalCountsOf(job.state);
  const shared = { ...identityOf(job, model), "waggle.job.id": job.id };
  const failed = outcome.type === "failed";
  const end = failed ? { "error.type": outcome.code } : { "waggle.job.reason": outcomeReason(outcome) };
  const own: Readonly<Record<JobPhase["name"], Attributes>> = {
    queue: {},
    prefill: inputOf(counts),
    decode: { "gen_ai.usage.output_tokens": counts.completionTokens },
    calls: {},
  };
  return phasesOf(job).map((phase, index, { length }) => {
    const last = index === length - 1;
    return { ...phase, attributes: { ...shared, ...own[phase.name], ...(last ? end : {}) }, failed: last && failed };
  });
}

/** Attributes of a request after this job. The job's tokens are added to the counts in `before`, from earlier jobs of the request. */
export function requestAttributesOf(job: Job, outcome: Outcome, model: string, before: Attributes): Attributes {
  const counts = totalCountsOf(job.state);
  const own: Attributes = { ...inputOf(counts), "gen_ai.usage.output_tokens": counts.completionTokens };
  const sums = Object.entries(own).map(([key, value]) => [key, Number(value) + Number(before[key] ?? 0)]);
  return {
    ...identityOf(job, model),
    ...samplingAttributes(job),
    ...(Object.fromEntries(sums) as Attributes),
    ...(outcome.type === "finished" ? { "gen_ai.response.finish_reasons": [finishReasonOf(outcome.by)] } : {}),
    ...(outcome.type === "failed" ? { "error.type": outcome.code } : {}),
  };
}

function identityOf(job: Job, model: string): Attributes {
  const { spec } = job;
  return {
    "gen_ai.operation.name": operations[operationOf(job)],
    "gen_ai.provider.name": "waggle",
    "gen_ai.request.model": model,
    "gen_ai.response.model": model,
    "gen_ai.response.id": job.id,
    "gen_ai.conversation.id": spec.who.sessionId,
  };
}

function operationOf({ spec: { work } }: Job): keyof typeof operations {
  return work.kind === "generate" ? (work.prompt.kind === "messages" ? "messages" : "text") : work.kind;
}

function samplingAttributes({ spec: { work } }: Job): Attributes {
  if (work.kind !== "generate") return {};
  const { sampling } = work;
  return {
    "gen_ai.request.max_tokens": work.maxTokens,
    "gen_ai.request.choice.count": work.choices === 1 ? undefined : work.choices,
    "gen_ai.request.seed": sampling.seed,
    "gen_ai.request.temperature": sampling.temperature,
    "gen_ai.request.top_p": sampling.top_p,
    "gen_ai.request.top_k": sampling.top_k,
  };
}

function inputOf({ promptTokens, cachedTokens }: Job["state"]["counts"]): Attributes {
  return {
    "gen_ai.usage.input_tokens": promptTokens,
    "gen_ai.usage.cache_read.input_tokens": cachedTokens,
  };
}
