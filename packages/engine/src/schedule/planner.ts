// Plans the next pass: tokens, a picture's cells or texts. The kinds that compute long take turns, with a pass of decoding jobs after each.
import type { Load, Pacing, PieceLimits } from "./costs/pacing.ts";
import type { Backend } from "../port/backend.ts";
import type { PicturePiece } from "../port/pictures.ts";
import type { EngineJob } from "../port/messages.ts";
import { createAdapterRotation } from "./adapters.ts";
import type { Drafts } from "./drafts/drafts.ts";
import { ageWaiting, neighboursOf, nextPrompt, picturePiece, planSpans, textLeft, type Span } from "./plan.ts";
import { ownerOf, type Shares } from "./shares.ts";
import { isDecoding, runsIn, type Run, type Slot } from "./slots.ts";

export type PassPlan =
  | { readonly kind: "tokens"; readonly spans: readonly Span[] }
  | { readonly kind: "cells"; readonly run: Run; readonly piece: PicturePiece }
  | { readonly kind: "texts"; readonly limits: PieceLimits };

export interface PlannerOptions {
  readonly backend: Pick<Backend, "generator">;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "plan" | "piece">;
  readonly shares: Pick<Shares, "contend" | "waits">;
  readonly drafts: Drafts;
  /** Returns the jobs with a text that could be computed now. */
  readonly readyTexts: () => readonly EngineJob[];
  /** Returns the job whose picture can be computed next. */
  readonly nextPicture: (runs: readonly Run[]) => Run | undefined;
}

/** The kinds of work that compute long. */
const longKinds = ["texts", "cells", "prompt"] as const;
type LongKind = (typeof longKinds)[number];

/** Returns a function that plans the next pass; undefined when there is nothing to compute. */
export function createPlanner(options: PlannerOptions): (atMs: number) => PassPlan | undefined {
  const { slots, pacing, shares, nextPicture } = options;
  const rotation = createAdapterRotation();
  let last: LongKind = "prompt";
  /** The last pass was long, and of another kind than tokens: the jobs that decode are next. */
  let owesDecoding = false;

  function mayCompute(job: EngineJob): boolean {
    return !shares.waits(ownerOf(job));
  }

  function tokens(runs: readonly Run[]): PassPlan | undefined {
    const load = loadOf(runs);
    const limits = pacing.plan(load);
    const scoredTokens = Math.min(limits.scoredTokens, options.backend.generator?.maxReads ?? 0);
    const drafts = options.drafts.next(runs.filter(isDecoding), load);
    const spans = planSpans(runs, { ...limits, scoredTokens }, drafts);
    ageWaiting(runsIn(slots, "prefilling"), spans);
    return spans.length === 0 ? undefined : { kind: "tokens", spans };
  }

  function nextLong(ready: Readonly<Record<LongKind, boolean>>): LongKind | undefined {
    const first = longKinds.indexOf(last) + 1;
    return [...longKinds.slice(first), ...longKinds.slice(0, first)].find((kind) => ready[kind]);
  }

  return (atMs) => {
    const running = runsIn(slots, "prefilling", "decoding");
    const texts = options.readyTexts();
    const canCompute = (run: Run): boolean => takesTokens(run) || nextPicture([run]) !== undefined;
    const ready = [...running.filter(canCompute).map(({ prepared }) => prepared.job), ...texts];
    shares.contend(atMs, ready.map(ownerOf));
    const allowed = running.filter(({ prepared }) => mayCompute(prepared.job));
    // A job that waits for its picture is left out of the rotation of adapters, because nothing would be computed.
    const taking = allowed.filter(takesTokens);
    if (owesDecoding) {
      owesDecoding = false;
      const decoding = rotation.next(taking).filter(isDecoding);
      if (decoding.length > 0) return tokens(decoding);
    }
    const picture = nextPicture(allowed);
    const kind = nextLong({
      texts: texts.some(mayCompute),
      cells: picture !== undefined,
      prompt: nextPrompt(allowed) !== undefined,
    });
    last = kind ?? last;
    owesDecoding = kind === "texts" || kind === "cells";
    if (kind === "texts") return { kind, limits: pacing.piece(loadOf(allowed)) };
    if (kind === "cells" && picture !== undefined) {
      const load = loadOf(allowed);
      const withPicture = { ...load, prompts: load.prompts + 1, promptHeld: picture.slot.held.entries.length };
      const piece = picturePiece(picture, pacing.plan(withPicture).prefillBudget);
      if (piece !== undefined) return { kind, run: picture, piece };
    }
    return tokens(rotation.next(taking));
  };
}

/** Whether a pass can compute tokens of the job now. */
function takesTokens(run: Run): boolean {
  return isDecoding(run) || textLeft(run) > 0;
}

function loadOf(runs: readonly Run[]): Load {
  const decoding = runs.filter(isDecoding);
  return {
    runs: neighboursOf(decoding).map(({ length }) => length),
    heldTokens: decoding.reduce((sum, { slot }) => sum + slot.held.entries.length, 0),
    prompts: runs.filter((run) => textLeft(run) > 0).length,
    promptHeld: nextPrompt(runs)?.slot.held.entries.length,
  };
}
