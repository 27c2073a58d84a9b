// Runs the engine's loop: scheduling point, plan, one pass, its results. Between passes the loop awaits only the backend.
import { deferred } from "@waggle/async";
import type { Pacing } from "../costs/pacing.ts";
import { shapeOf } from "../costs/step-shape.ts";
import type { ThreadChange } from "../costs/threads.ts";
import type { Backend } from "../port/backend.ts";
import { contextCapacity } from "../port/info.ts";
import type { PicturePiece } from "../port/pictures.ts";
import type { EngineEvent, StepStats } from "../port/messages.ts";
import { usedCells } from "../schedule/cells.ts";
import type { JobWork } from "../schedule/charge.ts";
import { entryOf, type Span } from "../schedule/plan.ts";
import type { PassPlan } from "../schedule/planner.ts";
import { isDecoding, runsIn, type Run, type Slot } from "../schedule/slots.ts";
import { planShift } from "../sequence/context-shift.ts";
import type { PieceQueue } from "../sequence/piece-queue.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { applyResults } from "./apply.ts";
import type { Outbox } from "./outbox.ts";
import type { SlotPictures } from "./pictures.ts";
import type { Texts } from "./texts.ts";
import type { SchedulingPoint } from "./transfers.ts";

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly schedulingPoint: SchedulingPoint;
  readonly plan: (atMs: number) => PassPlan | undefined;
  readonly pictures: Pick<SlotPictures, "encoding" | "follow" | "leaveThreads">;
  readonly texts: Pick<Texts, "size" | "tokenizing" | "run">;
  readonly pacing: Pick<Pacing, "threads" | "observe" | "recordFreeCores">;
  readonly charge: (works: readonly JobWork[], ms: number) => void;
  readonly pieces: Pick<PieceQueue, "takeSign">;
  readonly emit: (event: EngineEvent) => void;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** Called when the limit of threads has changed. */
  readonly onThreadChange: (change: ThreadChange) => void;
}

export interface StepLoop {
  /** Number of forward passes that have ended. */
  readonly passes: number;
  /** Runs until `leave`. @throws the backend's error, after which the backend is unusable */
  run(): Promise<void>;
  /** Must be called after a change to slots or waiting jobs, so that the loop handles the change. */
  wake(): void;
  /**
   * Saves the cache of an idle slot if nothing was computed since the last call. To be called regularly.
   * @param freeCores number of cores, with fractions, that no other process used since the last call; with this number, more
   * threads are tried only when cores are free for them
   */
  maintain(freeCores?: number): void;
  /** Ends the loop at the next scheduling point. */
  leave(): void;
}

