// Owns the slots of the fake backend: their KV cache and their jobs. Refuses what the Backend port forbids.
import { contextCapacity, type BackendInfo } from "../port/info.ts";
import type { Held, HeldEntry } from "../port/kv.ts";
import type { BatchEntry, SlotSampling, Token } from "../port/steps.ts";
import { emptyContext, extendContext, type FakeSampler } from "./fake-model.ts";

export interface FakeSlot {
  /** The memory of the KV cache. */
  readonly cells: FakeCell[];
  job: FakeJob | undefined;
}

export interface FakeCell {
  readonly entry: HeldEntry;
  /** The hash of the context after this entry. */
  readonly hash: number;
  /** The position behind this entry. */
  readonly end: number;
}

export interface FakeJob {
  readonly sampling: SlotSampling;
  /** The job's scales of adapters; undefined where they equal the scales at load. */
  readonly adapters: readonly number[] | undefined;
  readonly held: Held;
  /** What the job has sampled before it began here. */
  readonly output: readonly Token[] | undefined;
  /** Undefined while the job prefills. */
  sampler: FakeSampler | undefined;
  /** The token sampled last. */
  last: Token | undefined;
}

export interface FakeSlots {
  readonly all: readonly FakeSlot[];
  dispose(): void;
  /** Whether a step runs. */
  readonly busy: boolean;
  /** @throws Error for an unknown slot, while a step runs, and after the disposal */
  at(id: number, action: string): FakeSlot;
  /** @param added tokens that a slot gets in addition */
  checkPool(action: string, added: number): void;
  /** @param drafts whether drafts are allowed */
  checkStep(entries: readonly BatchEntry[], drafts?: boolean): void;
  /** Computes for a while, during which no slot may be touched. */
  whileBusy(pause: () => Promise<void>): Promise<void>;
}

export function createFakeSlots(
  info: Pick<BackendInfo, "slots" | "contextSize" | "contextPool" | "batchSize">,
): FakeSlots {
  const all = Array.from({ length: info.slots }, (): FakeSlot => ({ cells: [], job: undefined }));
  let disposed = false;
  let busy = false;

  function at(id: number, action: string): FakeSlot {
    const slot = all[id];
    if (slot === undefined) throw refusal(action, `there is no slot ${id}`);
    if (disposed) throw refusal(action, "the backend is gone");
    if (busy) throw refusal(action, "a step is running");
    return slot;
  }

  function checkPool(action: string, added: number): void {
    const cells = all.reduce((sum, slot) => sum + slot.cells.length, added);
    if (cells > info.contextPool)
      throw refusal(action, `${cells} tokens exceed the context pool of ${info.contextPool}`);
  }

  function checkStep(entries: readonly BatchEntry[], drafts = true): void {
    if (entries.length === 0) throw refusal("step", "there are no entries");
    const tokens = entries.reduce((sum, entry) => sum + lengthOf(entry), 0);
    if (tokens > info.batchSize) throw refusal("step", `${tokens} tokens exceed the batch of ${info.batchSize}`);
    checkPool("step", tokens);
    const stepped = new Set<number>();
    const adapters = new Set(entries.map(({ slot }) => all[slot]?.job?.adapters?.join(",")));
    if (adapters.size > 1) throw refusal("step", "its slots have different adapters");
    for (const entry of entries) {
      if (stepped.has(entry.slot)) throw refusal("step", `slot ${entry.slot} has two entries`);
      stepped.add(entry.slot);
      if (!drafts && entry.drafts !== undefined) throw refusal("step", `slot ${entry.slot} takes no drafts`);
      checkEntry(entry, at(entry.slot, "step"), info.contextSize);
    }
  }

  return {
    ...{ all, at, checkPool, checkStep },
    dispose: () => void (disposed = true),
    get busy() {
      return busy;
    },
    async whileBusy(pause) {
      busy = true;
      try {
        await pause();
      } finally {
        busy = false;
      }
    },
  };
}

function checkEntry(entry: BatchEntry, slot: FakeSlot, contextSize: number): void {
  const { cells, job } = slot;
  if (job === undefined) throw refusal("step", `slot ${entry.slot} has no job`);
  const position = cells.at(-1)?.end ?? 0;
  if (entry.from !== position)
    throw refusal("step", `slot ${entry.slot} ends at position ${position} and not ${entry.from}`);
  const { last } = job;
  if (last !== undefined && (!entry.sample || entry.tokens.length !== 1 || entry.tokens[0] !== last))
    throw refusal("step", `slot ${entry.slot} continues with token ${last}, and not ${entry.tokens.join()}`);
  if (entry.tokens.length === 0) throw refusal("step", `the entry of slot ${entry.slot} is empty`);
  if (entry.reads?.some(({ at }, i, all) => at >= entry.tokens.length || at <= (all[i - 1]?.at ?? -1)) === true)
    throw refusal("step", `slot ${entry.slot} reads logprobs at ${entry.reads.map(({ at }) => at).join()}`);
  if (entry.drafts !== undefined) checkDrafts(entry, last);
  const length = cells.length + lengthOf(entry);
  if (length > contextCapacity(contextSize)) throw refusal("step", `slot ${entry.slot} would hold ${length} tokens`);
}

function checkDrafts({ slot, forced }: BatchEntry, last: Token | undefined): void {
  if (last === undefined) throw refusal("step", `slot ${slot} has drafts after a prompt`);
  if (forced !== undefined) throw refusal("step", `slot ${slot} has drafts after a forced token`);
}

/** Number of tokens that the entry feeds. */
function lengthOf({ tokens, drafts = [] }: BatchEntry): number {
  return tokens.length + drafts.length;
}

/** Whether the cells hold exactly these tokens. */
export function isExact({ entries }: Held, cells: readonly FakeCell[]): boolean {
  return entries.length === cells.length && cells.every(({ entry }, i) => entries[i] === entry);
}

export function feed(
  cells: FakeCell[],
  entry: HeldEntry,
  adapters: readonly number[] | undefined,
  positions = 1,
): void {
  const before = cells.at(-1)?.hash ?? emptyContext;
  // An adapter changes all following tokens.
  const changed = adapters?.reduce((hash, scale) => extendContext(hash, scale * 1_024), before);
  const end = (cells.at(-1)?.end ?? 0) + positions;
  cells.push({ entry, end, hash: extendContext(changed ?? before, entry) });
}

export function refusal(action: string, reason: string): Error {
  return new Error(`Cannot ${action} on the fake backend: ${reason}`);
}
