// Applies the results of a pass to the jobs: sampled tokens become text and join the targets, and jobs end.
import type { Backend } from "../port/backend.ts";
import type { BatchEntry, EntryResult, Logprobs, LogprobsRequest, Token, TokenLogprobs } from "../port/steps.ts";
import type { JobEvent, LogprobEntry, PromptLogprobEntry, TokenLogprob } from "../port/messages.ts";
import type { Span } from "../schedule/spans.ts";
import {
  branchReads,
  decodeSlot,
  giveBack,
  isLent,
  releaseSlot,
  type AnswerRun,
  type DecideRun,
} from "../schedule/slots.ts";
import { describeSampled, type TokenModel } from "../sequence/sampled-token.ts";

/**
 * Applies the results of one pass that ended at `atMs`, and returns its events in the order of the spans. A job that was released during the pass drops
 * the sampled token, and its slot keeps the computed cache. When a job ends here, its slot's state becomes releasing.
 * @param entries what the spans were in the pass
 * @throws Error when the results do not fit the entries: the backend is broken
 */
export function applyResults(
  spans: readonly Span[],
  entries: readonly BatchEntry[],
  results: readonly EntryResult[],
  model: TokenModel,
  atMs: number,
): JobEvent[] {
  if (results.length !== entries.length) {
    throw new Error(
      `Cannot use the results of a step: ${entries.length} entries went in and ${results.length} results came out`,
    );
  }
  return spans.flatMap((span, i) => {
    const [entry, result] = [entries[i], results[i]];
    if (entry === undefined || result === undefined)
      throw new Error(`Cannot use the result of entry ${i}: no such entry`);
    return applyResult(span, entry, result, model, atMs);
  });
}

function applyResult(
  { run, drafts }: Span,
  entry: BatchEntry,
  result: EntryResult,
  model: TokenModel,
  atMs: number,
): JobEvent[] {
  const { slot } = run;
  if (result.kind === "failed") {
    // The cache of a failed entry is unknown, so no job may reuse it.
    slot.held.cut(0);
    const failure = { code: result.code ?? ("engine_failed" as const), message: result.message };
    if (isLent(run)) giveBack(run);
    releaseSlot(isLent(run) ? run.lender.slot : slot, { kind: "failed", failure });
    return [];
  }
  if (entry.sample !== (result.kind === "token")) {
    throw new Error(
      `Cannot use the result of slot ${slot.id}: a token ${entry.sample ? "is missing" : "was not requested"}`,
    );
  }
  const { behind = [] } = result.kind === "token" ? result : {};
  slot.held.feed(drafts.slice(0, behind.length));
  if (slot.state.kind === "releasing") return [];
  const { reads = [] } = entry;
  const { read = [] } = result;
  if (read.length !== reads.length) {
    throw new Error(`Cannot use the logprobs of slot ${slot.id}: ${read.length} came for ${reads.length} reads`);
  }
  if (run.kind === "decision") return applyReads(run, entry, read, atMs);
  const { sequence, target } = run;
  const events = reads.length === 0 ? [] : promptLogprobs(run, entry.tokens.length, reads, read, model);
  if (result.kind !== "token") {
    const progress = sequence.progress(slot.held.entries.length, atMs);
    return progress === undefined ? events : [...events, progress];
  }

  if (slot.state.kind === "prefilling") decodeSlot(run);
  sequence.countDrafts(drafts.length, behind.length);
  for (const { token, logprobs } of [result, ...behind]) {
    const sampled = {
      ...describeSampled(token, model),
      ...(logprobs === undefined ? {} : { logprobs: describeLogprobs(token, logprobs, model) }),
    };
    const { events: tokenEvents, finish } = sequence.accept(sampled, atMs);
    for (const event of tokenEvents) events.push(event);
    if (finish !== undefined) {
      // The tokens after the job's last one are dropped.
      releaseSlot(slot, { kind: "finished", by: finish });
      break;
    }
    target.push(token);
  }
  return events;
}

/** Stores what a branch has read. After the last entry of a branch, its reading may be complete, and after the last reading the job ends. */
function applyReads(run: DecideRun, { tokens }: BatchEntry, read: readonly Logprobs[], atMs: number): JobEvent[] {
  const { slot, sequence, target, reading } = run;
  const held = slot.held.entries.length;
  const nodes = branchReads(run).filter(({ index }) => index >= held - tokens.length && index < held);
  read.forEach(({ logprobs }, i) => reading?.record(nodes[i]?.node ?? 0, logprobs));
  const events: JobEvent[] = [];
  if (reading !== undefined && held === target.length) {
    reading.finishBranch();
    if (reading.branch === undefined) {
      events.push(...sequence.finish(reading));
      run.reading = undefined;
    }
  }
  if (sequence.isDone) releaseSlot((run.lender ?? run).slot, { kind: "finished", by: "end" });
  const progress = sequence.progress(held, atMs);
  return progress === undefined ? events : [...events, progress];
}

/**
 * Makes the event of the prompt's logprobs that were not sent yet: a job that was preempted computes its prompt again.
 * @param computed number of prompt tokens that the pass added to the slot's cache
 */
function promptLogprobs(
  run: AnswerRun,
  computed: number,
  reads: readonly LogprobsRequest[],
  read: readonly Logprobs[],
  model: Pick<Backend, "tokenBytes">,
): JobEvent[] {
  const { slot, target, sequence } = run;
  const start = slot.held.entries.length - computed;
  const entries: PromptLogprobEntry[] = read.map(({ logprobs: [logprob = NaN], top }, i) =>
    describeLogprobs(reads[i]?.tokens[0] ?? 0, { logprob, top }, model),
  );
  const [first] = target;
  if (start === 0 && first !== undefined) {
    entries.unshift({ id: first, bytes: [...model.tokenBytes(first)], logprob: null, top: [] });
  }
  const from = start === 0 ? 0 : start + 1;
  const unsent = entries.slice(Math.max(0, run.scoredTokens - from));
  if (unsent.length === 0) return [];
  run.scoredTokens = from + entries.length;
  return [
    {
      type: "prompt_logprobs",
      jobId: sequence.jobId,
      from: run.scoredTokens - unsent.length,
      entries: unsent,
    },
  ];
}

function describeLogprobs(
  token: Token,
  { logprob, top }: TokenLogprobs,
  model: Pick<Backend, "tokenBytes">,
): LogprobEntry {
  const describe = (id: Token, ofIt: number): TokenLogprob => ({
    id,
    bytes: [...model.tokenBytes(id)],
    logprob: ofIt,
  });
  return { ...describe(token, logprob), top: top.map((entry) => describe(entry.token, entry.logprob)) };
}
