// Owns a slot of the library's cache. Makes the batch row of an entry, and the entry's result from the row's outputs. What the slot holds belongs to the
// engine. A slot does not depend on others.
import { entriesWithin, positionBehind } from "@waggle/engine";
import type { BatchEntry, EntryResult, Held, SlotSampling, Token } from "@waggle/engine";
import type { BatchRow, Output, OutputRequest } from "../passes/passes.ts";
import { readLogprobs } from "../sampling/logit-sampler.ts";
import { createSlotJob, type SlotJob, type SlotJobOptions } from "./slot-job.ts";

export interface SlotOptions extends SlotJobOptions {
  /** Maximum number of tokens in the slot. */
  readonly capacity: number;
}

export interface Slot {
  /** Scales of the adapters in the job's request; undefined for the scales at load. */
  readonly adapters: readonly number[] | undefined;
  /**
   * Begins a job.
   * @returns number of kept entries; with recurrent layers it may be less than `keep`
   * @throws WaggleError invalid_argument if the grammar is invalid or does not allow the answer's beginning
   */
  begin(keep: number, sampling: SlotSampling, held: Held, output?: readonly Token[]): Promise<number>;
  /** Makes the entry's batch row, or its failure. */
  rowFor(entry: BatchEntry): BatchRow | EntryResult;
  /** Makes the entry's result from the outputs of its row. */
  resultOf(entry: BatchEntry, outputs: readonly Output[]): EntryResult | Promise<EntryResult>;
  end(): Promise<void>;
  /** Discards the entries after the first `keep` of a slot without a job. @returns number of kept entries */
  cut(keep: number, held: Held): Promise<number>;
}

export function createSlot(options: SlotOptions): Slot {
  const { id, passes, capacity } = options;
  let current: SlotJob | undefined;

  function currentJob(): SlotJob {
    if (current === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return current;
  }

  async function cut(keep: number, { entries, chunks }: Held): Promise<number> {
    // After a failure, the slot may hold more than the engine knows of. An erasure from the first position on empties it in any case.
    if (keep > 0 && keep === entries.length) return keep;
    const from = positionBehind(chunks, keep);
    const kept = await passes.erase(id, from, keep);
    return kept === from ? keep : entriesWithin(chunks, kept);
  }

  return {
    get adapters() {
      return current?.sampling.adapters;
    },

    async begin(keep, sampling, held, output) {
      current = undefined;
      const kept = await cut(keep, held);
      const job = await createSlotJob(options, sampling, held, output);
      passes.configure(id, sampling);
      current = job;
      return kept;
    },

    rowFor(entry) {
      const { from, tokens, drafts = [], reads = [], sample } = entry;
      const job = currentJob();
      if (drafts.length > 0 && !passes.takesDrafts) throw new Error(`Cannot step slot ${id}: it takes no drafts`);
      if (job.held.entries.length + drafts.length > capacity) {
        return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
      }
      const outputs = reads.map(({ at, tokens: read, top }): OutputRequest => {
        return { at, kind: "logits", request: { tokens: read, top, total: true } };
      });
      if (sample)
        for (let drafted = 0; drafted <= drafts.length; drafted++) outputs.push(job.requestFor(entry, drafted));
      return { slot: id, from, tokens: drafts.length === 0 ? tokens : [...tokens, ...drafts], outputs };
    },

    resultOf(entry, outputs) {
      const { reads, sample } = entry;
      const job = currentJob();
      const read = reads?.map(({ tokens, top }, i) => {
        const output = outputs[i];
        if (output?.kind !== "logits") throw new Error("The library returned no logits for a token of the prompt");
        return readLogprobs(output.logits, tokens, top);
      });
      if (!sample) return read === undefined ? { kind: "none" } : { kind: "none", read };
      const sampled = reads === undefined ? outputs : outputs.slice(reads.length);
      if (sampled.length === 0) throw new Error(`The pass has no output for slot ${id}`);
      const taken = job.take(entry, sampled);
      if (read === undefined) return taken;
      const add = (result: EntryResult): EntryResult => (result.kind === "token" ? { ...result, read } : result);
      return taken instanceof Promise ? taken.then(add) : add(taken);
    },

    async end() {
      if (current !== undefined) await cut(current.held.entries.length, current.held);
      current = undefined;
    },

    cut,
  };
}
