// Plans the next pass: tokens, a picture's cells or texts. The kinds that compute long take turns, with a pass of decoding jobs after each.
import { isLane } from "@waggle/protocol";
import type { Load, Pacing, PieceLimits } from "./costs/pacing.ts";
import type { Backend } from "../port/backend.ts";
import type { PicturePiece } from "../port/pictures.ts";
import type { EngineJob } from "../port/messages.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { createAdapterRotation, withAdaptersOf } from "./adapters.ts";
import { usedCells } from "./cells.ts";
import { workOf } from "./charge.ts";
import { shapeOf } from "./costs/step-shape.ts";
import type { Drafts } from "./drafts/drafts.ts";
import { joinLane } from "./join-lane.ts";
import { ageWaiting, nextPrompt, picturePiece, planSpans, textLeft } from "./plan.ts";
import { countTokens, neighboursOf, type Span } from "./spans.ts";
import { ownerOf, type Shares, type SharesByClass } from "./shares.ts";
import { hasForeground, isLaneRun } from "./lane-runs.ts";
import { isDecoding, runsIn, type Run, type Slot } from "./slots.ts";

export type PassPlan =
  | { readonly kind: "tokens"; readonly spans: readonly Span[] }
  | { readonly kind: "cells"; readonly run: Run; readonly piece: PicturePiece }
  /** Texts of foreground jobs, or of lane jobs. */
  | { readonly kind: "texts"; readonly limits: PieceLimits; readonly ofLane: boolean };

export interface PlannerOptions {
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "plan" | "piece" | "stepMs" | "divide">;
  readonly shares: SharesByClass<Pick<Shares, "contend" | "waits">>;
  readonly drafts: Drafts;
  readonly texts: {
    /** Returns the jobs with a text that could be computed now. */
    ready(): readonly EngineJob[];
    readonly hasForeground: boolean;
  };
  /** Returns the job whose picture can be computed next. */
  readonly nextPicture: (runs: readonly Run[]) => Run | undefined;
}

/** The kinds of work that compute long. */
const longKinds = ["texts", "cells", "prompt"] as const;
type LongKind = (typeof longKinds)[number];

/** Jobs that may compute now, in slots and with texts. */
interface Computable {
  readonly runs: readonly Run[];
  readonly texts: readonly EngineJob[];
}

/**
 * Returns a function that plans the next pass; undefined when there is nothing to compute. Foreground jobs are planned as if there were no lane jobs. These
 * join the step as far as its price allows, and compute alone while no foreground job has a slot or a text. Decision 106.
 */
export function createPlanner(options: PlannerOptions): (atMs: number) => PassPlan | undefined {
  const { backend, slots, pacing, texts } = options;
  const foreground = createTurns(options, false);
  const lane = createTurns(options, true);

  function withLane(spans: readonly Span[], runs: readonly Run[]): readonly Span[] {
    const generator = generatorOf(backend);
    const { batchSize, contextPool } = backend.info;
    const joined = joinLane(spans, withAdaptersOf(runs, spans), {
      divide: pacing.divide,
      tokens: Math.min(batchSize, contextPool - usedCells(slots)) - countTokens(spans),
      priceOf: (all) =>
        pacing.stepMs(
          shapeOf(
            all.map(({ run, count, drafts }) => workOf(run, count + drafts.length)),
            generator,
          ),
        ),
    });
    ageWaiting(
      runs.filter((run) => !isDecoding(run)),
      joined.filter(({ run }) => isLaneRun(run)),
    );
    return joined;
  }

  return (atMs) => {
    const ready = texts.ready();
    const own = foreground.contend(atMs, ready);
    const left = lane.contend(atMs, ready);
    if (!hasForeground(slots) && !texts.hasForeground) return lane.plan(left);
    const plan = foreground.plan(own);
    if (plan?.kind !== "tokens" || left.runs.length === 0) return plan;
    return { ...plan, spans: withLane(plan.spans, left.runs) };
  };
}

/** Plans passes of the jobs of one class. The kinds that compute long take turns. */
function createTurns(options: PlannerOptions, ofLane: boolean) {
  const { slots, pacing, nextPicture } = options;
  const shares = ofLane ? options.shares.lane : options.shares.foreground;
  const rotation = createAdapterRotation();
  let last: LongKind = "prompt";
  /** The last pass was long, and of another kind than tokens: the jobs that decode are next. */
  let owesDecoding = false;

  function tokens(runs: readonly Run[]): PassPlan | undefined {
    const load = loadOf(runs);
    const limits = pacing.plan(load);
    const scoredTokens = Math.min(limits.scoredTokens, options.backend.generator?.maxReads ?? 0);
    const drafts = options.drafts.next(runs.filter(isDecoding), load);
    const spans = planSpans(runs, { ...limits, scoredTokens }, drafts);
    ageWaiting(
      runsIn(slots, "prefilling").filter((run) => isLaneRun(run) === ofLane),
      spans,
    );
    return spans.length === 0 ? undefined : { kind: "tokens", spans };
  }

  function nextLong(ready: Readonly<Record<LongKind, boolean>>): LongKind | undefined {
    const first = longKinds.indexOf(last) + 1;
    return [...longKinds.slice(first), ...longKinds.slice(0, first)].find((kind) => ready[kind]);
  }

  function contend(atMs: number, texts: readonly EngineJob[]): Computable {
    const running = runsIn(slots, "prefilling", "decoding").filter((run) => isLaneRun(run) === ofLane);
    const own = texts.filter((job) => isLane(job) === ofLane);
    const canCompute = (run: Run): boolean => takesTokens(run) || nextPicture([run]) !== undefined;
    const ready = [...running.filter(canCompute).map(({ prepared }) => prepared.job), ...own];
    shares.contend(atMs, ready.map(ownerOf));
    const mayCompute = (job: EngineJob): boolean => !shares.waits(ownerOf(job));
    return { runs: running.filter(({ prepared }) => mayCompute(prepared.job)), texts: own.filter(mayCompute) };
  }

  function plan({ runs: allowed, texts }: Computable): PassPlan | undefined {
    // A job that waits for its picture is left out of the rotation of adapters, because nothing would be computed.
    const taking = allowed.filter(takesTokens);
    if (owesDecoding) {
      owesDecoding = false;
      const decoding = rotation.next(taking).filter(isDecoding);
      if (decoding.length > 0) return tokens(decoding);
    }
    const picture = nextPicture(allowed);
    const kind = nextLong({
      texts: texts.length > 0,
      cells: picture !== undefined,
      prompt: nextPrompt(allowed) !== undefined,
    });
    last = kind ?? last;
    owesDecoding = kind === "texts" || kind === "cells";
    if (kind === "texts") return { kind, limits: pacing.piece(loadOf(allowed)), ofLane };
    if (kind === "cells" && picture !== undefined) {
      const load = loadOf(allowed);
      const withPicture = { ...load, prompts: load.prompts + 1, promptHeld: picture.slot.held.entries.length };
      const piece = picturePiece(picture, pacing.plan(withPicture).prefillBudget);
      if (piece !== undefined) return { kind, run: picture, piece };
    }
    return tokens(rotation.next(taking));
  }

  return { contend, plan };
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
    ofLane: runs.some(isLaneRun),
  };
}
