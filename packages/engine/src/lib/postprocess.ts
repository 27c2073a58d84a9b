// Owns what the results of a pass mean: caches grow, tokens become text, jobs end. It changes slots and computes
// nothing.
import type { Backend, EntryResult, BatchEntry, Token, TokenLogprobs } from "./backend.ts";
import type { JobEvent, LogprobEntry, PromptLogprobEntry, TokenLogprob } from "./messages.ts";
import type { SampledToken } from "./sequence.ts";
import { releaseSlot, sequenceOf, transition, type Slot } from "./slots.ts";

/** What is asked about a token. */
type Model = Pick<Backend, "tokenBytes" | "markOf" | "isEndOfGeneration">;

/**
 * Takes in one pass that ended at `atMs`; returns what there is to tell, in slot order. A slot that was released
 * while the pass ran keeps what was computed and loses what was sampled. Jobs that end here leave their slots
 * releasing.
 * @throws Error when the results do not fit the entries: the backend is broken
 */
export function postprocess(
  slots: readonly Slot[],
  entries: readonly BatchEntry[],
  results: readonly EntryResult[],
  model: Model,
  atMs: number,
): JobEvent[] {
  if (results.length !== entries.length) {
    throw new Error(
      `Cannot use the results of a step: ${entries.length} entries went in and ${results.length} results came out`,
    );
  }
  const events: JobEvent[] = [];
  entries.forEach((entry, i) => {
    const slot = slots[entry.slot];
    const result = results[i];
    if (slot === undefined || result === undefined)
      throw new Error(`Cannot use the result of entry ${i}: no such slot`);
    growCache(slot, entry);
    applyResult(slot, entry, result, model, atMs, events);
  });
  return events;
}

/** What an entry fed is in the KV cache now; that always leaves out the token sampled last. */
function growCache(slot: Slot, entry: BatchEntry): void {
  if (entry.kind === "decode") slot.cached.push(sequenceOf(slot).lastToken);
  else for (const token of entry.tokens) slot.cached.push(token);
}

function applyResult(
  slot: Slot,
  entry: BatchEntry,
  result: EntryResult,
  model: Model,
  atMs: number,
  events: JobEvent[],
): void {
  if (result.kind === "failed") {
    // Nobody knows what a failed entry has left in the cache, so nobody gets any of it.
    slot.cached.length = 0;
    releaseSlot(slot, { kind: "failed", failure: { code: result.code ?? "engine_failed", message: result.message } });
    return;
  }
  const samples = entry.kind === "decode" || entry.sample;
  if (samples !== (result.kind === "token")) {
    throw new Error(`Cannot use the result of slot ${slot.id}: a token ${samples ? "is missing" : "came unasked"}`);
  }
  if (slot.state === "releasing") return;
  if (entry.kind === "prefill" && entry.followers !== undefined) {
    events.push(promptLogprobs(slot, entry.tokens.length, entry.followers, result.followers ?? [], model));
  }
  if (result.kind !== "token") {
    const progress = sequenceOf(slot).progress(slot.cached.length, atMs);
    if (progress !== undefined) events.push(progress);
    return;
  }

  if (entry.kind === "prefill") slot.state = transition(slot.state, "prompt_computed");
  const { token } = result;
  const sampled = {
    ...describeSampled(token, model),
    ...(result.logprobs === undefined ? {} : { logprobs: describeLogprobs(token, result.logprobs, model) }),
  };
  const { events: said, finish } = sequenceOf(slot).accept(sampled, atMs);
  for (const event of said) events.push(event);
  if (finish !== undefined) releaseSlot(slot, { kind: "finished", by: finish });
}

/** What a token is to the sequence that has sampled it. */
export function describeSampled(token: Token, model: Model): SampledToken {
  return {
    token,
    bytes: model.tokenBytes(token),
    mark: model.markOf(token),
    endOfGeneration: model.isEndOfGeneration(token),
  };
}

/** @param computed how many prompt tokens the pass has put into the cache, the last ones there */
function promptLogprobs(
  { cached, sequence, prompt }: Slot,
  computed: number,
  followers: readonly Token[],
  logprobs: readonly TokenLogprobs[],
  model: Pick<Backend, "tokenBytes">,
): JobEvent {
  if (sequence === undefined || logprobs.length !== followers.length) {
    throw new Error(`Cannot use the logprobs of a prompt: ${logprobs.length} came for ${followers.length} tokens`);
  }
  const start = cached.length - computed;
  const entries: PromptLogprobEntry[] = logprobs.map((entry, i) => describeLogprobs(followers[i] ?? 0, entry, model));
  const [first] = prompt;
  if (start === 0 && first !== undefined) {
    entries.unshift({ id: first, bytes: [...model.tokenBytes(first)], logprob: null, top: [] });
  }
  return { type: "prompt_logprobs", jobId: sequence.jobId, from: start === 0 ? 0 : start + 1, entries };
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

/**
 * The events with which the job in a releasing slot ends: what its text still held back, then its one terminal event.
 */
export function endingEvents(slot: Slot, passes: number, atMs: number): JobEvent[] {
  const sequence = sequenceOf(slot);
  const { jobId } = sequence;
  const ending = slot.ending;
  if (ending === undefined) throw new Error(`Cannot end job ${jobId}: slot ${slot.id} is ${slot.state}`);
  const rest = sequence.flush(atMs);
  const terminal = ((): JobEvent => {
    switch (ending.kind) {
      case "finished":
        return {
          type: "finished",
          jobId,
          by: ending.by,
          ...(ending.by === "stop_string" && sequence.stopString !== undefined
            ? { stopString: sequence.stopString }
            : {}),
          ...sequence.totals(atMs),
        };
      case "cancelled":
        return { type: "cancelled", jobId, steps: passes - ending.atPass, ...sequence.totals(atMs) };
      case "failed":
        return { type: "failed", jobId, ...ending.failure };
    }
  })();
  return [...rest, terminal];
}