type PassCounts = Pick<StepStats, "scored" | "guessed" | "rightGuesses">;
const noCounts: PassCounts = { scored: 0, guessed: 0, rightGuesses: 0 };

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, slots, pictures, texts, pacing, outbox, now } = options;
  let { threads } = backend.info;
  let passes = 0;
  let leaving = false;
  let maintaining = false;
  let passesAtMaintenance = 0;
  let woken = deferred<void>();
  /** When the last pass ended; undefined when the loop has rested since. */
  let lastEndMs: number | undefined;
  /** Number of contexts shifted since the last pass. */
  let shifts = 0;
  /** Stats of the last pass, until they are sent. */
  let lastPass: StepStats | undefined;

  /** Shifts full contexts. Only jobs with `contextShift` fill their context here: any other job ends with the context's last token. */
  async function shiftFull(): Promise<void> {
    const { contextSize } = backend.info;
    for (const { slot, target, prepared } of runsIn(slots, "decoding")) {
      const { length } = slot.held.entries;
      if (length < contextCapacity(contextSize)) continue;
      const shift = planShift(length, prepared.promptTokens, contextSize);
      await generatorOf(backend).shift(slot.id, shift.keep, shift.discard);
      slot.held.shift(shift);
      target.splice(shift.keep, shift.discard);
      shifts += 1;
    }
  }

  /** Returns whether the pass has computed anything. */
  async function compute(pass: PassPlan): Promise<boolean> {
    switch (pass.kind) {
      case "tokens":
        await computeTokens(pass.spans);
        return true;
      case "cells":
        await computeCells(pass.run, pass.piece);
        return true;
      case "texts": {
        const computed = await texts.run(pass.limits, sendLastPass);
        if (computed && lastEndMs !== undefined) lastEndMs = now();
        return computed;
      }
    }
  }

  async function computeTokens(spans: readonly Span[]): Promise<void> {
    const entries = spans.map(entryOf);
    const works = spans.map((span) => workOf(span.run, span.count + span.drafts.length));
    const scored = entries.reduce((sum, { nextTokens }) => sum + (nextTokens?.length ?? 0), 0);
    const guessed = spans.reduce((sum, { drafts }) => sum + drafts.length, 0);
    let rightGuesses = 0;
    await measured(
      works,
      () => ({ scored, guessed, rightGuesses }),
      async () => {
        spans.forEach(({ run }, i) => run.slot.held.feed(entries[i]?.tokens ?? []));
        // The last pass's events are sent while this pass computes, because sending takes as long as a small model's pass.
        const computing = generatorOf(backend).step(entries, sendLastPass);
        pictures.leaveThreads();
        const results = await computing;
        // If every entry failed before the pass began, the backend has not called `sendLastPass`.
        if (lastPass !== undefined) sendLastPass();
        for (const result of results) if (result.kind === "token") rightGuesses += result.behind?.length ?? 0;
        return (atMs) => outbox.add(...applyResults(spans, entries, results, backend, atMs));
      },
    );
  }

  /** Computes cells of a picture. They take a pass of their own, without tokens. */
  async function computeCells(run: Run, piece: PicturePiece): Promise<void> {
    const encoder = backend.generator?.pictures;
    const { slot, sequence, target } = run;
    const { count } = piece;
    const from = slot.held.entries.length;
    const ms = await measured(
      [workOf(run, count)],
      () => noCounts,
      async () => {
        slot.held.feed(target.slice(from, from + count));
        const computing = encoder?.feed(piece);
        sendLastPass();
        await computing;
        return (atMs) => {
          if (slot.state.kind !== "prefilling") return;
          const progress = sequence.progress(slot.held.entries.length, atMs);
          if (progress !== undefined) outbox.add(progress);
        };
      },
    );
    options.emit({ type: "picture", operation: "compute", cells: count, ms });
  }

  function workOf(run: Run, tokens: number): JobWork {
    const { slot } = run;
    return { run, slot: slot.id, tokens, held: slot.held.entries.length, decodes: isDecoding(run) };
  }

  /**
   * Runs a pass in a slot: sets its threads before, and records afterwards what it took.
   * @param computePass returns a function that applies the results
   * @returns milliseconds of the pass
   */
  async function measured(
    works: readonly JobWork[],
    counts: () => PassCounts,
    computePass: () => Promise<(endMs: number) => void>,
  ): Promise<number> {
    const shape = shapeOf(works, generatorOf(backend));
    const wanted = pacing.threads(shape);
    if (wanted !== threads) backend.setThreads(wanted);
    threads = wanted;
    const startMs = now();
    const apply = await computePass();
    const endMs = now();
    const passMs = endMs - startMs;
    passes += 1;
    options.charge(works, passMs);
    apply(endMs);
    const { scored, ...others } = counts();
    lastPass = {
      step: passes,
      width: works.length,
      decodeRows: works.filter(({ decodes }) => decodes).length,
      tokens: works.reduce((sum, { tokens }) => sum + tokens, 0),
      ...{ scored, ...others, passMs, gapMs: startMs - (lastEndMs ?? startMs), shifts, threads },
      cells: usedCells(slots),
      parked: runsIn(slots, "preempted").length,
    };
    lastEndMs = endMs;
    shifts = 0;
    noteThreads(pacing.observe(shape, { threads, ms: passMs, scored }));
    return passMs;
  }

  function noteThreads(change: ThreadChange | undefined): void {
    if (change !== undefined) options.onThreadChange(change);
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
    lastEndMs = undefined;
    // Maintenance wakes the loop regularly. A beat says that no pass hangs, and that a picture is encoded or work is prepared, within time limits.
    if (options.pieces.takeSign() || pictures.encoding) outbox.beat();
    if (texts.size === 0) return await woken.promise;
    await Promise.race([woken.promise, texts.tokenizing]);
  }

  return {
    get passes() {
      return passes;
    },
    async run() {
      while (!leaving) {
        if (woken.settled) woken = deferred();
        // Before the scheduling point: a shift frees cells, and a job whose context is full cannot be preempted, because its last token has no room.
        await shiftFull();
        await options.schedulingPoint.run({ passes, maintenance: takeMaintenance(), underway: sendLastPass });
        pictures.follow();
        const pass = options.plan(now());
        if (pass === undefined || !(await compute(pass))) await rest();
      }
      sendLastPass();
    },
    wake: () => woken.resolve(),
    maintain(freeCores) {
      if (freeCores !== undefined) noteThreads(pacing.recordFreeCores(freeCores));
      maintaining = passes === passesAtMaintenance;
      passesAtMaintenance = passes;
      if (maintaining) woken.resolve();
    },
    leave() {
      leaving = true;
      woken.resolve();
    },
  };
}
