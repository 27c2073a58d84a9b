// Computes scores of text pairs, for all routes that rank or score.
import type { RerankWork } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { RerankRequest } from "@waggle/protocol";
import type { AppContext, ServedModel } from "../../server/context.ts";
import type { Generations } from "../../generation/generations.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";

export type Pairs = Omit<RerankWork, "kind">;

export interface Ranked {
  readonly job: Job;
  /** Relevance of each document; higher is better. */
  readonly logits: readonly number[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** @throws WaggleError also when the model cannot rank */
export async function rank(
  c: AppContext,
  served: ServedModel,
  pairs: Pairs,
  generations: Generations,
): Promise<Ranked> {
  const { job, end } = await generations.complete(c, {
    ...collectedJobOf(c, served),
    work: { kind: "rerank", ...pairs },
  });
  const { prompt_tokens: tokens } = end.usage;
  return {
    job,
    logits: job.vectors.map(([logit = 0]) => logit),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** Maps a logit to a score from 0 to 1, as the services' clients expect. llama-server returns logits. */
export function scoreOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Number of tokens at which long texts are cut; undefined if long texts are rejected. */
export function truncationOf(
  { truncate, truncate_prompt_tokens: tokens }: Pick<RerankRequest, "truncate" | "truncate_prompt_tokens">,
  byDefault: boolean,
): number | undefined {
  if (tokens != null && tokens > 0) return tokens;
  return (truncate ?? (tokens === -1 || byDefault)) ? Number.MAX_SAFE_INTEGER : undefined;
}
