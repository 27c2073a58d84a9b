// Computes the entries of the fake backend's steps with the fake model.
import { entryTokens } from "../port/entries.ts";
import type { BatchEntry, EntryResult, Logprobs, LogprobsRequest, Token, TokenLogprobs } from "../port/steps.ts";
import {
  createFakeSampler,
  emptyContext,
  fakeLogprobOf,
  fakeLogprobs,
  isFakeEndOfGeneration,
  likelyFakeToken,
  type FakeSampler,
} from "./fake-model.ts";
import { feed, refusal, type FakeCell, type FakeJob, type FakeSlot } from "./fake-slots.ts";

/** Computes an entry of a step: feeds its tokens and samples. @param die ends the process at the marker `[die:N]` */
export function computeEntry({ cells, job }: FakeSlot, entry: BatchEntry, die: (() => void) | undefined): EntryResult {
  if (job === undefined) throw refusal("sample", "no job is bound");
  const read: Logprobs[] = [];
  entry.tokens.forEach((token, i) => {
    feed(cells, token, job.adapters);
    const request = entry.reads?.[read.length];
    if (request?.at === i) read.push(logprobsBehind(cells, request));
  });
  const scored = entry.reads === undefined ? {} : { read };
  if (!entry.sample) return { kind: "none", ...scored };
  const sampled = sampleNext(cells, job, die);
  const token = entry.forced ?? sampled;
  if (token === undefined) return { kind: "failed", message: "The entry failed, as the prompt requested." };
  const result = { kind: "token", ...withLogprobs(token, job), ...scored } as const;
  job.last = token;
  if (entry.drafts === undefined) return result;

  const behind: SampledToken[] = [];
  for (const draft of entry.drafts) {
    if (draft !== job.last || isFakeEndOfGeneration(draft)) break;
    feed(cells, draft, job.adapters);
    const next = sampleNext(cells, job, die);
    if (next === undefined) {
      cells.pop();
      break;
    }
    behind.push(withLogprobs(next, job));
    job.last = next;
  }
  return { ...result, behind };
}

function sampleNext(cells: readonly FakeCell[], job: FakeJob, die: (() => void) | undefined): Token | undefined {
  job.sampler ??= samplerOf(cells, job);
  if (job.sampler.dies) die?.();
  return job.sampler.next(cells.at(-1)?.hash ?? emptyContext);
}

interface SampledToken {
  readonly token: Token;
  readonly logprobs?: TokenLogprobs;
}

function withLogprobs(token: Token, { sampling: { topLogprobs } }: FakeJob): SampledToken {
  return topLogprobs === undefined ? { token } : { token, logprobs: fakeLogprobs(token, topLogprobs) };
}

/** Creates the job's sampler, and replays the earlier output of a resumed job: the sampler counts tokens, and a character may span several. */
function samplerOf(cells: readonly FakeCell[], { held, sampling, output = [] }: FakeJob): FakeSampler {
  const left = Math.max(0, held.entries.length - output.length);
  const sampler = createFakeSampler(entryTokens(held.entries.slice(0, left)), sampling);
  output.forEach((_, i) => sampler.next(cells[left + i - 1]?.hash ?? emptyContext));
  return sampler;
}

function logprobsBehind(cells: readonly FakeCell[], { tokens, top }: LogprobsRequest): Logprobs {
  const hash = cells.at(-1)?.hash ?? emptyContext;
  return {
    logprobs: tokens.map((token) => fakeLogprobOf(hash, token)),
    top: fakeLogprobs(likelyFakeToken(hash), top).top,
  };
}
