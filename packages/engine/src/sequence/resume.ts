// Makes the sequences of jobs: a resumed job's sequence takes the output of an earlier engine, as if this engine had sampled it.
import type { Token } from "../port/steps.ts";
import type { Pieces } from "../port/pieces.ts";
import { readerFor } from "./answer-parts.ts";
import { generatorOf, type PreparedGenerate, type PreparedJob } from "./prepare.ts";
import { describeSampled, type TokenModel } from "./sampled-token.ts";
import { createSequence, type Accepted, type SampledToken, type Sequence } from "./sequence.ts";

export interface ResumedSequence {
  readonly sequence: Sequence;
  /** The result of replaying the output; empty for a new job. */
  readonly replayed: Accepted;
}

export function sequenceFor(prepared: PreparedGenerate, backend: TokenModel, startedAtMs: number): Sequence {
  const { job, promptTokens, sampling } = prepared;
  const { thinkingBudget: budget } = job.work;
  return createSequence({
    ...job.work,
    jobId: job.jobId,
    ignoreEos: sampling.ignore_eos,
    promptTokens,
    contextSize: backend.info.contextSize,
    startedAtMs,
    reader: readerFor(prepared, backend.info.chatFormat),
    thinking: budget === undefined ? undefined : { budget, close: generatorOf(backend).thoughtEnd.tokens },
  });
}

/** Adds the sequence of a resumed job, which replays the earlier output. The sequence gets its time when the job begins. */
export async function resume(prepared: PreparedJob, backend: TokenModel, pieces: Pieces): Promise<PreparedJob> {
  if (prepared.kind !== "generate" || prepared.output === undefined) return prepared;
  const { job } = prepared;
  const sequence = sequenceFor(prepared, backend, 0);
  const output = outputOf(prepared.output, backend);
  const replayed = await sequence.replay(output, job.prior?.output?.events ?? 0, pieces.pace);
  return { ...prepared, resumed: { sequence, replayed } };
}

function* outputOf(ids: readonly Token[], backend: TokenModel): Iterable<SampledToken> {
  for (const token of ids) yield describeSampled(token, backend);
}
