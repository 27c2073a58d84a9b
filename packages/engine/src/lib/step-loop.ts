// Owns the loop: at a boundary slots are freed and given away, then one forward pass runs. Between passes it awaits
// the backend only.
import { deferred } from "@waggle/async";
import type { Backend, StepRow } from "./backend.ts";
import { chooseSlot } from "./choose-slot.ts";
import type { StepStats } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { endingEvents, postprocess } from "./postprocess.ts";
import type { PreparedJob } from "./prepare.ts";
import { countTokens, schedule, type ScheduleLimits } from "./schedule.ts";
import { createSequence } from "./sequence.ts";
import { bindSlot, freeSlot, type Slot } from "./slots.ts";

/** A job without a slot. It cannot have one before it is prepared. */
export interface WaitingJob {
  prepared: PreparedJob | undefined;
}

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  /** By job id, first come first served. */
  readonly waiting: Map<string, WaitingJob>;
  readonly limits: ScheduleLimits;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** Learns from each pass; returns the threads that the next one will have. */
  readonly afterPass: (stats: StepStats) => number;
  readonly threads: number;
}

export interface StepLoop {
  /** Forward passes that have ended. */
  readonly passes: number;
  /** Runs until `leave`. @throws whatever the backend threw: it is unusable then */
  run(): Promise<void>;
  /** Something has changed: look at the slots and the waiting jobs again. */
  wake(): void;
  /** Ends the loop at the next boundary. */
  leave(): void;
}

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, slots, waiting, outbox, now } = options;
  let passes = 0;
  let threads = options.threads;
  let leaving = false;
  let woken = deferred<void>();
  /** When the last pass ended; undefined while there is nothing to compute. */
  let lastEndMs: number | undefined;
  /** Of the last pass, until they are sent. */
  let lastPass: StepStats | undefined;

  async function releaseEnded(): Promise<void> {
    // Asked anew each time: a cancel may come while the backend lets go of another slot.
    for (let slot = findReleasing(); slot !== undefined; slot = findReleasing()) {
      await backend.end(slot.id);
      outbox.add(...endingEvents(slot, passes, now()));
      freeSlot(slot, passes);
    }
  }

  function findReleasing(): Slot | undefined {
    return slots.find((slot) => slot.state === "releasing");
  }

  async function admitWaiting(): Promise<void> {
    for (let next = findPrepared(); next !== undefined; next = findPrepared()) {
      const { jobId, cacheScope, sessionId } = next.job;
      const choice = chooseSlot(slots, { prompt: next.prompt, cacheScope, sessionId });
      if (choice === undefined) return;
      waiting.delete(jobId);
      await begin(next, choice.slot, choice.keepTokens);
    }
  }

  function findPrepared(): PreparedJob | undefined {
    for (const { prepared } of waiting.values()) {
      if (prepared !== undefined) return prepared;
    }
    return undefined;
  }

  async function begin(prepared: PreparedJob, slot: Slot, keepTokens: number): Promise<void> {
    const { job, prompt, sampling } = prepared;
    const counts = { promptTokens: prompt.length, cachedTokens: keepTokens };
    const sequence = createSequence({
      ...counts,
      jobId: job.jobId,
      stop: job.stop,
      ignoreEos: sampling.ignore_eos,
      maxTokens: job.maxTokens,
      contextSize: backend.info.contextSize,
      startedAtMs: now(),
    });
    bindSlot(slot, prepared, keepTokens, sequence);
    await backend.begin(slot.id, keepTokens, sampling);
    outbox.add({ type: "started", jobId: job.jobId, slot: slot.id, ...counts });
  }

  async function runPass(rows: readonly StepRow[]): Promise<void> {
    const startMs = now();
    // What the last pass brought goes out while this one computes: sending costs as much as a small model's pass.
    const results = await backend.step(rows, tell);
    const endMs = now();
    passes += 1;
    // A pass that came to nothing (each row failed at once) was never under way.
    if (lastPass !== undefined) tell();
    outbox.add(...postprocess(slots, rows, results, backend, endMs));
    const stats: StepStats = {
      step: passes,
      width: rows.length,
      decodeRows: rows.filter((row) => row.kind === "decode").length,
      tokens: countTokens(rows),
      passMs: endMs - startMs,
      gapMs: startMs - (lastEndMs ?? startMs),
      threads,
    };
    lastEndMs = endMs;
    lastPass = stats;
    threads = options.afterPass(stats);
  }

  function tell(): void {
    const stats = lastPass;
    lastPass = undefined;
    outbox.flush(stats);
  }

  async function rest(): Promise<void> {
    tell();
    lastEndMs = undefined;
    await woken.promise;
  }

  return {
    get passes() {
      return passes;
    },
    async run() {
      while (!leaving) {
        if (woken.settled) woken = deferred();
        await releaseEnded();
        await admitWaiting();
        const rows = schedule(slots, options.limits, passes);
        if (rows.length > 0) await runPass(rows);
        else await rest();
      }
      tell();
    },
    wake: () => woken.resolve(),
    leave() {
      leaving = true;
      woken.resolve();
    },
  };
}
