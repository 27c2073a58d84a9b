// Applies the results of a pass to the slots: tokens become text, jobs end.
import type { Backend, EntryResult, BatchEntry, Token, TokenLogprobs } from "../port/backend.ts";
import { isCell } from "../port/entries.ts";
import type { JobEvent, LogprobEntry, PromptLogprobEntry, TokenLogprob } from "../port/messages.ts";
import { generatorOf } from "../sequence/prepare.ts";
import type { SampledToken } from "../sequence/sequence.ts";
import { releaseSlot, sequenceOf, transition, type Slot } from "./slots.ts";

/** What describes a token. */
type Model = Pick<Backend, "info" | "tokenBytes" | "generator">;

/**
 * Applies the results of one pass that ended at `atMs`, and returns its events in the order of the entries. A slot that was released
 * during the pass keeps the computed cache and drops the sampled token. When a job ends here, its slot's state becomes
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
    applyResult(slot, entry, result, model, atMs, events);
  });
  return events;
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
    // The cache of a failed entry is unknown, so no job may reuse it.
    slot.held.cut(0);
    releaseSlot(slot, { kind: "failed", failure: { code: result.code ?? "engine_failed", message: result.message } });
    return;
  }
  if (entry.sample !== (result.kind === "token")) {
    throw new Error(
      `Cannot use the result of slot ${slot.id}: a token ${entry.sample ? "is missing" : "was not requested"}`,
    );
  }
  if (slot.state === "releasing") return;
  if (entry.nextTokens !== undefined) {
    events.push(...promptLogprobs(slot, entry.tokens.length, entry.nextTokens, result.nextLogprobs ?? [], model));
  }
  if (result.kind !== "token") {
    const progress = sequenceOf(slot).progress(slot.held.entries.length, atMs);
    if (progress !== undefined) events.push(progress);
    return;
  }

  if (slot.state === "prefilling") slot.state = transition(slot.state, "prompt_computed");
  const { behind = [] } = result;
  const sequence = sequenceOf(slot);
  sequence.countGuesses(entry.guesses?.length ?? 0, behind.length);
  for (const { token, logprobs } of [result, ...behind]) {
    const sampled = {
      ...describeSampled(token, model),
      ...(logprobs === undefined ? {} : { logprobs: describeLogprobs(token, logprobs, model) }),
    };
    const { events: tokenEvents, finish } = sequence.accept(sampled, atMs);
    for (const event of tokenEvents) events.push(event);
    if (finish === undefined) continue;
    // The tokens behind the job's last one are dropped.
    releaseSlot(slot, { kind: "finished", by: finish });
    return;
  }
}

export function describeSampled(token: Token, model: Model): SampledToken {
  const generator = generatorOf(model);
  return {
    token,
    bytes: model.tokenBytes(token),
    mark: generator.markOf(token),
    endOfGeneration: generator.isEndOfGeneration(token),
  };
}

/**
 * Makes the event of the prompt's logprobs that were not sent yet: a job that was parked computes its prompt again.
 * @param computed number of prompt tokens that the pass added to the slot's cache
 */
function promptLogprobs(
  slot: Slot,
  computed: number,
  nextTokens: readonly Token[],
  logprobs: readonly TokenLogprobs[],
  model: Pick<Backend, "tokenBytes">,
): JobEvent[] {
  const { held, prompt } = slot;
  if (logprobs.length !== nextTokens.length) {
    throw new Error(`Cannot use the logprobs of a prompt: ${logprobs.length} came for ${nextTokens.length} tokens`);
  }
  const start = held.entries.length - computed;
  const entries: PromptLogprobEntry[] = logprobs.map((entry, i) => describeLogprobs(nextTokens[i] ?? 0, entry, model));
  const [first] = prompt;
  if (start === 0 && first !== undefined && !isCell(first)) {
    entries.unshift({ id: first, bytes: [...model.tokenBytes(first)], logprob: null, top: [] });
  }
  const from = start === 0 ? 0 : start + 1;
  const unsent = entries.slice(Math.max(0, slot.scoredTokens - from));
  if (unsent.length === 0) return [];
  slot.scoredTokens = from + entries.length;
  return [
    {
      type: "prompt_logprobs",
      jobId: sequenceOf(slot).jobId,
      from: slot.scoredTokens - unsent.length,
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

/** Makes the last events of the job in a releasing slot: the text that was held back, then the terminal event. */
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
