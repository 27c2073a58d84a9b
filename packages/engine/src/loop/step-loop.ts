// Runs the loop: scheduling point, one forward pass, postprocessing. Between passes it awaits only the backend.
import { deferred } from "@waggle/async";
import { createAdapterTurns } from "./adapters.ts";
import type { Backend, BatchEntry, EntryResult, StepsAhead } from "../port/backend.ts";
import type { SchedulingPoint } from "./scheduling-point.ts";
import { contextCapacity, planShift } from "./context-shift.ts";
import type { Embeddings } from "../texts/embeddings.ts";
import type { StepStats } from "../port/messages.ts";
import type { Outbox } from "./outbox.ts";
import type { Pacing } from "../costs/pacing.ts";
import type { PassShape } from "../costs/pass-costs.ts";
import { postprocess } from "./postprocess.ts";
import { countScored, countTokens, isPrefilling, ageWaiting, schedule } from "./schedule.ts";
import { shiftSlot, type Slot } from "./slots.ts";
import type { ThreadChange } from "../costs/threads.ts";

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly schedulingPoint: SchedulingPoint;
  readonly embeddings: Pick<Embeddings, "size" | "run">;
  readonly pacing: Pacing;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** Called when the pacing has changed the threads for passes of about this many tokens. */
  readonly onThreadChange: (change: ThreadChange, tokens: number) => void;
}

export interface StepLoop {
  /** Number of forward passes that have ended. */
  readonly passes: number;
  /** Runs until `leave`. @throws whatever the backend threw, which makes the backend unusable */
  run(): Promise<void>;
  /** Checks the slots and the waiting jobs again, because something has changed. */
  wake(): void;
  /** Does deferred work if nothing was computed since the last call; `freeCores` covers the same period. */
  maintain(freeCores?: number): void;
  /** Ends the loop at the next scheduling point. */
  leave(): void;
}

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, slots, pacing, outbox, now } = options;
  const turns = createAdapterTurns();
  let { threads } = backend.info;
  let passes = 0;
  /** `isAhead`: a pass is queued. `hasBegun`: the queued pass is running; the previous result is not delivered yet. */
  let [isAhead, hasBegun] = [false, false];
  let leaving = false;
  let maintaining = false;
  let passesAtMaintenance = 0;
  let woken = deferred<void>();
  /** When the last pass ended; undefined while there is nothing to compute. */
  let lastEndMs: number | undefined;
  /** Contexts shifted since the last pass. */
  let shifts = 0;
  /** True when a piece of an embed job was computed since the last piece of a prompt. */
  let embeddedLast = false;
  /** Stats of the last pass, until they are sent. */
  let lastPass: StepStats | undefined;

  function load(of: readonly Slot[] = slots): { decoding: number; prefilling: number } {
    let [decoding, prefilling] = [0, 0];
    for (const slot of of) {
      if (slot.state === "decoding") decoding += 1;
      else if (isPrefilling(slot)) prefilling += 1;
    }
    return { decoding, prefilling };
  }

  /** @param embedded true when the streams have already waited for a piece of an embed job, so prompts wait for the next step */
  function plan(embedded: boolean): BatchEntry[] {
    const taking = turns.next(slots);
    const planned = pacing.plan(load(taking));
    const limits = { ...planned, scoredTokens: Math.min(planned.scoredTokens, backend.maxNextLogprobs) };
    const entries = schedule(taking, embedded ? { ...limits, prefillBudget: 0 } : limits);
    ageWaiting(slots, entries);
    return entries;
  }

  function useThreads(wanted: number): void {
    if (wanted !== threads) backend.setThreads(wanted);
    threads = wanted;
  }

  /** Shifts full contexts. Only jobs with `contextShift` reach this: any other job ends with the last token of its full context. */
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

  /** Computes a piece of an embed job, if there is one; prompts and embed jobs take turns. */
  async function embed(): Promise<boolean> {
    const { decoding, prefilling } = load();
    const turn = options.embeddings.size > 0 && !(embeddedLast && prefilling > 0);
    embeddedLast = turn && (await options.embeddings.run(pacing.piece(decoding), sendLastPass));
    if (embeddedLast && lastEndMs !== undefined) lastEndMs = now();
    return embeddedLast;
  }

  /** Runs a pass, and repeats it while nothing changes: each repetition is queued while the pass before it computes. */
  async function runPasses(entries: readonly BatchEntry[]): Promise<void> {
    const shape = {
      decodeRows: entries.filter((entry) => entry.kind === "decode").length,
      tokens: countTokens(entries),
      scored: countScored(entries),
    };
    useThreads(pacing.threads(shape));
    let startMs = now();
    // The last pass's events are sent while this pass computes: sending costs as much as a small model's pass.
    let running: ReturnType<StepsAhead["step"]> = backend.step(entries, sendLastPass);
    for (let isFirst = true; running !== undefined; isFirst = false) {
      const next = mayRepeat(entries, shape) ? backend.ahead?.step(entries.map(({ slot }) => slot)) : undefined;
      isAhead = next !== undefined;
      if (!isFirst) sendLastPass();
      const results = await running;
      isAhead = hasBegun = false;
      if (results === undefined) return;
      const endMs = now();
      passes += 1;
      // If every entry of the pass failed at once, `sendLastPass` was not called during the pass.
      if (lastPass !== undefined) sendLastPass();
      takeIn(entries, results, { ...shape, passMs: endMs - startMs, gapMs: startMs - (lastEndMs ?? startMs) }, endMs);
      startMs = endMs;
      running = next;
    }
  }

  /** Whether the next pass will have the same shape as this one, which has just begun, whatever its results are. */
  function mayRepeat(entries: readonly BatchEntry[], shape: PassShape): boolean {
    if (backend.ahead === undefined || shape.tokens !== shape.decodeRows || leaving || maintaining) return false;
    if (woken.settled || options.embeddings.size > 0 || !pacing.mayRepeat(shape, threads)) return false;
    const capacity = contextCapacity(backend.info.contextSize);
    let decoding = 0;
    for (const { state, sequence, cached, writtenBehind } of slots) {
      if (state === "idle" && writtenBehind !== undefined) continue;
      if (state !== "decoding" || sequence?.mayDecodeTwice !== true || cached.length + 1 >= capacity) return false;
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

  /** Withdraws a queued pass that has not begun, so that the change takes effect first. */
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

  function sendLastPass(): void {
    const stats = lastPass;
    lastPass = undefined;
    outbox.flush(stats);
  }

  async function rest(): Promise<void> {
    sendLastPass();
    // A text is being tokenized, which may take long. Maintenance wakes the loop regularly, and each time the engine sends a sign of life.
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
        await options.schedulingPoint.run({ passes, maintenance: takeMaintenance(), underway: sendLastPass });
        await shiftFull();
        const embedded = await embed();
        const entries = plan(embedded);
        if (entries.length > 0) await runPasses(entries);
        else if (!embedded) await rest();
      }
      sendLastPass();
    },
    wake,
    maintain(freeCores) {
      if (freeCores !== undefined) pacing.recordFreeCores(freeCores);
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
