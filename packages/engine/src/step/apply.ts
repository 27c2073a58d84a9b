// Applies the results of a pass to the jobs: sampled tokens become text and join the targets, and jobs end.
import type { Backend } from "../port/backend.ts";
import type { BatchEntry, EntryResult, Token, TokenLogprobs } from "../port/steps.ts";
import type { JobEvent, LogprobEntry, PromptLogprobEntry, TokenLogprob } from "../port/messages.ts";
import type { Span } from "../schedule/plan.ts";
import { decodeSlot, releaseSlot, type Run } from "../schedule/slots.ts";
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
  const { slot, sequence, target } = run;
  if (result.kind === "failed") {
    // The cache of a failed entry is unknown, so no job may reuse it.
    slot.held.cut(0);
    releaseSlot(slot, { kind: "failed", failure: { code: result.code ?? "engine_failed", message: result.message } });
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
  const events: JobEvent[] = [];
  if (entry.nextTokens !== undefined) {
    events.push(...promptLogprobs(run, entry.tokens.length, entry.nextTokens, result.nextLogprobs ?? [], model));
  }
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

/**
 * Makes the event of the prompt's logprobs that were not sent yet: a job that was preempted computes its prompt again.
 * @param computed number of prompt tokens that the pass added to the slot's cache
 */
function promptLogprobs(
  run: Run,
  computed: number,
  nextTokens: readonly Token[],
  logprobs: readonly TokenLogprobs[],
  model: Pick<Backend, "tokenBytes">,
): JobEvent[] {
  const { slot, target, sequence } = run;
  if (logprobs.length !== nextTokens.length) {
    throw new Error(`Cannot use the logprobs of a prompt: ${logprobs.length} came for ${nextTokens.length} tokens`);
  }
  const start = slot.held.entries.length - computed;
  const entries: PromptLogprobEntry[] = logprobs.map((entry, i) => describeLogprobs(nextTokens[i] ?? 0, entry, model));
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
