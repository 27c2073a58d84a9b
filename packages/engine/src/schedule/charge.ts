// Applies the shares of the engine's time to the jobs in the slots: which of them may compute now, and who pays for a pass.
import type { Pacing } from "./costs/pacing.ts";
import { shapeOf, type SlotWork } from "./costs/step-shape.ts";
import type { Backend } from "../port/backend.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { ownerOf, type Owner, type Shares, type SharesByClass } from "./shares.ts";
import { isLaneRun } from "./lane-runs.ts";
import { isDecoding, type Run } from "./slots.ts";

export interface SlotSharesOptions {
  readonly shares: SharesByClass;
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly pacing: Pick<Pacing, "stepMs" | "tokenMs">;
}

/** What a pass computes for a job. */
export interface JobWork extends SlotWork {
  readonly run: Run;
}

/** Returns what a pass computes for a job. @param tokens number of tokens, or of a picture's cells, with drafts */
export function workOf(run: Run, tokens: number): JobWork {
  const { slot } = run;
  return { run, slot: slot.id, tokens, held: slot.held.entries.length, decodes: isDecoding(run) };
}

/**
 * Returns a function that charges a pass to its jobs. Each job pays in proportion to the cost of its work in a separate step, so that all jobs gain the
 * same from a shared step. What lane jobs add to a step of others is little: these pay the whole step, and lane jobs pay it again in their own shares.
 */
export function createCharge({
  shares,
  backend,
  pacing,
}: SlotSharesOptions): (works: readonly JobWork[], ms: number) => void {
  /** The price of a context of prompt tokens; no limit before one was measured. */
  function creditMs(): number {
    const { contextSize } = backend.info;
    return (pacing.tokenMs(contextSize) ?? Infinity) * contextSize;
  }

  function priceOf(works: readonly JobWork[]): number {
    return pacing.stepMs(shapeOf(works, generatorOf(backend))) ?? works.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  function charge(shares: Shares, works: readonly JobWork[], ms: number): void {
    if (works.length === 0) return;
    const parts = new Map<string, { readonly owner: Owner; readonly decodes: boolean; readonly works: JobWork[] }>();
    for (const work of works) {
      const { decodes } = work;
      const owner = ownerOf(work.run.prepared.job);
      const key = `${decodes}\n${owner.client}\n${owner.flow}`;
      const part = parts.get(key) ?? { owner, decodes, works: [] };
      part.works.push(work);
      parts.set(key, part);
    }
    const own = [...parts.values()];
    const prices = own.length === 1 ? [1] : own.map((part) => priceOf(part.works));
    const total = prices.reduce((sum, price) => sum + price, 0);
    const uses = own.map(({ owner, decodes }, i) => {
      const usedMs = (ms * (prices[i] ?? 0)) / total;
      return { owner, promptMs: decodes ? 0 : usedMs, otherMs: decodes ? usedMs : 0 };
    });
    shares.charge(uses, own.some(({ decodes }) => !decodes) ? creditMs() : 0);
  }

  return (works, ms) => {
    const ofLane = works.filter(({ run }) => isLaneRun(run));
    charge(shares.lane, ofLane, ms);
    charge(
      shares.foreground,
      works.filter((work) => !ofLane.includes(work)),
      ms,
    );
  };
}
