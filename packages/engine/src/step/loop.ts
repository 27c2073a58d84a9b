// Runs the engine's loop: scheduling point, plan, one pass, its results. Between passes it awaits only the backend. Decision 082.
import { deferred } from "@waggle/async";
import type { Backend } from "../port/backend.ts";
import type { EngineEvent } from "../port/messages.ts";
import type { PicturePiece } from "../port/pictures.ts";
import { workOf } from "../schedule/charge.ts";
import { toBatchEntry } from "../schedule/plan.ts";
import type { Span } from "../schedule/spans.ts";
import type { PassPlan } from "../schedule/planner.ts";
import type { Run } from "../schedule/slots.ts";
import type { PieceQueue } from "../sequence/piece-queue.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { applyResults } from "./apply.ts";
import type { PassMeter } from "./meter.ts";
import type { Outbox } from "./outbox.ts";
import type { SlotPictures } from "./pictures.ts";
import type { Texts } from "./texts.ts";
import type { SchedulingPoint } from "./scheduling-point.ts";

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly schedulingPoint: SchedulingPoint;
  readonly plan: (atMs: number) => PassPlan | undefined;
  readonly meter: PassMeter;
  readonly pictures: Pick<SlotPictures, "encoding" | "follow" | "leaveThreads">;
  readonly texts: Pick<Texts, "tokenizing" | "run">;
  readonly pieces: Pick<PieceQueue, "takeSign">;
  readonly emit: (event: EngineEvent) => void;
  readonly outbox: Outbox;
  readonly now: () => number;
}

export interface StepLoop {
  /** Runs until `leave`. @throws the backend's error, after which the backend is unusable */
  run(): Promise<void>;
  /** Must be called after a change to slots or waiting jobs, so that the loop handles the change. */
  wake(): void;
  /** Saves the cache of an idle slot if nothing was computed since the last call. To be called regularly. */
  maintain(): void;
  /** Ends the loop at the next scheduling point. */
  leave(): void;
}

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, meter, pictures, texts, outbox } = options;
  let leaving = false;
  let maintaining = false;
  let passesAtMaintenance = 0;
  let woken = deferred<void>();

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
        const computed = await texts.run(pass.limits, pass.ofLane, meter.flush);
        if (computed) meter.skipGap();
        return computed;
      }
    }
  }

  async function computeTokens(spans: readonly Span[]): Promise<void> {
    const entries = spans.map(toBatchEntry);
    const works = spans.map(({ run, count, drafts }) => workOf(run, count + drafts.length));
    await meter.run(works, async () => {
      spans.forEach(({ run }, i) => run.slot.held.feed(entries[i]?.tokens ?? []));
      // The last pass's events are sent while this pass computes, because sending takes as long as a small model's pass.
      const computing = generatorOf(backend).step(entries, meter.flush);
      pictures.leaveThreads();
      const results = await computing;
      // If every entry failed before the pass began, the backend has not called `flush`.
      meter.flush();
      return (endMs) => {
        outbox.add(...applyResults(spans, entries, results, backend, endMs));
        return {
          scored: sumOf(entries.map(({ reads }) => reads?.length ?? 0)),
          guessed: sumOf(spans.map(({ drafts }) => drafts.length)),
          rightGuesses: sumOf(results.map((result) => (result.kind === "token" ? (result.behind?.length ?? 0) : 0))),
        };
      };
    });
  }

  /** Computes cells of a picture. They take a separate pass, without tokens. */
  async function computeCells(run: Run, piece: PicturePiece): Promise<void> {
    const { slot, sequence } = run;
    const { count } = piece;
    const from = slot.held.entries.length;
    const ms = await meter.run([workOf(run, count)], async () => {
      slot.held.feedCells(piece);
      const computing = backend.generator?.pictures?.feed(piece);
      meter.flush();
      await computing;
      return (endMs) => {
        const progress = slot.state.kind === "prefilling" ? sequence.progress(from + count, endMs) : undefined;
        if (progress !== undefined) outbox.add(progress);
        return { scored: 0, guessed: 0, rightGuesses: 0 };
      };
    });
    options.emit({ type: "picture", operation: "compute", cells: count, ms });
  }

  async function rest(): Promise<void> {
    meter.flush();
    meter.rest();
    // Maintenance wakes the loop regularly. A beat says that no pass hangs, and that a picture is encoded or work is prepared, within time limits.
    if (options.pieces.takeSign() || pictures.encoding) outbox.beat();
    // Tokenized texts of lane jobs wait as long as foreground jobs have slots.
    const { tokenizing } = texts;
    await (tokenizing === undefined ? woken.promise : Promise.race([woken.promise, tokenizing]));
  }

  return {
    async run() {
      while (!leaving) {
        if (woken.settled) woken = deferred();
        const maintenance = maintaining;
        maintaining = false;
        await options.schedulingPoint.run({ passes: meter.passes, maintenance, underway: meter.flush });
        pictures.follow();
        const pass = options.plan(options.now());
        if (pass === undefined || !(await compute(pass))) await rest();
      }
      meter.flush();
    },
    wake: () => woken.resolve(),
    maintain() {
      maintaining = meter.passes === passesAtMaintenance;
      passesAtMaintenance = meter.passes;
      if (maintaining) woken.resolve();
    },
    leave() {
      leaving = true;
      woken.resolve();
    },
  };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
