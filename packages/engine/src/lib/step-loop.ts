// Owns the loop: the scheduling point is passed, then one forward pass runs. Between passes it awaits
// the backend only.
import { deferred } from "@waggle/async";
import { createAdapterTurns } from "./adapters.ts";
import type { Backend, BatchEntry, EntryResult, StepsAhead } from "./backend.ts";
import type { SchedulingPoint } from "./scheduling-point.ts";
import { contextCapacity, planShift } from "./context-shift.ts";
import type { Embeddings } from "./embeddings.ts";
import type { StepStats } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import type { Pacing } from "./pacing.ts";
import type { PassShape } from "./pass-costs.ts";
import { postprocess } from "./postprocess.ts";
import { countScored, countTokens, isPrefilling, noteAging, schedule } from "./schedule.ts";
import { shiftSlot, type Slot } from "./slots.ts";
import type { ThreadChange } from "./threads.ts";

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly schedulingPoint: SchedulingPoint;
  readonly embeddings: Pick<Embeddings, "size" | "run">;
  readonly pacing: Pacing;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** The pacing has changed its mind about passes of about so many tokens. */
  readonly onThreadChange: (change: ThreadChange, tokens: number) => void;
}

export interface StepLoop {
  /** Forward passes that have ended. */
  readonly passes: number;
  /** Runs until `leave`. @throws whatever the backend threw: it is unusable then */
  run(): Promise<void>;
  /** Something has changed: look at the slots and the waiting jobs again. */
  wake(): void;
  /** Does what can wait, if nothing was computed since this was last called; `freeCores` is of the same time. */
  maintain(freeCores?: number): void;
  /** Ends the loop at the next scheduling point. */
  leave(): void;
}

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, slots, pacing, outbox, now } = options;
  const turns = createAdapterTurns();
  let { threads } = backend.info;
  let passes = 0;
  /** A pass was asked for behind the one that runs; and it has begun, though nobody has heard yet that the other one has ended. */
  let [isAhead, hasBegun] = [false, false];
  let leaving = false;
  let maintaining = false;
  let passesAtMaintenance = 0;
  let woken = deferred<void>();
  /** When the last pass ended; undefined while there is nothing to compute. */
  let lastEndMs: number | undefined;
  /** Since the last pass. */
  let shifts = 0;
  /** A piece of an embed job was computed since the last piece of a prompt. */
  let embeddedLast = false;
  /** Of the last pass, until they are sent. */
  let lastPass: StepStats | undefined;

  function load(of: readonly Slot[] = slots): { decoding: number; prefilling: number } {
    let [decoding, prefilling] = [0, 0];
    for (const slot of of) {
      if (slot.state === "decoding") decoding += 1;
      else if (isPrefilling(slot)) prefilling += 1;
    }
    return { decoding, prefilling };
  }

  /** @param embedded the streams have waited for a piece of an embed job already, so prompts wait for the next step */
  function plan(embedded: boolean): BatchEntry[] {
    const taking = turns.next(slots);
    const planned = pacing.plan(load(taking));
    const limits = { ...planned, scoredTokens: Math.min(planned.scoredTokens, backend.maxFollowers) };
    const entries = schedule(taking, embedded ? { ...limits, prefillBudget: 0 } : limits);
    noteAging(slots, entries);
    return entries;
  }

  function useThreads(wanted: number): void {
    if (wanted !== threads) backend.setThreads(wanted);
    threads = wanted;
  }

  /** Only a job that asked for it comes so far: any other ends with the token that its full context still gives. */
  async function shiftFull(): Promise<void> {
    const { contextSize } = backend.info;
    for (const slot of slots) {
      if (slot.state !== "decoding" || slot.cached.length < contextCapacity(contextSize)) continue;
      const shift = planShift(slot.cached.length, slot.promptTokens, contextSize);
      await backend.shift(slot.id, shift.keep, shift.discard);
      shiftSlot(slot, shift);
      shifts += 1;
    }
  }

  /** A piece of an embed job, if there is one to compute; prompts and embed jobs take turns. */
  async function embed(): Promise<boolean> {
    const { decoding, prefilling } = load();
    const turn = options.embeddings.size > 0 && !(embeddedLast && prefilling > 0);
    embeddedLast = turn && (await options.embeddings.run(pacing.piece(decoding), tell));
    if (embeddedLast && lastEndMs !== undefined) lastEndMs = now();
    return embeddedLast;
  }

  /** A pass, and others like it for as long as nothing changes: each is asked for while the one before it computes. */
  async function runPasses(entries: readonly BatchEntry[]): Promise<void> {
    const shape = {
      decodeRows: entries.filter((entry) => entry.kind === "decode").length,
      tokens: countTokens(entries),
      scored: countScored(entries),
    };
    useThreads(pacing.threads(shape));
    let startMs = now();
    // What the last pass brought goes out while this one computes: sending costs as much as a small model's pass.
    let running: ReturnType<StepsAhead["step"]> = backend.step(entries, tell);
    for (let isFirst = true; running !== undefined; isFirst = false) {
      const next = goesOn(entries, shape) ? backend.ahead?.step(entries.map(({ slot }) => slot)) : undefined;
      isAhead = next !== undefined;
      if (!isFirst) tell();
      const results = await running;
      isAhead = hasBegun = false;
      if (results === undefined) return;
      const endMs = now();
      passes += 1;
      // A pass that came to nothing (each entry failed at once) was never under way.
      if (lastPass !== undefined) tell();
      takeIn(entries, results, { ...shape, passMs: endMs - startMs, gapMs: startMs - (lastEndMs ?? startMs) }, endMs);
      startMs = endMs;
      running = next;
    }
  }

  /** Whether the next pass will be like this one, which has just begun, whatever it brings. */
  function goesOn(entries: readonly BatchEntry[], shape: PassShape): boolean {
    if (backend.ahead === undefined || shape.tokens !== shape.decodeRows || leaving || maintaining) return false;
    if (woken.settled || options.embeddings.size > 0 || !pacing.goesOn(shape, threads)) return false;
    const capacity = contextCapacity(backend.info.contextSize);
    let decoding = 0;
    for (const { state, sequence, cached, writtenBehind } of slots) {
      if (state === "idle" && writtenBehind !== undefined) continue;
      if (state !== "decoding" || sequence?.mayGoOnFor(1) !== true || cached.length + 1 >= capacity) return false;
      decoding += 1;
    }
    return decoding === entries.length;
  }

  function takeIn(
    entries: readonly BatchEntry[],
    results: readonly EntryResult[],
    pass: Pick<StepStats, "decodeRows" | "tokens" | "scored" | "passMs" | "gapMs">,
    endMs: number,
  ): void {
    for (const { kind, slot } of entries) {
      const decoded = slots[slot];
      if (kind === "decode" && decoded !== undefined) decoded.lastDecoded = passes;
    }
    outbox.add(...postprocess(slots, entries, results, backend, endMs));
    const stats: StepStats = { step: passes, width: entries.length, ...pass, shifts, threads };
    lastEndMs = endMs;
    lastPass = stats;
    shifts = 0;
    const change = pacing.observe(stats);
    if (change !== undefined) options.onThreadChange(change, pass.tokens);
  }

  /** Whatever has changed comes before a pass that has not begun. */
  function wake(): void {
    woken.resolve();
    if (!isAhead || hasBegun) return;
    isAhead = backend.ahead?.withdraw() === false;
    hasBegun = isAhead;
  }

  function takeMaintenance(): boolean {
    const maintenance = maintaining;
    maintaining = false;
    return maintenance;
  }

  function tell(): void {
    const stats = lastPass;
    lastPass = undefined;
    outbox.flush(stats);
  }

  async function rest(): Promise<void> {
    tell();
    // A text is still tokenized, which may take long beside others; maintenance wakes the loop meanwhile, so each time it tells that it lives.
    if (options.embeddings.size > 0) outbox.beat();
    lastEndMs = undefined;
    await woken.promise;
  }

  return {
    get passes() {
      return hasBegun ? passes + 1 : passes;
    },
    async run() {
      while (!leaving) {
        if (woken.settled) woken = deferred();
        await options.schedulingPoint.run({ passes, maintenance: takeMaintenance(), underway: tell });
        await shiftFull();
        const embedded = await embed();
        const entries = plan(embedded);
        if (entries.length > 0) await runPasses(entries);
        else if (!embedded) await rest();
      }
      tell();
    },
    wake,
    maintain(freeCores) {
      if (freeCores !== undefined) pacing.notice(freeCores);
      maintaining = passes === passesAtMaintenance;
      passesAtMaintenance = passes;
      if (maintaining) wake();
    },
    leave() {
      leaving = true;
      wake();
    },
  };
}
